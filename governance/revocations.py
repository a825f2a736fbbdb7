"""The revocation list: which attestations were withdrawn, signed by the log's keys, for whoever checks them offline.

An attestation is believed until it expires unless a list says otherwise, so whoever runs a model asks for a fresh list
now and then. The signer makes one whenever a release has ended, and anew at half its validity, so that a list that is
not younger than its validity says by itself that something is wrong.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max
from django.utils import timezone

from governance.attestations import statement_digest
from governance.auditlog import database_now
from governance.canonical import canonical_bytes
from governance.dossier_items import instant
from governance.envelopes import open_sealed, seal
from governance.log_entries import BrokenEntry
from governance.models import Release, RevocationList
from governance.notes import SigningKey
from governance.signer_files import keys_folder, replace_file

PAYLOAD_TYPE = "application/vnd.countersign.revocations+json"
FORMAT = "countersign/revocations/1"
VALIDITY = timedelta(hours=24)
# What has run out by itself stays on the list for clocks that go wrong by as much.
KEPT_AFTER_EXPIRY = 2 * VALIDITY
REASON_LIMIT = 300


class Revoker:
    """Makes revocation lists for one signer, and remembers outside the database what the last one named."""

    def __init__(self) -> None:
        self.ends: tuple[int, datetime | None] | None = None
        self.renew_at: datetime | None = None

    def renew(self, origin: str, size: int, keys: Sequence[SigningKey]) -> RevocationList | None:
        """Sign a list when one is due, and return it. Raises ``BrokenEntry`` when a withdrawal was undone."""
        ends = _count_ends()
        if ends == self.ends and self.renew_at is not None and timezone.now() < self.renew_at:
            return None
        now = database_now()
        revoked = list_revoked(now)
        _check_nothing_is_missing(revoked, now)
        newest = RevocationList.objects.order_by("-pk").first()
        made = None
        if newest is None or now >= newest.issued_at + VALIDITY / 2 or read_revoked(newest) != revoked:
            newest = made = _issue(origin, size, revoked, now, keys)
        self.ends, self.renew_at = ends, newest.issued_at + VALIDITY / 2
        return made


def list_revoked(now: datetime) -> list[dict[str, Any]]:
    """Every attestation of a release that ended, oldest first, unless it ran out long ago by itself."""
    ended = Release.objects.filter(ended_at__isnull=False, expires_at__gt=now - KEPT_AFTER_EXPIRY).order_by("pk")
    rows = ended.values_list("pk", "statement", "ended_at", "end_reason").iterator()
    return [
        {
            "statement": statement_digest(statement),
            "release": pk,
            "endedAt": instant(ended_at),
            "reason": reason[:REASON_LIMIT],
        }
        for pk, statement, ended_at, reason in rows
    ]


def read_revoked(found: RevocationList) -> list[dict[str, Any]] | None:
    """What a stored list names, whoever signed it; None for one that cannot be read."""
    try:
        payload = json.loads(base64.b64decode(json.loads(found.envelope)["payload"], validate=True))
        revoked: list[dict[str, Any]] = payload["revoked"]
    except (ValueError, KeyError, TypeError):
        return None
    return revoked


def open_list(envelope: str, vkeys: Sequence[str]) -> dict[str, Any]:
    """The payload, signed by a trusted key. Raises ``EnvelopeError``."""
    payload: dict[str, Any] = json.loads(open_sealed(PAYLOAD_TYPE, envelope, vkeys))
    return payload


def _issue(
    origin: str, size: int, revoked: list[dict[str, Any]], now: datetime, keys: Sequence[SigningKey]
) -> RevocationList:
    payload = {
        "format": FORMAT,
        "origin": origin,
        "issuedAt": instant(now),
        "validUntil": instant(now + VALIDITY),
        "logSize": size,
        "revoked": revoked,
    }
    _remember(revoked)
    envelope = seal(PAYLOAD_TYPE, canonical_bytes(payload).decode(), keys)
    return RevocationList.objects.create(issued_at=now, valid_until=now + VALIDITY, log_size=size, envelope=envelope)


def _count_ends() -> tuple[int, datetime | None]:
    """What changes whenever a release ends. One small query."""
    found = Release.objects.filter(ended_at__isnull=False).aggregate(Count("pk"), Max("ended_at"))
    return found["pk__count"], found["ended_at__max"]


def _check_nothing_is_missing(revoked: list[dict[str, Any]], now: datetime) -> None:
    """What was withdrawn stays withdrawn: whoever makes a release live again in its table finds no signature."""
    named = {item["statement"] for item in revoked}
    for statement, release in _recall().items():
        if statement not in named:
            ended = Release.objects.filter(pk=release, ended_at__isnull=False, expires_at__lt=now).exists()
            if not ended:
                raise BrokenEntry(None, f"release {release} was withdrawn and is not marked as ended any more")


def _remember(revoked: list[dict[str, Any]]) -> None:
    known = {item["statement"]: item["release"] for item in revoked}
    replace_file(keys_folder() / "signer-revocations.json", json.dumps(known) + "\n")


def _recall() -> dict[str, int]:
    """Statement -> release of what the last list named. A damaged file recalls nothing, and is written anew."""
    try:
        read = json.loads((keys_folder() / "signer-revocations.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
