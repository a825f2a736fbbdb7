"""The recipe for deployers: nothing starts without an attestation for exactly these bytes; what runs is compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from countersign.cli import main
from tests.client.small_log import FILE, KEY, ORIGIN, STRANGER
from tests.client.small_release import ARTIFACT, DIGEST, make_bundle, make_list, make_statement
from tests.client.test_verifier_offline import UNSHARE

RECIPE = FILE.parents[1] / "examples" / "deploy_gate"
NOW = datetime.now(UTC)
STARTED = "the service runs\n"


def when(**after: float) -> str:
    return (NOW + timedelta(**after)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def statement_of_today(**changes: Any) -> dict[str, Any]:
    return make_statement(**{"notBefore": when(hours=-2), "expiresAt": when(days=30)} | changes)


def list_of_today(*statements: Any, **changes: Any) -> Any:
    return make_list(*statements, **{"issuedAt": when(hours=-1), "validUntil": when(hours=23)} | changes)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A machine on which the recipe, an artifact and its attestation lie."""
    for name in ("start.sh", "pipeline_step.sh"):
        shutil.copy(RECIPE / name, tmp_path / name)
    shutil.copy(FILE, tmp_path / "verifier.py")
    key = {"vkey": KEY.vkey, "from_size": 0, "to_size": None, "revoked": False}
    trust = {"format": "countersign/trust/1", "origin": ORIGIN, "keys": [key], "witnesses": [], "quorum": 0}
    (tmp_path / "trust.json").write_text(json.dumps(trust))
    (tmp_path / "model.bin").write_bytes(ARTIFACT)
    put(tmp_path, make_bundle(statement_of_today()), list_of_today())
    return tmp_path


def put(site: Path, bundle: Any, listed: Any) -> None:
    (site / "model.bin.attestation.json").write_text(json.dumps(bundle))
    (site / "model.bin.revocations.json").write_text(json.dumps(listed))


def start(site: Path, environment: str = "production", *command: str) -> tuple[int, str, str]:
    """Start by the script, on a machine without a network."""
    words = [*UNSHARE, str(site / "start.sh"), "model.bin", environment]
    words += command or ("echo", STARTED.strip())
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        words, cwd=site, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PATH": path}
    )
    return done.returncode, done.stdout, done.stderr


def test_service_starts_with_what_was_promoted(site: Path) -> None:
    code, said, told = start(site)
    assert (code, said) == (0, STARTED)
    assert told.startswith("good: Triage version 2 may run in production")


def test_service_takes_the_scripts_place(site: Path) -> None:
    assert start(site, "production", "sh", "-c", "exit 7")[0] == 7


REFUSED: dict[str, tuple[Any, Any, int]] = {
    "withdrawn": (make_bundle(statement_of_today()), list_of_today(statement_of_today()), 1),
    "expired": (make_bundle(statement_of_today(expiresAt=when(seconds=-1))), list_of_today(), 1),
    "not yet": (make_bundle(statement_of_today(notBefore=when(hours=1))), list_of_today(), 1),
    "stale list": (make_bundle(statement_of_today()), list_of_today(validUntil=when(seconds=-1)), 2),
    "forged": (make_bundle(statement_of_today(), keys=[STRANGER]), list_of_today(), 2),
    "no list": (make_bundle(statement_of_today()), {}, 2),
    "no attestation": ({"allowed": True, "code": "released"}, list_of_today(), 2),
    "of another artifact": (
        make_bundle(statement_of_today() | {"subject": [{"name": "model.bin", "digest": {"sha256": "0" * 64}}]}),
        list_of_today(),
        1,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_b29_service_does_not_start(site: Path, case: str) -> None:
    bundle, listed, expected = REFUSED[case]
    put(site, bundle, listed)
    code, said, told = start(site)
    assert (code, said) == (expected, ""), told
    assert told.startswith(("not allowed: ", "tampered: ", "not verifiable: "))


def test_b29_service_does_not_start_elsewhere_or_with_other_bytes(site: Path) -> None:
    assert start(site, "staging")[:2] == (1, "")
    (site / "model.bin").write_bytes(ARTIFACT + b"\x00")
    assert start(site)[:2] == (1, "")
    (site / "model.bin").unlink()
    assert start(site)[:2] == (2, "")


@pytest.mark.parametrize("missing", ["trust.json", "verifier.py", "model.bin.attestation.json"])
def test_service_does_not_start_where_a_piece_is_missing(site: Path, missing: str) -> None:
    (site / missing).unlink()
    code, said, _told = start(site)
    assert (code, said) == (2, "")


# --- countersign run ------------------------------------------------------------------------------------


def run(site: Path, *options: str, command: tuple[str, ...] = ("echo", STARTED.strip())) -> tuple[int, str, str]:
    words = [sys.executable, "-m", "countersign.cli", "run", "--artifact", "model.bin", "--environment", "production"]
    words += ["--attestation", "model.bin.attestation.json", *options, "--", *command]
    done = subprocess.run(words, cwd=site, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


LISTED = ("--revocations", "model.bin.revocations.json")
TRUSTING = ("--trust", "trust.json")


def test_run_becomes_the_command(site: Path) -> None:
    code, said, told = run(site, *LISTED, *TRUSTING)
    assert (code, said) == (0, STARTED), told
    assert run(site, *LISTED, "--key", KEY.vkey, command=("sh", "-c", "exit 9"))[0] == 9
    assert run(site, "--without-revocations", *TRUSTING)[:2] == (0, STARTED)
    assert run(site, *LISTED, *TRUSTING, command=("there-is-no-such-program",))[0] == 2


def test_b29_run_refuses(site: Path) -> None:
    assert run(site, *LISTED)[:2] == (2, "")  # whom to trust?
    assert run(site, *TRUSTING)[:2] == (2, "")  # what about withdrawals?
    assert run(site, *LISTED, "--key", STRANGER.vkey)[:2] == (2, "")
    for bundle, listed, expected in REFUSED.values():
        put(site, bundle, listed)
        assert run(site, *LISTED, *TRUSTING)[:2] == (expected, "")


# --- countersign reconcile, without a portal -------------------------------------------------------------


def compare(site: Path, running: str, *options: str) -> Result:
    (site / "running.txt").write_text(running)
    words = ["reconcile", "running.txt", "--attestations", "bundles", "--revocations", "list.json", "--key", KEY.vkey]
    return CliRunner().invoke(main, [*words, *options], env={"COLUMNS": "300"})


def other_statement(number: int, **changes: Any) -> dict[str, Any]:
    subject = [{"name": "model.bin", "digest": {"sha256": f"{number:064x}"}}]
    return statement_of_today(version=number, **changes) | {"subject": subject}


@pytest.fixture
def bundles(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Attestations of one artifact that may run and does, one withdrawn, one expired, one for staging, one idle."""
    monkeypatch.chdir(site)
    folder = site / "bundles"
    folder.mkdir()
    made = {
        "good": statement_of_today(),
        "withdrawn": other_statement(1),
        "expired": other_statement(2, expiresAt=when(seconds=-1)),
        "staging": other_statement(3, environment="staging"),
        "idle": other_statement(4),
    }
    for name, statement in made.items():
        (folder / f"{name}.json").write_text(json.dumps(make_bundle(statement)))
    (site / "list.json").write_text(json.dumps(list_of_today(made["withdrawn"])))
    return site


def test_reconcile_is_clean_where_everything_may_run(bundles: Path) -> None:
    done = compare(bundles, f"# what runs\n{DIGEST}\n{DIGEST[7:]}  /srv/model.bin\n\n")
    assert done.exit_code == 0, done.output
    assert "2 permitted, 0 not, 1 permitted and not running." in done.output
    assert "not running" in done.output


def test_reconcile_tells_what_may_not_run_and_why(bundles: Path) -> None:
    running = [DIGEST, *(f"sha256:{number:064x}" for number in (1, 2, 3, 9))]
    done = compare(bundles, "\n".join(running), "--json")
    assert done.exit_code == 1, done.output
    found = json.loads(done.output)
    reasons = {item["running"]["digest"][-1]: (item["is_known"], item["reason"]) for item in found["unpermitted"]}
    assert set(reasons) == {"1", "2", "3", "9"}
    for number, word in (("1", "withdrawn at"), ("2", "expired at"), ("3", "into 'staging'")):
        assert reasons[number][0] is True
        assert word in reasons[number][1]
    assert reasons["9"] == (False, "nothing speaks of it")
    assert [item[0] for item in found["idle"]] == [f"sha256:{4:064x}"]
    assert [item["digest"] for item in found["permitted"]] == [DIGEST]


def test_reconcile_tells_nothing_where_something_cannot_be_believed(bundles: Path) -> None:
    assert compare(bundles, "sha256:short\n").exit_code == 2
    assert compare(bundles, DIGEST, "--key", "nonsense").exit_code == 2
    (bundles / "list.json").write_text(json.dumps(list_of_today(validUntil=when(seconds=-1))))
    assert compare(bundles, DIGEST).exit_code == 2
    (bundles / "list.json").write_text(json.dumps(list_of_today()))
    (bundles / "bundles" / "forged.json").write_text(json.dumps(make_bundle(keys=[STRANGER])))
    assert compare(bundles, DIGEST).exit_code == 2
    (bundles / "bundles" / "forged.json").write_text("{")
    assert compare(bundles, DIGEST).exit_code == 2


def test_reconcile_needs_to_know_whom_to_trust(bundles: Path) -> None:
    (bundles / "running.txt").write_text(DIGEST)
    words = ["reconcile", "running.txt", "--attestations", "bundles"]
    assert CliRunner().invoke(main, [*words, "--revocations", "list.json"]).exit_code == 2
    assert CliRunner().invoke(main, [*words, "--key", KEY.vkey]).exit_code == 2
    assert CliRunner().invoke(main, ["reconcile", "running.txt", "--at", "2026-01-01T00:00:00Z"]).exit_code == 2
