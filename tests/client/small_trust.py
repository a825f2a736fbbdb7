"""Witnesses of the small log, and a trust file that names them."""

from __future__ import annotations

from typing import Any

from governance.canonical import sha256_hex
from governance.notes import SigningKey
from governance.notes import encode as spell
from tests.client.small_log import KEY, NEXT_KEY, ORIGIN
from tests.client.small_release import SIZE

WITNESSES = [SigningKey(f"witness-{number}.example.org", bytes([number]) * 32) for number in (1, 2, 3)]


def witness_vkey(key: SigningKey) -> str:
    material = b"\x04" + key.verifier_key.public
    return f"{key.name}+{key_id_of(key).hex()}+{spell(material)}"


def key_id_of(key: SigningKey) -> bytes:
    return bytes.fromhex(sha256_hex(f"{key.name}\n".encode() + b"\x04" + key.verifier_key.public)[7:15])


def cosign(note: str, key: SigningKey, at: int = 1_795_000_000) -> str:
    text = note.rpartition("\n\n")[0] + "\n"
    signature = key_id_of(key) + at.to_bytes(8, "big") + key.sign(f"cosignature/v1\ntime {at}\n{text}")
    return f"{note}\u2014 {key.name} {spell(signature)}\n"


def make_trust(*, quorum: int = 0, **key: Any) -> dict[str, Any]:
    first = {"vkey": KEY.vkey, "from_size": 0, "to_size": None, "revoked": False} | key
    later = {"vkey": NEXT_KEY.vkey, "from_size": SIZE + 1, "to_size": None, "revoked": False}
    return {
        "format": "countersign/trust/1",
        "origin": ORIGIN,
        "keys": [first, later],
        "witnesses": [witness_vkey(witness) for witness in WITNESSES],
        "quorum": quorum,
    }
