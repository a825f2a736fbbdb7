"""The signer's own files: its key, what it signed last, the leaves it signed, and its alarm.

They live in ``keys`` under the data folder, apart from the database: that is what makes the signer a witness against
whoever can write to the database. In production the folder belongs to the signer's own user; the web reads ``log.vkey``
and ``signer-alarm.json`` and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from governance.merkle import HASH_BYTES, Frontier, MerkleError, root_of
from governance.notes import NoteError, SigningKey, generate_key

STATE_FORMAT = "countersign/signer-state/1"
PUBLIC, SECRET = 0o644, 0o600


class SignerError(Exception):
    """The signer cannot work as things are; the message says what to repair."""


def keys_folder() -> Path:
    """Where the signer's files are."""
    return Path(settings.COUNTERSIGN_DATA) / "keys"


# The key.


def load_or_create_key() -> SigningKey:
    """Return the log's key, made at the first start. Raises ``SignerError`` for a key that others may read.

    The log's name is part of the key, so a later change of the setting changes nothing: a log keeps its name.
    """
    path = keys_folder() / "log.key"
    if not path.exists():
        _create_key(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SignerError(
            f"The log's key {path} can be read by others (mode {mode:04o}). Find out who could have copied it, "
            f"then close it: chmod 600 {path}"
        )
    try:
        key = SigningKey.from_text(path.read_text().strip())
    except (NoteError, UnicodeDecodeError) as error:
        raise SignerError(f"The log's key {path} cannot be used ({error}). Restore it from your backup.") from error
    _publish(key)
    return key


def _create_key(path: Path) -> None:
    if (keys_folder() / "signer-state.json").exists():
        raise SignerError(
            f"The log's key {path} is gone, though entries were signed with it. Restore it from your backup: a new "
            "key would leave everything signed so far without a successor."
        )
    key = generate_key(settings.COUNTERSIGN_LOG_ORIGIN)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    _write_through(draft, key.to_text() + "\n", SECRET)
    try:
        os.link(draft, path)  # refuses an existing name: two first starts agree on one key
    except FileExistsError:
        pass
    draft.unlink()


def _publish(key: SigningKey) -> None:
    """Write the public half where the web reads it. One that differs is a sign of tampering, not of age."""
    path = keys_folder() / "log.vkey"
    if not path.exists():
        replace_file(path, key.vkey + "\n")
    elif path.read_text().strip() != key.vkey:
        raise SignerError(f"{path} is not the public half of the log's key. Find out why, then delete {path}.")


def read_vkey() -> str | None:
    """The log's verifier key, or None before the signer's first start."""
    try:
        return (keys_folder() / "log.vkey").read_text().strip()
    except FileNotFoundError:
        return None


# What was signed last.


@dataclass
class Memory:
    """The size and frontier of what was signed last. ``leaves`` keeps every leaf signed: it names the bad entry."""

    frontier: Frontier = field(default_factory=Frontier)

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def root(self) -> bytes:
        return self.frontier.root()

    def has_its_leaves(self) -> bool:
        """Whether the leaves on disk are those of what was signed."""
        return root_of(signed_leaves(0, self.size)) == self.root

    def remember(self, frontier: Frontier, leaves: bytes) -> None:
        """Write down, synced to disk, what is about to be signed. ``leaves`` are those after the present size."""
        write_leaves(self.size, leaves)
        state = {
            "format": STATE_FORMAT,
            "size": frontier.size,
            "root": frontier.root().hex(),
            "frontier": [root.hex() for root in frontier.roots],
        }
        replace_file(keys_folder() / "signer-state.json", json.dumps(state, indent=1) + "\n")
        self.frontier = frontier


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
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignerError(f"The signer's memory {path} is damaged: {error}. Restore it from your backup.") from error
    return Memory(frontier)


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
    _write_through(draft, text, PUBLIC)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_through(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask: the web's user reads the public files
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
