"""Every fact that is recorded about a version: read from the record first, from people's answers where it is silent.

Each file here reads one area. A reader never guesses: what the record does not say is left for somebody to answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from governance.canonical import canonical_digest
from governance.dossier import Dossier, collect
from governance.dossier_records import read_bodies, records
from governance.facts import (
    answers,
    approvals,
    datasets,
    deployment,
    design,
    evaluations,
    explanations,
    fairness,
    issued,
    logs,
    organisation,
    requirements,
    risk,
    software,
    system,
    validation,
)
from governance.facts.reading import Reading, open_reading
from governance.frameworks.recorded import Recorded, Signature, Source, Strength
from governance.frameworks.vocabulary import FactKind, facts
from governance.models import FactSignature, ModelVersion

READERS = (
    system.read,
    requirements.read,
    design.read,
    datasets.read,
    evaluations.read,
    fairness.read,
    explanations.read,
    risk.read,
    validation.read,
    approvals.read,
    deployment.read,
    logs.read,
    organisation.read,
    software.read,
)
"""What the record says by itself. Where two say something of one fact, the earlier counts."""


def read_facts_of(version: ModelVersion) -> dict[str, Recorded]:
    """Every recorded fact of a version, by its id."""
    return read_facts(collect(version))


def read_facts(dossier: Dossier) -> dict[str, Recorded]:
    """Every recorded fact of what the dossier reads, by its id. The record's own word comes before an answer."""
    reading = open_reading(dossier)
    found: dict[str, Recorded] = {}
    for read in READERS:
        _add(found, read(reading))
    _add(found, answers.read(reading))
    _add(found, issued.read(reading, found.copy()))
    return found | _read_signatures(reading, found)


def _add(found: dict[str, Recorded], further: Iterable[Recorded]) -> None:
    for item in further:
        known = found.get(item.fact)
        found[item.fact] = item if known is None or not known.is_filled else _join(known, item)


def _join(known: Recorded, further: Recorded) -> Recorded:
    """What is known already, with the parts, items and artefact that only the other has."""
    value, strength = known.value, known.strength
    if isinstance(known.value, list) and isinstance(further.value, list):
        more = [item for item in further.value if item not in known.value]
        if more:
            value, strength = [*known.value, *more], min(known.strength, further.strength)
    if isinstance(known.value, Mapping) and isinstance(further.value, Mapping):
        added = {key: part for key, part in further.value.items() if known.value.get(key) in (None, "")}
        if added:
            value, strength = {**known.value, **added}, min(known.strength, further.strength)
    return replace(known, value=value, strength=strength, digest=known.digest or further.digest)


def _read_signatures(reading: Reading, found: Mapping[str, Recorded]) -> dict[str, Recorded]:
    """The signed facts whose signatures cover what is recorded now, and stand so in the log."""
    standing: dict[str, list[FactSignature]] = {}
    rows = list(FactSignature.objects.filter(version=reading.version.pk).order_by("pk"))
    bodies = read_bodies(row.log_index for row in rows)
    for row in rows:
        kind, body = facts().get(row.fact), bodies.get(-1 if row.log_index is None else row.log_index)
        if kind is not None and row.digest == digest_fact(kind, found) and _is_signed_so(row, body):
            standing.setdefault(row.fact, []).append(row)
    return {fact: _read_signed(fact, rows) for fact, rows in standing.items()}


def _is_signed_so(row: FactSignature, body: dict[str, Any] | None) -> bool:
    """Whether the log holds this signature of this person, in this role and with this meaning."""
    if body is None or not records(body, "fact.signed", "fact", row.pk):
        return False
    data = body["data"]
    said = (data.get("fact"), data.get("digest"), data.get("meaning"), data.get("role"), body["actor"]["id"])
    return bool(said == (row.fact, row.digest, row.meaning, row.role, row.signer_id))


def _read_signed(fact: str, rows: list[FactSignature]) -> Recorded:
    last = rows[-1]
    return Recorded(
        fact,
        last.meaning,
        Strength.ARTEFACT,
        last.signed_at,
        tuple(row.signer_name for row in rows),
        Source("fact_signature", last.pk, f"Signed by {last.signer_name} as {last.role}", last.digest, last.log_index),
        digest=last.digest,
        signatures=tuple(Signature(row.signer_name, row.role, row.meaning, row.signed_at) for row in rows),
    )


def digest_fact(kind: FactKind, found: Mapping[str, Recorded]) -> str | None:
    """The digest of the records that a signature of this kind covers; None where one of them is not there."""
    covered = [found.get(fact) for fact in kind.over]
    if not covered or any(item is None or not item.is_filled for item in covered):
        return None
    return canonical_digest(
        [{"fact": item.fact, "value": item.value, "digest": item.digest} for item in covered if item]
    )


def is_asked(kind: FactKind, found: Mapping[str, Recorded]) -> bool:
    """Whether somebody has to be asked: the record does not say it, or not all of it, and it is nothing that is
    signed."""
    known = found.get(kind.id)
    if kind.type == "sig":
        return False
    if known is None or known.source.kind == answers.SOURCE:
        return True
    if kind.keys:
        return any(known.part(key) in (None, "") for key in kind.keys)
    return known.value is None or known.value == ""
