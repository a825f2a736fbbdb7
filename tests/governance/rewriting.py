"""Histories rewritten by somebody with every right in the database (T3), or with the keys besides (T4)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

from governance.canonical import canonical_bytes
from governance.merkle import leaf_hash
from governance.models import AuditLogEntry, Checkpoint, Cosignature, LogSubject, RevocationList, TimeStamp
from governance.signer import sign_once
from governance.signer_files import keys_folder
from tests.governance.tampering import read_entry, rebuild_tree
from tests.guards import behind_the_guards

# Entry 0 opens the account that its table shows; what follows are notes that no table mirrors.
Rewrite = Callable[[random.Random, int], int]


def store_body(index: int, body: bytes, leaf: bytes) -> None:
    with behind_the_guards():
        AuditLogEntry.objects.filter(pk=index).update(body=body, leaf=leaf)


def change_reason(chance: random.Random, signed: int) -> int:
    """Another reason in an entry that was signed."""
    index = chance.randrange(1, signed)
    body = read_entry(index) | {"reason": f"another {chance.random()}"}
    store_body(index, canonical_bytes(body), leaf_hash(canonical_bytes(body)))
    return index


def change_actor(chance: random.Random, signed: int) -> int:
    """Somebody else did it."""
    index = chance.randrange(1, signed)
    body = read_entry(index)
    body["actor"] = body["actor"] | {"name": f"Somebody {chance.randrange(1_000)}"}
    store_body(index, canonical_bytes(body), leaf_hash(canonical_bytes(body)))
    return index


def swap_two(chance: random.Random, signed: int) -> int:
    """Two entries stand in each other's place, their texts saying so."""
    first, second = sorted(chance.sample(range(1, signed), 2))
    bodies = read_entry(first), read_entry(second)
    for index, body in ((first, bodies[1]), (second, bodies[0])):
        text = canonical_bytes(body | {"index": index})
        store_body(index, text, leaf_hash(text))
    return first


def remove_and_close_up(chance: random.Random, signed: int) -> int:
    """An entry is gone and those after it moved up."""
    index, last = chance.randrange(1, signed), AuditLogEntry.objects.count() - 1
    for place in range(index, last):
        text = canonical_bytes(read_entry(place + 1) | {"index": place})
        store_body(place, text, leaf_hash(text))
    with behind_the_guards():
        LogSubject.objects.filter(entry=last).delete()
        AuditLogEntry.objects.filter(pk=last).delete()
    return index


def cut_off(chance: random.Random, signed: int) -> int:
    """The log ends earlier, as from an older backup."""
    size = chance.randrange(1, signed)
    with behind_the_guards():
        LogSubject.objects.filter(entry__gte=size).delete()
        AuditLogEntry.objects.filter(pk__gte=size).delete()
    return size


REWRITES: tuple[Rewrite, ...] = (change_reason, change_actor, swap_two, remove_and_close_up, cut_off)


def rewrite(chance: random.Random, signed: int, *, checkpoints_too: bool) -> int:
    """Rewrite what was signed so that tables, tree and head agree; return the first entry that is another one."""
    index = chance.choice(REWRITES)(chance, signed)
    align_columns()
    rebuild_tree()
    if checkpoints_too:
        forget_checkpoints(index)
    return index


def align_columns() -> None:
    """Make the searchable columns and the index of subjects say what the texts say."""
    with behind_the_guards():
        for entry in AuditLogEntry.objects.all():
            body = read_entry(entry.pk)
            AuditLogEntry.objects.filter(pk=entry.pk).update(
                type=body["type"], at=datetime.fromisoformat(body["at"]), actor=body["actor"]["id"]
            )
            LogSubject.objects.filter(entry=entry).delete()
            LogSubject.objects.create(entry=entry, kind=body["subject"]["kind"], object_id=body["subject"]["id"])


def forget_checkpoints(index: int) -> None:
    """Take away every checkpoint over the entry, with what hangs on it."""
    with behind_the_guards():
        for table in (Cosignature, TimeStamp):
            table.objects.filter(checkpoint__size__gt=index).delete()
        Checkpoint.objects.filter(size__gt=index).delete()
        RevocationList.objects.all().delete()


def sign_again_with_stolen_keys() -> None:
    """What only somebody on the signer's machine can do: make it forget, and sign the new history."""
    for name in ("signer-state.json", "signer-leaves.bin", "signer-revocations.json"):
        (keys_folder() / name).unlink(missing_ok=True)
    sign_once()
