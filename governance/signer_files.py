"""The signer's own files: what it signed last, the leaves it signed, what it publishes, and its alarm.

They live in ``keys`` under the data folder, apart from the database: that is what makes the signer a witness against
whoever can write to the database. In production the folder belongs to the signer's own user; the web reads
``log.vkey``, ``log.trust.json`` and ``signer-alarm.json`` and nothing else. The keys: ``governance.signer_keys``.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from governance.merkle import HASH_BYTES, Frontier, MerkleError, root_of
from governance.notes import NoteError
from governance.trust import Trust, TrustedKey, read_key

STATE_FORMAT = "countersign/signer-state/1"
PUBLIC, SECRET = 0o644, 0o600


class SignerError(Exception):
    """The signer cannot work as things are; the message says what to repair."""


def keys_folder() -> Path:
    """Where the signer's files are."""
    return Path(settings.COUNTERSIGN_DATA) / "keys"


# What the signer publishes.


def read_vkeys() -> tuple[str, ...]:
    """The verifier keys that the log signs with now, the oldest first; none before the signer's first start."""
    try:
        return tuple((keys_folder() / "log.vkey").read_text().split())
    except FileNotFoundError:
        return ()


def read_vkey() -> str | None:
    """The first of the log's present verifier keys, or None before the signer's first start."""
    return next(iter(read_vkeys()), None)


def read_trust() -> Trust | None:
    """Which keys speak for the log over which sizes, or None before the signer's first start.

    Raises ``SignerError`` for a damaged file: trust is not guessed.
    """
    path = keys_folder() / "log.trust.json"
    try:
        return Trust.from_json(path.read_text()) if path.exists() else _trust_plain_keys()
    except (NoteError, UnicodeDecodeError) as error:
        raise SignerError(f"The log's trust file {path} cannot be used ({error}). Restart the signer.") from error


def _trust_plain_keys() -> Trust | None:
    """What a signer of an earlier release left: one key, for every size."""
    vkeys = read_vkeys()
    return Trust.of(vkeys) if vkeys else None


# What was signed last.


@dataclass
class Memory:
    """The size and frontier of what was signed last, and the log's keys as the entries up to there have them.

    A file beside it keeps every leaf signed: it names the bad entry.
    """

    frontier: Frontier = field(default_factory=Frontier)
    keys: tuple[TrustedKey, ...] = ()

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def root(self) -> bytes:
        return self.frontier.root()

    def has_its_leaves(self) -> bool:
        """Whether the leaves on disk are those of what was signed."""
        return root_of(signed_leaves(0, self.size)) == self.root

    def remember(self, frontier: Frontier, leaves: bytes, keys: Sequence[TrustedKey]) -> None:
        """Write down, synced to disk, what is about to be signed. ``leaves`` are those after the present size."""
        write_leaves(self.size, leaves)
        state = {
            "format": STATE_FORMAT,
            "size": frontier.size,
            "root": frontier.root().hex(),
            "frontier": [root.hex() for root in frontier.roots],
            "keys": [asdict(key) for key in keys],
        }
        replace_file(keys_folder() / "signer-state.json", json.dumps(state, indent=1) + "\n")
        self.frontier, self.keys = frontier, tuple(keys)


def load_memory() -> Memory | None:
    """Return what was signed last; None when nothing ever was. Raises ``SignerError`` for a damaged file."""
    path = keys_folder() / "signer-state.json"
    if not path.exists():
        return None
    try:
        read = json.loads(path.read_text())
        frontier = Frontier(read["size"], [bytes.fromhex(root) for root in read["frontier"]])
        if read["format"] != STATE_FORMAT or frontier.root().hex() != read["root"]:
            raise MerkleError("its parts do not belong together")
        keys = tuple(read_key(item) for item in read.get("keys", ()))  # none in those of earlier releases
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignerError(f"The signer's memory {path} is damaged: {error}. Restore it from your backup.") from error
    return Memory(frontier, keys)


def write_leaves(start: int, leaves: bytes) -> None:
    """Put leaf hashes at ``start``; whatever a signer that died had written there was never signed."""
    with _open_leaves() as file:
        file.truncate(start * HASH_BYTES)
        file.seek(start * HASH_BYTES)
        file.write(leaves)
        file.flush()
        os.fsync(file.fileno())


def signed_leaves(start: int, end: int) -> list[bytes]:
    """The leaf hashes that were signed, start <= index < end; fewer when fewer are kept."""
    try:
        with (keys_folder() / "signer-leaves.bin").open("rb") as file:
            file.seek(start * HASH_BYTES)
            data = file.read((end - start) * HASH_BYTES)
    except FileNotFoundError:
        return []
    return [data[place : place + HASH_BYTES] for place in range(0, len(data) - HASH_BYTES + 1, HASH_BYTES)]


def _open_leaves() -> Any:
    path = keys_folder() / "signer-leaves.bin"
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, PUBLIC), "r+b")


# The alarm.


def raise_alarm(index: int | None, what: str, at: str) -> bool:
    """Write the alarm for the pages to show. True when it is a new one; ``since`` stays that of the first."""
    known = read_alarm()
    if known is not None and (known.get("index"), known.get("what")) == (index, what):
        return False
    replace_file(keys_folder() / "signer-alarm.json", json.dumps({"index": index, "what": what, "since": at}) + "\n")
    return True


def clear_alarm() -> dict[str, Any] | None:
    """Take the alarm back and return it, or None when there was none."""
    known = read_alarm()
    (keys_folder() / "signer-alarm.json").unlink(missing_ok=True)
    return known


def read_alarm() -> dict[str, Any] | None:
    """{"index": first bad entry or None, "what": text, "since": RFC 3339}, or None while all is well.

    An alarm that cannot be read is still an alarm.
    """
    try:
        read = json.loads((keys_folder() / "signer-alarm.json").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {"index": None, "what": "The signer's alarm file cannot be read.", "since": ""}
    return read if isinstance(read, dict) else {"index": None, "what": str(read), "since": ""}


# Small things.


def take_lock() -> Any:
    """Return an open file that holds the signers' lock until it is closed, or None while another signer runs."""
    file = (keys_folder() / "signer.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def replace_file(path: Path, text: str) -> None:
    """Put a file in place whole or not at all, and on the disk before this returns."""
    draft = path.with_name(f"{path.name}.draft")
    write_through(draft, text, PUBLIC)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_through(path: Path, text: str, mode: int) -> None:
    """Write a file of this mode and have it on the disk before this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask: the web's user reads the public files
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
