#!/usr/bin/env python3
"""Check a Countersign document without the portal: one file, the standard library, no network.

    python verifier.py receipt REPORT.pdf RECEIPT.json --key VKEY
    python verifier.py export ENTRIES.jsonl CHECKPOINT.txt --key VKEY
    python verifier.py compare OLD.txt NEW.txt --proof PROOF.json --key VKEY

VKEY is the log's verifier key, obtained from someone you trust and not from the portal you check;
`--key @FILE` reads keys from a file, one per line. Exit code 0: everything holds. 1: something was
changed. 2: it cannot be told (a key is missing, a file is not what it should be). Never 0 when in
doubt. The first thing that is wrong is named in one line.

Formats: RFC 6962 tree hashes, proofs checked as RFC 9162 writes them, C2SP signed-note and
tlog-checkpoint with Ed25519 (RFC 8032). Written apart from the portal's own code on purpose, so
that one mistake cannot hide in both.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # Run as a script, Python looks beside this file first, where another module may bear a standard one's name.
    del sys.path[0]

import argparse
import base64
import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

RECEIPT_FORMAT = "countersign/receipt/1"
MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
MAX_RECEIPT_BYTES = 1024 * 1024
MAX_NOTE_BYTES = 1024 * 1024
MAX_ENTRY_BYTES = 64 * 1024
MAX_SIGNATURES = 100
MAX_SIZE = 2**63 - 1
HASH_BYTES = 32


class Outcome(IntEnum):
    """What a check can end in; the value is the exit code."""

    GOOD = 0
    TAMPERED = 1
    NOT_VERIFIABLE = 2


class Tampered(Exception):
    """Two things that must agree do not."""


class NotVerifiable(Exception):
    """A key is missing or the input is malformed, so nothing can be said."""


@dataclass(frozen=True)
class Checkpoint:
    """The signed statement: the log named `origin` had `size` entries and this 32-byte root."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check, in one readable line. True in a condition only when it is GOOD.

    `entry` and `checkpoint` are given only when they have been proved.
    """

    outcome: Outcome
    message: str
    entry: dict[str, Any] | None = None
    checkpoint: Checkpoint | None = None

    def __bool__(self) -> bool:
        return self.outcome is Outcome.GOOD


_Arguments = ParamSpec("_Arguments")


def _judged(check: Callable[_Arguments, Verdict]) -> Callable[_Arguments, Verdict]:
    """Make a check return its refusals as verdicts. Whatever happens, it must not read as good."""

    @functools.wraps(check)
    def judge(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Verdict:
        try:
            return check(*args, **kwargs)
        except Tampered as error:
            return Verdict(Outcome.TAMPERED, str(error))
        except (NotVerifiable, OSError) as error:
            return Verdict(Outcome.NOT_VERIFIABLE, str(error))
        except Exception as error:
            return Verdict(Outcome.NOT_VERIFIABLE, f"the input makes the verifier fail: {error!r}")

    return judge


# The checks. Each returns a Verdict and raises nothing.


@_judged
def verify_receipt(
    document: bytes, receipt: dict[str, Any], vkeys: Sequence[str], *, entry_type: str | None = None
) -> Verdict:
    """Check that the log recorded exactly this document.

    `receipt` is the parsed receipt file: {"format": "countersign/receipt/1", "entry": {"index",
    "body": base64 of the exact entry}, "inclusion_proof": [base64], "checkpoint": note,
    "document_digest": "sha256:..."}. `entry_type` also demands what the entry says was done, such
    as "report.issued"; without it, read the message: a log may record a document in several roles.
    """
    document_digest, index, body, hashes, note = _open_receipt(receipt)
    digest = "sha256:" + hashlib.sha256(document).hexdigest()
    if digest != document_digest:
        raise Tampered(f"the document has {digest}, its receipt is for {document_digest}")
    checkpoint = _open_checkpoint(note, vkeys)
    _check_inclusion(_hash_leaf(body), index, hashes, checkpoint)
    entry = _parse_entry(body, index)
    if digest not in _digests_named(entry):
        raise Tampered(f"entry {index} is in the log but speaks of another document")
    if entry_type is not None and entry.get("type") != entry_type:
        raise Tampered(f"entry {index} is {entry.get('type')!r}, not {entry_type!r}")
    actor = entry.get("actor")
    login = actor.get("login") if isinstance(actor, dict) else None
    message = (
        f"the document is the one recorded as {entry.get('type')!r} by {login!r} at"
        f" {entry.get('at')!r}: entry {index} of {checkpoint.size} in {checkpoint.origin}"
    )
    return Verdict(Outcome.GOOD, message, entry, checkpoint)


@_judged
def verify_export(
    entries: Iterable[bytes],
    checkpoint: str,
    vkeys: Sequence[str],
    *,
    leaves: Iterable[bytes] | None = None,
) -> Verdict:
    """Rebuild the tree from the exact bytes of every entry, first to last, and compare its root.

    Entries may be more than the checkpoint covers: the rest is not yet sealed, and the message says
    so. `leaves` are the leaf hashes that came along, unsigned: they only help to name the entry.
    """
    sealed = _open_checkpoint(checkpoint, vkeys)
    expected = None if leaves is None else iter(leaves)
    tree, unsealed = _Tree(), 0
    for number, body in enumerate(entries):
        leaf = _hash_leaf(body)
        if expected is not None and next(expected, None) != leaf:
            raise Tampered(f"entry {number} does not have the leaf hash that was kept of it")
        _parse_entry(body, number)
        if number < sealed.size:
            tree.append(leaf)
        else:
            unsealed += 1
    if tree.size < sealed.size:
        raise Tampered(f"the checkpoint covers {sealed.size} entries, only {tree.size} are here")
    if tree.root() != sealed.root:
        raise Tampered(f"the first {tree.size} entries do not give the root that was signed")
    message = f"all {sealed.size} entries of {sealed.origin} give the root that was signed"
    if unsealed:
        message += f"; {unsealed} later entries are not sealed by this checkpoint"
    return Verdict(Outcome.GOOD, message, None, sealed)


@_judged
def compare(old: str, new: str, proof: Sequence[str], vkeys: Sequence[str]) -> Verdict:
    """Check that the log of the newer checkpoint is the log of the older one, only longer.

    `proof` is the consistency proof as base64 hashes; empty when sizes are equal or the old is 0.
    """
    first, second = _open_checkpoint(old, vkeys), _open_checkpoint(new, vkeys)
    if not isinstance(proof, list | tuple):
        _refuse("a consistency proof is a list of base64 hashes")
    hashes = [_decode_hash(item, "the consistency proof") for item in proof]
    if first.origin != second.origin:
        _refuse(f"the checkpoints are of two logs, {first.origin} and {second.origin}")
    if second.size < first.size:
        raise Tampered(f"the log went back from {first.size} to {second.size} entries")
    _check_consistency(first, second, hashes)
    message = f"{second.origin} with {second.size} entries continues the one with {first.size}"
    return Verdict(Outcome.GOOD, message, None, second)


def _refuse(message: str) -> NoReturn:
    raise NotVerifiable(message)


# Receipts and entries.


def parse_json(data: bytes, what: str) -> Any:
    """Parse UTF-8 JSON, refusing duplicate keys and NaN. Raises NotVerifiable naming `what`."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError, NotVerifiable) as error:
        raise NotVerifiable(f"{what} is not acceptable JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        _refuse("a key is given twice in one object")
    return result


def _open_receipt(receipt: Any) -> tuple[str, int, bytes, list[bytes], str]:
    """Return the document's digest, the entry's index and bytes, its proof, the checkpoint."""
    what = "the receipt"
    if _field(receipt, "format", str, what) != RECEIPT_FORMAT:
        _refuse(f"the receipt is not in the format {RECEIPT_FORMAT}")
    entry = _field(receipt, "entry", dict, what)
    body = _decode_base64(_field(entry, "body", str, "its entry"), "the entry body")
    proof = _field(receipt, "inclusion_proof", list, what)
    hashes = [_decode_hash(item, "the inclusion proof") for item in proof]
    index = _field(entry, "index", int, "its entry")
    digest = _field(receipt, "document_digest", str, what)
    return digest, index, body, hashes, _field(receipt, "checkpoint", str, what)


def _field(value: Any, name: str, kind: type, what: str) -> Any:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        _refuse(f"{what} has no {kind.__name__} named {name!r}")
    return found


def _parse_entry(body: bytes, index: int) -> dict[str, Any]:
    """Return the entry, which must say of itself that it stands at `index`."""
    if len(body) > MAX_ENTRY_BYTES:
        _refuse(f"entry {index} has {len(body)} bytes; at most {MAX_ENTRY_BYTES} are read")
    entry = parse_json(body, f"entry {index}")
    if not isinstance(entry, dict):
        _refuse(f"entry {index} is not a JSON object")
    named = entry.get("index")
    if type(named) is not int or named != index:
        raise Tampered(f"entry {index} says that it is entry {named!r}")
    return entry


def _digests_named(entry: dict[str, Any]) -> list[Any]:
    parts = [entry.get("subject"), entry.get("data")]
    return [part.get("digest") for part in parts if isinstance(part, dict)]


# Merkle tree, after RFC 6962 (hashes) and RFC 9162 (verification).


def _hash_leaf(body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + body).digest()


def _hash_node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class _Tree:
    """A tree that only grows: (width, root) of its complete parts, widest first."""

    def __init__(self) -> None:
        self.size = 0
        self.parts: list[tuple[int, bytes]] = []

    def append(self, leaf: bytes) -> None:
        width = 1
        while self.parts and self.parts[-1][0] == width:
            leaf = _hash_node(self.parts.pop()[1], leaf)
            width *= 2
        self.parts.append((width, leaf))
        self.size += 1

    def root(self) -> bytes:
        if not self.parts:
            return hashlib.sha256(b"").digest()
        root = self.parts[-1][1]
        for _, left in reversed(self.parts[:-1]):
            root = _hash_node(left, root)
        return root


def _check_inclusion(leaf: bytes, index: int, hashes: Sequence[bytes], checkpoint: Checkpoint) -> None:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < checkpoint.size:
        raise Tampered(f"the checkpoint covers {checkpoint.size} entries, not entry {index}")
    _, root = _climb(index, checkpoint.size - 1, leaf, hashes)
    if root != checkpoint.root:
        raise Tampered(f"entry {index} is not in the log that the checkpoint signs")


def _check_consistency(old: Checkpoint, new: Checkpoint, hashes: Sequence[bytes]) -> None:
    """RFC 9162, 2.1.4.2, with the empty tree as C2SP has it: a prefix of everything."""
    if old.size == 0 or old.size == new.size:
        expected = new.root if old.size else _Tree().root()
        if hashes or old.root != expected:
            raise Tampered(f"two different logs of {old.size} entries, or a proof where none is due")
        return
    path = [old.root, *hashes] if old.size.bit_count() == 1 else list(hashes)
    first, last = old.size - 1, new.size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    if not path or _climb(first, last, path[0], path[1:]) != (old.root, new.root):
        raise Tampered(f"the log of {new.size} entries rewrote the first {old.size}")


def _climb(first: int, last: int, seed: bytes, siblings: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Walk up from node `first` in a row that ends at `last`, as both algorithms do.

    Returns the root over the left siblings only (the old tree) and over all (the new tree).
    """
    old = new = seed
    for sibling in siblings:
        if last == 0:
            raise Tampered("the proof is longer than its checkpoint allows")
        if first & 1 or first == last:
            old, new = _hash_node(sibling, old), _hash_node(sibling, new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new = _hash_node(new, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise Tampered("the proof is shorter than its checkpoint demands")
    return old, new


# Signed notes.


def _open_checkpoint(note: str, vkeys: Sequence[str]) -> Checkpoint:
    """Return what a trusted key has signed under the log's own name."""
    text, signatures = _split_note(note)
    checkpoint = _parse_checkpoint(text)
    trusted = dict(_parse_vkey(vkey) for vkey in vkeys)
    by_log = False
    for name, key_id, signature in signatures:
        public = trusted.get((name, key_id))
        if public is None:
            continue
        if not verify_ed25519(public, text.encode(), signature):
            raise Tampered(f"the checkpoint does not fit the signature of {name}")
        by_log = by_log or name == checkpoint.origin
    if not by_log:
        _refuse(f"no given key of {checkpoint.origin!r} has signed the checkpoint")
    return checkpoint


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    if not isinstance(note, str) or len(note) > MAX_NOTE_BYTES:
        _refuse(f"a checkpoint is a text of at most {MAX_NOTE_BYTES} characters")
    text, separator, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not separator or lines.pop() or not 1 <= len(lines) <= MAX_SIGNATURES:
        _refuse("the checkpoint is not a signed note")
    if re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", note):
        _refuse("the checkpoint holds a control character")
    matches = [re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/=]+)", line) for line in lines]
    signatures = []
    for match in matches:
        if match is None:
            _refuse("the checkpoint has a line that is not a signature")
        signature = _decode_base64(match[2], "a signature")
        signatures.append((match[1], signature[:4], signature[4:]))
    return text + "\n", signatures


def _parse_checkpoint(text: str) -> Checkpoint:
    match = re.fullmatch(r"([^\s+]+)\n(0|[1-9][0-9]{0,18})\n(.+)\n", text)
    if match is None or int(match[2]) > MAX_SIZE:
        _refuse("a checkpoint has three lines: origin, size and root")
    return Checkpoint(match[1], int(match[2]), _decode_hash(match[3], "the checkpoint"))


def _parse_vkey(vkey: str) -> tuple[tuple[str, bytes], bytes]:
    """Return ((name, key id), public key); the key id must be the one the key gives."""
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", vkey)
    if match is None:
        _refuse(f"{vkey[:80]!r} is not a verifier key (name+keyid+base64)")
    material = _decode_base64(match[3], "the verifier key")
    key_id = hashlib.sha256(match[1].encode() + b"\n" + material).digest()[:4]
    if len(material) != 33 or material[0] != 1 or key_id.hex() != match[2]:
        _refuse(f"the verifier key of {match[1]!r} is damaged or not Ed25519")
    return (match[1], key_id), material[1:]


def _decode_base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise NotVerifiable(f"{what} is not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        _refuse(f"{what} is not in the one canonical base64 spelling")
    return data


def _decode_hash(text: Any, what: str) -> bytes:
    data = _decode_base64(text, what) if isinstance(text, str) else b""
    if len(data) != HASH_BYTES:
        _refuse(f"{what} holds something that is not a hash of {HASH_BYTES} bytes")
    return data


# Ed25519 verification, after RFC 8032, 5.1. Slow and not constant-time: nothing here is secret.

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, x*y = T/Z


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the signature fits. Refuses every encoding that is not the canonical one."""
    if len(public) != 32 or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    key = _decompress(public)
    if scalar >= _L or key is None:
        return False
    challenge = hashlib.sha512(signature[:32] + public + message).digest()
    factor = int.from_bytes(challenge, "little") % _L
    minus_key = (_P - key[0], key[1], key[2], _P - key[3])
    return _compress(_multiply_two(scalar, _BASE, factor, minus_key)) == signature[:32]


def _add(p: _Point, q: _Point) -> _Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply_two(s: int, p: _Point, t: int, q: _Point) -> _Point:
    """Return s*p + t*q, walking both scalars at once."""
    choice = (None, p, q, _add(p, q))
    result: _Point = (0, 1, 1, 0)
    for bit in reversed(range(max(s.bit_length(), t.bit_length()))):
        result = _add(result, result)
        chosen = choice[(s >> bit & 1) | (t >> bit & 1) << 1]
        if chosen is not None:
            result = _add(result, chosen)
    return result


def _compress(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompress(data: bytes) -> _Point | None:
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


# The command line.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one check, print its verdict in one line of plain ASCII, return the exit code."""
    options = _parser().parse_args(arguments)
    verdict: Verdict = _judged(options.run)(options)
    word = verdict.outcome.name.replace("_", " ").lower()
    print(f"{word}: {_plain(verdict.message)}")
    return int(verdict.outcome)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="verifier", description="Check a Countersign document.")
    commands = parser.add_subparsers(required=True)
    for name, (run, files, help_text) in _COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        for file in files:
            command.add_argument(file, type=Path)
        command.add_argument("--key", action="append", required=True, help="verifier key or @FILE")
        command.set_defaults(run=run, type=None, proof=None)
        if name == "receipt":
            command.add_argument("--type", help="what the entry must record, as report.issued")
        if name == "compare":
            command.add_argument("--proof", type=Path, help="JSON list of base64 hashes")
    return parser


def _run_receipt(options: argparse.Namespace) -> Verdict:
    document = _read(options.document, MAX_DOCUMENT_BYTES)
    receipt = parse_json(_read(options.receipt, MAX_RECEIPT_BYTES), "the receipt")
    return verify_receipt(document, receipt, _read_keys(options), entry_type=options.type)


def _run_export(options: argparse.Namespace) -> Verdict:
    note = _read_text(options.checkpoint)
    return verify_export(_read_lines(options.entries), note, _read_keys(options))


def _run_compare(options: argparse.Namespace) -> Verdict:
    proof = b"[]" if options.proof is None else _read(options.proof, MAX_RECEIPT_BYTES)
    hashes = parse_json(proof, "the proof")
    return compare(_read_text(options.old), _read_text(options.new), hashes, _read_keys(options))


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], Verdict], tuple[str, ...], str]] = {
    "receipt": (_run_receipt, ("document", "receipt"), "a document and its receipt"),
    "export": (_run_export, ("entries", "checkpoint"), "every entry of a log, one per line"),
    "compare": (_run_compare, ("old", "new"), "an older and a newer checkpoint"),
}


def _read_keys(options: argparse.Namespace) -> list[str]:
    keys: list[str] = []
    for given in options.key:
        keys.extend(_read_text(Path(given[1:])).split() if given.startswith("@") else [given])
    return keys


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        _refuse(f"{path} is larger than {limit} bytes")
    return data


def _read_text(path: Path) -> str:
    try:
        return _read(path, MAX_NOTE_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotVerifiable(f"{path} is not UTF-8 text") from error


def _read_lines(path: Path) -> Iterator[bytes]:
    """Yield the entries of an export. Canonical JSON has no line breaks, so a line is exact."""
    with path.open("rb") as file:
        while line := file.readline(MAX_ENTRY_BYTES + 2):
            yield line.removesuffix(b"\n")


def _plain(text: str) -> str:
    """Make text from strangers harmless on a terminal."""
    return "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in text)


if __name__ == "__main__":
    sys.exit(main())
