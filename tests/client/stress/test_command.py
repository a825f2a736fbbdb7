"""``countersign stress``: a script's function, a table, conditions; files for an audit."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from audits.bias.audit import run_bias_audit
from countersign import Client
from countersign.cli import main
from countersign.stress import CATALOGUE
from countersign.types import Version
from tests.client.conftest import Office

SCRIPT = """
import threshold

def predict(rows):
    assert list(rows.columns) == ["x", "town", "sex"]
    return (rows["x"] > threshold.MIDDLE).astype(int)

def chance(rows):
    return rows["x"].clip(0, 1)

def refuse(rows):
    if rows["x"].isna().any():
        raise ValueError("NaN")
    return predict(rows)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(SCRIPT)
    (tmp_path / "threshold.py").write_text("MIDDLE = 0.5\n")
    lines = ["part,x,town,sex,y,note"]
    for number in range(120):
        x = number * 37 % 100 / 100
        lines.append(f"p{number},{x},{'NA' if number % 5 else 'Bern'},{'FM'[number % 2]},{int(x > 0.5)},")
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def call(folder: Path, *more: object, function: str = "predict", **env: str) -> Any:
    given = [folder / "model.py", "data.csv", "--label", "y", "--id", "part", "--sensitive", "sex", "--drop", "note"]
    given[0] = f"{given[0]}:{function}"
    given[1] = folder / "data.csv"
    words = ["stress", *given, "--positive", "1", "--out", folder / "out", *more]
    return CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "200", **env})


def test_files_of_an_audit_are_written(folder: Path) -> None:
    done = call(folder, "--condition", "sensor_noise:4-5", "--condition", "typing_noise:1", "--score", "chance")
    assert (done.exit_code, done.exception if done.exit_code else None) == (0, None), done.output

    with (folder / "out" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row_id", "condition", "y_true", "y_pred", "y_score", "sex"]
    assert [len([row for row in rows if row["condition"] == name]) for name in ("none", "typing_noise:1")] == [120, 120]
    spec = json.loads((folder / "out" / "spec.json").read_text())
    result = run_bias_audit(folder / "out" / "predictions.csv", spec)
    assert {item["condition"] for item in result["robustness"]["conditions"]} == {
        "none",
        "sensor_noise:4",
        "sensor_noise:5",
        "typing_noise:1",
    }
    assert "sensor_noise:5" in done.output
    assert str(folder / "out" / "conditions.json") in done.output


def test_model_that_fails_is_named_and_may_be_skipped(folder: Path) -> None:
    failed = call(folder, "--condition", "missing_cells:1", function="refuse")
    skipped = call(folder, "--condition", "missing_cells:1", "--skip-failures", function="refuse")

    assert (failed.exit_code, "fails under “missing_cells:1”. ValueError: NaN" in failed.output) == (2, True)
    assert (skipped.exit_code, (folder / "out" / "predictions.csv").exists()) == (1, True)


@pytest.mark.parametrize(
    ("more", "function", "words"),
    [
        (["--condition", "smog"], "predict", "There is no condition “smog”"),
        (["--condition", "fog:1"], "predict", "is a condition of images"),
        (["--condition", "shift"], "forecast", "has no function “forecast”"),
        (["--condition", "sensor_bias", "--drop", "notes"], "predict", "has no column “notes”"),
        ([], "predict", "at least one --condition"),
    ],
)
def test_what_is_wrong_is_said(more: list[str], function: str, words: str, folder: Path) -> None:
    done = call(folder, *more, function=function)

    assert done.exit_code == 2
    assert words in done.output


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Twelve images of three kinds, bright and dark, with a table that names them."""
    (tmp_path / "photographs").mkdir()
    lines = ["file,part,kind,camera"]
    for number in range(12):
        mode, levels = (("L", 200), ("RGB", (200, 190, 180)), ("RGBA", (200, 190, 180, 9)))[number % 3]
        dark = 20 if mode == "L" else (20, 10, 30) if mode == "RGB" else (20, 10, 30, 255)
        Image.new(mode, (12, 10), levels if number < 6 else dark).save(tmp_path / "photographs" / f"{number}.png")
        lines.append(f"photographs/{number}.png,p{number},{'bright' if number < 6 else 'dark'},{'NS'[number % 2]}")
    (tmp_path / "parts.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "look.py").write_text(
        "def look(images):\n"
        "    assert len(images) <= 5 and all(image.shape[:2] == (10, 12) for image in images)\n"
        "    assert all(image.ndim == 2 or image.shape[2] == 3 for image in images)\n"
        "    return ['bright' if image.mean() > 100 else 'dark' for image in images]\n"
    )
    return tmp_path


def look(folder: Path, *more: str) -> Any:
    given = [f"{folder / 'look.py'}:look", folder / "parts.csv", "--label", "kind", "--id", "part", "--image", "file"]
    given += ["--sensitive", "camera", "--positive", "bright", "--batch-size", 5, "--out", folder / "out", *more]
    return CliRunner().invoke(main, ["stress", *(str(word) for word in given)], env={"COLUMNS": "200"})


def test_image_files_are_tried(photographs: Path) -> None:
    done = look(photographs, "--condition", "underexposure:4", "--condition", "gaussian_noise:1")
    assert done.exit_code == 0, done.output

    with (photographs / "out" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = {row["row_id"] for row in rows if row["y_true"] != row["y_pred"]}
    assert wrong == {f"p{number}" for number in range(6)}
    assert {row["condition"] for row in rows if row["y_true"] != row["y_pred"]} == {"underexposure:4"}


@pytest.mark.parametrize("content", [None, b"no image", b""])
def test_file_that_is_no_image_is_named(content: bytes | None, photographs: Path) -> None:
    file = photographs / "photographs" / "7.png"
    file.unlink() if content is None else file.write_bytes(content)
    done = look(photographs, "--condition", "fog:1")

    assert done.exit_code == 2
    assert "7.png" in done.output


def test_conditions_are_listed_with_their_severities() -> None:
    listed = CliRunner().invoke(main, ["stress", "--list"], env={"COLUMNS": "300"})

    assert listed.exit_code == 0
    assert [name for name in CATALOGUE if name not in listed.output] == []


def test_command_line_starts_without_numpy() -> None:
    code = "import sys, countersign.cli; print(sorted({'numpy', 'pandas', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_submitted_to_a_version_it_is_audited(
    office: Office, new_version: Callable[[], Version], cleo: Client, folder: Path
) -> None:
    version = new_version()
    known = {"COUNTERSIGN_URL": office.url, "COUNTERSIGN_TOKEN": office.token("cleo")}
    done = call(folder, "--condition", "sensor_noise:5", "--submit", version.id, **known)

    assert done.exit_code == 0, done.output
    assert "worst_accuracy_loss" in done.output
