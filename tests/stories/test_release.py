"""The whole errand, through the API and in Chromium: from the first account to a report checked without the portal.

The portal is started as `make run` starts it and tells its own story through the public API; here the visitor takes
over. On SQLite with the file queue, or on PostgreSQL with Redis where the run has them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from countersign import Client, Session
from countersign.types import Version
from tests.portals import Portal, make_portal
from tests.stories.browser import Observed, open_browser, open_page, settle, sign_in

pytestmark = pytest.mark.story
MODEL = "Diabetes triage"


@pytest.fixture(scope="module")
def told_portal(collected_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A running portal with its story told."""
    with make_portal(collected_data, tmp_path_factory.mktemp("story") / "data") as portal:
        portal.start("--prepare")
        portal.manage("load_story", "--url", portal.url)
        yield portal


@pytest.fixture(scope="module")
def passwords(told_portal: Portal) -> dict[str, str]:
    lines = (told_portal.data / "sign-ins.txt").read_text().splitlines()
    rows = [line.split() for line in lines[lines.index("") + 1 :] if line]
    return {row[0]: row[1] for row in rows if len(row) > 2}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def visit(browser: Browser, portal: Portal, login: str, passwords: dict[str, str]) -> tuple[Page, Observed]:
    page, observed = open_page(browser, portal.url)
    sign_in(page, login, passwords[login])
    return page, observed


def find_version(portal: Portal, passwords: dict[str, str], number: int) -> Version:
    with Session(portal.url, "lucia", passwords["lucia"]) as session:
        model = next(model for model in session.models(name=MODEL))
        return next(version for version in session.versions(model) if version.number == number)


def fill_signature(page: Page, portal: Portal, version: Version, password: str) -> None:
    page.goto(f"{portal.url}/versions/{version.id}/sign/")
    page.locator("input[name=decision][value=approve]").check()
    page.fill("input[name=password]", password)


def submit_form(page: Page) -> None:
    page.locator("form[method=post]").filter(has=page.locator("input[name=password]")).locator(
        "button[type=submit]:not(.pressed-by-enter):not([name])"
    ).click()
    page.wait_for_load_state()


def test_story_shows_a_version_that_the_gate_stopped_for_honest_reasons(told_portal, passwords):
    stopped = find_version(told_portal, passwords, 1)
    with Session(told_portal.url, "lucia", passwords["lucia"]) as session:
        gate = session.gate(stopped)
    statuses = {finding.key: finding.status for finding in gate.findings}
    assert not gate.is_open
    assert statuses["evidence:validation_report"] == "MISSING"
    criteria = {status for key, status in statuses.items() if key.startswith("criterion:")}
    assert {"NOT_MET", "INCONCLUSIVE"} <= criteria


def test_story_holds_a_released_and_a_retired_version(told_portal, passwords):
    with Session(told_portal.url, "lucia", passwords["lucia"]) as session:
        releases = session.releases()
        states = {version.state for model in session.models() for version in session.versions(model)}
    assert {"RELEASED", "RETIRED", "IN_REVIEW"} <= states
    assert [release.ended_at is None for release in releases].count(True) == 1


@pytest.fixture(scope="module")
def released(told_portal: Portal, passwords: dict[str, str], browser: Browser) -> Version:
    """Version 3, signed by the visitor and the approver in Chromium, and promoted."""
    version = find_version(told_portal, passwords, 3)
    noor, seen_by_noor = visit(browser, told_portal, "noor", passwords)
    expect(noor.locator("main")).to_contain_text(f"{MODEL} v3")
    fill_signature(noor, told_portal, version, "not the password")
    submit_form(noor)
    expect(noor.locator("main")).to_contain_text("The password is not right. Nothing was recorded")
    fill_signature(noor, told_portal, version, passwords["noor"])
    submit_form(noor)
    expect(noor.locator("main")).to_contain_text("Noor Haddad")

    peter, seen_by_peter = visit(browser, told_portal, "peter", passwords)
    fill_signature(peter, told_portal, version, passwords["peter"])
    submit_form(peter)
    expect(peter.locator("main")).to_contain_text("Gate open")
    peter.goto(f"{told_portal.url}/versions/{version.id}/promote/")
    peter.fill("input[name=password]", passwords["peter"])
    submit_form(peter)
    expect(peter.locator("main")).to_contain_text("Released")
    assert seen_by_noor.elsewhere == seen_by_peter.elsewhere == []
    # A refused form answers 4xx, which Chromium notes; nothing else may be complained of.
    complaints = [text for text in seen_by_noor.errors + seen_by_peter.errors if "Failed to load resource" not in text]
    assert complaints == []
    return version


def test_contributor_and_token_cannot_sign(told_portal, passwords, browser):
    version = find_version(told_portal, passwords, 3)
    tomas, _observed = visit(browser, told_portal, "tomas", passwords)
    tomas.goto(f"{told_portal.url}/versions/{version.id}/sign/")
    expect(tomas.locator("main")).to_contain_text("contributed")
    assert tomas.locator("main input[name=password]").count() == 0


def test_release_ends_the_former_one(told_portal, passwords, released):
    assert find_version(told_portal, passwords, 3).state == "RELEASED"
    assert find_version(told_portal, passwords, 2).state == "RETIRED"


def test_report_is_downloaded_and_verified_without_the_portal(told_portal, passwords, released, browser, tmp_path):
    lucia, _observed = visit(browser, told_portal, "lucia", passwords)
    lucia.goto(f"{told_portal.url}/versions/{released.id}/?tab=reports")
    settle(lucia)
    with Session(told_portal.url, "lucia", passwords["lucia"]) as session:
        report = session.wait_for(session.request_report(released))
        pdf = session.download_report(report, tmp_path / "report.pdf")
        receipt = tmp_path / "receipt.json"
        receipt.write_text(json.dumps(session.receipt(report)))
    text = "\n".join(page.extract_text() for page in PdfReader(pdf).pages)
    for expected in ("Noor Haddad", "Peter Voss", "Hana Kimura", MODEL, "The gate is open", "UTC"):
        assert expected in text
    key = f"@{told_portal.data / 'keys' / 'log.vkey'}"
    assert verify(pdf, receipt, key).returncode == 0
    changed = bytearray(pdf.read_bytes())
    changed[len(changed) // 2] ^= 1
    pdf.write_bytes(changed)
    assert verify(pdf, receipt, key).returncode == 1


def verify(pdf: Path, receipt: Path, key: str) -> subprocess.CompletedProcess[str]:
    command = ["verify", str(pdf), "--receipt", str(receipt), "--key", key]
    return subprocess.run(
        [sys.executable, "-m", "countersign.cli", *command], capture_output=True, text=True, check=False, timeout=60
    )


def test_pipeline_may_run_only_what_was_released(told_portal, passwords, released):
    with Session(told_portal.url, "peter", passwords["peter"]) as session:
        token = session.create_token("pipeline", scopes=["read"], days=1)
    with Client(told_portal.url, token.secret) as pipeline:
        answer = pipeline.may_run(digest=released.artifacts[0].digest, environment="production")
        stopped = find_version(told_portal, passwords, 1)
        refused = pipeline.may_run(digest=stopped.artifacts[0].digest, environment="production")
    assert (answer.allowed, refused.allowed) == (True, False)


def test_log_verifies_at_the_end(told_portal, released):
    done = told_portal.manage("verify_log", "--evidence", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
