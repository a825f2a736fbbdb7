"""The same rows in every format and in parts; files that ask for too much."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.counting.cells import Cells
from audits.counting.reduction import reduce_to_cells
from audits.errors import BadInput
from audits.spec import check_spec
from audits.tables import contents
from audits.tables.frames import Limits, read_predictions, read_table
from tests.audits.samples import SPEC, write

ROWS: dict[str, list[Any]] = {
    "group": ["a", "a", "b", None, "b", "a"],
    "y_true": [1, 0, 1, 1, 0, 1],
    "y_pred": [1, 1, 0, 1, 0, 0],
    "y_score": [0.9, 0.6, 0.4, 0.7, 0.1, 0.2],
}
FULL = {
    **SPEC,
    "columns": {"y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"},
    "missing": "own_group",
}


def make_table(start: int = 0, stop: int = 6) -> pa.Table:
    """Return rows of the table, the group as a dictionary."""
    columns = {name: values[start:stop] for name, values in ROWS.items()}
    table = pa.table(columns)
    return table.set_column(0, "group", table["group"].dictionary_encode())


def write_text(table: pa.Table) -> bytes:
    """Return a table as CSV."""
    lines = [",".join("" if cell is None else str(cell) for cell in row.values()) for row in table.to_pylist()]
    return ("\n".join([",".join(table.column_names), *lines]) + "\n").encode()


def write_csv(path: Path, table: pa.Table) -> None:
    path.write_bytes(write_text(table))


def write_gzip(path: Path, table: pa.Table) -> None:
    path.write_bytes(gzip.compress(write_text(table)))


def write_parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="zstd")


def write_arrow_file(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def write_arrow_stream(path: Path, table: pa.Table) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)


WRITERS: dict[str, Callable[[Path, pa.Table], None]] = {
    "csv": write_csv,
    "csv.gz": write_gzip,
    "parquet": write_parquet,
    "arrow": write_arrow_file,
    "arrows": write_arrow_stream,
}


def reduce_paths(paths: list[Path], **more: Any) -> Cells:
    """Reduce one table in some files."""
    spec = check_spec(FULL)
    return reduce_to_cells(read_predictions(paths, spec, **more), spec, **more)


def plain(cells: Cells) -> tuple[Any, ...]:
    """Return everything that must agree, the scores as lists."""
    return cells.to_json(scores=True), cells.rows_read, cells.rows_missing


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_cells_whole_and_in_parts(tmp_path: Path, name: str) -> None:
    whole, parts = tmp_path / f"whole.{name}", [tmp_path / f"{number}.{name}" for number in range(3)]
    WRITERS["csv"](tmp_path / "plain.csv", make_table())
    WRITERS[name](whole, make_table())
    for number, path in enumerate(parts):
        WRITERS[name](path, make_table(2 * number, 2 * number + 2))
    expected = plain(reduce_paths([tmp_path / "plain.csv"]))
    assert plain(reduce_paths([whole])) == expected
    assert plain(reduce_paths(parts)) == expected
    one, many = read_predictions(whole, check_spec(FULL)), read_predictions(parts, check_spec(FULL))
    assert one.sha256 == hashlib.sha256(whole.read_bytes()).hexdigest()
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in parts]
    assert [part["sha256"] for part in many.describe()] == digests
    assert many.sha256 == hashlib.sha256("\n".join(digests).encode()).hexdigest()
    assert many.size == sum(path.stat().st_size for path in parts)


@pytest.mark.parametrize("name", WRITERS)
def test_a_fault_in_a_part_is_named_with_part_and_row(tmp_path: Path, name: str) -> None:
    paths = [tmp_path / f"{number}.{name}" for number in range(2)]
    table = make_table()
    WRITERS[name](paths[0], table)
    scores = pa.array([0.5, float("nan"), 0.5, 0.5, 0.5, 0.5])
    WRITERS[name](paths[1], table.set_column(3, "y_score", scores))
    with pytest.raises(BadInput, match=rf"a score must be a finite number; found 'nan' \(in 1.{name}\)") as caught:
        reduce_paths(paths)
    assert (caught.value.column, caught.value.row) == ("y_score", 2)


@pytest.mark.parametrize(
    ("other", "words", "column"),
    [
        (lambda path: write_csv(path, make_table()), "differs from a in its format", None),
        (lambda path: write_parquet(path, make_table().select([1, 0, 2, 3])), "differs from a in its columns", None),
        (
            lambda path: write_parquet(path, make_table().set_column(1, "y_true", pa.array(["1"] * 6))),
            "has the type VARCHAR, in a BIGINT",
            "y_true",
        ),
        (lambda path: write_parquet(path, make_table().drop(["y_score"])), "not in the file", "y_score"),
    ],
)
def test_parts_must_be_alike(tmp_path: Path, other: Callable[[Path], None], words: str, column: str | None) -> None:
    write_parquet(tmp_path / "a", make_table())
    other(tmp_path / "b")
    with pytest.raises(BadInput) as caught:
        reduce_paths([tmp_path / "a", tmp_path / "b"])
    assert words in caught.value.message
    assert "(in b)" in caught.value.message
    assert caught.value.column == column


def test_a_gzip_bomb_is_stopped_by_size_and_by_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = write(tmp_path / "bomb.csv.gz", gzip.compress(write_text(make_table()) + b"a,1,1,0.5\n" * 1_000_000))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(BadInput, match="unpacks to more than 1,000,000 bytes"):
        reduce_paths([bomb], limits=Limits(inflated_bytes=1_000_000))
    monkeypatch.setattr(contents, "INFLATION_FREE", 1_000_000)
    with pytest.raises(BadInput, match="unpacks to more than 50 times its size"):
        reduce_paths([bomb], limits=Limits(inflation=50))
    assert reduce_paths([bomb], limits=Limits(inflation=2_000)).rows_read == 1_000_006


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"group,y_true,y_pred,y_score\na,1,1,0.5\nb,0,0,\xe9\n"), "not UTF-8 text: byte 44"),
        (gzip.compress(b"group,y_true,y_pred,y_score\na,1,1,0.5\nb,0,0\n"), "has 3 cells, the header has 4"),
        (gzip.compress(gzip.compress(b"a")), "a gzip archive in a gzip archive"),
        (gzip.compress(b""), "has no header"),
        (gzip.compress(b"group,y_true,y_pred,y_score\na,1,1,0.5\n") + b"and more", "damaged or cut short"),
        (gzip.compress(b"group,y_true,y_pred,y_score\na,1,1,0.5\n")[:-3], "damaged or cut short"),
        (b"\x1f\x8bnot gzip at all", "damaged or cut short"),
        (b"ARROW1 not arrow at all ARROW1", "starts like Arrow but cannot be read"),
        (b"\xff\xff\xff\xff\x10\x00\x00\x00 not a stream", "starts like Arrow but cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_archives_and_arrow_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        reduce_paths([write(tmp_path / "t", content)])
    assert words in caught.value.message


def test_members_of_a_gzip_archive_are_one_text(tmp_path: Path) -> None:
    text = write_text(make_table())
    path = write(tmp_path / "t.csv.gz", gzip.compress(text[:50]) + gzip.compress(text[50:]))
    assert reduce_paths([path]).rows_read == 6


def test_a_damaged_arrow_batch_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    write_arrow_file(path, pa.table({**ROWS, "group": ["aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff"]}))
    content = bytearray(path.read_bytes())
    place = content.index((4).to_bytes(4, "little") + (8).to_bytes(4, "little"))
    content[place : place + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(BadInput, match="the Arrow file is damaged"):
        reduce_paths([write(path, bytes(content))])


def test_nested_and_binary_arrow_columns_are_refused(tmp_path: Path) -> None:
    for values in (pa.array([[1]] * 6), pa.array([b"a"] * 6), pa.array([{"a": 1}] * 6)):
        write_arrow_file(tmp_path / "t", make_table().set_column(0, "group", values))
        with pytest.raises(BadInput, match="only plain values are read") as caught:
            reduce_paths([tmp_path / "t"])
        assert caught.value.column == "group"


def test_a_small_file_can_claim_too_many_rows(tmp_path: Path) -> None:
    count = 400_000
    columns = {name: pa.array([1] * count).dictionary_encode() for name in ("group", "y_true", "y_pred", "y_score")}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd")
    assert path.stat().st_size < 10_000
    with pytest.raises(BadInput, match="the table has 400,000 rows, at most 300,000 are read"):
        reduce_paths([path], limits=Limits(rows=300_000))
    with pytest.raises(BadInput, match="400,000 rows in 4 columns that are used, 1,600,000 values"):
        reduce_paths([path], limits=Limits(values=1_500_000))
    with pytest.raises(BadInput, match="the table has 800,000 rows"):
        read_table([path, path], ("group",), limits=Limits(rows=700_000))
    write_arrow_file(path, pa.table({name: [1] * 10 for name in columns}))
    with pytest.raises(BadInput, match="a batch has 2 rows, at most 1 are read at once"):
        reduce_paths([path], limits=Limits(batch_rows=1))


def test_an_empty_table_of_every_format_is_refused(tmp_path: Path) -> None:
    for name, writer in WRITERS.items():
        writer(tmp_path / name, make_table(0, 0))
        with pytest.raises(BadInput, match="no rows"):
            reduce_paths([tmp_path / name])


def test_a_large_text_is_checked_beside_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audits.tables.frames.DEFERRED_BYTES", 0)
    good = write(tmp_path / "good.csv", write_text(make_table()))
    assert reduce_paths([good]).rows_read == 6
    bad = write(tmp_path / "bad.csv", write_text(make_table()) + b"\xe9,1,1,0.5\n")
    with pytest.raises(BadInput, match="not UTF-8 text") as caught:
        reduce_paths([bad])
    assert caught.value.line == 8
    packed = write(tmp_path / "bad.csv.gz", gzip.compress(bad.read_bytes()))
    with pytest.raises(BadInput, match="not UTF-8 text"):
        reduce_paths([packed])
