"""The example story: told by `make run`'s command, killed in the middle, told to its end, and told once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable

import pytest

from countersign import Session
from countersign.types import Gate, Version
from tests.portals import MANAGE, ROOT, Portal

pytestmark = pytest.mark.story


@pytest.fixture
def told(new_portal: Callable[..., Portal]) -> Portal:
    """A portal whose story was killed once the accounts were open, with its scripts, and then loaded again."""
    portal = new_portal()
    portal.start("--prepare")
    kill_when_it_says("Accounts", portal)
    portal.manage("load_story", "--if-empty")
    return portal


def kill_when_it_says(word: str, portal: Portal) -> None:
    """Start loading the story and kill it, with everything it started, a moment after it has said ``word``."""
    command = [*MANAGE, "load_story", "--if-empty"]
    loading = subprocess.Popen(
        command, cwd=ROOT, env=portal.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert loading.stdout is not None
    with loading:
        said = next(line for line in loading.stdout if word in line)
        time.sleep(1)  # the first scripts are under way
        os.killpg(loading.pid, signal.SIGKILL)
    assert word in said


def read_versions(session: Session) -> dict[str, tuple[Version, Gate]]:
    """Every version with its gate, by its name."""
    versions = [version for model in session.models() for version in session.versions(model)]
    return {str(version): (version, session.gate(version)) for version in versions}


def test_the_story_is_whole_after_a_kill_and_is_told_once(told: Portal) -> None:
    sign_ins = json.loads((told.data / "story" / "sign-ins.json").read_text())
    sheet = told.data / "sign-ins.txt"
    first_line = sheet.read_text().splitlines()[0]
    login, password = first_line.split(" as ")[1].split(", password ")

    with Session(told.url, login, password) as visitor:
        versions = read_versions(visitor)
        check_versions(versions)
        check_reasons_of_the_first_version(versions["Diabetes triage v1"][1])
        third, _gate = versions["Diabetes triage v3"]
        dossier = visitor.dossier(third)
        signed = visitor.sign_off(
            third, role="validator", dossier_digest=dossier.digest, password=password, meaning="I have read it."
        )
        assert (signed.role, signed.decision) == ("validator", "approve")

    assert sign_ins["is_told"]
    assert sheet.stat().st_mode & 0o777 == 0o600
    assert told.manage("load_story", "--if-empty").stdout == ""
    assert "Whole: " in told.manage("verify_log").stdout


def check_versions(versions: dict[str, tuple[Version, Gate]]) -> None:
    """Every state of the story, and what is still missing of the version that waits for the visitor."""
    assert {name: version.state for name, (version, _gate) in versions.items()} == {
        "Diabetes triage v1": "REJECTED",
        "Diabetes triage v2": "RELEASED",
        "Diabetes triage v3": "IN_REVIEW",
        "Breast tumour triage v1": "RETIRED",
        "Breast tumour triage v2": "DRAFT",
    }
    assert versions["Diabetes triage v2"][1].closing == ()
    assert [finding.key for finding in versions["Diabetes triage v3"][1].closing] == [
        "sign_off:validator:0",
        "sign_off:approver:2",
    ]


def check_reasons_of_the_first_version(gate: Gate) -> None:
    """A criterion not met, intervals that straddle their thresholds, a missing validation report."""
    closing = {finding.key: finding.status for finding in gate.closing}
    assert closing["criterion:R-4.1"] == "NOT_MET"
    assert closing["criterion:R-6.1"] == "INCONCLUSIVE"
    assert closing["evidence:validation_report"] == "MISSING"
    areas = Counter(finding.area for finding in gate.closing if finding.status == "INCONCLUSIVE")
    assert areas == {"criteria": 3}


def test_a_portal_in_use_is_left_alone(new_portal: Callable[..., Portal]) -> None:
    portal = new_portal()
    portal.manage("migrate", "--verbosity", "0")
    portal.manage(
        *("create_administrator", "wanda", "--full-name", "Wanda Pohl", "--email", "wanda@example.org"),
        text_in="a password of many words",
    )

    skipped = portal.manage("load_story", "--if-empty")
    refused = portal.manage("load_story", check=False)

    assert (skipped.returncode, skipped.stdout) == (0, "")
    assert (refused.returncode, "There are people in this portal already" in refused.stderr) == (1, True)
    assert not (portal.data / "story").exists()
