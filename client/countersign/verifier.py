#!/usr/bin/env python3
"""Check what Countersign hands out without the portal: one file, the standard library, no network.

    python verifier.py attestation BUNDLE.json --artifact model.bin --environment production --key VKEY
    python verifier.py receipt DOCUMENT RECEIPT.json --key VKEY
    python verifier.py report REPORT.pdf --key VKEY
    python verifier.py export ARCHIVE.tar --key VKEY
    python verifier.py compare OLD.txt NEW.txt --proof PROOF.json --key VKEY
    python verifier.py revocations LIST.json --key VKEY

VKEY is the log's verifier key, obtained from someone you trust and not from the portal you check;
`--key @FILE` reads keys from a file, one per line. `--trust FILE` reads a trust file: keys with the
sizes of the log that each may sign, revoked keys, witnesses and how many of them must agree. Exit
code 0: everything holds. 1: something was changed, or is not allowed. 2: it cannot be told (a key is
missing, a list is stale, a file is not what it should be). Never 0 when in doubt. The first thing
that is wrong is named in one line.

Formats: RFC 6962 tree hashes, proofs checked as RFC 9162 writes them, C2SP signed-note,
tlog-checkpoint and tlog-cosignature with Ed25519 (RFC 8032), DSSE envelopes, in-toto statements,
tar. Written apart from the portal's own code on purpose, so that one mistake cannot hide in both.
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
import tarfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import IO, Any, NoReturn, ParamSpec

RECEIPT_FORMAT = "countersign/receipt/1"
TRUST_FORMAT = "countersign/trust/1"
EXPORT_FORMAT = "countersign/export/1"
REVOCATIONS_FORMAT = "countersign/revocations/1"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:countersign:attestation:promotion:2"
STATEMENT_PAYLOAD = "application/vnd.in-toto+json"
REVOCATIONS_PAYLOAD = "application/vnd.countersign.revocations+json"
PROMOTIONS = {
    "version.promoted": "regular",
    "version.promoted_in_emergency": "emergency",
    "release.rolled_back": "rollback",
}
"""The types of entry that let something run, and the kind of release that each makes."""
DOCUMENTS = {
    "evidence.submitted",
    "evaluation.completed",
    "policy.proposed",
    "sign_off.given",
    "report.issued",
    *PROMOTIONS,
}
"""The types of entry whose document belongs into an export: a file, a result, a policy, or what was signed."""
ED25519, COSIGNATURE = 0x01, 0x04
MAX_RECEIPT_BYTES = 1024 * 1024
MAX_BUNDLE_BYTES = 8 * 1024 * 1024
MAX_LIST_BYTES = 64 * 1024 * 1024
MAX_NOTE_BYTES = 1024 * 1024
MAX_ENTRY_BYTES = 64 * 1024
MAX_CHUNK_ENTRIES = 100_000
MAX_SIGNATURES = 100
MAX_SIZE = 2**63 - 1
MAX_SAFE_INTEGER = 2**53 - 1
HASH_BYTES = 32
BLOCK = 1024 * 1024


class Outcome(IntEnum):
    """What a check can end in; the value is the exit code."""

    GOOD = 0
    TAMPERED = 1
    NOT_VERIFIABLE = 2


class Tampered(Exception):
    """Two things that must agree do not. `index` is the first bad entry, where one can be named."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class NotAllowed(Tampered):
    """Everything is genuine, and it says no."""


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

    `entry`, `checkpoint` and `statement` are given only when they have been proved. `word` says in
    one word or two what `outcome` says as a number. `index` is the first bad entry of an export.
    """

    outcome: Outcome
    message: str
    entry: dict[str, Any] | None = None
    checkpoint: Checkpoint | None = None
    statement: dict[str, Any] | None = None
    word: str = "good"
    index: int | None = None

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
            word = "not allowed" if isinstance(error, NotAllowed) else "tampered"
            return Verdict(Outcome.TAMPERED, str(error), word=word, index=error.index)
        except (NotVerifiable, OSError) as error:
            return Verdict(Outcome.NOT_VERIFIABLE, str(error), word="not verifiable")
        except Exception as error:
            what = f"the input makes the verifier fail: {error!r}"
            return Verdict(Outcome.NOT_VERIFIABLE, what, word="not verifiable")

    return judge


def _refuse(message: str) -> NoReturn:
    raise NotVerifiable(message)


# Whom to trust.


@dataclass(frozen=True)
class TrustedKey:
    """A key, and the sizes of the log that it may sign. A revoked one needs witnesses beside it."""

    name: str
    key_id: bytes
    public: bytes
    first: int = 0
    last: int = MAX_SIZE
    revoked: bool = False


@dataclass(frozen=True)
class Trust:
    """The keys that speak for the log, the witnesses, and how many of these must have cosigned."""

    keys: tuple[TrustedKey, ...]
    witnesses: tuple[TrustedKey, ...] = ()
    quorum: int = 0
    origin: str | None = None


Trusted = Trust | Sequence[str]
"""What the checks accept: a Trust, or plain verifier keys."""


def read_trust(document: Any) -> Trust:
    """Return what a parsed trust file says. Raises NotVerifiable for one that is not complete."""
    what = "the trust file"
    if _field(document, "format", str, what) != TRUST_FORMAT:
        _refuse(f"the trust file is not in the format {TRUST_FORMAT}")
    keys = tuple(_read_trusted_key(item) for item in _field(document, "keys", list, what))
    vkeys = _field(document, "witnesses", list, what)
    witnesses = tuple(_parse_vkey(vkey, COSIGNATURE) for vkey in vkeys)
    quorum = _field(document, "quorum", int, what)
    if not 0 <= quorum <= len({witness.public for witness in witnesses}):
        _refuse(f"the trust file wants {quorum} witnesses and names {len(witnesses)}")
    return Trust(keys, witnesses, quorum, _field(document, "origin", str, what))


def _read_trusted_key(item: Any) -> TrustedKey:
    what = "a key in the trust file"
    key = _parse_vkey(_field(item, "vkey", str, what))
    if "to_size" not in item:  # left out would mean for ever: what retires a key must not be lost to a slip
        _refuse(f"{what} does not say until which size of the log it signs, or null")
    last = item["to_size"]
    if last is not None:
        last = _field(item, "to_size", int, what)
    first = _field(item, "from_size", int, what)
    revoked = _field(item, "revoked", bool, what)
    return TrustedKey(key.name, key.key_id, key.public, first, MAX_SIZE if last is None else last, revoked)


def _trust(given: Trusted) -> Trust:
    if isinstance(given, Trust):
        return given
    if isinstance(given, str) or given is None:
        _refuse("verifier keys are given as a list")
    return Trust(tuple(_parse_vkey(vkey) for vkey in given))


def _parse_vkey(vkey: Any, algorithm: int = ED25519) -> TrustedKey:
    """Return the key; its key id must be the one the key gives."""
    if not isinstance(vkey, str):
        _refuse("a verifier key is a text")
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", vkey)
    if match is None:
        _refuse(f"{vkey[:80]!r} is not a verifier key (name+keyid+base64)")
    material = _decode_base64(match[3], "the verifier key")
    key_id = hashlib.sha256(match[1].encode() + b"\n" + material).digest()[:4]
    if len(material) != 33 or material[0] != algorithm or key_id.hex() != match[2]:
        kind = "Ed25519" if algorithm == ED25519 else "a witness's Ed25519"
        _refuse(f"the verifier key of {match[1]!r} is damaged or not {kind}")
    return TrustedKey(match[1], key_id, material[1:])


# The checks. Each returns a Verdict and raises nothing.


@_judged
def verify_receipt(
    document: bytes, receipt: dict[str, Any], trusted: Trusted, *, entry_type: str | None = None
) -> Verdict:
    """Check that the log recorded exactly this document.

    `receipt` is the parsed receipt file: {"format": "countersign/receipt/1", "entry": {"index",
    "body": base64 of the exact entry}, "inclusion_proof": [base64], "checkpoint": note,
    "document_digest": "sha256:..."}. `entry_type` also demands what the entry says was done, such
    as "report.issued"; without it, read the message: a log may record a document in several roles.
    """
    return _check_document(digest_of(document), receipt, trusted, entry_type)


@_judged
def verify_digest(digest: str, receipt: dict[str, Any], trusted: Trusted, *, entry_type: str | None = None) -> Verdict:
    """Do what `verify_receipt` does for a document of which only the digest is at hand."""
    return _check_document(digest, receipt, trusted, entry_type)


def _check_document(digest: str, receipt: Any, trusted: Trusted, entry_type: str | None) -> Verdict:
    document_digest = _field(receipt, "document_digest", str, "the receipt")
    if digest != document_digest:
        raise Tampered(f"the document has {digest}, its receipt is for {document_digest}")
    entry, checkpoint = _open_receipt(receipt, _trust(trusted))
    index = entry["index"]
    if digest not in _digests_named(entry):
        raise Tampered(f"entry {index} is in the log but speaks of another document")
    if entry_type is not None and entry.get("type") != entry_type:
        raise Tampered(f"entry {index} is {entry.get('type')!r}, not {entry_type!r}")
    message = f"the document is the one recorded as {_describe(entry, checkpoint)}"
    return Verdict(Outcome.GOOD, message, entry, checkpoint)


@_judged
def verify_entry(receipt: dict[str, Any], trusted: Trusted) -> Verdict:
    """Check that the entry in a receipt is in the log, whatever document it speaks of."""
    entry, checkpoint = _open_receipt(receipt, _trust(trusted))
    return Verdict(Outcome.GOOD, f"the log recorded {_describe(entry, checkpoint)}", entry, checkpoint)


def _describe(entry: dict[str, Any], checkpoint: Checkpoint) -> str:
    actor = entry.get("actor")
    login = actor.get("login") if isinstance(actor, dict) else None
    return (
        f"{entry.get('type')!r} by {login!r} at {entry.get('at')!r}:"
        f" entry {entry['index']} of {checkpoint.size} in {checkpoint.origin}"
    )


@_judged
def verify_attestation(
    bundle: dict[str, Any],
    trusted: Trusted,
    *,
    digest: str | None = None,
    environment: str | None = None,
    at: datetime | None = None,
    revocations: dict[str, Any] | None = None,
) -> Verdict:
    """Check that an artifact may run: the promotion is signed, in the log, in force and not revoked.

    `bundle` is the parsed {"envelope": DSSE, "receipt": of the promotion's entry}. `digest` is the
    artifact's ("sha256:..."); what is left out is not demanded, and the message says so. `at` is the
    moment asked about, by default now. `revocations` is the parsed envelope of a revocation list.
    """
    trust = _trust(trusted)
    payload, _ = _open_envelope(_field(bundle, "envelope", dict, "the bundle"), STATEMENT_PAYLOAD, trust)
    entry, checkpoint = _open_receipt(_field(bundle, "receipt", dict, "the bundle"), trust)
    statement = parse_json(payload, "the statement")
    _check_promotion(payload, statement, entry)
    if bundle["receipt"].get("document_digest") != statement["predicate"]["dossier"]:
        raise Tampered("the receipt is for another dossier than the statement names")
    moment = datetime.now(UTC) if at is None else at
    notes = [_check_artifact(statement, digest), *_check_validity(statement, environment, moment)]
    if revocations is None:
        notes.append("revocations were not checked")
    else:
        listed = _open_revocations(revocations, trust, moment)
        notes.append(_check_revoked(listed, payload, statement, checkpoint, at))
    predicate = statement["predicate"]
    message = (
        f"{predicate['model']} version {predicate['version']} may run in {predicate['environment']}"
        f" until {predicate['expiresAt']}; {'; '.join(notes)}"
    )
    return Verdict(Outcome.GOOD, message, entry, checkpoint, statement)


@_judged
def verify_revocations(envelope: dict[str, Any], trusted: Trusted, *, at: datetime | None = None) -> Verdict:
    """Check that a revocation list is genuine and not stale at a moment, by default now."""
    listed = _open_revocations(envelope, _trust(trusted), datetime.now(UTC) if at is None else at)
    message = (
        f"{len(listed['revoked'])} attestations of {listed['origin']} are revoked,"
        f" as of {listed['issuedAt']}; the list holds until {listed['validUntil']}"
    )
    return Verdict(Outcome.GOOD, message, statement=listed)


@_judged
def verify_export(
    entries: Iterable[bytes],
    checkpoint: str,
    trusted: Trusted,
    *,
    leaves: Iterable[bytes] | None = None,
) -> Verdict:
    """Rebuild the tree from the exact bytes of every entry, first to last, and compare its root.

    Entries may be more than the checkpoint covers: the rest is not yet sealed, and the message says
    so. `leaves` are the leaf hashes that came along, unsigned: they only help to name the entry.
    """
    sealed = _open_checkpoint(checkpoint, _trust(trusted))
    expected = None if leaves is None else iter(leaves)
    tree, unsealed = _Tree(), 0
    for number, body in enumerate(entries):
        leaf = _hash_leaf(body)
        if expected is not None and next(expected, None) != leaf:
            raise Tampered(f"entry {number} does not have the leaf hash that was kept of it", number)
        _parse_entry(body, number)
        if number < sealed.size:
            tree.append(leaf)
        else:
            unsealed += 1
    if tree.size < sealed.size:
        what = f"the checkpoint covers {sealed.size} entries, only {tree.size} are here"
        raise Tampered(what, tree.size)
    if tree.root() != sealed.root:
        raise Tampered(f"the first {tree.size} entries do not give the root that was signed")
    message = f"all {sealed.size} entries of {sealed.origin} give the root that was signed"
    if unsealed:
        message += f"; {unsealed} later entries are not sealed by this checkpoint"
    return Verdict(Outcome.GOOD, message, None, sealed)


@_judged
def verify_archive(
    file: IO[bytes],
    trusted: Trusted,
    *,
    kept: Sequence[str] = (),
    tell: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Check an exported log: every entry, checkpoint and file in it, in one reading.

    `kept` are checkpoints that you kept from earlier: the archive must continue them. `tell` is
    called now and then with (entries read, entries there are).
    """
    return _Archive(_trust(trusted), kept, tell).check(file)


@_judged
def compare(old: str, new: str, proof: Sequence[str], trusted: Trusted) -> Verdict:
    """Check that the log of the newer checkpoint is the log of the older one, only longer.

    `proof` is the consistency proof as base64 hashes; empty when sizes are equal or the old is 0.
    """
    trust = _trust(trusted)
    first, second = _open_checkpoint(old, trust), _open_checkpoint(new, trust)
    hashes = _decode_hashes(proof, "the consistency proof")
    if first.origin != second.origin:
        _refuse(f"the checkpoints are of two logs, {first.origin} and {second.origin}")
    if second.size < first.size:
        raise Tampered(f"the log went back from {first.size} to {second.size} entries")
    check_consistency(first, second, hashes)
    message = f"{second.origin} with {second.size} entries continues the one with {first.size}"
    return Verdict(Outcome.GOOD, message, None, second)


# Receipts and entries.


def digest_of(data: bytes) -> str:
    """Return "sha256:" and the digest in hexadecimal."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


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


def _open_receipt(receipt: Any, trust: Trust) -> tuple[dict[str, Any], Checkpoint]:
    """Return the entry that the receipt proves, and the checkpoint that seals it."""
    what = "the receipt"
    if _field(receipt, "format", str, what) != RECEIPT_FORMAT:
        _refuse(f"the receipt is not in the format {RECEIPT_FORMAT}")
    carried = _field(receipt, "entry", dict, what)
    body = _decode_base64(_field(carried, "body", str, "its entry"), "the entry body")
    hashes = _decode_hashes(_field(receipt, "inclusion_proof", list, what), "the inclusion proof")
    index = _field(carried, "index", int, "its entry")
    checkpoint = _open_checkpoint(_field(receipt, "checkpoint", str, what), trust)
    _check_inclusion(_hash_leaf(body), index, hashes, checkpoint)
    return _parse_entry(body, index), checkpoint


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
        raise Tampered(f"entry {index} says that it is entry {named!r}", index)
    if not _is_canonical(body, entry):
        raise Tampered(f"entry {index} is not in the one canonical spelling", index)
    return entry


def _digests_named(entry: dict[str, Any]) -> list[Any]:
    parts = [entry.get("subject"), entry.get("data")]
    return [part.get("digest") for part in parts if isinstance(part, dict)]


# Canonical JSON, after RFC 8785.

_encode_text = json.JSONEncoder(ensure_ascii=False).encode
_encode_plain = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def _is_canonical(data: bytes, value: Any) -> bool:
    # The quick encoder agrees with the rules for what a log holds; whatever it does not confirm is spelled out.
    return _encode_plain(value).encode("utf-8", "surrogatepass") == data or canonical_json(value) == data


def canonical_json(value: Any) -> bytes:
    """Return the one spelling that RFC 8785 gives a value. Raises NotVerifiable where it has none."""
    try:
        return "".join(_spell(value)).encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotVerifiable("a text holds half a character") from error


def _spell(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for place, key in enumerate(sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))):
            yield f"{',' if place else ''}{_encode_text(key)}:"
            yield from _spell(value[key])
        yield "}"
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            yield "," if place else ""
            yield from _spell(item)
        yield "]"
    elif isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        yield _spell_number(value)
    else:
        yield _encode_text(value)


def _spell_number(value: float) -> str:
    """ECMAScript's shortest decimal that reads back as the same double."""
    number = float(value)
    if number in (float("inf"), float("-inf")) or number != number or (number != value):
        _refuse(f"{value} is not a number that JSON can carry exactly")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, exponent = f"{abs(number)!r}".partition("e")[::2]
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


# Attestations: an in-toto statement in a DSSE envelope, bound to its entry in the log.


def _open_envelope(envelope: Any, payload_type: str, trust: Trust) -> tuple[bytes, list[TrustedKey]]:
    """Return what a trusted key has signed, and who has."""
    what = "the envelope"
    if _field(envelope, "payloadType", str, what) != payload_type:
        _refuse(f"the envelope does not carry {payload_type}")
    payload = _decode_base64(_field(envelope, "payload", str, what), "the payload")
    signatures = _field(envelope, "signatures", list, what)
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        _refuse(f"an envelope has between 1 and {MAX_SIGNATURES} signatures")
    signed = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
    signers = []
    for item in signatures:
        key_id = _field(item, "keyid", str, "a signature")
        signature = _decode_base64(_field(item, "sig", str, "a signature"), "a signature")
        known = [key for key in trust.keys if key.key_id.hex() == key_id]
        fitting = [key for key in known if verify_ed25519(key.public, signed, signature)]
        if known and not fitting:
            raise Tampered(f"what the envelope carries does not fit the signature of {known[0].name}")
        signers += fitting
    if not signers:
        _refuse("no given key has signed the envelope")
    return payload, signers


def read_statement(bundle: Any) -> Any:
    """Return the statement in a bundle that was checked: it is read, and not judged again."""
    return parse_json(base64.b64decode(bundle["envelope"]["payload"]), "the statement")


def _check_promotion(payload: bytes, statement: Any, entry: dict[str, Any]) -> None:
    """The entry must be a promotion that names exactly this statement. It is what makes an old key's signature hold."""
    kind = PROMOTIONS.get(str(entry.get("type")))
    data = entry.get("data")
    if kind is None or not isinstance(data, dict):
        raise Tampered(f"entry {entry['index']} is {entry.get('type')!r}, which lets nothing run")
    if data.get("statement") != digest_of(payload):
        raise Tampered(f"entry {entry['index']} is the promotion of something else than the statement says")
    _check_statement(statement)
    predicate = statement["predicate"]
    if predicate["kind"] != kind:
        raise Tampered(f"entry {entry['index']} is {entry['type']!r}, the statement says {predicate['kind']!r}")
    for name in ("environment", "dossier"):
        if name in data and data[name] != predicate[name]:
            raise Tampered(f"entry {entry['index']} and the statement differ in {name!r}")


def _check_statement(statement: Any) -> None:
    """The statement must have the shape that everything after this relies on."""
    what = "the statement"
    if _field(statement, "_type", str, what) != STATEMENT_TYPE:
        _refuse(f"the statement is not a {STATEMENT_TYPE}")
    if _field(statement, "predicateType", str, what) != PREDICATE_TYPE:
        _refuse(f"the statement is not about {PREDICATE_TYPE}: it says nothing of when it ends")
    predicate = _field(statement, "predicate", dict, what)
    for name in ("project", "model", "environment", "kind", "dossier", "notBefore", "expiresAt"):
        _field(predicate, name, str, "its predicate")
    _field(predicate, "version", int, "its predicate")
    _field(predicate, "soloMode", bool, "its predicate")


def _check_artifact(statement: dict[str, Any], digest: str | None) -> str:
    subjects = _field(statement, "subject", list, "the statement")
    named = []
    for subject in subjects:
        digests = _field(subject, "digest", dict, "a subject")
        named.append("sha256:" + _field(digests, "sha256", str, "a subject's digest"))
    if not named or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in named):
        _refuse("the statement does not name its artifacts by their SHA-256")
    if digest is None:
        return "no artifact was compared"
    if digest not in named:
        raise NotAllowed(f"the artifact {digest} is not one of the {len(named)} that were promoted")
    return "the artifact is one that was promoted"


def _check_validity(statement: dict[str, Any], environment: str | None, moment: datetime) -> list[str]:
    """Place and time. Returns what a reader should know besides."""
    predicate = statement["predicate"]
    if environment is not None and environment != predicate["environment"]:
        raise NotAllowed(f"it was promoted into {predicate['environment']!r}, not into {environment!r}")
    begin = parse_moment(predicate["notBefore"], "notBefore")
    end = parse_moment(predicate["expiresAt"], "expiresAt")
    if moment < begin:
        raise NotAllowed(f"the attestation holds from {predicate['notBefore']} on")
    if moment >= end:
        raise NotAllowed(f"the attestation expired at {predicate['expiresAt']}")
    notes = []
    if predicate["kind"] != "regular":
        notes.append({"emergency": "EMERGENCY: the gate was closed"}.get(predicate["kind"], "rolled back to"))
    if predicate["soloMode"]:
        notes.append("SOLO MODE: nobody independent has signed")
    return notes


def parse_moment(text: str, what: str) -> datetime:
    """Read an RFC 3339 time with its offset. Raises NotVerifiable, for a time without one too."""
    shape = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
    if re.fullmatch(shape, text) is None:
        _refuse(f"{what} is not a time such as 2026-11-24T12:00:00Z")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotVerifiable(f"{what} is not a time: {error}") from error


# Revocation lists.


def _open_revocations(envelope: Any, trust: Trust, moment: datetime) -> dict[str, Any]:
    """Return the list, which must be signed by a key in force and not be stale at the moment."""
    payload, signers = _open_envelope(envelope, REVOCATIONS_PAYLOAD, trust)
    what = "the revocation list"
    listed: dict[str, Any] = parse_json(payload, what)
    if _field(listed, "format", str, what) != REVOCATIONS_FORMAT:
        _refuse(f"the revocation list is not in the format {REVOCATIONS_FORMAT}")
    origin, size = _field(listed, "origin", str, what), _field(listed, "logSize", int, what)
    in_force = [key for key in signers if not key.revoked and key.first <= size <= key.last and key.name == origin]
    if not in_force or (trust.origin is not None and trust.origin != origin):
        _refuse(f"no key of {origin!r} that is in force has signed the revocation list")
    for item in _field(listed, "revoked", list, what):
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", _field(item, "statement", str, "a revocation")):
            _refuse("a revocation does not name a statement by its SHA-256")
        parse_moment(_field(item, "endedAt", str, "a revocation"), "endedAt")
    issued = parse_moment(_field(listed, "issuedAt", str, what), "issuedAt")
    until = parse_moment(_field(listed, "validUntil", str, what), "validUntil")
    if until <= issued:
        _refuse("the revocation list ends before it begins")
    if moment >= until:
        _refuse(f"the revocation list is stale: it held until {listed['validUntil']}")
    return listed


def _check_revoked(
    listed: dict[str, Any], payload: bytes, statement: dict[str, Any], checkpoint: Checkpoint, at: datetime | None
) -> str:
    """Refuse what is listed. Asked about the past, refuse what had ended by then."""
    if listed["origin"] != checkpoint.origin:
        _refuse(f"the revocation list is of {listed['origin']!r}, the attestation of {checkpoint.origin!r}")
    if parse_moment(listed["issuedAt"], "issuedAt") >= parse_moment(statement["predicate"]["expiresAt"], "expiresAt"):
        _refuse("the revocation list is younger than the attestation's end and need not name it any more")
    digest = digest_of(payload)
    for item in listed["revoked"]:
        if item["statement"] != digest:
            continue
        if at is None or parse_moment(item["endedAt"], "endedAt") <= at:
            raise NotAllowed(f"it was withdrawn at {item['endedAt']}: {item.get('reason') or 'no reason given'}")
    return f"not revoked as of {listed['issuedAt']}"


# Exported logs: one tar archive, read once from front to back and never unpacked.

_MEMBER = re.compile(
    r"README\.txt|verifier\.py|trust\.json|log\.json|(checkpoints|entries)/[0-9]{10}\.jsonl|leaves/[0-9]{10}\.bin"
    r"|(evidence|contents|dossiers|results|policies)/[0-9a-f]{64}|attestations/[0-9]{10}\.json"
    r"|time-stamps/[0-9]{10}\.tsr"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class _Archive:
    """One reading of an archive. Entries grow the tree; checkpoints and files are held against it."""

    def __init__(self, trust: Trust, kept: Sequence[str], tell: Callable[[int, int], None] | None) -> None:
        self.trust = trust
        self.kept = [_open_checkpoint(note, trust) for note in kept]
        self.tell = tell
        self.tree = _Tree()
        self.manifest: dict[str, Any] = {}
        self.waiting: deque[tuple[Checkpoint, str, list[bytes]]] = deque()
        self.leaves = b""
        self.sealed: Checkpoint | None = None
        self.checkpoints = self.files = self.withheld = self.vouched = 0
        self.lacking = ""
        self.named: dict[bytes, int] = {}
        self.awaited: dict[bytes, int] = {}
        self.statements: dict[bytes, tuple[int, Any]] = {}
        self.stamps: dict[int, bytes] = {}

    def check(self, file: IO[bytes]) -> Verdict:
        before, end = "", 0
        watched: Any = _Watched(file)
        with tarfile.open(fileobj=watched, mode="r|") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # nothing goes back, and memory stays flat
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or not _MEMBER.fullmatch(member.name):
                    _refuse(f"an export holds no {member.name[:100]!r}")
                content = tar.extractfile(member)
                if content is None:
                    _refuse(f"{member.name} cannot be read")
                folder = member.name.partition("/")[0]
                if folder == before.partition("/")[0] and member.name <= before:
                    _refuse(f"{member.name} is given twice or out of its order")
                before, end = member.name, member.offset_data + member.size
                self._take(folder, member, content)
        if not watched.ends_well():
            _refuse("the archive breaks off before its end")
        if watched.used > end:
            _refuse(f"something that is no file stands behind {before[:100]!r}: what follows was changed or added")
        return self._conclude()

    def _take(self, folder: str, member: tarfile.TarInfo, content: IO[bytes]) -> None:
        chunks = {"checkpoints": self._take_checkpoints, "leaves": self._take_leaves, "entries": self._take_entries}
        if folder == "log.json":
            self._take_manifest(_read_whole(content, MAX_RECEIPT_BYTES, member.name))
        elif folder in chunks:
            first = int(Path(member.name).stem)
            if not self.manifest or first != self.tree.size:
                _refuse(f"{member.name} does not follow what stands before it")
            chunks[folder](content)
        elif folder == "attestations":
            self._take_attestation(_read_whole(content, MAX_BUNDLE_BYTES, member.name), member.name)
        elif folder == "time-stamps":
            self._take_stamp(int(Path(member.name).stem), _read_whole(content, MAX_RECEIPT_BYTES, member.name))
        elif folder in ("evidence", "contents", "dossiers", "results", "policies"):
            self._take_file(content, member.name)

    def _take_manifest(self, data: bytes) -> None:
        what = "log.json"
        manifest = parse_json(data, what)
        if _field(manifest, "format", str, what) != EXPORT_FORMAT:
            _refuse(f"the export is not in the format {EXPORT_FORMAT}")
        _field(manifest, "origin", str, what)
        _field(manifest, "size", int, what)
        _field(manifest, "root", str, what)
        _field(manifest, "files", bool, what)
        if manifest.get("project") is not None:
            _field(_field(manifest, "project", dict, what), "name", str, "its project")
        if self.manifest:
            _refuse("log.json is given twice")
        self.manifest = manifest

    def _take_checkpoints(self, content: IO[bytes]) -> None:
        for line in _lines(content, 2 * MAX_NOTE_BYTES):
            item = parse_json(line, "a checkpoint")
            note = _field(item, "note", str, "a checkpoint")
            claimed = _parse_checkpoint(split_note(note)[0])
            last = self.waiting[-1][0].size if self.waiting else self.tree.size
            if not last < claimed.size <= self.tree.size + MAX_CHUNK_ENTRIES:
                _refuse(f"the checkpoint of {claimed.size} entries is out of its order")
            proof = _decode_hashes(item.get("consistency"), "a consistency proof")
            self.waiting.append((claimed, note, proof))

    def _take_stamp(self, size: int, data: bytes) -> None:
        """Keep an authority's time stamp until the checkpoint that it is about has come."""
        if not self.manifest or not self.tree.size < size <= self.tree.size + MAX_CHUNK_ENTRIES:
            _refuse(f"the time stamp on the checkpoint of {size} entries is out of its order")
        self.stamps[size] = data

    def _take_leaves(self, content: IO[bytes]) -> None:
        self.leaves = _read_whole(content, MAX_CHUNK_ENTRIES * HASH_BYTES, "a file of leaf hashes")

    def _take_entries(self, content: IO[bytes]) -> None:
        start = self.tree.size
        if self.waiting and self.waiting[0][0].size <= start:
            _refuse("a checkpoint stands behind the entries that it covers")
        unknown = self.stamps.keys() - {claimed.size for claimed, _note, _proof in self.waiting}
        if unknown:
            _refuse(f"there is a time stamp on {min(unknown)} entries and no checkpoint of them")
        for line in _lines(content, MAX_ENTRY_BYTES + 2):
            place = (self.tree.size - start) * HASH_BYTES
            if place >= MAX_CHUNK_ENTRIES * HASH_BYTES:
                _refuse(f"a file of an export has at most {MAX_CHUNK_ENTRIES} entries")
            self._take_entry(line, self.leaves[place : place + HASH_BYTES])
        if len(self.leaves) != (self.tree.size - start) * HASH_BYTES:
            raise Tampered(f"entry {self.tree.size} is missing", self.tree.size)
        self.leaves = b""

    def _take_entry(self, line: bytes, kept: bytes) -> None:
        """Grow the tree by an entry, which must have the leaf hash that was kept of it."""
        index = self.tree.size
        withheld = line.startswith(b"=")
        leaf = self._take_withheld(line, index) if withheld else _hash_leaf(line)
        if leaf != kept:
            raise Tampered(f"entry {index} does not have the leaf hash that was kept of it", index)
        if not withheld:
            self._note_digests(_parse_entry(line, index))
        self.tree.append(leaf)
        self._check_checkpoints()
        if self.tell is not None and index % 5_000 == 0:
            self.tell(index, self.manifest["size"])

    def _take_withheld(self, line: bytes, index: int) -> bytes:
        """An entry of another project: only its leaf hash is here, which is all that the root needs."""
        if self.manifest.get("project") is None:
            raise Tampered(f"entry {index} is withheld from an export of the whole log", index)
        self.withheld += 1
        return _decode_hash(line[1:].decode("ascii", "replace"), "a withheld entry")

    def _note_digests(self, entry: dict[str, Any]) -> None:
        """Remember which documents the entry names, and which of them must follow."""
        index = entry["index"]
        for digest in _walk_digests(entry):
            self.named.setdefault(digest, index)
        subject = entry.get("subject")
        if entry.get("type") in DOCUMENTS and isinstance(subject, dict) and "digest" in subject:
            for digest in _walk_digests(subject):
                self.awaited.setdefault(digest, index)
        data = entry.get("data")
        if entry.get("type") in PROMOTIONS and isinstance(subject, dict) and isinstance(data, dict):
            for digest in _walk_digests(data.get("statement")):
                self.statements[digest] = index, subject.get("id")

    def _check_checkpoints(self) -> None:
        size = self.tree.size
        for mine in self.kept:
            if mine.size == size and mine.root != self.tree.root():
                raise Tampered(f"the first {size} entries are not those of the checkpoint you kept")
        if not self.waiting or self.waiting[0][0].size != size:
            return
        claimed, note, proof = self.waiting.popleft()
        opened, lacking = _read_checkpoint(note, self.trust)
        first = 0 if self.sealed is None else self.sealed.size
        if opened.origin != self.manifest["origin"]:
            _refuse(f"the checkpoint of {size} entries is of {opened.origin!r}")
        if opened.root != self.tree.root():
            what = f"the entries {first} to {size - 1} are not those that the checkpoint of {size} entries signed"
            raise Tampered(what, first)
        if self.sealed is not None:
            check_consistency(self.sealed, opened, proof)
        self._check_stamp(size, note)
        self.sealed = claimed
        self.lacking = lacking
        if not lacking:
            self.vouched = size
        self.checkpoints += 1

    def _check_stamp(self, size: int, note: str) -> None:
        """A time stamp must be about its checkpoint. Who stamped, and whether rightly, openssl can say."""
        stamp, text = self.stamps.pop(size, None), split_note(note)[0].encode()
        if stamp is not None and hashlib.sha256(text).digest() not in stamp:
            raise Tampered(f"the time stamp on the checkpoint of {size} entries is about something else")

    def _take_file(self, content: IO[bytes], name: str) -> None:
        hasher = hashlib.sha256()
        while block := content.read(BLOCK):
            hasher.update(block)
        digest = bytes.fromhex(name[-64:])
        index = self.named.get(digest)
        if index is None:
            raise Tampered(f"no entry names the file {name}")
        if hasher.digest() != digest:
            raise Tampered(f"the file {name}, which entry {index} names, was changed", index)
        self.awaited.pop(digest, None)
        self.files += 1

    def _take_attestation(self, data: bytes, name: str) -> None:
        payload, _ = _open_envelope(parse_json(data, name), STATEMENT_PAYLOAD, self.trust)
        index, release = self.statements.pop(hashlib.sha256(payload).digest(), (None, None))
        if index is None:
            raise Tampered(f"no entry names the statement in {name}")
        if release != int(Path(name).stem):
            raise Tampered(f"{name} is the attestation of release {release!r}, which entry {index} names", index)
        self.files += 1

    def _conclude(self) -> Verdict:
        if not self.manifest:
            _refuse("this is no export: it has no log.json")
        size, sealed = self.manifest["size"], self.sealed
        if self.tree.size < size:
            raise Tampered(f"the export covers {size} entries, only {self.tree.size} are here", self.tree.size)
        if sealed is None or sealed.size != self.tree.size or self.waiting or size != self.tree.size:
            _refuse("no checkpoint seals the last entry of the export")
        if not self.vouched:
            _refuse(self.lacking)
        if self.manifest["root"] != sealed.root.hex():
            raise Tampered("log.json names another root than the last checkpoint signs")
        self._check_kept(sealed)
        self._check_nothing_lacks()
        whole = f"all {size} entries of {sealed.origin} give the roots that {self.checkpoints} checkpoints signed"
        if self.withheld:
            name = self.manifest["project"]["name"]
            whole += f"; {size - self.withheld} of them, of the project {name}, are here in full"
        if self.vouched < size:
            whole += f"; the last {size - self.vouched} are not vouched for yet: {self.lacking}"
        files = f"{self.files} files have their digests" if self.manifest["files"] else "it came without files"
        return Verdict(Outcome.GOOD, f"{whole}; {files}", None, sealed)

    def _check_nothing_lacks(self) -> None:
        missing = [(index, "file") for index in self.awaited.values()]
        missing += [(index, "attestation") for index, _release in self.statements.values()]
        if not self.manifest["files"] and self.files:
            _refuse(f"log.json says that no files came along, and there are {self.files}")
        if self.manifest["files"] and missing:
            index, what = min(missing)
            raise Tampered(f"the {what} that entry {index} names is not here", index)

    def _check_kept(self, sealed: Checkpoint) -> None:
        for mine in self.kept:
            if mine.origin != sealed.origin:
                _refuse(f"the checkpoint you kept is of {mine.origin!r}, the export of {sealed.origin!r}")
            if mine.size > sealed.size:
                what = (
                    f"the log was cut to {sealed.size} entries, or this is an older export:"
                    f" you kept a checkpoint of {mine.size}"
                )
                raise Tampered(what, sealed.size)


class _Watched:
    """A file that remembers where its last byte other than zero stands, and how it ended.

    tarfile takes an archive that broke off, or in which a header was damaged, for one that is complete.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = 0
        self.used = 0
        self.tail = b""

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.used = self.size + len(used) if (used := data.rstrip(b"\0")) else self.used
        self.size += len(data)
        self.tail = (self.tail + data)[-2 * tarfile.BLOCKSIZE :]
        return data

    def ends_well(self) -> bool:
        """Read on to the end, which has to be two blocks of zeros."""
        while self.read(BLOCK):
            pass
        return self.size % tarfile.BLOCKSIZE == 0 and self.tail == bytes(2 * tarfile.BLOCKSIZE)


def _walk_digests(value: Any) -> Iterator[bytes]:
    """Yield every SHA-256 that a value names, as bytes."""
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            yield bytes.fromhex(value[7:])
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _walk_digests(item)


def _read_whole(content: IO[bytes], limit: int, what: str) -> bytes:
    data = content.read(limit + 1)
    if len(data) > limit:
        _refuse(f"{what} is larger than {limit} bytes")
    return data


def _lines(content: IO[bytes], limit: int) -> Iterator[bytes]:
    """Yield lines without their ends. Canonical JSON has no line breaks, so a line is exact."""
    while line := content.readline(limit + 1):
        if len(line) > limit:
            _refuse(f"a line is longer than {limit} bytes")
        yield line.removesuffix(b"\n")


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


def check_consistency(old: Checkpoint, new: Checkpoint, hashes: Sequence[bytes]) -> None:
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


def _open_checkpoint(note: str, trust: Trust) -> Checkpoint:
    """Return what a key in force has signed under the log's own name, and enough witnesses with it."""
    checkpoint, lacking = _read_checkpoint(note, trust)
    if lacking:
        _refuse(lacking)
    return checkpoint


def _read_checkpoint(note: str, trust: Trust) -> tuple[Checkpoint, str]:
    """Return what a key of the log has signed, and what is lacking for it to be trusted by itself."""
    text, signatures = split_note(note)
    checkpoint = _parse_checkpoint(text)
    if trust.origin is not None and checkpoint.origin != trust.origin:
        _refuse(f"the checkpoint is of {checkpoint.origin!r}, not of {trust.origin!r}")
    signers = [key for key in find_signers(text, signatures, trust.keys) if key.name == checkpoint.origin]
    if not signers:
        _refuse(f"no given key of {checkpoint.origin!r} has signed the checkpoint")
    due = [key for key in signers if key.first <= checkpoint.size <= key.last]
    if not due:
        _refuse(f"the key that signed the checkpoint may not sign one of {checkpoint.size} entries")
    # A stolen key signs what the thief likes, but witnesses have seen the log as it grew.
    revoked = all(key.revoked for key in due)
    wanted = max(trust.quorum, int(revoked))
    found = len(_find_cosigners(text, signatures, trust.witnesses)) if wanted else 0
    if found >= wanted:
        return checkpoint, ""
    why = "its key is revoked, and " if revoked else ""
    return checkpoint, f"{why}{found} of the {wanted} witnesses needed have cosigned the checkpoint"


_Signature = tuple[str, bytes, bytes]  # key name, key id, signature


def find_signers(text: str, signatures: Sequence[_Signature], keys: Sequence[TrustedKey]) -> list[TrustedKey]:
    """Return the keys that have signed. A signature in a known key's name that does not fit is an error."""
    signers = []
    for name, key_id, signature in signatures:
        known = [key for key in keys if (key.name, key.key_id) == (name, key_id)]
        fitting = [key for key in known if verify_ed25519(key.public, text.encode(), signature)]
        if known and not fitting:
            raise Tampered(f"the checkpoint does not fit the signature of {name}")
        signers += fitting
    return signers


def _find_cosigners(text: str, signatures: Sequence[_Signature], witnesses: Sequence[TrustedKey]) -> set[bytes]:
    """Return the public keys of the witnesses that have cosigned (c2sp.org/tlog-cosignature, type 0x04)."""
    found = set()
    for name, key_id, signature in signatures:
        known = [key for key in witnesses if (key.name, key.key_id) == (name, key_id)]
        stamp = int.from_bytes(signature[:8], "big")
        message = f"cosignature/v1\ntime {stamp}\n{text}".encode()
        fitting = [key for key in known if len(signature) == 72 and verify_ed25519(key.public, message, signature[8:])]
        if known and not fitting:
            raise Tampered(f"the checkpoint does not fit the cosignature of {name}")
        found |= {key.public for key in fitting}
    return found


def split_note(note: str) -> tuple[str, list[_Signature]]:
    """Return the text of a note and its signatures."""
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


def _decode_hashes(items: Any, what: str) -> list[bytes]:
    if not isinstance(items, list | tuple):
        _refuse(f"{what} is a list of base64 hashes")
    return [_decode_hash(item, what) for item in items]


# Ed25519 verification, after RFC 8032, 5.1. Slow and not constant-time: nothing here is secret.

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, x*y = T/Z
_ZERO: _Point = (0, 1, 1, 0)


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
    return _compress(_add(_multiply(scalar, _BASE), _multiply(factor, minus_key))) == signature[:32]


def _add(p: _Point, q: _Point) -> _Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int, point: _Point) -> _Point:
    """Return scalar * point: one addition for each hexadecimal digit."""
    result: _Point = _ZERO
    for row in _multiples(point):
        result = _add(result, row[scalar & 15])
        scalar >>= 4
    return result


@functools.lru_cache(maxsize=32)
def _multiples(point: _Point) -> tuple[tuple[_Point, ...], ...]:
    """The multiples 0 to 15 of 16**n times the point, for n from 0 to 63. An archive has thousands of signatures."""
    rows = []
    for _ in range(64):
        row = [_ZERO]
        for _ in range(15):
            row.append(_add(row[-1], point))
        rows.append(tuple(row))
        point = _add(row[-1], point)
    return tuple(rows)


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
    verdict = run(arguments)
    print(f"{verdict.word}: {plain(verdict.message)}")
    return int(verdict.outcome)


def run(arguments: Sequence[str] | None = None) -> Verdict:
    """Run the check that a command line names. Wrong usage ends the program with exit code 2."""
    options = _parser().parse_args(arguments)
    verdict: Verdict = _judged(options.run)(options)
    return verdict


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="verifier", description="Check what Countersign hands out, offline.")
    commands = parser.add_subparsers(required=True)
    for name, (run, files, help_text) in _COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        for file in files:
            command.add_argument(file.rstrip("?"), type=Path, nargs="?" if file.endswith("?") else None)
        _add_trust(command)
        command.set_defaults(run=run, type=None, proof=None)
        for option, settings in _OPTIONS.get(name, {}).items():
            command.add_argument(option, **settings)
    return parser


def _run_attestation(options: argparse.Namespace) -> Verdict:
    digest = options.digest if options.artifact is None else digest_file(options.artifact)
    if options.artifact is not None and options.digest is not None and digest != options.digest:
        raise NotAllowed(f"{options.artifact} has {digest}, not {options.digest}")
    return verify_attestation(
        _read_json(options.bundle, MAX_BUNDLE_BYTES),
        _read_trust(options),
        digest=digest,
        environment=options.environment,
        at=None if options.at is None else parse_moment(options.at, "--at"),
        revocations=None if options.revocations is None else _read_json(options.revocations, MAX_LIST_BYTES),
    )


def _run_receipt(options: argparse.Namespace) -> Verdict:
    receipt = _read_json(options.receipt, MAX_RECEIPT_BYTES)
    if options.document is None:
        return verify_entry(receipt, _read_trust(options))
    return verify_digest(digest_file(options.document), receipt, _read_trust(options), entry_type=options.type)


def _run_report(options: argparse.Namespace) -> Verdict:
    receipt = options.receipt or default_receipt(options.report)
    read = _read_json(receipt, MAX_RECEIPT_BYTES)
    return verify_digest(digest_file(options.report), read, _read_trust(options), entry_type="report.issued")


def default_receipt(document: Path) -> Path:
    """Return where the receipt of a document is kept unless somebody says otherwise."""
    return document.with_name(document.name + ".receipt.json")


def _run_export(options: argparse.Namespace) -> Verdict:
    if options.checkpoint is not None:
        return verify_export(_read_lines(options.archive), _read_text(options.checkpoint), _read_trust(options))
    with options.archive.open("rb") as file:
        kept = [_read_text(path) for path in options.kept]
        return verify_archive(file, _read_trust(options), kept=kept, tell=_teller())


def _run_compare(options: argparse.Namespace) -> Verdict:
    hashes = [] if options.proof is None else _read_json(options.proof, MAX_RECEIPT_BYTES)
    return compare(_read_text(options.old), _read_text(options.new), hashes, _read_trust(options))


def _run_revocations(options: argparse.Namespace) -> Verdict:
    at = None if options.at is None else parse_moment(options.at, "--at")
    return verify_revocations(_read_json(options.list, MAX_LIST_BYTES), _read_trust(options), at=at)


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], Verdict], tuple[str, ...], str]] = {
    "attestation": (_run_attestation, ("bundle",), "whether an artifact may run"),
    "receipt": (_run_receipt, ("document?", "receipt"), "a document and its receipt, or an entry by its receipt"),
    "report": (_run_report, ("report",), "an issued PDF and its receipt"),
    "export": (_run_export, ("archive", "checkpoint?"), "an exported log, or entries one per line and a checkpoint"),
    "compare": (_run_compare, ("old", "new"), "an older and a newer checkpoint"),
    "revocations": (_run_revocations, ("list",), "a revocation list"),
}
_AT: Mapping[str, Any] = {
    "metavar": "TIME",
    "help": "the moment asked about, such as 2026-11-24T12:00:00Z; default now",
}
_OPTIONS: dict[str, dict[str, Mapping[str, Any]]] = {
    "attestation": {
        "--artifact": {"type": Path, "help": "the file that is to run"},
        "--digest": {"metavar": "sha256:...", "help": "its digest, instead of the file"},
        "--environment": {"help": "where it is to run"},
        "--at": _AT,
        "--revocations": {"type": Path, "help": "a revocation list of the portal's, not stale"},
    },
    "receipt": {"--type": {"help": "what the entry must record, as report.issued"}},
    "report": {"--receipt": {"type": Path, "help": "default: REPORT.pdf.receipt.json beside it"}},
    "export": {
        "--kept": {"type": Path, "action": "append", "default": [], "help": "a checkpoint you kept from earlier"}
    },
    "compare": {"--proof": {"type": Path, "help": "JSON list of base64 hashes"}},
    "revocations": {"--at": _AT},
}


def trust_of(words: Sequence[str]) -> Trust:
    """Return whom --key and --trust on a command line trust. Raises NotVerifiable and OSError."""
    parser = argparse.ArgumentParser()
    _add_trust(parser)
    return _read_trust(parser.parse_args(words))


def _add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", "--vkey", action="append", default=[], help="verifier key or @FILE; repeatable")
    parser.add_argument("--trust", type=Path, help="trust file: keys with their ranges, witnesses, quorum")


def _read_trust(options: argparse.Namespace) -> Trust:
    """What --trust says and --key adds."""
    keys: list[str] = []
    for given in options.key:
        keys += (_read_text(Path(given[1:])) if given.startswith("@") else given).split()
    added = tuple(_parse_vkey(key) for key in keys)
    if options.trust is None:
        return Trust(added)
    read = read_trust(_read_json(options.trust, MAX_RECEIPT_BYTES))
    return Trust((*read.keys, *added), read.witnesses, read.quorum, read.origin)


def digest_file(path: Path) -> str:
    """Return the digest of a file of any size. Raises OSError."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            hasher.update(block)
    return "sha256:" + hasher.hexdigest()


def _read_json(path: Path, limit: int) -> Any:
    return parse_json(_read(path, limit), path.name)


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return _read_whole(file, limit, str(path))


def _read_text(path: Path) -> str:
    try:
        return _read(path, MAX_NOTE_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotVerifiable(f"{path} is not UTF-8 text") from error


def _read_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _lines(file, MAX_ENTRY_BYTES + 2)


def _teller() -> Callable[[int, int], None] | None:
    """Progress on a terminal, for a log takes minutes."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, size: int) -> None:
        sys.stderr.write(f"\r{done} of {size} entries")

    return tell


def plain(text: str) -> str:
    """Make text from strangers harmless on a terminal."""
    return "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in text)


if __name__ == "__main__":
    sys.exit(main())
