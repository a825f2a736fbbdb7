"""The example of the production line: what it prints, what an audit says of its files, what the portal makes of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audits.bias.audit import run_bias_audit
from countersign import Client, digest_file
from countersign.cli import main
from tests.client.conftest import Office

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "client" / "examples" / "production_line.py"


def run(folder: Path, *words: str, **known: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "client"), "COLUMNS": "120"} | known
    command = [sys.executable, str(SCRIPT), "--folder", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both designs wrote, without a portal."""
    folder = tmp_path_factory.mktemp("line")
    for design in ("plain", "hardened"):
        assert "shift:2" in run(folder, "--design", design)
    return folder


@pytest.fixture(scope="module")
def audits(written: Path) -> dict[str, dict[str, Any]]:
    """The audit of either design by its files alone."""
    found = {}
    for design in ("plain", "hardened"):
        spec = json.loads((written / design / "spec.json").read_text())
        found[design] = run_bias_audit(written / design / "predictions.csv", spec)
    return found


def test_designs_are_told_apart_by_what_the_line_has_to_bear(audits: dict[str, Any]) -> None:
    verdicts = {
        design: {item["name"]: (item["verdict"], item["value"]) for item in result["verdicts"]}
        for design, result in audits.items()
    }
    shift = "The line bears shift:2"

    assert [name for name, (verdict, _) in verdicts["plain"].items() if verdict != "met"] == [shift]
    assert verdicts["plain"][shift][0] == "not met"
    assert {verdict for verdict, _ in verdicts["hardened"].values()} == {"met"}
    assert verdicts["hardened"][shift][1] < verdicts["plain"][shift][1]


def test_losses_are_told_for_each_camera(audits: dict[str, Any]) -> None:
    populations = {item["population"] for item in audits["plain"]["measures"] if item["metric"] == "accuracy_loss"}

    assert {"condition=shift:2 & camera=north", "condition=shift:2 & camera=south"} <= populations


def test_training_is_recorded_and_run_again(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, as the docstring of the example says."""
    folder = tmp_path / "examples"
    shutil.copytree(SCRIPT.parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "client"))
    run(Path("production-line"))
    line = Path("production-line") / "plain"
    for name in ("model.json", "predictions.csv", "spec.json", "metrics.json"):
        assert (line / name).read_bytes() == (written / "plain" / name).read_bytes()
    given = ["--metrics", line / "metrics.json", "--output", line / "model.json", "--absolute", "accuracy=0.005"]
    given += ["--variable", "PYTHONPATH", "--", sys.executable, "production_line.py"]
    recorded = CliRunner().invoke(main, ["record", *(str(word) for word in given)])
    again = CliRunner().invoke(main, ["reproduce", "countersign-training.json", "--out", "report.json"])

    assert (recorded.exit_code, again.exit_code) == (0, 0), recorded.output + again.output
    (output,) = json.loads(Path("report.json").read_text())["runs"][0]["outputs"]
    assert output["digest"] == digest_file(line / "model.json")


def test_submitted_to_a_portal_its_criteria_are_judged(office: Office, cleo: Client, tmp_path: Path) -> None:
    known = {"COUNTERSIGN_URL": office.url, "COUNTERSIGN_TOKEN": office.token("cleo")}
    told = run(tmp_path, "--submit", "--project", office.project.name, **known)
    model = cleo.find_model(office.project, "Digit reader")
    (version,) = cleo.versions(model)
    statuses = {item.title: item.status for item in cleo.gate(version).findings if "Bears" in item.title}

    assert "The gate to production is closed" in told
    assert len(statuses) == 7
    assert [status for title, status in statuses.items() if "shift:2" in title] == ["NOT_MET"]
    assert [status for title, status in statuses.items() if "motion_blur:2" in title] == ["MET"]
    # The claimed accuracy is the one that the audit measured on the undisturbed images.
    claims = [item.status for item in cleo.gate(version).findings if item.key.startswith("claim:")]
    assert claims == ["MET"]
    # Started again it goes on where it stopped: nothing is submitted twice.
    run(tmp_path, "--submit", "--project", office.project.name, **known)
    assert len(cleo.versions(model)) == 1
    assert len(cleo.evidence(version, kind="predictions")) == 1
