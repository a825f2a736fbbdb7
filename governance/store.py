"""The evidence store: bytes kept under their SHA-256, never changed, never opened.

A file is written beside its place, hashed while it is written, synced, and moved to where its digest says. The name
that a submitter gave is never part of a path.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from governance.exceptions import IntegrityBroken, StoreUnavailable, TooLarge
from governance.models import StoredFile

PREFIX = "sha256:"
CHUNK = 1 << 20


def path_of(digest: str) -> Path:
    """Where the bytes of ``digest`` live."""
    name = digest.removeprefix(PREFIX)
    if len(name) != 64 or set(name) - set("0123456789abcdef"):
        raise ValueError(f"not a SHA-256 digest: {digest!r}")
    return Path(settings.COUNTERSIGN_DATA) / "evidence" / name[:2] / name


def save(chunks: Iterable[bytes], *, limit: int | None = None) -> StoredFile:
    """Store the bytes and return their row. Raises ``TooLarge`` or ``StoreUnavailable``; nothing half written stays."""
    limit = settings.COUNTERSIGN_UPLOAD_LIMIT if limit is None else limit
    root = Path(settings.COUNTERSIGN_DATA) / "evidence"
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=root, prefix=".incoming-")
    except OSError as error:
        raise _unavailable(error) from error
    temporary = Path(name)
    try:
        digest, size = _write(handle, chunks, limit)
        _settle(temporary, path_of(digest))
    except OSError as error:
        raise _unavailable(error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return StoredFile.objects.get_or_create(digest=digest, defaults={"size": size})[0]


def _write(handle: int, chunks: Iterable[bytes], limit: int) -> tuple[str, int]:
    hasher, size = hashlib.sha256(), 0
    with os.fdopen(handle, "wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"The file is larger than the limit of {limit:,} bytes.", field="file")
            hasher.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return PREFIX + hasher.hexdigest(), size


def _settle(temporary: Path, place: Path) -> None:
    """Move into place. The same bytes may be there already: then theirs stay, unless they are damaged."""
    place.parent.mkdir(exist_ok=True)
    temporary.chmod(0o440)
    temporary.replace(place)
    directory = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _unavailable(error: OSError) -> StoreUnavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnavailable("The evidence store is full. Nothing was recorded; free space and send it again.")
    return StoreUnavailable(
        f"The evidence store cannot be used ({error.strerror}). Nothing was recorded; an operator must look."
    )


@contextmanager
def open_file(digest: str) -> Iterator[BinaryIO]:
    """Open stored bytes for reading. Raises ``StoreUnavailable`` when they are gone."""
    try:
        with path_of(digest).open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise IntegrityBroken(f"The stored file {digest} is missing from the evidence store.") from error


def check(digest: str) -> None:
    """Read the whole file again and raise ``IntegrityBroken`` unless its bytes still have this digest."""
    hasher = hashlib.sha256()
    with open_file(digest) as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
    if PREFIX + hasher.hexdigest() != digest:
        raise IntegrityBroken(f"The stored file {digest} no longer has that digest: its bytes were changed.")
