"""The evidence store: bytes under their digest, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from governance import store
from governance.exceptions import IntegrityBroken, InvalidInput, StoreUnavailable, TooLarge
from governance.models import StoredFile

pytestmark = pytest.mark.django_db
ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(autouse=True)
def evidence_folder(tmp_path: Path, settings) -> Path:
    settings.COUNTERSIGN_DATA = tmp_path
    return tmp_path / "evidence"


def list_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("chunks", [[b"abc"], [b"a", b"", b"bc"], iter([b"ab", b"c"])])
def test_save_keeps_the_bytes_under_their_digest(chunks, evidence_folder):
    stored = store.save(chunks)
    assert (stored.digest, stored.size) == (ABC, 3)
    name = ABC.removeprefix("sha256:")
    assert list_files(evidence_folder) == {f"{name[:2]}/{name}": b"abc"}


def test_save_of_nothing_is_the_empty_file():
    assert (store.save([]).digest, store.save([b""]).size) == (EMPTY, 0)


def test_save_hashes_while_writing_and_never_holds_the_file(evidence_folder):
    """Each chunk is gone to disk before the next one is asked for more than a buffer later."""
    seen: list[int] = []

    def produce() -> Iterator[bytes]:
        for _ in range(8):
            seen.append(sum(path.stat().st_size for path in evidence_folder.glob(".incoming-*")))
            yield bytes(1 << 20)

    stored = store.save(produce())
    assert stored.digest == "sha256:" + hashlib.sha256(bytes(8 << 20)).hexdigest()
    assert seen == [n << 20 for n in range(8)]


def test_save_makes_the_file_read_only():
    place = store.path_of(store.save([b"abc"]).digest)
    assert stat.S_IMODE(place.stat().st_mode) == 0o440


@pytest.mark.parametrize(("size", "taken"), [(0, True), (9, True), (10, True), (11, False), (1000, False)])
def test_save_limits_the_size_and_leaves_nothing_over_it(size, taken, evidence_folder):
    if taken:
        assert store.save([b"x"] * size, limit=10).size == size
        return
    with pytest.raises(TooLarge, match="larger than the limit of 10 bytes") as caught:
        store.save([b"x"] * size, limit=10)
    assert caught.value.field == "file"
    assert list_files(evidence_folder) == {}
    assert StoredFile.objects.count() == 0


def test_save_stops_reading_at_the_limit():
    """An endless upload is cut off, not swallowed."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(TooLarge):
        store.save(endless(), limit=100)


def test_save_obeys_the_setting(settings):
    settings.COUNTERSIGN_UPLOAD_LIMIT = 2
    with pytest.raises(TooLarge):
        store.save([b"abc"])


def test_save_of_the_same_bytes_twice_is_one_file_and_one_row(evidence_folder):
    first, place = store.save([b"abc"]), store.path_of(ABC)
    number = place.stat().st_ino
    second = store.save([b"ab", b"c"])
    assert (first, StoredFile.objects.count()) == (second, 1)
    assert len(list_files(evidence_folder)) == 1
    assert place.stat().st_ino == number


def test_save_of_the_same_bytes_repairs_a_damaged_file_and_tells_the_operator(caplog):
    place = store.path_of(store.save([b"abc"]).digest)
    place.chmod(0o640)
    place.write_bytes(b"abd")
    with caplog.at_level(logging.ERROR, logger="governance.store"):
        store.save([b"abc"])
    assert place.read_bytes() == b"abc"
    assert [record.getMessage().split(" was ")[0] for record in caplog.records] == [f"The stored file {ABC}"]
    store.check(ABC)


def test_save_brings_a_missing_file_back():
    store.path_of(store.save([b"abc"]).digest).unlink()
    store.save([b"abc"])
    store.check(ABC)


def test_save_refused_by_the_examiner_leaves_nothing(evidence_folder):
    def refuse(file):
        raise InvalidInput(f"It says {file.read().decode()}.")

    with pytest.raises(InvalidInput, match="It says abc."):
        store.save([b"abc"], examine=refuse)
    assert list_files(evidence_folder) == {}
    assert StoredFile.objects.count() == 0


def test_save_leaves_nothing_when_the_source_breaks_off(evidence_folder):
    def break_off() -> Iterator[bytes]:
        yield b"abc"
        raise RuntimeError("the line went dead")

    with pytest.raises(RuntimeError, match="the line went dead"):
        store.save(break_off())
    assert list_files(evidence_folder) == {}


FULL = "The evidence store is full. Nothing was recorded; free space and send it again."
BROKEN = "The evidence store cannot be used (Input/output error). Nothing was recorded; an operator must look."


@pytest.mark.parametrize(
    ("code", "message"), [(errno.ENOSPC, FULL), (errno.EDQUOT, FULL), (errno.EIO, BROKEN)], ids=["full", "quota", "io"]
)
@pytest.mark.parametrize("call", ["fsync", "open", "replace"])
def test_save_on_a_failing_disk_says_so_and_leaves_nothing(code, message, call, monkeypatch, evidence_folder):
    def fail(*_args, **_given):
        raise OSError(code, os.strerror(code))

    owner = {"fsync": os, "open": tempfile, "replace": Path}[call]
    monkeypatch.setattr(owner, {"open": "mkstemp"}.get(call, call), fail)
    with pytest.raises(StoreUnavailable) as caught:
        store.save([b"abc"])
    assert caught.value.message == message
    monkeypatch.undo()
    assert list_files(evidence_folder) == {}
    assert StoredFile.objects.count() == 0


def test_save_without_a_folder_it_may_make_says_so(tmp_path, settings):
    (tmp_path / "file").write_bytes(b"")
    settings.COUNTERSIGN_DATA = tmp_path / "file"
    with pytest.raises(StoreUnavailable, match=r"cannot be used \(Not a directory\)"):
        store.save([b"abc"])


def test_save_on_a_disk_that_is_really_full_says_so(tmp_path, evidence_folder):
    """The kernel itself refuses: a file may grow to one page only."""
    import resource
    import signal

    before, old = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(StoreUnavailable, match="File too large"):
            store.save([bytes(10_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert list_files(evidence_folder) == {}


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", "abc", "../../etc/passwd", "sha256:../" + "a" * 61, "sha256:" + "A" * 64, "sha256:" + "a" * 65],
)
def test_path_of_takes_nothing_but_a_digest(digest):
    with pytest.raises(ValueError, match="not a SHA-256 digest"):
        store.path_of(digest)


def test_check_finds_changed_bytes():
    place = store.path_of(store.save([b"abc"]).digest)
    store.check(ABC)
    place.chmod(0o640)
    place.write_bytes(b"abc ")
    with pytest.raises(IntegrityBroken, match=f"{ABC} no longer has that digest: its bytes were changed"):
        store.check(ABC)


def test_missing_file_is_broken_integrity():
    with pytest.raises(IntegrityBroken, match=f"{ABC} is missing from the evidence store"), store.open_file(ABC):
        pass
    with pytest.raises(IntegrityBroken, match="missing"):
        store.check(ABC)


def test_open_file_passes_on_what_its_reader_raises():
    store.save([b"abc"])
    with pytest.raises(FileNotFoundError, match="of the reader"), store.open_file(ABC):
        raise FileNotFoundError("of the reader")


def test_clear_abandoned_takes_only_what_a_dead_process_left(evidence_folder):
    store.save([b"abc"])
    old, young = evidence_folder / ".incoming-old", evidence_folder / ".incoming-young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(store.path_of(ABC), (0, 0))
    assert store.clear_abandoned() == 1
    assert not old.exists()
    assert young.exists()
    store.check(ABC)


def test_clear_abandoned_before_anything_was_stored_does_nothing():
    assert store.clear_abandoned() == 0


@pytest.mark.django_db(transaction=True)
def test_save_of_the_same_bytes_at_once_is_one_file(evidence_folder):
    barrier, outcomes = threading.Barrier(6), []

    def save() -> None:
        barrier.wait()
        try:
            outcomes.append(store.save([b"a" * 100_000] * 10).digest)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=save) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    assert len(set(outcomes)) == 1
    assert StoredFile.objects.count() == 1
    assert len(list_files(evidence_folder)) == 1
    store.check(outcomes[0])
