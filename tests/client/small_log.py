"""A small log made by the portal's own code, and the offline verifier loaded as the single file an auditor holds."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from governance.canonical import canonical_bytes, sha256_hex
from governance.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from governance.notes import SigningKey, sign_checkpoint

FILE = Path(__file__).parents[2] / "client" / "countersign" / "verifier.py"
ORIGIN = "audit.example.org/log"
KEY = SigningKey(ORIGIN, bytes(range(32)))
NEXT_KEY = SigningKey(ORIGIN, bytes(32))
STRANGER = SigningKey("witness.example.org", b"w" * 32)
VKEYS = [KEY.vkey]
DOCUMENT = b"%PDF-1.7 the report"
SUBJECT_INDEX, DATA_INDEX, LOG_SIZE = 5, 9, 11


def load_verifier() -> Any:
    spec = importlib.util.spec_from_file_location("standalone_verifier", FILE)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


verifier = load_verifier()
GOOD, TAMPERED, NOT_VERIFIABLE = verifier.Outcome


def entry(index: int) -> dict[str, Any]:
    value: dict[str, Any] = {
        "v": 1,
        "index": index,
        "type": "evidence.submitted",
        "at": "2026-11-21T08:00:00.000000Z",
        "actor": {"id": 1, "login": "ada"},
        "subject": {"kind": "evidence", "id": index, "digest": sha256_hex(b"%d" % index)},
        "data": {},
    }
    if index == SUBJECT_INDEX:
        value |= {"type": "report.issued", "subject": {"digest": sha256_hex(DOCUMENT)}}
    if index == DATA_INDEX:
        value |= {"type": "report.requested", "data": {"digest": sha256_hex(DOCUMENT)}}
    return value


class Log:
    """A log as the portal keeps it: exact bodies, complete nodes, a signing key."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies = bodies
        self.leaves = [leaf_hash(body) for body in bodies]
        self.nodes = {(0, index): leaf for index, leaf in enumerate(self.leaves)}
        frontier = Frontier()
        for leaf in self.leaves:
            for level, index, value in frontier.append(leaf):
                self.nodes[level, index] = value

    def node_at(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def checkpoint(self, size: int, key: SigningKey = KEY) -> str:
        return sign_checkpoint(key.name, size, root_of(self.leaves[:size]), key)

    def consistency(self, old: int, new: int) -> list[str]:
        if old == 0:
            return []
        return [encode(item) for item in consistency_proof(old, new, self.node_at)]

    def receipt(self, index: int = SUBJECT_INDEX, size: int = LOG_SIZE) -> dict[str, Any]:
        return {
            "format": "countersign/receipt/1",
            "entry": {"index": index, "body": encode(self.bodies[index])},
            "inclusion_proof": [encode(item) for item in inclusion_proof(size, index, self.node_at)],
            "checkpoint": self.checkpoint(size),
            "document_digest": sha256_hex(DOCUMENT),
        }


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


LOG = Log([canonical_bytes(entry(index)) for index in range(LOG_SIZE)])
RECEIPT = LOG.receipt()
RECEIPT_BYTES = json.dumps(RECEIPT, ensure_ascii=False).encode()
OTHER_BODY = canonical_bytes(entry(SUBJECT_INDEX) | {"at": "2020-01-01T00:00:00.000000Z"})
