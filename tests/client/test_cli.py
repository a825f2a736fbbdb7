"""The command line against a running portal, as a person, a pipeline and an auditor use it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from countersign import Client, digest_bytes
from countersign.cli import gate_answer
from countersign.types import Version
from tests.cast import PASSWORD, PREDICTIONS_SPEC, make_predictions
from tests.client.conftest import Office


def test_login_makes_a_token_that_whoami_uses(office: Office, run: Callable[..., Result], tmp_path: Path) -> None:
    signed_in = run(None, "login", "--url", office.url, "--username", "cleo", input=f"{PASSWORD}\n")
    asked = run(None, "whoami")

    assert (signed_in.exit_code, asked.exit_code) == (0, 0)
    assert "Cleo Marsh (cleo)" in asked.output
    assert PASSWORD not in signed_in.output
    assert (tmp_path / "config" / "countersign" / "config.toml").stat().st_mode & 0o777 == 0o600


def test_without_a_login_the_remedy_is_told(run: Callable[..., Result]) -> None:
    asked = run(None, "whoami")

    assert asked.exit_code == 2
    assert "Run “countersign login”" in asked.stderr


def test_submit_audit_and_gate_on_the_command_line(
    office: Office, run: Callable[..., Result], new_version: Callable[[], Version]
) -> None:
    version = new_version()
    file = office.write("predictions.csv", make_predictions())
    spec = office.write("spec.json", json.dumps(PREDICTIONS_SPEC).encode())

    submitted = run("cleo", "submit", file, "--kind", "predictions", "--version", version.id, "--requirement", "R-1")
    audited = run("cleo", "audit", "--version", f"{version.model.name}@{version.number}", "--spec", spec)
    judged = run("cleo", "gate", "--version", version.id, "--json")

    assert (submitted.exit_code, audited.exit_code, judged.exit_code) == (0, 0, 1)
    assert digest_bytes(file.read_bytes()) in submitted.output
    assert "demographic_parity_difference" in audited.output
    statuses = {finding["key"]: finding["status"] for finding in json.loads(judged.stdout)["findings"]}
    assert statuses["evaluation:bias_audit:test"] == "MET"
    assert statuses["evidence:validation_report"] == "MISSING"


def test_submit_reads_structured_kinds_from_json(
    office: Office, run: Callable[..., Result], new_version: Callable[[], Version], cleo: Client
) -> None:
    version = new_version()
    metrics = office.write("metrics.json", b'{"metrics": [{"name": "accuracy", "value": 0.9}]}')

    submitted = run("cleo", "submit", metrics, "--kind", "metrics", "--version", version.id, "--title", "Claims")

    assert submitted.exit_code == 0
    assert cleo.find_evidence(version, kind="metrics", title="Claims") is not None


def test_bad_input_is_told_in_words_and_exit_code_2(
    office: Office, run: Callable[..., Result], released: Version
) -> None:
    no_json = office.write("metrics.json", b"{")

    unreadable = run("cleo", "submit", no_json, "--kind", "metrics", "--version", released.id)
    unknown = run("cleo", "gate", "--version", "Nobody's model@3")
    undecided = run("cleo", "gate")

    assert (unreadable.exit_code, unknown.exit_code, undecided.exit_code) == (2, 2, 2)
    assert "is not JSON" in unreadable.stderr
    assert "You see no model named “Nobody's model”" in unknown.stderr
    assert "Give either --version or --artifact" in undecided.stderr


def test_an_open_gate_ends_with_0(office: Office, run: Callable[..., Result], released: Version) -> None:
    judged = run("odile", "gate", "--version", released.id, "--wait", "30")
    until = time.monotonic() + 30
    while True:  # a release waits for the signer's seal for a moment
        artifact = run("odile", "gate", "--artifact", office.folder / released.artifacts[0].name)
        if artifact.exit_code == 0 or time.monotonic() > until:
            break
        time.sleep(0.2)
    stranger = run("odile", "gate", "--artifact", office.write("other.json", b"other"))

    assert (judged.exit_code, artifact.exit_code, stranger.exit_code) == (0, 0, 1)
    assert "The gate to production is open" in judged.output
    assert "No model version you may see" in stranger.output


@pytest.mark.parametrize(("state", "code"), [("RELEASED", 0), ("APPROVED", 0), ("RETIRED", 1), ("REJECTED", 1)])
def test_an_open_gate_of_an_ended_version_ends_with_1(released: Version, cleo: Client, state: str, code: int) -> None:
    judged = cleo.gate(released)

    assert judged.is_open is True
    assert gate_answer(replace(judged, state=state)) == code


def test_waiting_for_a_gate_ends_with_1_when_time_is_up(
    run: Callable[..., Result], new_version: Callable[[], Version]
) -> None:
    judged = run("cleo", "gate", "--version", new_version().id, "--wait", "0.2")

    assert judged.exit_code == 1


def test_a_report_is_downloaded_with_its_receipt_and_verified_offline(
    office: Office, run: Callable[..., Result], released: Version, cleo: Client, tmp_path: Path
) -> None:
    downloaded = run("odile", "report", "--version", released.id, "--output", tmp_path)
    document = next(tmp_path.glob("*.pdf"))
    key = office.write("log.vkey", cleo.log_key().encode())
    other_key = office.write("other.vkey", b"elsewhere/log+00000000+AAAA")

    good = run(None, "verify", document, "--key", f"@{key}")
    from_portal = run("odile", "verify", document)
    unknown_key = run(None, "verify", document, "--key", f"@{other_key}")
    document.write_bytes(document.read_bytes() + b" ")
    tampered = run(None, "verify", document, "--key", f"@{key}")

    assert downloaded.exit_code == 0
    assert (good.exit_code, from_portal.exit_code) == (0, 0)
    assert (unknown_key.exit_code, tampered.exit_code) == (2, 1)
    assert good.output.startswith("good: the report is whole, signed by ")
    assert "The key came from the portal itself" in from_portal.stderr
    assert tampered.output.startswith("tampered: ")


def test_verify_needs_a_receipt(office: Office, run: Callable[..., Result]) -> None:
    checked = run(None, "verify", office.write("alone.pdf", b"%PDF-"), "--key", "x")

    assert checked.exit_code == 2
    assert "Name the receipt with --receipt" in checked.stderr
