"""Files on their way to the portal: their digests, and a reader that tells how far an upload is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20

Progress = Callable[[int, int], None]
"""Called with (bytes sent, bytes in all) while a file is uploaded."""


def digest_bytes(data: bytes) -> str:
    """Return ``sha256:<hex>`` of the bytes, as the portal writes digests."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_file(path: str | os.PathLike[str]) -> str:
    """Return ``sha256:<hex>`` of a file, read in pieces: an artifact or dataset may be larger than memory.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     digest_file(empty.name)[:20]
    'sha256:e3b0c44298fc1'
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return "sha256:" + digest.hexdigest()


class UploadReader:
    """A file open for reading that reports every piece that is taken from it.

    ``fileno`` lets the HTTP library announce the length, ``seek`` lets it begin again.
    """

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress
        self._total = os.fstat(file.fileno()).st_size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if self._progress is not None:
            self._progress(self._file.tell(), self._total)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()
