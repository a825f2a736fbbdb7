"""Thousands of random tamperings of a long log: each is found, the first bad entry is named, and nobody cries wolf.

What is expected is worked out here from the kind of tampering alone, and not with anything that finds it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings

from governance import log_verification
from governance.log_entries import read_body
from governance.merkle import leaf_hash
from governance.models import Checkpoint, LogHead
from governance.signer import sign_once
from tests.bench.parts import long_log
from tests.governance.log_history import note
from tests.governance.tampering import check
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db
SIZE = 2_000
Sealed = list[int]


@pytest.fixture(scope="module")
def long_record(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sealed]:
    """A log of so many entries with its rows, sealed every few hundred; the sizes that were sealed."""
    data = tmp_path_factory.mktemp("long")
    for part in ("keys", "evidence"):
        (data / part).mkdir()
    with django_db_blocker.unblock(), override_settings(COUNTERSIGN_DATA=data), transaction.atomic():
        long_log.open_log()
        for size in (300, 700, 701, 1_024, 1_600, SIZE):
            long_log.lengthen(size)
            sign_once()
        yield sorted(Checkpoint.objects.values_list("size", flat=True))
        transaction.set_rollback(True)


@pytest.fixture
def sealed(long_record: Sealed, db: None) -> Iterator[Sealed]:
    """As above; what a test does to the database is undone."""
    with transaction.atomic():
        yield long_record
        transaction.set_rollback(True)


def run(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def text_of(index: int) -> bytes:
    return bytes(run('SELECT body FROM governance_auditlogentry WHERE "index" = %s', index)[0][0])


def put(index: int, column: str, value: Any) -> None:
    run(f'UPDATE governance_auditlogentry SET {column} = %s WHERE "index" = %s', value, index)  # noqa: S608


def flip(data: bytes, draw: random.Random) -> bytes:
    bit = draw.randrange(len(data) * 8)
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# --- Kinds: each does one harm, and returns the entry that must be named first ----------------------


def flip_a_bit_of_the_text(draw: random.Random, sealed: Sealed) -> int:
    index = draw.randrange(SIZE)
    put(index, "body", flip(text_of(index), draw))
    return index


def flip_a_bit_and_mend_the_leaf(draw: random.Random, sealed: Sealed) -> int:
    index = draw.randrange(SIZE)
    text = flip(text_of(index), draw)
    put(index, "body", text)
    put(index, "leaf", leaf_hash(text))
    return index


def flip_a_bit_of_the_leaf(draw: random.Random, sealed: Sealed) -> int:
    index = draw.randrange(SIZE)
    leaf = bytes(run('SELECT leaf FROM governance_auditlogentry WHERE "index" = %s', index)[0][0])
    put(index, "leaf", flip(leaf, draw))
    return index


def write_another_text(draw: random.Random, sealed: Sealed) -> int:
    """Well formed, in canonical form, with its own leaf: only the tree can tell."""
    index = draw.randrange(SIZE)
    forged = text_of(index)[:-1] + b',"z":"forged"}'
    put(index, "body", forged)
    put(index, "leaf", leaf_hash(forged))
    return index


def copy_another_entry(draw: random.Random, sealed: Sealed) -> int:
    index, other = draw.sample(range(SIZE), 2)
    put(index, "body", text_of(other))
    put(index, "leaf", leaf_hash(text_of(other)))
    return index


def swap_two(draw: random.Random, sealed: Sealed) -> int:
    first, second = sorted(draw.sample(range(SIZE), 2))
    texts = text_of(first), text_of(second)
    for index, text in ((first, texts[1]), (second, texts[0])):
        put(index, "body", text)
        put(index, "leaf", leaf_hash(text))
    return first


def delete_some(draw: random.Random, sealed: Sealed) -> int:
    first = draw.randrange(SIZE)
    last = min(SIZE, first + draw.choice([1, 1, 1, 2, 5, 40]))
    for column, table in (("entry_id", "logsubject"), ('"index"', "auditlogentry")):
        run(f"DELETE FROM governance_{table} WHERE {column} >= %s AND {column} < %s", first, last)  # noqa: S608
    return first


def cut_off_the_end(draw: random.Random, sealed: Sealed) -> int:
    end = draw.randrange(1, SIZE)
    for column, table in (("entry_id", "logsubject"), ('"index"', "auditlogentry")):
        run(f"DELETE FROM governance_{table} WHERE {column} >= %s", end)  # noqa: S608
    return end


def change_a_column(draw: random.Random, sealed: Sealed) -> int:
    index = draw.randrange(SIZE)
    column, value = draw.choice([("type", "x.done"), ("at", "2020-01-01 00:00:00+00"), ("project_id", None)])
    if column == "project_id" and run('SELECT project_id FROM governance_auditlogentry WHERE "index" = %s', index) == [
        (None,)
    ]:
        column, value = "type", "y.done"
    put(index, column, value)
    return index


def lose_a_subject(draw: random.Random, sealed: Sealed) -> int:
    index = draw.randrange(SIZE)
    run(
        "DELETE FROM governance_logsubject WHERE id = (SELECT max(id) FROM governance_logsubject WHERE entry_id = %s)",
        index,
    )
    return index


def add_a_subject(draw: random.Random, sealed: Sealed) -> int:
    index = draw.randrange(SIZE)
    run("INSERT INTO governance_logsubject (entry_id, kind, object_id) VALUES (%s, 'model', 999)", index)
    return index


def change_a_node(draw: random.Random, sealed: Sealed) -> int:
    level = draw.randint(1, 9)
    index = draw.randrange(SIZE >> level)
    value = draw.randbytes(32)
    run('UPDATE governance_lognode SET hash = %s WHERE level = %s AND "index" = %s', value, level, index)
    return index << level


def lose_a_node(draw: random.Random, sealed: Sealed) -> int:
    level = draw.randint(1, 9)
    index = draw.randrange(SIZE >> level)
    run('DELETE FROM governance_lognode WHERE level = %s AND "index" = %s', level, index)
    return index << level


def change_a_checkpoint(draw: random.Random, sealed: Sealed) -> int:
    size = draw.choice(sealed)
    if draw.random() < 0.5:
        run("UPDATE governance_checkpoint SET root = %s WHERE size = %s", draw.randbytes(32), size)
    else:
        ((note_text,),) = run("SELECT note FROM governance_checkpoint WHERE size = %s", size)
        place = draw.randrange(note_text.index("\n\n"))
        changed = note_text[:place] + ("7" if note_text[place] != "7" else "8") + note_text[place + 1 :]
        run("UPDATE governance_checkpoint SET note = %s WHERE size = %s", changed, size)
    return size - 1


def forge_a_longer_checkpoint(draw: random.Random, sealed: Sealed) -> int:
    run(
        "INSERT INTO governance_checkpoint (size, root, note, signed_at) "
        "SELECT %s, root, note, signed_at FROM governance_checkpoint WHERE size = %s",
        SIZE + draw.randint(1, 500),
        draw.choice(sealed),
    )
    return SIZE


def shorten_the_head(draw: random.Random, sealed: Sealed) -> int:
    size = draw.randrange(SIZE)
    run("UPDATE governance_loghead SET size = %s", size)
    return size


def change_a_row(draw: random.Random, sealed: Sealed) -> int:
    """A table that the log vouches for."""
    rows = run("SELECT id, log_index FROM governance_evidence")
    key, index = draw.choice(rows)
    change = draw.choice(["title = title || 'x'", "kind = 'document'", "content = '{}'", "log_index = log_index + 1"])
    run(f"UPDATE governance_evidence SET {change} WHERE id = %s", key)  # noqa: S608
    return int(index)


def lose_a_row(draw: random.Random, sealed: Sealed) -> int:
    key, index = draw.choice(run("SELECT id, log_index FROM governance_evidence"))
    run("DELETE FROM governance_evidence WHERE id = %s", key)
    return int(index)


KINDS: list[Callable[[random.Random, Sealed], int]] = [
    *(flip_a_bit_of_the_text, flip_a_bit_and_mend_the_leaf, flip_a_bit_of_the_leaf, write_another_text),
    *(copy_another_entry, swap_two, delete_some, cut_off_the_end, change_a_column, lose_a_subject, add_a_subject),
    *(change_a_node, lose_a_node, change_a_checkpoint, forge_a_longer_checkpoint, shorten_the_head),
    *(change_a_row, lose_a_row),
]


@pytest.fixture
def remembered_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that was read before, to the byte, is read the same: the sweep looks at two thousand rows each time."""
    monkeypatch.setattr(log_verification, "read_body", lru_cache(None)(read_body))


def sweep(sealed: Sealed, seeds: range) -> None:
    """Tamper once with each seed, and look; every harm is undone before the next."""
    for seed in seeds:
        draw = random.Random(seed)
        kind = KINDS[seed % len(KINDS)]
        with transaction.atomic():
            expected = kind(draw, sealed)
            found = check()
            transaction.set_rollback(True)
        fallen = [problem for problem in found.problems if "append-only" in problem.what]
        first = next(iter(problem for problem in found.problems if problem not in fallen), None)
        assert first is not None, f"seed {seed}: {kind.__name__} at {expected} was not found"
        assert first.index == expected, f"seed {seed}: {kind.__name__} at {expected}: {found.problems[:3]}"


@pytest.mark.usefixtures("remembered_readings")
def test_two_thousand_random_tamperings_are_found_at_their_entry(sealed: Sealed) -> None:
    """On PostgreSQL a part of them: what differs there is the database and not the check."""
    count = 2_000 if connection.vendor == "sqlite" else 100
    with behind_the_guards():
        sweep(sealed, range(count))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_random_tamperings_are_found_at_their_entry(sealed: Sealed, part: int) -> None:
    with behind_the_guards():
        sweep(sealed, range(100_000 + part * 1_000, 100_000 + (part + 1) * 1_000))


def look_while_it_grows(rounds: int, seed: int) -> None:
    """Honest growth, seals at random moments, and a look after each step."""
    draw = random.Random(seed)
    writer = long_log.find_writer()
    for number in range(rounds):
        note(writer, f"noted {number}", count=draw.choice([0, 0, 0, 1, 2]))
        if draw.random() < 0.2:
            sign_once()
        found = check()
        assert (found.problems, found.doubts) == ((), ()), f"round {number} of seed {seed}"


def test_no_false_alarm_while_the_log_grows(sealed: Sealed) -> None:
    look_while_it_grows(40, seed=1)
    assert LogHead.objects.get().size > SIZE


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_no_false_alarm_in_a_thousand_looks(sealed: Sealed, part: int) -> None:
    look_while_it_grows(250, seed=100 + part)
