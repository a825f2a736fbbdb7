"""An issued report is signed: by the signer alone, over what the log knows, and so that others accept it."""

from __future__ import annotations

import asyncio
import io
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import page
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from governance import store
from governance.actions import reports
from governance.log_entries import BrokenEntry
from governance.models import AuditLogEntry, ComplianceReport, ReportSignature, WorkStatus
from governance.report_certificate import ReportKey, read_published
from governance.reports import press, report_signing
from governance.reports.pdf import render_pdf
from governance.reports.pdf_signature import NoPlace, Prepared, prepare
from governance.signer import SignerError, sign_once
from tests import cast
from tests.certificates import make_chain
from tests.governance import test_time_stamps

authority, authority_folder = test_time_stamps.authority, test_time_stamps.authority_folder
pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning")
MADE_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HTML = (
    '<html lang="en"><head><title>T</title><meta name="dcterms.created" content="2026-11-21T12:00:00+00:00">'
    '<meta name="dcterms.modified" content="2026-11-21T12:00:00+00:00"></head><body><h1>One</h1></body></html>'
)


@pytest.fixture
def keys(tmp_path: Path, settings: Any) -> Path:
    (tmp_path / "data" / "keys").mkdir(parents=True)
    settings.COUNTERSIGN_DATA = tmp_path / "data"
    return tmp_path / "data" / "keys"


@pytest.fixture(scope="module")
def rendered() -> bytes:
    return render_pdf(HTML, identifier="ab" * 16, made_at=MADE_AT).pdf


def sign_with(key: ReportKey, rendered: bytes) -> tuple[Prepared, bytes]:
    prepared = prepare(rendered, signed_at=MADE_AT)
    return prepared, prepared.fill(key.sign(bytes.fromhex(prepared.covered_digest.removeprefix("sha256:"))))


# --- What others say ------------------------------------------------------------------------------------------


def ask_pdfsig(pdf: bytes, folder: Path, root: bytes | None = None) -> str:
    """What poppler says. Its exit code is 0 for a broken signature too, so the text is what counts."""
    (folder / "signed.pdf").write_bytes(pdf)
    words = ["pdfsig"]
    if root is not None:
        store_of_roots = f"sql:{folder / 'nss'}"
        (folder / "nss").mkdir(exist_ok=True)
        (folder / "root.pem").write_bytes(root)
        subprocess.run(["certutil", "-N", "-d", store_of_roots, "--empty-password"], check=True)
        trust = ["certutil", "-A", "-d", store_of_roots, "-n", "root", "-t", "CTP,CP,CP", "-i", folder / "root.pem"]
        subprocess.run(trust, check=True)
        words += ["-nssdir", store_of_roots]
    done = subprocess.run([*words, folder / "signed.pdf"], capture_output=True, text=True, check=False)
    return done.stdout


def ask_pyhanko(pdf: bytes, key: ReportKey) -> Any:
    from asn1crypto import x509

    root = x509.Certificate.load(key.chain[-1].public_bytes(Encoding.DER))
    context = ValidationContext(trust_roots=[root], allow_fetching=False)
    (embedded,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return asyncio.run(async_validate_pdf_signature(embedded, context))


def test_poppler_accepts_it_and_covers_the_whole_file(keys, rendered, tmp_path):
    key = ReportKey.load()
    said = ask_pdfsig(sign_with(key, rendered)[1], tmp_path, key.chain[-1].public_bytes(Encoding.PEM))
    assert "Signature is Valid." in said
    assert "Certificate is Trusted." in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said


def test_pyhanko_accepts_it(keys, rendered):
    key = ReportKey.load()
    status = ask_pyhanko(sign_with(key, rendered)[1], key)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert status.coverage.name == "ENTIRE_FILE"


def test_signed_file_is_still_whole_for_archives_and_readers(keys, rendered, tmp_path):
    _prepared, pdf = sign_with(ReportKey.load(), rendered)
    for profile in (page.ValidationProfile.PDF_A_3A, page.ValidationProfile.PDF_UA_1):
        assert [found.rule_id for found in page.validate_pdf_bytes(pdf, profile=profile).failures] == []
    (tmp_path / "a.pdf").write_bytes(pdf)
    done = subprocess.run(["qpdf", "--check", tmp_path / "a.pdf"], capture_output=True, text=True, check=True)
    assert (done.stderr, "No syntax or stream encoding errors" in done.stdout) == ("", True)


def test_rendering_stays_the_beginning_of_the_signed_file(keys, rendered):
    first, second = (sign_with(ReportKey.load(), rendered)[1] for _ in range(2))
    assert first[: len(rendered)] == second[: len(rendered)] == rendered
    assert rendered == render_pdf(HTML, identifier="ab" * 16, made_at=MADE_AT).pdf


def test_every_changed_byte_outside_the_signature_is_found(keys, rendered):
    key = ReportKey.load()
    prepared, pdf = sign_with(key, rendered)
    places = [*range(10, prepared.start, prepared.start // 12), prepared.end + 5, len(pdf) - 20]
    for place in places:
        changed = bytearray(pdf)
        changed[place] ^= 1
        assert not is_intact(bytes(changed), key), place


def is_intact(pdf: bytes, key: ReportKey) -> bool:
    """What pyHanko says; a file that it cannot read is not."""
    try:
        return bool(ask_pyhanko(pdf, key).intact)
    except Exception:
        return False


def test_poppler_finds_a_changed_byte(keys, rendered, tmp_path):
    prepared, pdf = sign_with(ReportKey.load(), rendered)
    place = rendered.index(b"stream") + 30
    changed = pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]
    assert "Digest Mismatch" in ask_pdfsig(changed, tmp_path)
    assert prepared.start > place


def test_signature_that_is_too_long_and_file_without_a_field_are_refused(rendered):
    prepared = prepare(rendered, signed_at=MADE_AT)
    with pytest.raises(NoPlace, match="there is room for"):
        prepared.fill(b"x" * 25_000)
    for other in (b"%PDF-1.7 nothing", rendered.replace(b"/FT /Sig", b"/FT /Tx "), rendered + b"\n"):
        with pytest.raises(NoPlace):
            prepare(other, signed_at=MADE_AT)


# --- The certificate --------------------------------------------------------------------------------------------


def test_first_start_makes_a_key_nobody_else_may_read_and_publishes_its_certificate(keys):
    assert read_published() is None
    key = ReportKey.load()
    assert oct((keys / "reports.key").stat().st_mode & 0o777) == "0o600"
    assert read_published().fingerprint == key.fingerprint == ReportKey.load().fingerprint
    assert b"PRIVATE" not in (keys / "reports.crt").read_bytes()


def test_key_that_others_may_read_is_refused(keys):
    ReportKey.load()
    (keys / "reports.key").chmod(0o644)
    with pytest.raises(SignerError, match="chmod 600"):
        ReportKey.load()


def bring(path: Path, kind: str, settings: Any, *, days: int = 30) -> bytes:
    """A certificate of an authority, as an organisation would bring it; returns the authority's as PEM."""
    key, chain = make_chain(days=days)
    settings.COUNTERSIGN_REPORT_CERTIFICATE = str(path)
    settings.COUNTERSIGN_REPORT_CERTIFICATE_PASSWORD = "open sesame"
    path.write_bytes(chain.pack(key, kind, b"open sesame"))
    path.chmod(0o600)
    return chain.root.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("kind", ["pem", "p12"])
def test_certificate_of_an_authority_signs_instead(keys, rendered, tmp_path, settings, kind):
    root = bring(tmp_path / "own", kind, settings)
    key = ReportKey.load()
    assert len(key.chain) == 2
    assert read_published().fingerprint == key.fingerprint
    _prepared, pdf = sign_with(key, rendered)
    said = ask_pdfsig(pdf, tmp_path, root)
    assert "Signature is Valid." in said
    assert "Certificate is Trusted." in said
    assert "Example Hospital" in said
    assert not (keys / "reports.key").exists()


def test_certificate_that_cannot_serve_is_refused_with_its_reason(keys, tmp_path, settings):
    bring(tmp_path / "own", "pem", settings, days=0)
    with pytest.raises(SignerError, match="is not valid now"):
        ReportKey.load()
    settings.COUNTERSIGN_REPORT_CERTIFICATE_PASSWORD = "wrong"
    with pytest.raises(SignerError, match="cannot be used"):
        ReportKey.load()
    settings.COUNTERSIGN_REPORT_CERTIFICATE = str(tmp_path / "gone")
    with pytest.raises(SignerError, match="cannot be used"):
        ReportKey.load()


def test_certificate_that_cannot_serve_does_not_stop_the_log(keys, project, tmp_path, settings, caplog):
    settings.COUNTERSIGN_REPORT_CERTIFICATE = str(tmp_path / "gone")
    assert sign_once() is not None
    assert "No report is signed" in caplog.text


# --- The worker and the signer ------------------------------------------------------------------------------------


@pytest.fixture
def asked(keys, version, auditor, rendered, monkeypatch) -> ComplianceReport:
    """A report that is rendered in no time, and a signer that is not running."""
    sign_once()
    make_quickly(monkeypatch, rendered)
    return reports.request_report(version, actor=cast.acting(auditor))


def make_quickly(monkeypatch: pytest.MonkeyPatch, rendered: bytes) -> None:
    from governance.reports import kinds

    made = kinds.Made(rendered, 1, "short.pdf")
    monkeypatch.setattr(kinds, "make", lambda *_args, **_given: made)


@pytest.mark.signer
def test_worker_waits_for_the_signer_who_signs_what_is_sealed(asked, monkeypatch, rendered):
    monkeypatch.setattr("governance.reports.report_signing.time.sleep", lambda _seconds: sign_once())
    assert press.render(asked.pk) is True
    asked.refresh_from_db()
    assert (asked.status, asked.failure) == (WorkStatus.SUCCEEDED, "")
    with store.open_file(asked.file_id) as file:
        pdf = file.read()
    entries = {entry.type: cast.read_body(entry) for entry in AuditLogEntry.objects.filter(type__startswith="report.")}
    rendering, issued = entries["report.rendered"], entries["report.issued"]
    assert issued["subject"]["digest"] == "sha256:" + sha256(pdf).hexdigest() == asked.file_id
    assert rendering["data"]["unsigned"] == issued["data"]["unsigned"] == "sha256:" + sha256(rendered).hexdigest()
    assert rendering["subject"]["digest"] == issued["data"]["covered"]
    assert (issued["data"]["level"], issued["data"]["certificate"]) == ("B-B", read_published().fingerprint)
    assert rendering["data"]["certificates"] == [
        "sha256:" + sha256(item).hexdigest() for item in read_published().chain
    ]
    status = ask_pyhanko(pdf, ReportKey.load())
    assert (status.intact, status.valid, status.trusted) == (True, True, True)


@pytest.mark.signer
def test_report_that_nobody_signs_fails_and_says_so(asked, monkeypatch):
    monkeypatch.setattr(report_signing, "PATIENCE_SECONDS", 0.2)
    press.render(asked.pk)
    asked.refresh_from_db()
    assert asked.status == WorkStatus.FAILED
    assert "The signer did not sign this report within" in asked.failure
    assert ReportSignature.objects.get().signature == ""


@pytest.mark.signer
def test_without_a_certificate_nothing_is_recorded(keys, version, auditor, rendered, monkeypatch):
    make_quickly(monkeypatch, rendered)
    report = reports.request_report(version, actor=cast.acting(auditor))
    press.render(report.pk)
    report.refresh_from_db()
    assert report.failure.startswith("The signer has not made the certificate for reports yet.")
    assert ReportSignature.objects.count() == 0


@pytest.mark.signer
def test_signer_refuses_a_digest_that_its_entry_does_not_name(asked, monkeypatch):
    monkeypatch.setattr(report_signing, "PATIENCE_SECONDS", 0.1)
    press.render(asked.pk)
    other = ReportSignature.objects.get()
    other.pk, other.covered_digest = None, "sha256:" + "0" * 64
    other.save()
    with pytest.raises(BrokenEntry, match="is another than its entry recorded"):
        sign_once()
    other.refresh_from_db()
    assert other.signature == ""


def test_time_stamp_makes_it_b_t(authority, rendered, certificate_at_hand, tmp_path):
    prepared = prepare(rendered, signed_at=MADE_AT)
    signature = certificate_at_hand.sign(bytes.fromhex(prepared.covered_digest.removeprefix("sha256:")))
    whole, level = report_signing.complete(signature, b'{"a": "receipt"}')
    assert (level, authority.asked) == ("B-T", 1)
    status = ask_pyhanko(prepared.fill(whole), certificate_at_hand)
    assert (status.intact, status.valid, status.timestamp_validity.intact) == (True, True, True)
    assert "Signature is Valid." in ask_pdfsig(prepared.fill(whole), tmp_path)


def test_authority_that_does_not_answer_leaves_b_b(rendered, settings, certificate_at_hand, caplog):
    settings.COUNTERSIGN_TSA_URL = "http://127.0.0.1:9/"
    whole, level = report_signing.complete(certificate_at_hand.sign(b"0" * 32), None)
    assert (level, "signed without a time stamp" in caplog.text) == ("B-B", True)
    assert len(whole) > 500
