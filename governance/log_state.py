"""How the log stands: its keys by its own entries, and whether a sign of life is due."""

from __future__ import annotations

import json
from datetime import timedelta

from governance import auditlog
from governance.exceptions import NotSealedYet
from governance.models import AuditLogEntry
from governance.signer_files import read_trust
from governance.trust import KEY_ENTRIES, Trust, TrustedKey, follow

# Less than a day, so that there is a new checkpoint every day even when the sweep that appends it is late.
HEARTBEAT = timedelta(hours=23)


def is_heartbeat_due() -> bool:
    """Whether the newest entry is so old that a day without a checkpoint is near. An empty log needs none."""
    newest = AuditLogEntry.objects.order_by("-index").values_list("at", flat=True).first()
    return newest is not None and auditlog.database_now() - newest >= HEARTBEAT


def keys_in_log() -> tuple[TrustedKey, ...]:
    """The log's keys as its entries have them by now, sealed or not. Raises ``NotSealedYet`` before the first key."""
    keys = known_trust().keys[:1]
    entries = AuditLogEntry.objects.filter(type__in=KEY_ENTRIES).order_by("index")
    first = TrustedKey(keys[0].vkey)
    known: tuple[TrustedKey, ...] = (first,)
    for body in entries.values_list("body", flat=True):
        known = follow(known, json.loads(bytes(body)))
    return known


def known_trust() -> Trust:
    """What the signer has published. Raises ``NotSealedYet`` before it has made a key."""
    trust = read_trust()
    if trust is None:
        raise NotSealedYet("The signer has not made the log's key yet. Start it: manage.py sign_log")
    return trust
