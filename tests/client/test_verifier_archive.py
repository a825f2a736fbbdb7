"""The offline verifier: exported archives, good, damaged at every place, and out of order."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from governance.envelopes import seal
from governance.merkle import root_of
from governance.notes import sign_checkpoint
from tests.client.small_inputs import pack_members
from tests.client.small_log import (
    DATA_INDEX,
    DOCUMENT,
    GOOD,
    KEY,
    LOG,
    LOG_SIZE,
    NEXT_KEY,
    NOT_VERIFIABLE,
    ORIGIN,
    OTHER_BODY,
    STRANGER,
    SUBJECT_INDEX,
    TAMPERED,
    Log,
    entry,
    verifier,
)

SIZES = (3, 8, LOG_SIZE)
CHUNK = 6
MANIFEST = {
    "format": "countersign/export/1",
    "origin": ORIGIN,
    "size": LOG_SIZE,
    "root": root_of(LOG.leaves).hex(),
    "project": None,
    "files": True,
}
PROJECT = {"project": {"id": 1, "name": "Triage"}}


def checkpoint_lines(start: int, end: int, log: Log = LOG, key: Any = KEY) -> bytes:
    lines = []
    for before, size in zip((0, *SIZES), SIZES, strict=False):
        if start < size <= end:
            lines.append(json.dumps({"consistency": log.consistency(before, size), "note": log.checkpoint(size, key)}))
    return "".join(f"{line}\n" for line in lines).encode()


def documents() -> Iterator[bytes]:
    """What the entries name: evidence, and the report."""
    yield from (
        DOCUMENT if index == SUBJECT_INDEX else b"%d" % index for index in range(LOG_SIZE) if index != DATA_INDEX
    )


def make_members(log: Log = LOG, **manifest: Any) -> dict[str, bytes]:
    members = {"README.txt": b"read me", "log.json": json.dumps(MANIFEST | manifest).encode()}
    for start in range(0, LOG_SIZE, CHUNK):
        end = min(start + CHUNK, LOG_SIZE)
        members[f"checkpoints/{start:010}.jsonl"] = checkpoint_lines(start, end)
        members[f"leaves/{start:010}.bin"] = b"".join(log.leaves[start:end])
        members[f"entries/{start:010}.jsonl"] = b"".join(body + b"\n" for body in log.bodies[start:end])
    for data in sorted(documents(), key=verifier.digest_of):
        members[f"evidence/{verifier.digest_of(data)[7:]}"] = data
    return members


GOOD_MEMBERS = make_members()
REPORT = f"evidence/{verifier.digest_of(DOCUMENT)[7:]}"
FIRST, SECOND = "0000000000", "0000000006"


def judge(members: dict[str, bytes], trusted: Any = None, **options: Any) -> Any:
    file = io.BytesIO(pack_members(members))
    return verifier.verify_archive(file, [KEY.vkey] if trusted is None else trusted, **options)


def changed(**replaced: Any) -> dict[str, bytes]:
    """The good members with some replaced, named by words: log, checkpoints_0, entries_1..."""
    members = dict(GOOD_MEMBERS)
    for word, value in replaced.items():
        folder, _, place = word.partition("_")
        start = (FIRST, SECOND)[int(place)] if place else ""
        name = {"leaves": f"leaves/{start}.bin", "log": "log.json"}.get(folder, f"{folder}/{start}.jsonl")
        members[name] = value(members[name]) if callable(value) else value
    return members


def test_good_archive_is_good_and_tells_what_it_held():
    told: list[tuple[int, int]] = []
    verdict = judge(GOOD_MEMBERS, kept=[LOG.checkpoint(3), LOG.checkpoint(7)], tell=lambda *done: told.append(done))
    assert verdict.message == (
        f"all 11 entries of {ORIGIN} give the roots that 3 checkpoints signed; 10 files have their digests"
    )
    assert (verdict.outcome, verdict.checkpoint.size, told) == (GOOD, LOG_SIZE, [(0, LOG_SIZE)])


def test_archive_without_files_says_so():
    members = {name: data for name, data in make_members(files=False).items() if not name.startswith("evidence")}
    assert judge(members).message.endswith("; it came without files")


def withhold(*places: int) -> Any:
    def hide(lines: bytes) -> bytes:
        kept = lines.splitlines()
        for place in places:
            kept[place] = b"=" + base64.b64encode(verifier._hash_leaf(kept[place]))
        return b"".join(line + b"\n" for line in kept)

    return hide


def test_entries_of_other_projects_are_here_by_hash():
    members = changed(entries_0=withhold(1, 2), log=json.dumps(MANIFEST | PROJECT).encode())
    hidden = [f"evidence/{verifier.digest_of(b'%d' % index)[7:]}" for index in (1, 2)]
    verdict = judge({name: data for name, data in members.items() if name not in hidden})
    assert verdict.outcome is GOOD, verdict.message
    assert "; 9 of them, of the project Triage, are here in full; 8 files" in verdict.message
    assert "no entry names the file" in judge(members).message
    whole = judge(changed(entries_0=withhold(1, 2)))
    assert (whole.outcome, whole.index) == (TAMPERED, 1)
    wrong = judge(
        changed(
            entries_0=lambda lines: withhold(1)(lines).replace(b"=", b"=A", 1),
            log=json.dumps(MANIFEST | PROJECT).encode(),
        )
    )
    assert wrong.outcome is NOT_VERIFIABLE


@pytest.mark.parametrize("index", range(LOG_SIZE))
def test_any_changed_entry_is_named(index):
    lines = list(LOG.bodies)
    lines[index] = lines[index].replace(b"ada", b"eve")
    place, start = divmod(index, CHUNK)[0], index // CHUNK * CHUNK
    replaced = b"".join(line + b"\n" for line in lines[start : start + CHUNK])
    verdict = judge(changed(**{f"entries_{place}": replaced}))
    assert (verdict.outcome, verdict.index) == (TAMPERED, index)


def test_entry_changed_with_its_leaf_is_found_between_two_checkpoints():
    bodies = [*LOG.bodies[:SUBJECT_INDEX], OTHER_BODY, *LOG.bodies[SUBJECT_INDEX + 1 :]]
    verdict = judge(make_members(Log(bodies)))
    assert (verdict.outcome, verdict.index) == (TAMPERED, 3)
    assert verdict.message == "the entries 3 to 7 are not those that the checkpoint of 8 entries signed"


def test_entry_in_another_spelling_is_named():
    bodies = list(LOG.bodies)
    bodies[2] = json.dumps(entry(2)).encode()
    verdict = judge(make_members(Log(bodies)))
    assert (verdict.outcome, verdict.index) == (TAMPERED, 2)
    assert "canonical spelling" in verdict.message


def last_line_gone(lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in lines.splitlines()[:-1])


@pytest.mark.parametrize(
    ("members", "message", "index"),
    [
        (changed(entries_0=last_line_gone), "entry 5 is missing", 5),
        (changed(entries_1=last_line_gone), "entry 10 is missing", 10),
        (changed(leaves_1=lambda data: data[:-32]), "entry 10 does not have the leaf hash", 10),
        (changed(leaves_0=bytes(32 * 6)), "entry 0 does not have the leaf hash", 0),
        (changed(log=json.dumps(MANIFEST | {"size": 12}).encode()), "covers 12 entries, only 11 are here", 11),
        (changed() | {REPORT: b"forged"}, "which entry 5 names, was changed", 5),
        (
            {name: data for name, data in GOOD_MEMBERS.items() if name != REPORT},
            "the file that entry 5 names is not",
            5,
        ),
        (changed(log=json.dumps(MANIFEST | {"root": "00" * 32}).encode()), "log.json names another root", None),
        (changed() | {"results/" + "0" * 64: b"more"}, "no entry names the file", None),
    ],
)
def test_damaged_archive_is_tampered_and_the_entry_named(members, message, index):
    verdict = judge(members)
    assert (verdict.outcome, verdict.index) == (TAMPERED, index), verdict.message
    assert message in verdict.message


def swapped(first: str, second: str) -> dict[str, bytes]:
    """The good members with two exchanged in their order."""
    names = list(GOOD_MEMBERS)
    one, two = names.index(first), names.index(second)
    names[one], names[two] = names[two], names[one]
    return {name: GOOD_MEMBERS[name] for name in names}


LINE = checkpoint_lines(0, 3)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"README.txt": b""},
        changed(log=b"{"),
        changed(log=b"[]"),
        changed(log=json.dumps(MANIFEST | {"format": "countersign/export/2"}).encode()),
        changed(log=json.dumps(MANIFEST | {"size": "11"}).encode()),
        changed(log=json.dumps(MANIFEST | {"files": None}).encode()),
        changed(log=json.dumps(MANIFEST | {"files": False}).encode()),
        changed(log=json.dumps({name: MANIFEST[name] for name in MANIFEST if name != "root"}).encode()),
        changed(log=json.dumps(MANIFEST | {"origin": 5}).encode()),
        changed(log=json.dumps(MANIFEST | {"origin": "another"}).encode()),
        changed(log=json.dumps(MANIFEST | {"project": "Triage"}).encode()),
        changed(log=json.dumps(MANIFEST | {"size": 10}).encode()),
        swapped("log.json", f"entries/{FIRST}.jsonl"),
        swapped(f"entries/{FIRST}.jsonl", f"entries/{SECOND}.jsonl"),
        swapped(f"checkpoints/{FIRST}.jsonl", f"entries/{SECOND}.jsonl"),
        changed(checkpoints_1=b""),
        changed(checkpoints_1=lambda lines: last_line_gone(lines)),
        changed(checkpoints_0=b"no JSON\n"),
        changed(checkpoints_0=b"{}\n"),
        changed(checkpoints_0=LINE + LINE),
        changed(checkpoints_0=checkpoint_lines(0, 3, key=NEXT_KEY)),
        changed(checkpoints_0=json.dumps({"consistency": [], "note": LOG.checkpoint(0)}).encode() + b"\n"),
        changed(checkpoints_0=json.dumps({"consistency": None, "note": LOG.checkpoint(3)}).encode() + b"\n"),
        changed(
            checkpoints_0=json.dumps(
                {"consistency": [], "note": sign_checkpoint(ORIGIN, 200_000, bytes(32), KEY)}
            ).encode()
            + b"\n"
        ),
        changed(entries_0=lambda lines: lines.replace(b"\n", b" " * 70_000 + b"\n", 1)),
        changed() | {"evidence/" + "0" * 63: b""},
        changed() | {"attestations/0000000001.json": b"{"},
        changed() | {"attestations/0000000001.json": seal("application/vnd.in-toto+json", "{}", [STRANGER]).encode()},
    ],
)
def test_archive_that_makes_no_sense_is_never_good(members):
    verdict = judge(members)
    assert verdict.outcome in (NOT_VERIFIABLE, TAMPERED), verdict.message
    assert "fail" not in verdict.message or "KeyError" not in verdict.message


def test_consistency_proof_that_does_not_hold_is_tampered():
    line = json.dumps({"consistency": LOG.consistency(3, 7), "note": LOG.checkpoint(8)})
    rest = json.dumps({"consistency": LOG.consistency(8, 11), "note": LOG.checkpoint(11)})
    assert judge(changed(checkpoints_1=f"{line}\n{rest}\n".encode())).outcome is TAMPERED


def test_attestation_in_an_archive_must_be_named_by_an_entry():
    envelope = seal("application/vnd.in-toto+json", "{}", [KEY]).encode()
    verdict = judge(changed() | {"attestations/0000000001.json": envelope})
    assert (verdict.outcome, "no entry names the statement" in verdict.message) == (TAMPERED, True)


def test_kept_checkpoints_must_be_continued():
    other = Log(list(reversed(LOG.bodies)))
    rewritten = judge(GOOD_MEMBERS, kept=[other.checkpoint(4)])
    assert (rewritten.outcome, "the first 4 entries are not those" in rewritten.message) == (TAMPERED, True)
    longer = sign_checkpoint(ORIGIN, 12, bytes(32), KEY)
    assert judge(GOOD_MEMBERS, kept=[longer]).index == LOG_SIZE
    trusted = [KEY.vkey, STRANGER.vkey]
    assert judge(GOOD_MEMBERS, trusted, kept=[LOG.checkpoint(4, STRANGER)]).outcome is NOT_VERIFIABLE


@pytest.mark.parametrize("cut", [1, 511, 512, 1_000, 1_024, 1_536])
def test_archive_that_breaks_off_is_never_good(cut):
    data = pack_members(GOOD_MEMBERS)
    end = len(data.rstrip(b"\x00")) // 512 * 512 + 512 + 1_024  # before the padding that tar adds to its records
    assert verifier.verify_archive(io.BytesIO(data[:end]), [KEY.vkey]).outcome is GOOD
    assert verifier.verify_archive(io.BytesIO(data[: end - cut]), [KEY.vkey]).outcome is not GOOD
