"""JSON files at the command line: read strictly, written whole or not at all."""

from __future__ import annotations

import json
import json.decoder
import json.scanner
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from audits.errors import BadInput

LARGEST_DOCUMENT = 512 << 20
STANDARD_STREAM = "-"


def read_json(path: Path) -> Any:
    """Read a JSON document that says every key once and holds no NaN.

    Parameters
    ----------
    path : Path
        "-" reads standard input.

    Raises
    ------
    BadInput
        With line and column of the fault where there is one.
    OSError
        Where the file cannot be read.
    """
    text = _decode(_read_bytes(path))
    try:
        try:
            return json.loads(text, object_pairs_hook=_make_object, parse_constant=_refuse_constant)
        except _RepeatedKey:
            return _StrictDecoder().decode(text)  # slow, and knows the place
    except json.JSONDecodeError as error:
        raise BadInput(f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise BadInput("not usable JSON: it is nested too deeply") from None
    except ValueError:  # the only other one: Python reads no whole number of more than 4,300 digits
        raise BadInput("not usable JSON: a number has more digits than are read") from None


def _read_bytes(path: Path) -> bytes:
    if str(path) == STANDARD_STREAM:
        content = sys.stdin.buffer.read(LARGEST_DOCUMENT + 1)
    else:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_DOCUMENT + 1)
    if len(content) > LARGEST_DOCUMENT:
        raise BadInput(f"more than {LARGEST_DOCUMENT:,} bytes; a JSON document of that size is not read")
    return content


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(
            f"not UTF-8 text: byte {error.start:,} (counted from 0, line {line}) is 0x{content[error.start]:02x}"
        ) from None


class _RepeatedKey(Exception):
    """An object says a key twice."""


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKey
    return found


class _StrictDecoder(json.JSONDecoder):
    """Refuses repeated keys, naming where the object begins, and numbers that JSON does not have."""

    def __init__(self) -> None:
        super().__init__(parse_constant=_refuse_constant)
        self.parse_object = self._parse_object
        # The scanner in C knows nothing of a changed parse_object.
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _parse_object(self, state: tuple[str, int], *rest: Any) -> Any:
        text, start = state

        def check_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                keys = [key for key, _ in pairs]
                twice = next(key for key in keys if keys.count(key) > 1)
                where = text.count("\n", 0, start) + 1
                raise BadInput(f"the key {twice[:60]!r} stands twice in the object that begins on line {where}")
            return found

        strict, scan_once, _hook, _pairs_hook, memo = rest
        return json.decoder.JSONObject(state, strict, scan_once, None, check_keys, memo)  # type: ignore[attr-defined]


def _refuse_constant(name: str) -> NoReturn:
    raise BadInput(f"{name} is not a JSON number; leave the key out or write null")


def check_writable(path: Path) -> None:
    """Raise OSError now rather than after the work, where a document could not be written to `path`."""
    if _is_special(path):
        return
    if path.is_dir():
        raise IsADirectoryError(None, "is a folder; name a file", str(path))
    handle, name = _make_temporary(path)
    os.close(handle)
    Path(name).unlink()


def _make_temporary(path: Path) -> tuple[int, str]:
    """Open a temporary file in the folder of `path`; what goes wrong is said about `path`."""
    try:
        return tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, f"cannot be written ({error.strerror})", str(path)) from None


def write_text(document: Any, *, ensure_ascii: bool = False) -> str:
    """Return a document as JSON, one line per key and per entry of a list at its top.

    Lines a person can find their way in, at the speed of one line: `indent` takes seconds for a
    document of some megabytes.
    """

    def encode(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=False)

    if not isinstance(document, dict):
        return f"{encode(document)}\n"
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            shown = "[\n  " + ",\n  ".join(map(encode, value)) + "\n ]"
        else:
            shown = encode(value)
        lines.append(f" {encode(str(key))}: {shown}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_json(path: Path, document: Any) -> None:
    """Write a document so that `path` holds all of it or what it held before.

    A temporary file in the same folder takes the place of the old one after it has reached the
    disk. Pipes and devices are written to directly.
    """
    content = write_text(document).encode("utf-8", "replace")
    if _is_special(path):
        with path.open("wb") as stream:
            stream.write(content)
        return
    handle, name = _make_temporary(path)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(_find_mode(path))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _is_special(path: Path) -> bool:
    """Tell whether `path` is a pipe, a device or a socket."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _find_mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, those of a new one where there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
