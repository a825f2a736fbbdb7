"""The offline verifier: what must lie in an exported archive beside its entries, and nothing behind it."""

from __future__ import annotations

import io
import json
from hashlib import sha256
from typing import Any

import pytest

from governance.canonical import canonical_bytes, sha256_hex
from governance.envelopes import seal
from governance.merkle import root_of
from tests.client.small_inputs import pack_members
from tests.client.small_log import GOOD, KEY, NOT_VERIFIABLE, ORIGIN, TAMPERED, Log, entry, verifier

RESULT, DOSSIER, POLICY, STATEMENT = b"{}", b"[1]", b"version: 1\n", "{}"
ENTRIES: list[tuple[str, bytes, dict[str, str]]] = [
    ("evaluation.completed", RESULT, {}),
    ("policy.proposed", POLICY, {}),
    ("sign_off.given", DOSSIER, {}),
    ("version.promoted", DOSSIER, {"statement": sha256_hex(STATEMENT.encode())}),
]
LOG = Log(
    [
        canonical_bytes(
            entry(index)
            | {"type": kind, "subject": {"kind": "thing", "id": 7, "digest": sha256_hex(document)}, "data": data}
        )
        for index, (kind, document, data) in enumerate(ENTRIES)
    ]
)
SIZE = len(ENTRIES)
NOTE = LOG.checkpoint(SIZE)
ATTESTATION = "attestations/0000000007.json"
STAMP = f"time-stamps/{SIZE:010}.tsr"


def name_of(folder: str, data: bytes) -> str:
    return f"{folder}/{sha256(data).hexdigest()}"


def imprint(note: str) -> bytes:
    """What a time stamp is about: the checkpoint's three lines, without the signatures."""
    return sha256(note.split("\n\n")[0].encode() + b"\n").digest()


MANIFEST = {
    "format": "countersign/export/1",
    "origin": ORIGIN,
    "size": SIZE,
    "root": root_of(LOG.leaves).hex(),
    "project": None,
    "files": True,
}
MEMBERS = {
    "log.json": json.dumps(MANIFEST).encode(),
    STAMP: b"\x30\x82" + imprint(NOTE) + b"signature",
    "checkpoints/0000000000.jsonl": json.dumps({"consistency": [], "note": NOTE}).encode() + b"\n",
    "leaves/0000000000.bin": b"".join(LOG.leaves),
    "entries/0000000000.jsonl": b"".join(body + b"\n" for body in LOG.bodies),
    name_of("dossiers", DOSSIER): DOSSIER,
    name_of("results", RESULT): RESULT,
    name_of("policies", POLICY): POLICY,
    ATTESTATION: seal("application/vnd.in-toto+json", STATEMENT, [KEY]).encode(),
}


def judge(data: bytes) -> Any:
    return verifier.verify_archive(io.BytesIO(data), [KEY.vkey])


def test_archive_with_everything_in_it_is_good() -> None:
    verdict = judge(pack_members(MEMBERS))
    assert (verdict.outcome, verdict.message[-28:]) == (GOOD, "; 4 files have their digests")


@pytest.mark.parametrize(
    ("name", "message", "index"),
    [
        (name_of("results", RESULT), "the file that entry 0 names is not here", 0),
        (name_of("policies", POLICY), "the file that entry 1 names is not here", 1),
        (name_of("dossiers", DOSSIER), "the file that entry 2 names is not here", 2),
        (ATTESTATION, "the attestation that entry 3 names is not here", 3),
    ],
)
def test_whatever_was_left_out_is_missed(name: str, message: str, index: int) -> None:
    verdict = judge(pack_members({other: data for other, data in MEMBERS.items() if other != name}))
    assert (verdict.outcome, verdict.message, verdict.index) == (TAMPERED, message, index)


def test_attestation_of_one_release_is_not_that_of_another() -> None:
    moved = {name: data for name, data in MEMBERS.items() if name != ATTESTATION}
    verdict = judge(pack_members(moved | {"attestations/0000000008.json": MEMBERS[ATTESTATION]}))
    assert (verdict.outcome, verdict.index) == (TAMPERED, 3)
    twice = judge(pack_members(MEMBERS | {"attestations/0000000008.json": MEMBERS[ATTESTATION]}))
    assert twice.outcome is TAMPERED


def test_time_stamp_is_about_its_checkpoint() -> None:
    other = judge(pack_members(MEMBERS | {STAMP: imprint(LOG.checkpoint(2))}))
    assert (other.outcome, "is about something else" in other.message) == (TAMPERED, True)
    names = list(MEMBERS)
    for name in (f"time-stamps/{SIZE - 1:010}.tsr", f"time-stamps/{SIZE + 200_000:010}.tsr"):
        renamed = {name if old == STAMP else old: MEMBERS[old] for old in names}
        assert judge(pack_members(renamed)).outcome is NOT_VERIFIABLE


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("damage", ["checksum", "zeroed"])
def test_damaged_header_does_not_end_the_archive(name: str, damage: str) -> None:
    """tarfile takes a header that it cannot read, and one of zeros, for the end: what follows would go unread."""
    data = bytearray(pack_members(MEMBERS))
    place = data.index(name.encode())
    data[place : place + 512] = (
        bytes(512) if damage == "zeroed" else bytes([data[place] ^ 1]) + data[place + 1 : place + 512]
    )
    assert judge(bytes(data)).outcome is not GOOD


@pytest.mark.parametrize("more", [b"x" * 512, pack_members(MEMBERS)])
def test_nothing_may_stand_behind_the_end(more: bytes) -> None:
    verdict = judge(pack_members(MEMBERS) + more + bytes(1024))
    assert (verdict.outcome, ATTESTATION in verdict.message) == (NOT_VERIFIABLE, True)
