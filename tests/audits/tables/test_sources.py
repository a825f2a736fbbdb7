"""Files, folders and objects on S3-compatible storage (moto's server on loopback)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audits.counting.cells import Cells
from audits.counting.reduction import reduce_to_cells
from audits.errors import BadInput
from audits.spec import check_spec
from audits.tables.frames import COMMAND_LINE_LIMITS, read_predictions
from audits.tables.sources import fetch_files, open_input
from tests.audits.samples import SIX_ROWS, SPEC, reduce_text, write

PEOPLE = "person,race\n1,x\n2,y\n"


def count(folder: Path, **changes: Any) -> Cells:
    """Reduce what a specification in `folder` names."""
    spec = check_spec({**SPEC, **changes})
    with open_input(spec, folder) as file:
        return reduce_to_cells(file, spec)


def write_halves(folder: Path) -> list[Path]:
    """Write the six rows as two files."""
    header, *rows = SIX_ROWS.splitlines(keepends=True)
    folder.mkdir(exist_ok=True)
    return [
        write(folder / "part-0.csv", "".join([header, *rows[:2]])),
        write(folder / "part-1.csv", "".join([header, *rows[2:]])),
    ]


def test_files_are_found_beside_the_specification(tmp_path: Path) -> None:
    whole = reduce_text(tmp_path, SIX_ROWS)
    write_halves(tmp_path / "parts")
    write(tmp_path / "parts" / "_SUCCESS", "")
    assert count(tmp_path, file="predictions.csv") == whole
    assert count(tmp_path, file=str(tmp_path / "predictions.csv")) == whole
    assert count(tmp_path, file=["parts/part-1.csv", "parts/part-0.csv"]) == whole
    assert count(tmp_path, file="parts/") == whole


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (None, "name the file"),
        ("absent.csv", "there is no file 'absent.csv'"),
        ("empty/", "a folder without files"),
        ("https://example.org/p.csv", "only local files and s3://"),
        ("file:///etc/passwd", "only local files and s3://"),
        ("s3://bucket", "names no object"),
    ],
)
def test_what_cannot_be_found_is_named(tmp_path: Path, file: str | None, words: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=words) as caught:
        count(tmp_path, **({"file": file} if file else {}))
    assert caught.value.column == "file"


def test_a_local_door_opens_no_url(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_predictions(Path("s3://bucket/key"), check_spec(SPEC))


class Store:
    """A bucket on an S3-compatible server that lives for one module."""

    def __init__(self, url: str) -> None:
        from pyarrow import fs

        self.url = url
        host = url.removeprefix("http://")
        self.files = fs.S3FileSystem(
            access_key="k", secret_key="s", region="us-east-1", scheme="http", endpoint_override=host,
            allow_bucket_creation=True,
        )  # fmt: skip
        self.files.create_dir("bucket")

    def put(self, key: str, content: bytes) -> None:
        """Write one object."""
        with self.files.open_output_stream(f"bucket/{key}") as stream:
            stream.write(content)


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    try:
        yield Store(f"http://{host}:{port}")
    finally:
        moto.stop()


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Point the environment at the server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return server


def test_objects_give_the_cells_of_files(tmp_path: Path, store: Store) -> None:
    whole = reduce_text(tmp_path, SIX_ROWS)
    store.put("one.csv", SIX_ROWS.encode())
    for path in write_halves(tmp_path / "parts"):
        store.put(f"run/{path.name}", path.read_bytes())
    store.put("run/_SUCCESS", b"")
    assert count(tmp_path, file="s3://bucket/one.csv") == whole
    assert count(tmp_path, file="s3://bucket/run/") == whole
    assert count(tmp_path, file=["s3://bucket/run/part-0.csv", "parts/part-1.csv"]) == whole


def test_an_object_is_digested_whole_and_its_copy_goes(tmp_path: Path, store: Store) -> None:
    content = SIX_ROWS.encode() * 1
    store.put("digest.csv", content)
    spec = check_spec({**SPEC, "file": "s3://bucket/digest.csv"})
    with open_input(spec, tmp_path) as file:
        assert file.sha256 == hashlib.sha256(content).hexdigest()
        assert file.path.read_bytes() == content
    assert not file.path.exists()


def test_sensitive_values_may_be_an_object_too(tmp_path: Path, store: Store) -> None:
    store.put("people.csv", PEOPLE.encode())
    write(tmp_path / "p.csv", "id,y_true,y_pred\n1,1,1\n2,0,1\n")
    cells = count(
        tmp_path,
        file="p.csv",
        columns={"y_true": "y_true", "y_pred": "y_pred", "id": "id"},
        sensitive=[{"column": "race", "from": "sensitive_file"}],
        sensitive_file={"file": "s3://bucket/people.csv", "id": "person"},
    )
    assert [cell.group for cell in cells.rows] == [("x",), ("y",)]


def test_what_storage_refuses_is_one_line(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="there is no object 's3://bucket/absent.csv'"):
        count(tmp_path, file="s3://bucket/absent.csv")
    with pytest.raises(BadInput, match="there is no object 's3://bucket/absent/'"):
        count(tmp_path, file="s3://bucket/absent/")
    monkeypatch.setattr("audits.tables.sources.shutil.disk_usage", lambda path: type("Usage", (), {"free": 3}))
    store.put("large.csv", b"1234")
    with (
        pytest.raises(BadInput, match="has 4 bytes; .* has room for 3"),
        fetch_files(["s3://bucket/large.csv"], tmp_path, column="file", limits=COMMAND_LINE_LIMITS),
    ):
        pass
    monkeypatch.setenv("AWS_ENDPOINT_URL", "storage.example.org")
    with pytest.raises(BadInput, match="must be like https"):
        count(tmp_path, file="s3://bucket/one.csv")
