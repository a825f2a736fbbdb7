"""Canonical JSON (RFC 8785), digests, and a strict parser for JSON that came from outside.

A signature binds to bytes, so there must be one way to write a value down. The log, the dossier and
every evidence digest go through `canonical_bytes`. Python dictionaries have already dropped
duplicate keys and numbers have already been rounded by the time a value exists, so foreign JSON is
read by `parse_strict`, which refuses what could be read in two ways.

Pure: no Django, no database. Errors are `CanonicalError`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import rfc8785

MAX_DEPTH = 32
MAX_NODES = 50_000
MAX_INTEGER_DIGITS = 15  # every such integer survives a trip through an IEEE 754 double

# The profile of log entries: narrower than RFC 8785, so that any reader in any language rebuilds
# the same bytes.
LOG_MAX_DEPTH = 8
LOG_MAX_BYTES = 16 * 1024
LOG_MAX_INTEGER = 2**53 - 1
LOG_IDENTIFIER_FIELDS = frozenset({"at", "digest", "id", "kind", "login", "request_id", "type"})
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# One token: a string (with the colon that makes it a key), a bracket, a separator, or a bare word.
_TOKEN = re.compile(
    r'[ \t\r\n]*+(?:(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")(?P<key>[ \t\r\n]*+:)?+'
    r'|(?P<open>[\[{])|(?P<close>[\]}])|(?P<mark>[,:])|(?P<word>[^\s\[\]{},:"]++))',
    re.DOTALL,
)
_BLANK = re.compile(r"[ \t\r\n]*+")
_INTEGER = re.compile(r"-?[0-9]+")


class CanonicalError(ValueError):
    """A value has no canonical form, or a document is not acceptable JSON.

    `position` is the offset in characters in the parsed text, or None when the fault has no single
    place.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        where = "" if position is None else f" (at character {position})"
        super().__init__(message + where)
        self.message = message
        self.position = position


def sha256_hex(data: bytes) -> str:
    """Return the digest of bytes as 'sha256:' and 64 lowercase hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value as UTF-8 bytes.

    Raises CanonicalError for NaN, infinities, integers of 2**53 and more, lone surrogates, keys
    that are not strings, values that JSON does not have, and nesting deeper than the interpreter
    can follow.
    """
    try:
        return rfc8785.dumps(value)
    except RecursionError:
        raise CanonicalError("the value is nested too deeply to be written down") from None
    except ValueError as error:
        raise CanonicalError(f"the value has no canonical form: {error}") from error


def canonical_digest(value: Any) -> str:
    """Return the digest of a JSON value's canonical bytes, as `sha256_hex` writes it."""
    return sha256_hex(canonical_bytes(value))


def parse_strict(data: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Any:
    """Parse UTF-8 JSON that can be read in one way only, and return it as plain Python values.

    `max_bytes` bounds the document, `max_depth` the nesting (a bare scalar has depth 0, [] has 1),
    `max_nodes` the number of values. Refuses a byte order mark, duplicate keys, NaN and infinities
    (1e999 too), integers of more than 15 digits, lone surrogates and NUL characters. Limits are
    checked on the text, before anything nests. Raises CanonicalError with the position where it has
    one.
    """
    if len(data) > max_bytes:
        raise CanonicalError(f"the document has {len(data)} bytes; at most {max_bytes} are accepted")
    if data.startswith(b"\xef\xbb\xbf"):
        raise CanonicalError("the document starts with a byte order mark; send plain UTF-8", 0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CanonicalError(f"byte {error.start} is not UTF-8; send the document as UTF-8") from error
    _check_tokens(text, max_depth, max_nodes)
    try:
        return json.loads(text, object_pairs_hook=_refuse_duplicate_keys)
    except json.JSONDecodeError as error:
        raise CanonicalError(f"this is not JSON: {error.msg}", error.pos) from error


def _check_tokens(text: str, max_depth: int, max_nodes: int) -> None:
    """Walk the tokens without recursion: limits, number sizes, characters. The grammar is left to
    the JSON parser."""
    depth = nodes = 0
    for match in _iterate_tokens(text):
        kind = match.lastgroup or ""
        position = match.start(kind)
        if kind == "word":
            _check_word(match["word"], position)
        elif kind in ("string", "key"):
            _check_string(match["string"], match.start("string"))
        depth += (kind == "open") - (kind == "close")
        nodes += kind in ("open", "string", "word")
        if depth > max_depth:
            raise CanonicalError(f"nested deeper than {max_depth} levels", position)
        if nodes > max_nodes:
            raise CanonicalError(f"more than {max_nodes} values", position)


def _iterate_tokens(text: str) -> Iterator[re.Match[str]]:
    position = 0
    while match := _TOKEN.match(text, position):
        yield match
        position = match.end()
    rest = _BLANK.match(text, position)
    if rest is not None and rest.end() < len(text):
        raise CanonicalError("this is not JSON: unexpected character or unfinished string", rest.end())


def _check_string(token: str, position: int) -> None:
    if "\\u" not in token:
        return
    try:
        value: str = json.loads(token)
    except json.JSONDecodeError as error:
        raise CanonicalError(f"this is not JSON: {error.msg}", position + error.pos) from error
    if "\x00" in value:
        raise CanonicalError("a string holds a NUL character", position)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise CanonicalError("a string holds half of a surrogate pair", position)


def _check_word(word: str, position: int) -> None:
    if word in ("true", "false", "null"):
        return
    if _INTEGER.fullmatch(word):
        if len(word.lstrip("-")) > MAX_INTEGER_DIGITS:
            raise CanonicalError(
                f"an integer has more than {MAX_INTEGER_DIGITS} digits; send it as a string",
                position,
            )
        return
    try:
        value = float(word)
    except ValueError:
        raise CanonicalError(f"this is not JSON: {word[:40]!r}", position) from None
    if not math.isfinite(value):
        raise CanonicalError(f"{word[:40]} is not a finite number; send null and say why", position)


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise CanonicalError(f"the key {key[:80]!r} is given twice in one object")
            seen.add(key)
    return result


def check_log_profile(value: Any) -> bytes:
    """Refuse what may not stand in a log entry; return the canonical bytes of what may.

    The profile: no floats (write a decimal string), |integers| < 2**53, keys of printable ASCII,
    strings in Unicode NFC without NUL, identifier fields without control or bidirectional
    characters, at most 8 levels and 16 KiB of canonical bytes. Raises CanonicalError that names the
    path of the first fault.
    """
    _check_log_value(value, path="$", depth=1)
    data = canonical_bytes(value)
    if len(data) > LOG_MAX_BYTES:
        raise CanonicalError(f"the entry has {len(data)} bytes; at most {LOG_MAX_BYTES} are accepted")
    return data


def _check_log_value(value: Any, *, path: str, depth: int) -> None:
    if not isinstance(value, dict | list | tuple):
        _check_log_scalar(value, path)
        return
    if depth > LOG_MAX_DEPTH:
        raise CanonicalError(f"{path} is nested deeper than {LOG_MAX_DEPTH} levels")
    if not isinstance(value, dict):
        for index, item in enumerate(value):
            _check_log_value(item, path=f"{path}[{index}]", depth=depth + 1)
        return
    for key, item in value.items():
        _check_log_key(key, path)
        _check_log_value(item, path=f"{path}.{key}", depth=depth + 1)
        if key in LOG_IDENTIFIER_FIELDS and isinstance(item, str):
            _check_log_identifier(item, f"{path}.{key}")


def _check_log_scalar(value: Any, path: str) -> None:
    if isinstance(value, str):
        _check_log_text(value, path)
    elif isinstance(value, float):
        raise CanonicalError(f"{path} is a float; write it as a decimal string")
    elif value is not None and not isinstance(value, int):
        raise CanonicalError(f"{path} is a {type(value).__name__}, which JSON does not have")
    elif value is not None and abs(value) > LOG_MAX_INTEGER:
        raise CanonicalError(f"{path} is an integer of 2**53 or more; write it as a string")


def _check_log_key(key: Any, path: str) -> None:
    if not isinstance(key, str):
        raise CanonicalError(f"{path} has the key {key!r}, which is not a string")
    if not key or not (key.isascii() and key.isprintable()):
        raise CanonicalError(f"{path} has the key {ascii(key)[:80]}; keys are printable ASCII")


def _check_log_text(text: str, path: str) -> None:
    if "\x00" in text:
        raise CanonicalError(f"{path} holds a NUL character")
    if not unicodedata.is_normalized("NFC", text):
        raise CanonicalError(f"{path} is not in Unicode NFC; normalise it before it is logged")


def _check_log_identifier(text: str, path: str) -> None:
    for character in text:
        if unicodedata.category(character) == "Cc" or character in _BIDI_CONTROLS:
            raise CanonicalError(f"{path} holds the control character U+{ord(character):04X}")
