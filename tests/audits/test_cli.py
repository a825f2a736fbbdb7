"""The command line: exit codes, one line per fault, whole results. Mostly as real processes."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audits.cli import main
from tests.audits.bias.test_devset import list_differences
from tests.audits.portable.paper import make_paper
from tests.audits.samples import SPEC, find_case, find_devset, list_cases, needs_devset, write

ROOT = Path(__file__).parents[2]
ROWS = "group,y_true,y_pred\n" + "a,1,1\na,0,0\nb,1,1\nb,1,0\n" * 50
LENIENT = {"metric": "accuracy", "population": "overall", "comparator": "at_least", "threshold": 0.5, "name": "right"}
STRICT = {**LENIENT, "threshold": 0.9, "name": "nearly always right"}


def run(*arguments: str | Path, folder: Path = ROOT, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "audits", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def write_spec(folder: Path, **changes: Any) -> Path:
    """Write the usual specification and its rows into a folder; the path of the specification."""
    write(folder / "rows.csv", ROWS)
    return write(folder / "spec.json", json.dumps({**SPEC, "file": "rows.csv", **changes}))


def compute(*arguments: str | Path, folder: Path) -> dict[str, Any]:
    """Run in this process, expect exit code 0; the result."""
    out = folder / "computed.json"
    assert main([*map(str, arguments), "--out", str(out)]) == 0
    result: dict[str, Any] = json.loads(out.read_text("utf-8"))
    out.unlink()
    return result


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run in this process, expect exit code 2 and exactly one line; the line."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = int(str(end.code))
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err.rstrip("\n")


def write_case(folder: Path, name: str) -> Path:
    """Write one case of the developer set as it stands, with its file by whole path."""
    case = find_case(name)
    return write(folder / "case.json", json.dumps({**case, "file": str(find_devset() / case["file"])}))


@needs_devset
@pytest.mark.parametrize("name", ["adult_sex", "edge_missing_two_features"])
def test_bias_gives_the_expected_numbers_of_a_case(tmp_path: Path, name: str) -> None:
    spec, out = write_case(tmp_path, name), tmp_path / "result.json"
    done = run("bias", spec, "--out", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = json.loads(out.read_text("utf-8"))
    found["data"]["file"] = find_case(name)["file"]
    expected = json.loads((find_devset() / "expected" / f"{name}.json").read_text("utf-8"))
    assert list(list_differences(expected, found)) == []
    assert found["case"] == name


@pytest.mark.soak
@needs_devset
@pytest.mark.parametrize("name", [case["case"] for case in list_cases()])
def test_bias_gives_the_expected_numbers_of_every_case(tmp_path: Path, name: str) -> None:
    test_bias_gives_the_expected_numbers_of_a_case(tmp_path, name)


@pytest.mark.soak
@needs_devset
@pytest.mark.parametrize("name", [case["case"] for case in list_cases()])
def test_cells_give_the_expected_numbers_of_every_case(tmp_path: Path, name: str) -> None:
    spec, counted = write_case(tmp_path, name), tmp_path / "cells.json"
    assert main(["cells", str(spec), "--out", str(counted)]) == 0
    found = compute("bias", spec, "--cells", counted, folder=tmp_path)
    expected = json.loads((find_devset() / "expected" / f"{name}.json").read_text("utf-8"))
    for key in ("sha256", "file", "delimiter", "encoding"):  # those of the rows: the cells do not know them
        expected["data"].pop(key, None)
    assert list(list_differences(expected, found)) == []


def test_cells_give_the_numbers_of_the_rows(tmp_path: Path) -> None:
    columns = {**SPEC["columns"], "y_score": "score"}
    spec, counted = write_spec(tmp_path, columns=columns), tmp_path / "cells.json"
    lines = "".join(f"{'ab'[row % 2]},{row % 3 % 2},{row // 2 % 2},{row * 37 % 100 / 100}\n" for row in range(200))
    write(tmp_path / "rows.csv", f"group,y_true,y_pred,score\n{lines}")
    assert run("cells", spec, "--out", counted).returncode == 0
    rows = compute("bias", spec, folder=tmp_path)
    cells = compute("bias", spec, "--cells", counted, folder=tmp_path)
    for key in ("overall", "by_group", "disparities", "groupings", "measures", "impact_ratios", "cells"):
        assert rows[key] == cells[key]
    assert rows["overall"]["auc"] is not None
    assert cells["passport"]["input"]["kind"] == "cells"


def test_check_ends_with_1_unless_every_criterion_is_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.json"
    done = run("bias", write_spec(tmp_path, criteria=[LENIENT, STRICT]), "--check", "--out", out)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "not met: nearly always right: accuracy (overall) at_least 0.9: measured 0.75, interval 0.68"
    )
    for criteria, options, code, said in (
        ([LENIENT], ["--check"], 0, ""),
        ([LENIENT, STRICT], [], 0, ""),
        ([{**STRICT, "threshold": 0.76}], ["--check"], 1, "rows instead of 200"),
        ([], ["--check"], 0, "the specification has no criteria: nothing was checked\n"),
    ):
        spec = write_spec(tmp_path, criteria=criteria)
        assert main(["bias", str(spec), "--out", str(out), *options]) == code
        assert said in capsys.readouterr().err
    spec = write_spec(tmp_path, criteria=[LENIENT])
    assert main(["bias", str(spec), "--out", str(out), "--check"]) == 0
    assert capsys.readouterr().err == ""


def test_progress_is_one_line_per_step_on_standard_error(tmp_path: Path) -> None:
    done = run("bias", write_spec(tmp_path), "--progress")
    steps = [line.split(" ", 1)[1].strip() for line in done.stderr.splitlines()]
    assert steps[0] == "0% checking the file"
    assert steps[-1] == "100% done"
    assert {"30% counting", "60% measuring"} <= set(steps)
    json.loads(done.stdout)


def test_explain_checks_attributions(tmp_path: Path) -> None:
    write(tmp_path / "shap.csv", "age,income\n0.5,0.25\n-0.5,0.25\n")
    document = {"file": "shap.csv", "base_value": 1.0, "outputs": [1.75, 0.75]}
    spec = write(tmp_path / "spec.json", json.dumps(document))
    result = compute("explain", spec, folder=tmp_path)
    measures = {(found["metric"], found["population"]): found for found in result["measures"]}
    assert measures["additive_share", "overall"]["value"] == 1.0


def test_explain_computes_attributions_from_a_model_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write(tmp_path / "model.json", json.dumps(make_paper()))
    write(tmp_path / "rows.csv", "x,y,points\n0.5,9,11\n0.6,2,13\n0.6,3,17\n")
    spec = write(tmp_path / "spec.json", json.dumps({"file": "rows.csv", "columns": {"y_score": "points"}}))
    result = compute("explain", spec, "--model", model, folder=tmp_path)
    assert result["statement"].endswith("predictions equal to the submitted ones on 3 of 3 rows")
    assert result["features"] == ["x", "y"]
    write(tmp_path / "rows.csv", "x,y,points\n0.5,9,11\n0.6,2,14\n")
    assert "column 'points', row 2: the model document gives 13" in refuse(capsys, "explain", spec, "--model", model)


def test_files_are_found_beside_the_specification_then_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "data").mkdir()
    write_spec(tmp_path / "data")
    spec = write(tmp_path / "specs" / "spec.json", json.dumps({**SPEC, "file": "rows.csv"}))
    monkeypatch.chdir(tmp_path / "data")
    assert compute("bias", spec, folder=tmp_path)["rows_used"] == 200
    write(tmp_path / "specs" / "rows.csv", ROWS + "c,1,1\n")
    assert compute("bias", spec, folder=tmp_path)["rows_used"] == 201
    given = run("bias", "-", folder=tmp_path / "data", input=spec.read_text("utf-8"))
    assert json.loads(given.stdout)["rows_used"] == 200


def test_a_result_takes_the_place_of_an_old_one_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write(tmp_path / "result.json", "old")
    out.chmod(0o640)
    assert main(["bias", str(write_spec(tmp_path)), "--out", str(out)]) == 0
    assert json.loads(out.read_text("utf-8"))["rows_used"] == 200
    assert out.stat().st_mode & 0o777 == 0o640
    out.write_text("old")
    refuse(capsys, "bias", write_spec(tmp_path, positive_label="yes"), "--out", out)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "rows.csv", "spec.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"task": "binary",\n "columns": }', "not JSON at line 2, column 13: Expecting value"),
        ("", "not JSON at line 1, column 1: Expecting value"),
        (
            '{"a": {},\n "b": {"seed": 1,\n "seed": 2}}',
            "the key 'seed' stands twice in the object that begins on line 2",
        ),
        ('{"seed": NaN}', "NaN is not a JSON number"),
        ('{"seed": ' + "[" * 100_000, "nested too deeply"),
        ('{"seed": ' + "9" * 5_000 + "}", "not usable JSON"),
        ("[1, 2]", "the specification must be one JSON object"),
        (
            '{"task": "binary", "colums": {}}',
            "column 'colums': unknown key in the specification; did you mean 'columns'?",
        ),
        (b'{"task": "\xff"}', "not UTF-8 text: byte 10 (counted from 0, line 1) is 0xff"),
    ],
)
def test_a_bad_specification_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, said: str
) -> None:
    spec = write(tmp_path / "spec.json", text)
    for command in ("bias", "cells", "explain"):
        if "colums" in str(text) and command == "explain":
            continue
        line = refuse(capsys, command, spec)
        assert line.startswith(f"audits: {spec}: ")
        assert said in line


def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(tmp_path)
    rows = tmp_path / "rows.csv"
    write(rows, "group,y_true,y_pred\na,1,1\na,0\n")
    assert refuse(capsys, "bias", spec).startswith(f"audits: {rows}: row 2, line 3: has 2 cells")
    write(rows, "group,y_true\na,1\n")
    assert refuse(capsys, "bias", spec).startswith(f"audits: {rows}: column 'y_pred': not in the file")
    rows.unlink()
    assert refuse(capsys, "bias", spec) == f"audits: {rows}: no such file"
    assert refuse(capsys, "bias", tmp_path / "none.json").endswith("none.json: No such file or directory")
    nameless = write(tmp_path / "nameless.json", json.dumps(SPEC))
    assert refuse(capsys, "bias", nameless) == "audits: column 'file': name the file to be read"
    elsewhere = write(tmp_path / "elsewhere.json", json.dumps({**SPEC, "file": "https://example.org/rows.csv"}))
    assert "only local files and s3:// are read" in refuse(capsys, "bias", elsewhere)
    folder = write(tmp_path / "folder.json", json.dumps({"file": ".", "base_value": 0, "outputs": [1]}))
    assert "is a folder, not a file" in refuse(capsys, "explain", folder)


def test_a_result_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audits.cli.run_bias", lambda *_: pytest.fail("the work was begun"))
    spec = write_spec(tmp_path)
    nowhere = tmp_path / "nowhere" / "result.json"
    assert refuse(capsys, "bias", spec, "--out", nowhere).startswith(f"audits: {nowhere}: cannot be written")
    assert "is a folder; name a file" in refuse(capsys, "bias", spec, "--out", tmp_path)
    assert "--out names an input" in refuse(capsys, "bias", spec, "--out", spec)
    assert "--out names an input" in refuse(capsys, "bias", spec, "--out", tmp_path / "rows.csv")


def test_a_result_goes_to_a_pipe_or_device(tmp_path: Path) -> None:
    assert main(["bias", str(write_spec(tmp_path)), "--out", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sensitive": ["other"]}, "column 'sensitive': the cells were counted with ['group']"),
        ({"positive_label": "0"}, "column 'positive_label': the cells were counted with '1'"),
        (
            {"columns": {"y_true": "y_true", "y_pred": "y_pred", "weight": "w"}},
            "column 'columns.weight': the cells were counted with False",
        ),
    ],
)
def test_cells_of_another_specification_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    counted = tmp_path / "cells.json"
    assert main(["cells", str(write_spec(tmp_path)), "--out", str(counted)]) == 0
    assert said in refuse(capsys, "bias", write_spec(tmp_path, **changes), "--cells", counted)
    damaged = write(tmp_path / "damaged.json", counted.read_text("utf-8").replace("50", "-1"))
    line = refuse(capsys, "bias", write_spec(tmp_path), "--cells", damaged)
    assert line.startswith(f"audits: {damaged}: the cells document is damaged")


def test_cells_leave_small_cells_out(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, minimum_published_count=10)
    write(tmp_path / "rows.csv", ROWS + "b,0,1\n" * 3)
    counted = tmp_path / "cells.json"
    assert main(["cells", str(spec), "--out", str(counted)]) == 0
    found = json.loads(counted.read_text("utf-8"))
    assert found["rows_read"] == 203
    assert found["left_out"] == [{"reason": "in a cell of fewer than 10 rows, which is not published", "rows": 3}]


def test_a_table_may_come_in_parts_with_its_sensitive_values_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for part in range(2):
        rows = "".join(f"{row},{row % 2},{row // 2 % 2}\n" for row in range(50 * part, 50 * part + 50))
        write(tmp_path / "parts" / f"{part}.csv", f"id,y_true,y_pred\n{rows}")
    write(tmp_path / "people.csv", "id,group\n" + "".join(f"{row},{'ab'[row // 3 % 2]}\n" for row in range(100)))
    document = {
        **SPEC,
        "columns": {**SPEC["columns"], "id": "id"},
        "sensitive": [{"column": "group", "from": "sensitive_file"}],
        "sensitive_file": {"file": "people.csv", "id": "id"},
    }
    spec = write(tmp_path / "spec.json", json.dumps({**document, "file": "parts/"}))
    whole = compute("bias", spec, folder=tmp_path)
    assert (whole["rows_used"], whole["data"]["file"]) == (100, "parts/")
    spec = write(tmp_path / "spec.json", json.dumps({**document, "file": ["parts/0.csv", "parts/1.csv"]}))
    assert compute("bias", spec, folder=tmp_path)["measures"] == whole["measures"]


def test_rows_are_counted_on_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cluster of two worker processes counts what one machine counts."""
    distributed = pytest.importorskip("distributed")
    (tmp_path / "parts").mkdir()
    for part in range(3):
        rows = "".join(f"{'ab'[row % 2]},{row % 2},{row // 2 % 2}\n" for row in range(50 * part, 50 * part + 50))
        write(tmp_path / "parts" / f"{part}.csv", f"group,y_true,y_pred\n{rows}")
    spec = write(tmp_path / "spec.json", json.dumps({**SPEC, "file": "parts/"}))
    here = compute("bias", spec, folder=tmp_path)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", silence_logs=logging.CRITICAL
    ) as cluster:
        address = cluster.scheduler_address
        there = compute("bias", spec, "--cluster", address, folder=tmp_path)
        counted = compute("cells", spec, "--cluster", address, folder=tmp_path)
        write(tmp_path / "parts" / "1.csv", "group,y_true,y_pred\na,1\n")
        assert "row 1, line 2: has 2 cells, the header has 3" in refuse(capsys, "bias", spec, "--cluster", address)
    assert there["measures"] == here["measures"]
    assert there["data"]["sha256"] == here["data"]["sha256"]
    assert counted["cells"] == here["cells"]["cells"]
    assert "cannot reach the cluster" in refuse(capsys, "cells", spec, "--cluster", "nonsense")


def test_a_database_that_cannot_be_reached_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write_spec(tmp_path)
    address = "postgresql://somebody:very-secret@127.0.0.1:1/nothing"
    said = refuse(capsys, "bias", spec, "--sql", address, "--table", "predictions")
    assert said.startswith("audits: predictions: PostgreSQL: ")
    assert "very-secret" not in said
    assert "--sql and --table go together" in refuse(capsys, "cells", spec, "--sql", address)
    assert "PostgreSQL" in refuse(capsys, "bias", spec, "--sql", "postgresql://%zz", "--table", "predictions")


def test_quality_profiles_a_table_and_judges_expectations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "rows.csv", "id,age\n" + "".join(f"{row},{'' if row % 2 else row}\n" for row in range(200)))
    expected = {"metric": "completeness", "population": "column=age", "comparator": "at_least", "threshold": 0.9}
    document = {"file": "rows.csv", "key": ["id"], "expectations": [expected]}
    spec, out = write(tmp_path / "spec.json", json.dumps(document)), tmp_path / "out.json"
    assert main(["quality", str(spec), "--out", str(out), "--check"]) == 1
    assert capsys.readouterr().err.startswith("not met: completeness (column=age) at_least 0.9: measured 0.5")
    found = json.loads(out.read_text("utf-8"))
    assert (found["format"], found["data"]["file"]) == ("countersign/data-quality/1", "rows.csv")
    other = write(tmp_path / "other.json", json.dumps({**document, "training": {"file": "none.csv"}}))
    assert refuse(capsys, "quality", other).endswith("none.csv: no such file")


def test_tables_for_computing_are_refused_where_nothing_is_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = write(tmp_path / "plain.json", json.dumps({"file": "rows.csv", "base_value": 0, "outputs": [1]}))
    said = refuse(capsys, "explain", plain, "--data", tmp_path / "rows.csv")
    assert "--data is for explanations that are computed here" in said


def test_clusters_are_not_forgotten_for_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(tmp_path, columns={**SPEC["columns"], "cluster": "home"})
    rows = "".join(f"{'ab'[row % 2]},{row % 3 % 2},{row // 2 % 2},{row // 4}\n" for row in range(200))
    write(tmp_path / "rows.csv", f"group,y_true,y_pred,home\n{rows}")
    counted = tmp_path / "cells.json"
    assert main(["cells", str(spec), "--out", str(counted)]) == 0
    assert "cells documents hold no clusters" in refuse(capsys, "bias", spec, "--cells", counted)
