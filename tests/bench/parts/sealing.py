"""Entries at random moments, and how long each waited for its seal; run inside a portal's environment."""

from __future__ import annotations

import json
import random
import time

from django.db import transaction

from governance import auditlog
from governance.actors import SYSTEM, Actor
from governance.auditlog import Subject
from governance.models import AuditLogEntry, Checkpoint, User

TYPE = "bench.decided"


def append(count: int, seconds: float, seed: int) -> None:
    """Append ``count`` entries at random moments within ``seconds``."""
    chance = random.Random(seed)
    actor = Actor(User.objects.system(), SYSTEM)
    moments = sorted(chance.uniform(0, seconds) for _ in range(count))
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, moment - (time.monotonic() - began)))
        with transaction.atomic():
            auditlog.append(TYPE, actor=actor, subject=Subject("bench", 1, "bench"), project=None)


def print_waits(first: int) -> None:
    """Print, as JSON, the seconds that each entry from ``first`` on waited for the checkpoint that seals it."""
    seals = list(Checkpoint.objects.filter(size__gt=first).order_by("size").values_list("size", "signed_at"))
    waits, place = [], 0
    entries = AuditLogEntry.objects.filter(index__gte=first, type=TYPE).order_by("index")
    for index, at in entries.values_list("index", "at"):
        while place < len(seals) and seals[place][0] <= index:
            place += 1
        waits.append((seals[place][1] - at).total_seconds() if place < len(seals) else None)
    print(json.dumps(waits))


def print_size() -> None:
    print(AuditLogEntry.objects.count())
