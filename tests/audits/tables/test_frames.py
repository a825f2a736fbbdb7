from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from audits.bias.record import digest_file
from audits.counting.reduction import reduce_to_cells
from audits.errors import BadInput
from audits.spec import check_spec
from audits.tables.frames import Limits, read_predictions, read_table
from tests.audits.samples import SIX_ROWS, SPEC, reduce_file, reduce_text, write, write_parquet

PLAIN = "group,y_true,y_pred\na,1,1\nb,0,0\n"


@pytest.mark.parametrize(
    ("content", "delimiter", "encoding"),
    [
        (PLAIN.encode(), ",", "utf-8"),
        (PLAIN.replace(",", ";").encode(), ";", "utf-8"),
        (PLAIN.replace(",", "\t").encode(), "\t", "utf-8"),
        (b"\xef\xbb\xbf" + PLAIN.replace(",", ";").replace("\n", "\r\n").encode(), ";", "utf-8-sig"),
        (PLAIN.replace("\n", "\r").encode(), ",", "utf-8"),
        (PLAIN.replace("group", '"group"').encode(), ",", "utf-8"),
    ],
    ids=["comma", "semicolon", "tab", "mark and CR LF", "CR", "quoted header"],
)
def test_read_predictions_finds_out_the_dialect(tmp_path: Path, content: bytes, delimiter: str, encoding: str) -> None:
    path = write(tmp_path / "table.csv", content)
    file = read_predictions(path, check_spec(SPEC))
    assert (file.kind, file.columns) == ("csv", ("group", "y_true", "y_pred"))
    assert (file.delimiter, file.encoding) == (delimiter, encoding)
    assert (file.sha256, file.size) == (digest_file(path), len(content))
    assert reduce_text(tmp_path, content).rows == reduce_text(tmp_path, PLAIN).rows


def test_cells_keep_every_category_name_as_it_stands(tmp_path: Path) -> None:
    names = ["NA", "nan", "None", "null", "01", "1", "1.0", " padded ", "Jos\u00e9", "Jose\u0301",
             "=1+1", "a;b", "<i>x</i>", "\u7537"]  # fmt: skip
    rows = "".join(f"{name},1,0\n" for name in names)
    cells = reduce_text(tmp_path, f'group,y_true,y_pred\n{rows}"two\nlines",1,0\n"a ""quoted"" b",0,1\n')
    assert {cell.group[0] for cell in cells.rows} == {*names, "two\nlines", 'a "quoted" b'}


@pytest.mark.parametrize(
    ("content", "words", "place"),
    [
        (b"", "the file is empty", (None, None, None)),
        (b"\n\n", "has no header", (None, None, None)),
        (b"group,y_true,y_pred\n", "no rows", (None, None, None)),
        (b"group,y_true\na,1\n", "not in the file; its columns are 'group', 'y_true'", ("y_pred", None, None)),
        (b"group,y_true,y_pred,group\na,1,1,b\n", "twice", ("group", None, None)),
        (b"group,y_true,y_pred\na,1,1\nb,0\n", "has 2 cells, the header has 3", (None, 2, 3)),
        (b"group,y_true,y_pred\na,1,1\nb,0,1,7\n", "has 4 cells, the header has 3", (None, 2, 3)),
        (b"group,y_true,y_pred\na,1,1\n\xe9,0,1\n", "byte 26 (counted from 0) is 0xe9", (None, None, 3)),
        (b"group,y_true,y_pred\na,1,1\nb,0,\xc3", "ends inside a UTF-8 character", (None, None, None)),
        (b"group,y_true,y_pred\na\x00,1,1\n", "NUL", (None, None, 2)),
        (b'group,y_true,y_pred\n"a,1,1\nb,0,1\n', "check the quotes", (None, 1, 3)),
        (b"group,y_true,y_pred\r\na,1,1\nb,0,1\r\n", "line ends are mixed", (None, None, 2)),
        (b"group,y_true,y_pred\na,1,\nb,0,1\n", "the label is empty", ("y_pred", 1, 2)),
        (b"group,y_true,y_pred\na,1,1\nb,,1\n", "the label is empty", ("y_true", 2, 3)),
        (b"group,y_true,y_pred\na,1,1\nb,0,2\n", "the file has 3: '0', '1', '2'", ("y_true, y_pred", None, None)),
        (b"group,y_true,y_pred\na,yes,no\n", "'1' never occurs; found 'no', 'yes'", ("y_true, y_pred", None, None)),
        (b"group,y_true,y_pred\na,1,1\n,0,1\n,1,1\n", "2 rows lack a sensitive value", ("group", None, None)),
        (b"group,y_true,y_pred\n" + b"x" * 2000 + b",1,1\n", "more than 1,024 characters", ("group", 1, 2)),
        (gzip.compress(PLAIN.encode())[:-12], "damaged or cut short", (None, None, None)),
        (gzip.compress(b"PAR1 and more"), "does not hold a text table", (None, None, None)),
        (b"PK\x03\x04rest", "spreadsheet", (None, None, None)),
        (b"\x93NUMPY rest", "NumPy", (None, None, None)),
        (b"\x80\x04\x95 rest", "never opened", (None, None, None)),
        ("group,y_true".encode("utf-16"), "UTF-16", (None, None, None)),
        (b"PAR1 this is not parquet PAR1", "cannot be read", (None, None, None)),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_bad_tables_are_refused_with_the_place(
    tmp_path: Path, content: bytes, words: str, place: tuple[str | None, int | None, int | None]
) -> None:
    with pytest.raises(BadInput) as caught:
        reduce_text(tmp_path, content)
    assert words in caught.value.message
    assert (caught.value.column, caught.value.row, caught.value.line) == place


SCORED = {"columns": {"y_true": "y_true", "y_pred": "y_pred", "y_score": "s"}}
WEIGHTED = {"columns": {"y_true": "y_true", "y_pred": "y_pred", "weight": "s"}}
IDENTIFIED = {"columns": {"y_true": "y_true", "y_pred": "y_pred", "id": "s"}}


@pytest.mark.parametrize(
    ("cells", "changes", "words", "row"),
    [
        (("0.5", "high"), SCORED, "a score must be a finite number; found 'high'", 2),
        (("0.5", "nan"), SCORED, "found 'nan'", 2),
        (("inf", "0.5"), SCORED, "found 'inf'", 1),
        (("0.5", ""), SCORED, "a score must be a finite number; found", 2),
        (("0.5", "1.2"), {**SCORED, "score_range": [0, 1]}, "from 0 to 1; found '1.2'", 2),
        (("1", "-0.5"), WEIGHTED, "a weight must be 0 or a number", 2),
        (("1", "many"), WEIGHTED, "found 'many'", 2),
        (("", "1"), WEIGHTED, "a weight must be 0 or a number", 1),
        (("1e308", "1"), WEIGHTED, "found '1e308'", 1),
        (("1e-300", "1"), WEIGHTED, "found '1e-300'", 1),
        (("0", "0"), WEIGHTED, "all weights are zero", None),
        (("7", "7"), IDENTIFIED, "repeated: '7'", 2),
        (("7", ""), IDENTIFIED, "the id is empty", 2),
    ],
    ids=lambda value: "".join(value)[:20] if isinstance(value, tuple) else "",
)
def test_bad_cells_are_refused_with_column_and_row(
    tmp_path: Path, cells: tuple[str, str], changes: dict[str, object], words: str, row: int | None
) -> None:
    content = f"group,y_true,y_pred,s\na,1,1,{cells[0]}\nb,0,0,{cells[1]}\n"
    with pytest.raises(BadInput) as caught:
        reduce_text(tmp_path, content, **changes)
    assert words in caught.value.message
    assert (caught.value.column, caught.value.row) == ("s", row)


def test_declared_labels_may_lack_the_positive_one(tmp_path: Path) -> None:
    content = "group,y_true,y_pred\na,0,0\nb,0,0\n"
    cells = reduce_text(tmp_path, content, labels=["0", "1"])
    assert [(cell.label, cell.prediction, cell.count) for cell in cells.rows] == [(0, 0, 1), (0, 0, 1)]


def test_a_label_that_was_not_declared_is_named_with_its_row(tmp_path: Path) -> None:
    content = "group,y_true,y_pred\na,0,0\nb,0,maybe\n"
    with pytest.raises(BadInput, match="the label is not one of '0', '1': 'maybe'") as caught:
        reduce_text(tmp_path, content, labels=["0", "1"])
    assert (caught.value.column, caught.value.row, caught.value.line) == ("y_pred", 2, 3)


def test_limits_are_kept(tmp_path: Path) -> None:
    wide = ",".join(f"c{number}" for number in range(30))
    path = write(tmp_path / "wide.csv", f"{wide}\n{wide}\n")
    with pytest.raises(BadInput, match="30 columns, at most 20 are read"):
        read_table(path, ("c1",), limits=Limits(columns=20))
    spec = check_spec(SPEC)
    file = read_predictions(write(tmp_path / "long.csv", SIX_ROWS), spec)
    with pytest.raises(BadInput, match="6 rows, at most 5 are read"):
        reduce_to_cells(file, spec, limits=Limits(rows=5))


def test_identifiers_are_not_groups(tmp_path: Path) -> None:
    rows = "".join(f"person {number},1,{number % 2}\n" for number in range(9_000))
    with pytest.raises(BadInput, match="more than 2,000 groups") as caught:
        reduce_text(tmp_path, "group,y_true,y_pred\n" + rows)
    assert caught.value.column == "group"


def test_parquet_values_are_read_as_text(tmp_path: Path) -> None:
    query = "SELECT * FROM (VALUES (true, true, 1.5), (true, false, NULL), (false, true, 2.5)) t(y, p, age)"
    path = write_parquet(tmp_path / "table.parquet", query)
    spec = {
        **SPEC,
        "columns": {"y_true": "y", "y_pred": "p"},
        "sensitive": ["age"],
        "positive_label": "true",
        "missing": "own_group",
    }
    cells = reduce_file(path, spec)
    assert [(cell.group, cell.label, cell.prediction) for cell in cells.rows] == [
        (("(missing)",), 1, 0),
        (("1.5",), 1, 1),
        (("2.5",), 0, 1),
    ]
    with pytest.raises(BadInput, match="'True' never occurs; found 'false', 'true'"):
        reduce_file(path, {**spec, "positive_label": "True"})


def test_parquet_with_nested_values_is_refused(tmp_path: Path) -> None:
    query = "SELECT [1, 2] AS 'group', '1' AS y_true, '1' AS y_pred"
    path = write_parquet(tmp_path / "table.parquet", query)
    with pytest.raises(BadInput, match="only plain values are read") as caught:
        read_predictions(path, check_spec(SPEC))
    assert caught.value.column == "group"
