"""A witness: a small program on another machine that remembers how far a log had grown, and cosigns only growth.

It speaks c2sp.org/tlog-witness: `POST /add-checkpoint` with the size it saw last, a consistency proof and a checkpoint.
Whoever rewrites the log, keys in hand, gets no cosignature by it any more. It keeps one small file per log and its own
key, and trusts nothing but the log keys it was started with.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import re
import stat
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from countersign.errors import CountersignError
from countersign.verifier import Checkpoint, Tampered, check_consistency, compare, split_note

COSIGNATURE = b"\x04"
PRIVATE_PREFIX = "PRIVATE+KEY+"
STATE_FORMAT = "countersign/witness-state/1"
MOST_REQUEST_BYTES = 64 * 1024
MOST_PROOF_LINES = 63
PATIENCE_SECONDS = 10.0
PLAIN, SIZE_TYPE = "text/plain; charset=utf-8", "text/x.tlog.size"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_NAME = re.compile(r"[^\s+]{1,200}")


@dataclass(frozen=True)
class Answer:
    """What a request is answered with."""

    status: int
    body: str
    content_type: str = PLAIN


class Refusal(Exception):
    """A request that is not cosigned: the answer says why."""

    def __init__(self, status: int, body: str, content_type: str = PLAIN) -> None:
        super().__init__(body)
        self.answer = Answer(status, body + "\n", content_type)


@dataclass(frozen=True)
class WitnessKey:
    """The key that cosigns. ``seed`` is never shown."""

    name: str
    seed: bytes = field(repr=False)

    @property
    def vkey(self) -> str:
        """What the log's operator and whoever verifies need: `name+keyid+base64`."""
        return f"{self.name}+{self._key_id().hex()}+{_encode(COSIGNATURE + self._public())}"

    def cosign(self, text: str, at: int) -> str:
        """The signature line over a checkpoint's text as of ``at``, in seconds since 1970."""
        signature = _private(self.seed).sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        return f"\u2014 {self.name} {_encode(self._key_id() + at.to_bytes(8) + signature)}\n"

    def to_text(self) -> str:
        """The key as it is kept in its file."""
        return f"{PRIVATE_PREFIX}{self.name}+{self._key_id().hex()}+{_encode(COSIGNATURE + self.seed)}"

    @classmethod
    def from_text(cls, text: str) -> WitnessKey:
        """Read what ``to_text`` wrote. Raises ``ValueError``, which never quotes the key."""
        name, _, rest = text.strip().removeprefix(PRIVATE_PREFIX).partition("+")
        try:
            material = base64.b64decode(rest.partition("+")[2], validate=True)
        except ValueError:
            material = b""
        key = cls(name, material[1:])
        if material[:1] != COSIGNATURE or len(key.seed) != 32 or key.to_text() != text.strip():
            raise ValueError("it is not a witness's key")
        return key

    def _public(self) -> bytes:
        public: bytes = _private(self.seed).public_key().public_bytes_raw()
        return public

    def _key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + COSIGNATURE + self._public()).digest()[:4]


def load_or_create_key(path: Path, name: str) -> WitnessKey:
    """Read the witness's key, or make it at the first start. Raises ``CountersignError``."""
    if not path.exists():
        if not _NAME.fullmatch(name):
            raise CountersignError("bad_name", None, "A witness's name has no spaces and no plus signs.")
        _write_through(path, WitnessKey(name, os.urandom(32)).to_text() + "\n", 0o600, new=True)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise CountersignError("open_key", None, f"{path} can be read by others: chmod 600 {path}")
    try:
        return WitnessKey.from_text(path.read_text())
    except ValueError as error:
        raise CountersignError("bad_key", None, f"{path} cannot be used: {error}.") from None


class Register:
    """What the witness saw last of each log, one file each. Looking and writing is one step, whoever asks at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.lock = threading.Lock()
        self.held = (folder / "witness.lock").open("a")
        try:
            fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.held.close()
            raise CountersignError("busy", None, f"Another witness is at work in {folder}.") from None

    def close(self) -> None:
        """Let another witness have the folder."""
        self.held.close()

    def last(self, origin: str) -> Checkpoint:
        """The checkpoint cosigned last; that of an empty log when there is none. Raises ``ValueError``."""
        path = self._path(origin)
        if not path.exists():
            return Checkpoint(origin, 0, hashlib.sha256(b"").digest())
        read = json.loads(path.read_text())
        root = bytes.fromhex(read["root"])
        if read["format"] != STATE_FORMAT or read["origin"] != origin or len(root) != 32:
            raise ValueError(f"{path} is damaged; restore it from a backup, or the witness forgets what it saw")
        return Checkpoint(origin, int(read["size"]), root)

    def note(self, seen: Checkpoint) -> None:
        """Write down what is about to be cosigned: on the disk before this returns."""
        state = {"format": STATE_FORMAT, "origin": seen.origin, "size": seen.size, "root": seen.root.hex()}
        _write_through(self._path(seen.origin), json.dumps(state, indent=1) + "\n", 0o644)

    def _path(self, origin: str) -> Path:
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.json"


class Witness:
    """Cosigns checkpoints of the logs whose keys it was given, as long as they only grow."""

    def __init__(self, key: WitnessKey, log_keys: Sequence[str], register: Register) -> None:
        self.key = key
        self.log_keys = list(log_keys)
        self.origins = {vkey.partition("+")[0] for vkey in log_keys}
        self.register = register

    def add_checkpoint(self, request: bytes) -> Answer:
        """Check a request in the order that the specification gives, remember the checkpoint, and cosign it."""
        try:
            old, proof, note = _parse_request(request)
            checkpoint, text = self._open(note)
            if old > checkpoint.size:
                raise Refusal(400, f"the old size {old} is larger than the checkpoint's {checkpoint.size}")
            with self.register.lock:
                self._check_growth(self.register.last(checkpoint.origin), old, checkpoint, proof)
                self.register.note(checkpoint)
                return Answer(200, self.key.cosign(text, int(time.time())))
        except Refusal as refusal:
            return refusal.answer
        except (OSError, ValueError, KeyError, TypeError) as error:
            return Answer(500, f"the witness cannot keep what it sees: {error}\n")

    def _open(self, note: str) -> tuple[Checkpoint, str]:
        """The checkpoint, signed by a key of a known log, and the text that is signed."""
        origin = note.partition("\n")[0]
        if origin not in self.origins:
            raise Refusal(404, f"this witness knows no log named {origin[:200]!r}")
        verdict = compare(note, note, [], self.log_keys)
        if not verdict or verdict.checkpoint is None:
            raise Refusal(403, verdict.message)
        return verdict.checkpoint, split_note(note)[0]

    def _check_growth(self, last: Checkpoint, old: int, checkpoint: Checkpoint, proof: list[bytes]) -> None:
        if old != last.size:
            raise Refusal(409, str(last.size), SIZE_TYPE)
        if checkpoint.size == last.size and (checkpoint.root != last.root):
            raise Refusal(409, f"{last.size} entries gave another root before: the log was rewritten")
        try:
            check_consistency(last, checkpoint, proof)
        except Tampered as error:
            raise Refusal(422, str(error)) from None


def _parse_request(request: bytes) -> tuple[int, list[bytes], str]:
    """(old size, proof, note). Raises ``Refusal``."""
    try:
        head, separator, note = request.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise Refusal(400, "the request is not text in UTF-8") from None
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    if old is None or not separator or len(lines) > MOST_PROOF_LINES:
        raise Refusal(400, "a request is a line “old SIZE”, at most 63 hashes, an empty line and a checkpoint")
    proof = [_decode_hash(line) for line in lines]
    return int(old[1]), proof, note


def _decode_hash(line: str) -> bytes:
    try:
        value = base64.b64decode(line, validate=True)
    except ValueError:
        value = b""
    if len(value) != 32 or _encode(value) != line:
        raise Refusal(400, "a line of the proof is not a hash in base64")
    return value


# The server.


class WitnessServer(ThreadingHTTPServer):
    """Answers for one witness. A caller that says nothing is hung up on."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        super().__init__(address, WitnessHandler)
        self.witness = witness


class WitnessHandler(BaseHTTPRequestHandler):
    """One connection; it may carry several requests."""

    server: WitnessServer
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_SECONDS

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path.rstrip("/").rpartition("/")[2] != "add-checkpoint":
            self._answer(Answer(404, "this is a witness: POST /add-checkpoint\n"), close=True)
        elif not length.isdecimal() or int(length) > MOST_REQUEST_BYTES:
            self._answer(Answer(413, f"a request has a length, of at most {MOST_REQUEST_BYTES} bytes\n"), close=True)
        else:
            self._answer(self.server.witness.add_checkpoint(self.rfile.read(int(length))))

    def _answer(self, answer: Answer, *, close: bool = False) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say what is refused and nothing else: a log asks often."""
        if len(args) > 1 and str(args[1]) not in ("200", "409"):
            super().log_message(format, *args)


# Small things.


def _private(seed: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        message = 'A witness signs, which needs: pip install "countersign[witness]"'
        raise CountersignError("no_cryptography", None, message) from None
    return Ed25519PrivateKey.from_private_bytes(seed)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _write_through(path: Path, text: str, mode: int, *, new: bool = False) -> None:
    """Put a file in place whole, and on the disk before this returns. ``new`` never replaces one."""
    draft = path.with_name(f"{path.name}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if new:
        os.link(draft, path)
        draft.unlink()
    else:
        draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
