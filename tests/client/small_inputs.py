"""Good inputs of every kind for the offline verifier, each with the command line that reads it."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.merkle import root_of
from tests.client.small_log import DOCUMENT, KEY, LOG, LOG_SIZE, RECEIPT
from tests.client.small_release import AT, BUNDLE, DIGEST, LIST
from tests.client.small_trust import make_trust


@dataclass(frozen=True)
class Target:
    """One kind of input: the file that is changed, and the command line that reads it."""

    name: str
    data: bytes
    words: tuple[str, ...]


def pack() -> bytes:
    """The small log as an exported archive."""
    lines = [json.dumps({"consistency": [], "note": LOG.checkpoint(5)})]
    lines.append(json.dumps({"consistency": LOG.consistency(5, LOG_SIZE), "note": LOG.checkpoint(LOG_SIZE)}))
    manifest = {
        "format": "countersign/export/1",
        "origin": KEY.name,
        "size": LOG_SIZE,
        "root": root_of(LOG.leaves).hex(),
        "project": None,
        "files": False,
    }
    members = {
        "README.txt": b"read me",
        "log.json": json.dumps(manifest).encode(),
        "checkpoints/0000000000.jsonl": "".join(f"{line}\n" for line in lines).encode(),
        "leaves/0000000000.bin": b"".join(LOG.leaves),
        "entries/0000000000.jsonl": b"".join(body + b"\n" for body in LOG.bodies),
    }
    return pack_members(members)


def pack_members(members: dict[str, bytes]) -> bytes:
    """An archive of these files in this order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in members.items():
            item = tarfile.TarInfo(name)
            item.size = len(data)
            tar.addfile(item, io.BytesIO(data))
    return file.getvalue()


def text_of(value: Any) -> bytes:
    return json.dumps(value).encode()


TARGETS = (
    Target("receipt.json", text_of(RECEIPT), ("receipt", "document", "receipt.json", "--key", KEY.vkey)),
    Target(
        "bundle.json",
        text_of(BUNDLE),
        ("attestation", "bundle.json", "--digest", DIGEST, "--at", AT.isoformat(), "--key", KEY.vkey),
    ),
    Target("list.json", text_of(LIST), ("revocations", "list.json", "--at", AT.isoformat(), "--key", KEY.vkey)),
    Target(
        "trust.json",
        text_of(make_trust()),
        ("attestation", "good.json", "--at", AT.isoformat(), "--trust", "trust.json"),
    ),
    Target("log.tar", pack(), ("export", "log.tar", "--key", KEY.vkey)),
    Target("new.txt", LOG.checkpoint(LOG_SIZE).encode(), ("compare", "new.txt", "same.txt", "--key", KEY.vkey)),
)


def lay_out(folder: Path) -> None:
    """Put every input, and the files that their command lines name, into a folder."""
    (folder / "document").write_bytes(DOCUMENT)
    (folder / "good.json").write_bytes(text_of(BUNDLE))
    (folder / "same.txt").write_text(LOG.checkpoint(LOG_SIZE), encoding="utf-8")
    for target in TARGETS:
        (folder / target.name).write_bytes(target.data)
