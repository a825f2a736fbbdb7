"""Digests of files, and uploads that tell how far they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from countersign import describe_artifact, digest_bytes, digest_file
from countersign.files import CHUNK, UploadReader

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_a_digest_is_that_of_the_whole_file(tmp_path: Path, size: int) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"x" * size)

    assert digest_file(file) == "sha256:" + hashlib.sha256(b"x" * size).hexdigest()
    assert digest_file(file) == digest_bytes(b"x" * size)


def test_the_digest_of_nothing_is_the_published_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    assert digest_file(tmp_path / "empty") == EMPTY


def test_an_artifact_is_described_by_name_digest_and_size(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(b"{}")

    assert describe_artifact(tmp_path / "model.json") == {
        "name": "model.json",
        "digest": digest_bytes(b"{}"),
        "size": 2,
    }


def test_an_upload_tells_how_far_it_is_and_can_begin_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    told: list[tuple[int, int]] = []

    with (tmp_path / "file").open("rb") as file:
        reader = UploadReader(file, lambda done, total: told.append((done, total)))
        pieces = [reader.read(4), reader.read(4), reader.read(4)]
        reader.seek(0)
        again = reader.read()

    assert pieces == [b"0123", b"4567", b"89"]
    assert again == b"0123456789"
    assert told == [(4, 10), (8, 10), (10, 10), (10, 10)]
