"""The record of electronic signatures of one version (21 CFR Part 11): every signing that the log holds, refused ones
too, with what it was about and the proof that a checkpoint covers it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from governance import auditlog
from governance.dossier import Dossier
from governance.models import AuditLogEntry, Checkpoint

MEANINGS: dict[str, str | Promise] = {
    "sign_off.given": _("Signed the dossier"),
    "sign_off.overruled": _("Set a refusal aside"),
    "condition.fulfilled": _("Found a condition fulfilled"),
    "waiver.granted": _("Accepted a gap"),
    "control.ruled": _("Ruled on a control"),
    "fact.signed": _("Signed a recorded fact"),
    "version.promoted": _("Promoted the version"),
    "emergency.asked": _("Asked for an emergency promotion"),
    "version.promoted_in_emergency": _("Confirmed an emergency promotion"),
    "release.rolled_back": _("Rolled a release back"),
}
REFUSED: dict[str, str | Promise] = {
    "sign_off.refused": _("Signing the dossier"),
    "overrule.refused": _("Setting a refusal aside"),
    "condition.refused": _("Finding a condition fulfilled"),
    "waiver.refused": _("Accepting a gap"),
    "promotion.refused": _("Promoting"),
    "rollback.refused": _("Rolling back"),
    "emergency.refused": _("An emergency promotion"),
}
# What stands in an entry's data as the digest that was signed, where the subject has none of its own.
DIGESTS = ("dossier", "dossier_digest", "digest")


@dataclass(frozen=True)
class Signature:
    """One signing as the log holds it. ``authentication`` is how the signer proved then who they are; ``changed`` what
    was changed of the dossier since, empty while the signature is about what is recorded now."""

    index: int
    what: str
    name: str
    login: str
    role: str
    meaning: str
    at: str
    authentication: str
    digest: str
    reason: str
    is_stale: bool
    changed: tuple[str, ...]
    leaf: str
    proof: tuple[str, ...]


def read_signatures(dossier: Dossier, checkpoint: Checkpoint | None) -> dict[str, list[Signature]]:
    """``given`` and ``refused`` signings of the version, in the order of the log."""
    votes = {vote.log_index: vote for vote in dossier.sign_offs}
    rows = AuditLogEntry.objects.about("version", dossier.version_id).order_by("index")
    found: dict[str, list[Signature]] = {"given": [], "refused": []}
    for row in rows.filter(type__in=(*MEANINGS, *REFUSED)):
        signature = _read(row, json.loads(bytes(row.body)), votes.get(row.index), checkpoint)
        found["refused" if row.type in REFUSED else "given"].append(signature)
    return found


def _read(row: AuditLogEntry, body: dict[str, Any], vote: Any, checkpoint: Checkpoint | None) -> Signature:
    actor, data = body["actor"], body["data"]
    named = [data[name] for name in DIGESTS if isinstance(data.get(name), str)]
    what = str((MEANINGS | REFUSED)[row.type])
    sealed = checkpoint is not None and row.index < checkpoint.size
    proof = auditlog.prove_inclusion(row.index, checkpoint.size) if checkpoint is not None and sealed else None
    return Signature(
        row.index,
        f"{what}: {body['subject']['label']}",
        actor["name"],
        actor["login"],
        str(data.get("role") or ", ".join(actor.get("roles", ()))),
        str(data.get("meaning") or (vote.meaning if vote is not None else what)),
        body["at"],
        str(data.get("authentication") or actor.get("authentication", "")),
        str(body["subject"].get("digest") or next(iter(named), "")),
        str(body.get("reason", "")),
        vote is not None and not vote.is_current,
        tuple(vote.changed) if vote is not None else (),
        bytes(row.leaf).hex(),
        tuple(value.hex() for value in proof.hashes) if proof is not None else (),
    )
