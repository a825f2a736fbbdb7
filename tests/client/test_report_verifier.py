"""A signed report is checked by itself, offline: each changed byte is found, and nothing malformed reads as good."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from countersign import cms, report_verifier
from governance.canonical import canonical_bytes
from governance.report_certificate import ReportKey
from tests.client import signed_reports
from tests.client.signed_reports import DOSSIER, VKEYS, SignedReport, authority_key, digest, make
from tests.client.small_log import STRANGER, Log
from tests.client.small_log import entry as make_entry
from tests.governance import test_time_stamps

authority, authority_folder = test_time_stamps.authority, test_time_stamps.authority_folder
pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning")
CLIENT = Path(report_verifier.__file__).parent
FILES = ("report_verifier.py", "cms.py", "verifier.py")
UNSHARE = ["unshare", "--net", "--map-root-user"]
GOOD, TAMPERED, NOT_VERIFIABLE = report_verifier.verifier.Outcome


@pytest.fixture(scope="module")
def signed(certificate_at_hand: ReportKey) -> SignedReport:
    return make(certificate_at_hand)


def judge(pdf: bytes, keys: list[str] = VKEYS) -> tuple[int, str]:
    verdict = report_verifier.verify_report(pdf, keys)
    return verdict.outcome, verdict.message


def test_good_report_is_good_and_says_why(signed):
    outcome, message = judge(signed.pdf)
    assert outcome == GOOD, message
    assert re.match(
        r"the report is whole, signed by 'Reports of .*' and recorded at '2026-.*' as entry 1 of 3", message
    )
    assert dict(report_verifier.list_attachments(signed.pdf))["dossier.json"] == DOSSIER


def test_certificate_of_an_authority_with_rsa_is_checked_too():
    assert judge(make(authority_key()).pdf)[0] == GOOD


def test_every_sampled_byte_is_covered(signed):
    """Outside the signature by what was signed, inside it because there is one way to write it."""
    draw = random.Random(4)
    places = {*draw.sample(range(signed.start), 60), *range(signed.end, len(signed.pdf), 9)}
    places |= {*range(signed.start, signed.start + 120), *range(signed.start, signed.start + 5_300, 23)}
    places |= {*draw.sample(range(signed.start, signed.end), 30)}
    for place in sorted(places):
        changed = bytearray(signed.pdf)
        changed[place] ^= 1
        assert judge(bytes(changed))[0] != GOOD, place


def test_cut_off_and_extended_files_are_never_good(signed):
    for size in (0, 4, 100, signed.start, signed.start + 500, signed.end, len(signed.pdf) - 1):
        assert judge(signed.pdf[:size])[0] != GOOD, size
    for more in (b"\n", b"%%EOF\n", b"1 0 obj\n<< >>\nendobj\n"):
        assert judge(signed.pdf + more)[0] == TAMPERED


def test_rubbish_is_not_verifiable(signed):
    assert judge(b"not a PDF")[0] == NOT_VERIFIABLE
    assert judge(signed_reports.render()) == (
        NOT_VERIFIABLE,
        "the PDF is not signed, so only a receipt of the issued file can show what it is",
    )
    empty = signed.pdf[: signed.start + 1] + b"0" * (signed.end - signed.start - 2) + signed.pdf[signed.end - 1 :]
    assert judge(empty)[0] != GOOD


def test_key_of_somebody_else_is_not_trusted(signed):
    assert judge(signed.pdf, [STRANGER.vkey])[0] == NOT_VERIFIABLE
    assert judge(signed.pdf, [])[0] == NOT_VERIFIABLE


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"certificates": ["sha256:" + "0" * 64]}, "the log recorded another certificate"),
        ({"unsigned": "sha256:" + "0" * 64}, "what was rendered is not the beginning of the file"),
        ({"dossier": "sha256:" + "0" * 64}, "the attached dossier is not the one that was recorded"),
        ({"document": {"name": "a.bin", "digest": "sha256:" + "0" * 64}}, "the attached a.bin is not the one"),
        ({"document": {"name": "none.json", "digest": "sha256:" + "0" * 64}}, "the attached none.json is not the one"),
    ],
)
def test_entry_that_says_something_else_is_tampering(certificate_at_hand, changed, words):
    outcome, message = judge(make(certificate_at_hand, **changed).pdf)
    assert (outcome, words in message) == (TAMPERED, True), message


def test_report_without_a_dossier_is_checked_by_the_document_that_it_attaches(certificate_at_hand):
    document = {"name": "a.bin", "digest": digest(bytes(range(256)) * 9)}
    assert judge(make(certificate_at_hand, dossier=None, document=document).pdf)[0] == GOOD


def test_signature_by_another_key_over_the_same_file_is_found(signed, certificate_at_hand):
    """Whoever has the file can sign it again; the log says by whom it was signed."""
    other = make(authority_key(), certificates=[digest(b"the right one")])
    assert judge(other.pdf)[0] == TAMPERED


def test_without_its_receipt_it_cannot_be_told_unless_one_is_given(certificate_at_hand, tmp_path):
    bare = make(certificate_at_hand, with_receipt=False)
    assert judge(bare.pdf)[0] == NOT_VERIFIABLE
    said = {"type": "report.issued", "subject": {"digest": digest(bare.pdf)}}
    log = Log([canonical_bytes(make_entry(0) | said)])
    receipt = log.receipt(0, 1) | {"document_digest": digest(bare.pdf)}
    verdict = report_verifier.verify_report(bare.pdf, VKEYS, receipt=receipt)
    assert verdict.outcome == GOOD
    assert report_verifier.verify_report(bare.pdf + b"\n", VKEYS, receipt=receipt).outcome == TAMPERED


def test_time_stamp_is_named_and_a_changed_one_found(authority, certificate_at_hand):
    stamped = make(certificate_at_hand)
    outcome, message = judge(stamped.pdf)
    assert (outcome, authority.asked) == (GOOD, 1)
    assert re.search(r"time stamp 20\d{12}Z by 'tsa'", message)
    digits = stamped.pdf[stamped.start : stamped.end]
    place = stamped.start + digits.index(b"060b2a864886f70d010910010"[:24]) + 60
    changed = bytearray(stamped.pdf)
    changed[place] = ord(b"1") if changed[place] != ord(b"1") else ord(b"2")
    assert judge(bytes(changed))[0] != GOOD


@pytest.mark.parametrize(
    "data", [b"", b"\x30", b"\x30\x80\x00\x00", b"\x30\x81\x01\x00", b"\x1f\x01\x00", b"\x30\x84\xff\xff\xff\xff"]
)
def test_der_in_another_spelling_is_refused(data):
    with pytest.raises(cms.Unreadable):
        cms.read_der(data).children()


# --- As files, and as the client's command ------------------------------------------------------------------------


@pytest.fixture
def folder(signed, tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(CLIENT / name, tmp_path / name)
    (tmp_path / "report.pdf").write_bytes(signed.pdf)
    (tmp_path / "trust.json").write_text(
        json.dumps(
            {
                "format": "countersign/trust/1",
                "origin": "audit.example.org/log",
                "keys": [{"vkey": VKEYS[0], "from_size": 0, "to_size": None, "revoked": False}],
                "witnesses": [],
                "quorum": 0,
            }
        )
    )
    return tmp_path


def run(folder: Path, *words: str) -> tuple[int, str]:
    command = [*UNSHARE, sys.executable, "-I", "-S", "report_verifier.py", "report.pdf", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


def test_three_files_and_nothing_else_check_it_without_a_network(folder):
    for words in (("--key", VKEYS[0]), ("--trust", "trust.json", "--extract", "inside")):
        code, said = run(folder, *words)
        assert (code, said.startswith("good: the report is whole"), said.count("\n")) == (0, True, 1)
    assert (folder / "inside" / "dossier.json").read_bytes() == DOSSIER
    pdf = (folder / "report.pdf").read_bytes()
    (folder / "report.pdf").write_bytes(pdf.replace(b"/Lang (en)", b"/Lang (de)"))
    code, said = run(folder, "--key", VKEYS[0])
    assert (code, said) == (1, "tampered: the content is not the one that was signed\n")
    (folder / "report.pdf").unlink()
    assert run(folder, "--key", VKEYS[0])[0] == 2


def test_the_files_need_the_standard_library_only():
    import ast

    for name in FILES[:2]:
        tree = ast.parse((CLIENT / name).read_text(encoding="utf-8"))
        found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        found |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {item.partition(".")[0] for item in found} <= sys.stdlib_module_names


def test_client_checks_a_signed_report_by_itself(folder):
    from click.testing import CliRunner

    from countersign.cli import main

    asked = ["verify", str(folder / "report.pdf"), "--key", VKEYS[0]]
    good = CliRunner().invoke(main, asked)
    assert (good.exit_code, good.output.startswith("good: the report is whole")) == (0, True), good.output
    (folder / "report.pdf").write_bytes((folder / "report.pdf").read_bytes() + b"\n")
    bad = CliRunner().invoke(main, asked)
    assert (bad.exit_code, bad.output.startswith("tampered: the signature does not cover")) == (1, True), bad.output
    nothing = CliRunner().invoke(main, ["recompute", str(folder / "report.pdf")])
    assert (nothing.exit_code, nothing.output) == (2, "not verifiable: the report holds no counted cells\n")
