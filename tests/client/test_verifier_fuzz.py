"""Whatever is done to its inputs, the offline verifier never calls good what is not what was signed.

Seeded, so that a failure can be repeated; a few thousand changes in every run, a hundred thousand in ``make soak``.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.canonical import canonical_bytes
from tests.client.small_inputs import TARGETS
from tests.client.small_log import GOOD, LOG, verifier

IN_EVERY_RUN, IN_SOAK = 2_000, 100_000
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, 10**30, 0.5, 1e400, "", "\ud800", "\x00", "A" * 5_000),
    *([], {}, [[]], {"a": {}}, "sha256:" + "0" * 64, "2026-11-24T12:00:00Z", "=" * 44),
)


def flip_a_bit(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def cut(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 2, 44, 512, len(data)))]


def insert(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data) + 1)
    data[place:place] = chance.choice(
        (chance.randbytes(chance.randrange(1, 40)), b'"', b"\n", b"\n\n", b"{", b"\\u0000")
    )


def repeat(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    part = data[start : start + chance.choice((1, 8, 64, 512, 1_024))]
    place = chance.randrange(len(data) + 1)
    data[place:place] = part


def exchange_digits(data: bytearray, chance: random.Random) -> None:
    places = [place for place, value in enumerate(data) if 48 <= value < 58]
    for place in chance.sample(places, min(len(places), chance.randrange(1, 4))):
        data[place] = 48 + chance.randrange(10)


def exchange_letters(data: bytearray, chance: random.Random) -> None:
    first, second = chance.randrange(len(data)), chance.randrange(len(data))
    data[first], data[second] = data[second], data[first]


def change_a_value(data: bytearray, chance: random.Random) -> None:
    """Put something odd in the place of a value, deep inside, where the input is JSON."""
    try:
        value = json.loads(bytes(data))
    except ValueError:
        flip_a_bit(data, chance)
        return
    spot = value
    while isinstance(spot, dict | list) and spot:
        key: Any = chance.choice(list(spot)) if isinstance(spot, dict) else chance.randrange(len(spot))
        if not isinstance(spot[key], dict | list) or not spot[key] or chance.random() < 0.3:
            spot[key] = chance.choice(ODD_VALUES)
            break
        spot = spot[key]
    data[:] = json.dumps(value).encode()


CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(flip_a_bit, cut, insert, repeat, exchange_digits, exchange_letters),
    *(change_a_value, change_a_value),
)


def proved(verdict: Any) -> Any:
    """What a reader would believe after this verdict."""
    return verdict.entry, verdict.checkpoint, verdict.statement


def fuzz(inputs: Path, times: int, seed: int) -> dict[str, int]:
    """Change inputs and judge them. Returns how often each outcome came out."""
    chance = random.Random(seed)
    truth = {target.name: proved(verifier.run(target.words)) for target in TARGETS}
    counted: dict[str, int] = {}
    for number in range(times):
        target = TARGETS[number % len(TARGETS)]
        data = bytearray(target.data)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            if data:
                chance.choice(CHANGES)(data, chance)
        (inputs / target.name).write_bytes(data)
        verdict = verifier.run(target.words)
        counted[verdict.word] = counted.get(verdict.word, 0) + 1
        if verdict.outcome is GOOD:
            assert proved(verdict) == truth[target.name], (seed, number, target.name)
            if target.name.endswith(".json"):
                json.loads(data)  # what is no JSON at all was not good
        (inputs / target.name).write_bytes(target.data)
    return counted


def test_inputs_are_good_before_they_are_changed(inputs: Path) -> None:
    for target in TARGETS:
        verdict = verifier.run(target.words)
        assert verdict.outcome is GOOD, (target.name, verdict.message)


def test_two_thousand_changes_make_nothing_false_good(inputs: Path) -> None:
    counted = fuzz(inputs, IN_EVERY_RUN, 20261124)
    assert counted["tampered"] > IN_EVERY_RUN // 20
    assert counted["not verifiable"] > IN_EVERY_RUN // 4
    # Changes where nothing is signed and nothing is read: white space, a header's date, the trust in other keys.
    assert counted["good"] < IN_EVERY_RUN // 5


@pytest.mark.soak
def test_a_hundred_thousand_changes_make_nothing_false_good(inputs: Path) -> None:
    assert sum(fuzz(inputs, IN_SOAK, 42).values()) == IN_SOAK


def test_canonical_bytes_are_what_the_small_log_holds() -> None:
    assert all(canonical_bytes(json.loads(body)) == body for body in LOG.bodies)
