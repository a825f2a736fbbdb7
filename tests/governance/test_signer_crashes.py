"""The signer killed at any step, and histories rewritten behind its back: it never signs two roots for one size."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from governance import notes, signer, signer_files
from governance.log_verification import own_trust, verify
from governance.models import AuditLogEntry, Checkpoint, User
from governance.notes import open_checkpoint
from governance.signer import BrokenEntry, Signer, sign_once
from governance.signer_files import read_alarm
from tests.governance.log_history import note
from tests.governance.rewriting import forget_checkpoints, rewrite
from tests.governance.rotating import add_key, end_key

Step = tuple[Any, str, bool]  # where a function is, its name, and whether it has done its work when the kill comes
STEPS: dict[str, Step] = {
    "before the leaves are written": (signer_files, "write_leaves", False),
    "after the leaves are written": (signer_files, "write_leaves", True),
    "before the state is written": (signer_files, "replace_file", False),
    "after the state is on the disk": (signer_files, "replace_file", True),
    "before the new keys are published": (signer, "publish", False),
    "before anything is signed": (signer, "sign_checkpoint", False),
    "after it is signed and before it is stored": (signer, "sign_checkpoint", True),
    "after it is stored and before promotions are sealed": (Signer, "seal_releases", False),
}
SYSTEM_CALLS = ("fsync", "replace")


class Killed(BaseException):
    """Nothing in the signer catches this: what it was doing ends here, as by SIGKILL."""


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, set[bytes]]]:
    """Size -> every root that any signer signed for it in this test, stored or lost."""
    roots: dict[int, set[bytes]] = {}
    real = notes.sign_checkpoint

    def remember(origin: str, size: int, root: bytes, key: Any) -> str:
        roots.setdefault(size, set()).add(root)
        return real(origin, size, root, key)

    monkeypatch.setattr(signer, "sign_checkpoint", remember)
    yield roots
    assert {size: len(found) for size, found in roots.items() if len(found) > 1} == {}


def kill_at(patch: pytest.MonkeyPatch, step: Step, count: int = 1) -> None:
    """Have the signer die at the ``count``-th time that it comes to a step."""
    module, name, done = step
    real, seen = getattr(module, name), 0

    def die(*args: Any, **given: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen < count:
            return real(*args, **given)
        if done:
            real(*args, **given)
        raise Killed(name)

    patch.setattr(module, name, die)


def die_once(step: Step, count: int = 1) -> bool:
    """Sign and be killed; False when the step was not reached any more."""
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, step, count)
        try:
            sign_once()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("name", sorted(STEPS))
def test_killed_signer_signs_the_same_again_and_goes_on(writer: User, signed: dict[int, set[bytes]], name: str) -> None:
    note(writer, count=4)
    sign_once()
    note(writer, count=3)
    assert die_once(STEPS[name])
    note(writer, count=2)
    sign_once()
    newest = Checkpoint.objects.latest("size")
    assert newest.size == 10
    assert open_checkpoint(newest.note, own_trust().vkeys).root == bytes(newest.root)
    assert verify(vkeys=own_trust()).problems == ()
    assert read_alarm() is None


@pytest.mark.parametrize("name", sorted(STEPS))
def test_log_rewritten_while_the_killed_signer_was_away_is_not_signed(
    writer: User, keys: Path, signed: dict[int, set[bytes]], name: str
) -> None:
    """What the dead one wrote down before it signed binds the next one."""
    note(writer, count=4)
    sign_once()
    note(writer, count=3)
    assert die_once(STEPS[name])
    state = (keys / "signer-state.json").read_bytes()
    with transaction.atomic():
        rewrite(random.Random(name), 5, checkpoints_too=True)
        with pytest.raises(BrokenEntry):
            sign_once()
        assert (keys / "signer-state.json").read_bytes() == state
        transaction.set_rollback(True)


@pytest.mark.parametrize("call", SYSTEM_CALLS)
def test_killed_at_every_single_write_to_the_disk(
    writer: User, signed: dict[int, set[bytes]], call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fsync and each renaming in turn, with a new key on the way, until a round gets through."""
    sign_once()
    kills = 0
    for done in (False, True):
        count = 1
        add_key()
        note(writer)
        while die_once((Path if call == "replace" else os, call, done), count):
            kills += 1
            count += 1
            assert count < 40
            note(writer)
        keys = [key for key in own_trust().keys if key.is_current]
        end_key("retire", keys[0].vkey)
    assert kills >= 2
    assert verify(vkeys=own_trust()).problems == ()
    assert Checkpoint.objects.latest("size").size == AuditLogEntry.objects.count()


def test_killed_at_chance_while_others_write(writer: User, signed: dict[int, set[bytes]]) -> None:
    chance = random.Random(7)
    for _ in range(40):
        note(writer, count=chance.randrange(3))
        die_once(chance.choice(list(STEPS.values())), chance.randrange(1, 3))
    sign_once()
    assert verify(vkeys=own_trust()).problems == ()


# --- T3: every right in the database, and no key ------------------------------------------------------


def check_refusals(writer: User, seeds: range, checks: Callable[[], None] = lambda: None) -> None:
    """Rewrite, ask for a signature, be refused, and take it back; for each seed, now and then as if grown again."""
    sign_once()
    for seed in seeds:
        chance = random.Random(seed)
        size = Checkpoint.objects.latest("size").size
        with transaction.atomic():
            index = rewrite(chance, size, checkpoints_too=chance.random() < 0.5)
            note(writer, count=chance.randrange(4) if AuditLogEntry.objects.exists() else 0)
            if chance.random() < 0.5:  # grown beyond what was signed, with another story
                note(writer, count=size - AuditLogEntry.objects.count() + 3)
            if chance.random() < 0.3:
                forget_checkpoints(0)
            before = set(Checkpoint.objects.values_list("size", "note"))
            with pytest.raises(BrokenEntry) as caught:
                sign_once()
            assert caught.value.index in (None, index), (seed, caught.value)
            assert set(Checkpoint.objects.values_list("size", "note")) == before
            checks()
            transaction.set_rollback(True)


def test_dozens_of_rewritten_histories_are_not_signed(writer: User, signed: dict[int, set[bytes]]) -> None:
    note(writer, count=12)
    check_refusals(writer, range(24))
    sign_once()
    assert read_alarm() is None


@pytest.mark.soak
def test_two_hundred_rewritten_histories_are_not_signed(writer: User, signed: dict[int, set[bytes]]) -> None:
    note(writer, count=60)
    check_refusals(writer, range(1_000, 1_200))
    sign_once()
    assert read_alarm() is None
