"""The evidence store: bytes kept under their SHA-256, never changed, never opened.

A file is written beside its place, hashed while it is written, synced, and moved to where its digest says. The name
that a submitter gave is never part of a path.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from governance.exceptions import IntegrityBroken, StoreUnavailable, TooLarge
from governance.models import StoredFile

logger = logging.getLogger(__name__)

PREFIX = "sha256:"
CHUNK = 1 << 20
INCOMING = ".incoming-"
# Longer than any upload is written: nobody writes such a file any more.
ABANDONED_AFTER_SECONDS = 24 * 3600


def path_of(digest: str) -> Path:
    """Where the bytes of ``digest`` live."""
    name = digest.removeprefix(PREFIX)
    if len(name) != 64 or set(name) - set("0123456789abcdef"):
        raise ValueError(f"not a SHA-256 digest: {digest!r}")
    return Path(settings.COUNTERSIGN_DATA) / "evidence" / name[:2] / name


def save(
    chunks: Iterable[bytes], *, limit: int | None = None, examine: Callable[[BinaryIO], None] | None = None
) -> StoredFile:
    """Store the bytes and return their row. Nothing half written stays, and nothing that is refused.

    ``examine`` may read the whole file before it is taken in, and raise to refuse it. Raises ``TooLarge`` over
    ``limit`` (default: the setting) and ``StoreUnavailable`` when the disk cannot take it.
    """
    limit = settings.COUNTERSIGN_UPLOAD_LIMIT if limit is None else limit
    root = Path(settings.COUNTERSIGN_DATA) / "evidence"
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=root, prefix=INCOMING)
    except OSError as error:
        raise _unavailable(error) from error
    temporary = Path(name)
    try:
        digest, size = _write(handle, chunks, limit)
        if examine is not None:
            with temporary.open("rb") as file:
                examine(file)
        _settle(temporary, digest)
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


def _settle(temporary: Path, digest: str) -> None:
    """Move into place. Intact bytes that are there already stay; damaged ones are replaced and the operator is told."""
    place = path_of(digest)
    if place.exists():
        with place.open("rb") as file:
            if _hash(file) == digest:
                return
        logger.error(
            "The stored file %s was damaged; it was submitted again and is whole now. Look for the cause.", digest
        )
    place.parent.mkdir(exist_ok=True)
    temporary.chmod(0o440)
    temporary.replace(place)
    for folder in (place.parent, place.parent.parent):
        _sync(folder)


def _sync(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unavailable(error: OSError) -> StoreUnavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnavailable("The evidence store is full. Nothing was recorded; free space and send it again.")
    return StoreUnavailable(
        f"The evidence store cannot be used ({error.strerror}). Nothing was recorded; an operator must look."
    )


@contextmanager
def open_file(digest: str) -> Iterator[BinaryIO]:
    """Open stored bytes for reading. Raises ``IntegrityBroken`` when they are gone."""
    try:
        file = path_of(digest).open("rb")
    except FileNotFoundError as error:
        raise IntegrityBroken(f"The stored file {digest} is missing from the evidence store.") from error
    except OSError as error:
        raise StoreUnavailable(
            f"The evidence store cannot be read ({error.strerror}); an operator must look."
        ) from error
    with file:
        yield file


def check(digest: str) -> None:
    """Read the whole file again and raise ``IntegrityBroken`` unless its bytes still have this digest."""
    with open_file(digest) as file:
        found = _hash(file)
    if found != digest:
        raise IntegrityBroken(f"The stored file {digest} no longer has that digest: its bytes were changed.")


def _hash(file: BinaryIO) -> str:
    hasher = hashlib.sha256()
    while chunk := file.read(CHUNK):
        hasher.update(chunk)
    return PREFIX + hasher.hexdigest()


def clear_abandoned() -> int:
    """Delete what killed processes left half written and return how many files that were."""
    before, count = time.time() - ABANDONED_AFTER_SECONDS, 0
    for path in (Path(settings.COUNTERSIGN_DATA) / "evidence").glob(f"{INCOMING}*"):
        try:
            if path.stat().st_mtime < before:
                path.unlink()
                count += 1
        except FileNotFoundError:
            pass  # it was finished this moment
    return count
