"""Read a file once from front to back: its digest, and whether its text is text.

For a text the bytes must be UTF-8 without NUL; a compressed one is inflated on the way, within
limits, so that nothing behind this point meets a gzip bomb. Large files are read in a thread of
their own beside the column engine.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import queue
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from audits.errors import BadInput
from audits.tables.limits import Limits

CHUNK = 1 << 20
INFLATION_FREE = 64 << 20
"""Up to so many inflated bytes no ratio is asked for: short texts can be very regular."""


class Digest(NamedTuple):
    """What a file is, whatever its name."""

    sha256: str
    size: int


class ContentQueue:
    """Reads files one after another in a thread of its own, which ends with the queue or the process."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Future[Digest], Callable[[], Digest]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="content checks", daemon=True).start()

    def submit(self, read: Callable[[], Digest]) -> Future[Digest]:
        """Put one more file at the end."""
        future: Future[Digest] = Future()
        self._waiting.put((future, read))
        return future

    def close(self) -> None:
        """End after what was submitted."""
        self._waiting.put(None)

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            run_into(*item)


def run_into(future: Future[Digest], read: Callable[[], Digest]) -> None:
    """Read, and put the digest or the error into the future."""
    try:
        future.set_result(read())
    except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
        future.set_exception(error)


def check_content(
    path: Path, *, is_text: bool, is_compressed: bool, limits: Limits, later: ContentQueue | None = None
) -> Future[Digest]:
    """Read a file.

    Parameters
    ----------
    path : Path
    is_text : bool
        Whether the content must be UTF-8 text.
    is_compressed : bool
        Whether it is gzip around a text.
    limits : Limits
    later : ContentQueue, optional
        Where the reading is put; without it, it is done on return.

    Returns
    -------
    Future of Digest
        Its result raises BadInput where the content is not what it must be.
    """

    def read() -> Digest:
        return _read_compressed(path, limits) if is_compressed else _read_plain(path, is_text=is_text)

    if later is not None:
        return later.submit(read)
    future: Future[Digest] = Future()
    run_into(future, read)
    return future


def _read_plain(path: Path, *, is_text: bool) -> Digest:
    digest = hashlib.sha256()
    checker = TextChecker() if is_text else None
    size = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if checker is not None:
                checker.feed(chunk)
    if checker is not None:
        checker.finish()
    return Digest(digest.hexdigest(), size)


class _HashedStream:
    """A file that is digested as it is read; what `gzip` needs of a file and no more."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, number: int = -1) -> bytes:
        chunk = self._stream.read(number)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk


def _read_compressed(path: Path, limits: Limits) -> Digest:
    """Inflate a gzip file and throw the text away after looking at it."""
    checker = TextChecker()
    with path.open("rb") as file:
        stream = _HashedStream(file)
        try:
            with gzip.GzipFile(fileobj=cast("Any", stream)) as inflated:
                while chunk := inflated.read(CHUNK):
                    checker.feed(chunk)
                    _check_inflation(checker.size, stream.size, limits)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadInput(f"the gzip archive is damaged or cut short ({error}); compress the file again") from None
        checker.finish()
        while stream.read(CHUNK):
            pass
    return Digest(stream.digest.hexdigest(), stream.size)


def _check_inflation(inflated: int, read: int, limits: Limits) -> None:
    if inflated > limits.inflated_bytes:
        raise BadInput(f"the gzip archive unpacks to more than {limits.inflated_bytes:,} bytes, the most that is read")
    if inflated > INFLATION_FREE and inflated > limits.inflation * read:
        raise BadInput(
            f"the gzip archive unpacks to more than {limits.inflation:,} times its size; submit the table as Parquet"
        )


class TextChecker:
    """Checks chunks of bytes: UTF-8, no NUL."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines = 0
        self._pending = 0
        self.size = 0

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes; BadInput names the line."""
        try:
            self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            place = max(error.start - self._pending, 0)
            byte = self.size + error.start - self._pending
            raise BadInput(
                f"not UTF-8 text: byte {byte:,} (counted from 0) is 0x{error.object[error.start]:02x}; "
                "save the file with the encoding UTF-8",
                line=self._lines + chunk[:place].count(b"\n") + 1,
            ) from None
        place = chunk.find(b"\x00")
        if place >= 0:
            line = self._lines + chunk[:place].count(b"\n") + 1
            raise BadInput(f"byte {self.size + place:,} is a NUL character; this is not a text table", line=line)
        self._lines += chunk.count(b"\n")
        self._pending = len(self._decoder.getstate()[0])
        self.size += len(chunk)

    def finish(self) -> None:
        """Check that the text does not end inside a character."""
        if self._pending:
            raise BadInput(f"the file ends inside a UTF-8 character (byte {self.size:,}); save it again")
