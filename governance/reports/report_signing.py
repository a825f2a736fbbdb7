"""Having a rendered report signed: the worker asks, the signer process answers once the log has sealed the rendering.

The worker holds no key. What it adds afterwards are attributes that no signature needs to cover, because each proves
itself: the log's receipt of the rendering, by which the file alone shows that it is in the log, and, where an authority
is configured, a time stamp over the signature (PAdES B-T; without it B-B).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import transaction

from governance import auditlog, receipts
from governance.auditlog import database_now
from governance.exceptions import GovernanceError, NotSealedYet
from governance.models import AuditLogEntry, ComplianceReport, ReportSignature
from governance.outbound import NoAnswer
from governance.report_certificate import PublicCertificate, read_published
from governance.reports.pdf_signature import NoPlace, Prepared, prepare

logger = logging.getLogger(__name__)

RECEIPT_ATTRIBUTE = "2.25.69893105574680129279992736280345793293"
"""An object identifier made of a UUID, for the log's receipt as UTF-8 JSON."""
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.1

Log = Callable[..., AuditLogEntry]


@dataclass(frozen=True)
class Signed:
    """A signed report. ``level`` is B-B, or B-T with a time stamp; ``unsigned_digest`` is of the rendering alone."""

    pdf: bytes
    level: str
    unsigned_digest: str
    covered_digest: str
    certificate: str


def sign_report(report: ComplianceReport, rendered: bytes, *, document: dict[str, Any], log: Log) -> Signed:
    """Record the rendering, wait for its signature, and return the signed file.

    ``document`` is how the entry names what is printed; ``log`` appends an entry about the report. Raises
    ``GovernanceError`` when nobody signs.
    """
    certificate = read_published()
    if certificate is None:
        raise NotSealedYet("The signer has not made the certificate for reports yet. Start it: manage.py sign_log")
    try:
        prepared = prepare(rendered, signed_at=database_now())
        asked = _ask(report, rendered, prepared, certificate, document, log)
        signature = wait_for_signature(asked)
        whole, level = complete(signature, _receipt(asked))
        pdf = prepared.fill(whole)
    except NoPlace as error:
        raise GovernanceError(f"The report could not be signed: {error}.") from error
    return Signed(pdf, level, asked.unsigned_digest, asked.covered_digest, certificate.fingerprint)


@transaction.atomic
def _ask(
    report: ComplianceReport,
    rendered: bytes,
    prepared: Prepared,
    certificate: PublicCertificate,
    document: dict[str, Any],
    log: Log,
) -> ReportSignature:
    """Store what is to be signed, with the entry that the signer checks it against."""
    unsigned = "sha256:" + sha256(rendered).hexdigest()
    asked = ReportSignature.objects.create(
        report=report, unsigned_digest=unsigned, covered_digest=prepared.covered_digest
    )
    data = document | {
        "rendering": asked.pk,
        "unsigned": unsigned,
        "certificates": ["sha256:" + sha256(item).hexdigest() for item in certificate.chain],
    }
    auditlog.stamp(asked, log(digest=prepared.covered_digest, data=data))
    return asked


def wait_for_signature(asked: ReportSignature) -> bytes:
    """The signature, as soon as the signer has given it. Raises ``NotSealedYet``."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        asked.refresh_from_db(fields=["signature"])
        if asked.signature:
            return bytes.fromhex(asked.signature)
        time.sleep(PAUSE_SECONDS)
    raise NotSealedYet(
        f"The signer did not sign this report within {PATIENCE_SECONDS:.0f} seconds. An operator should see whether it "
        "runs (manage.py sign_log) and what its log says; then try again."
    )


def complete(signature: bytes, receipt: bytes | None) -> tuple[bytes, str]:
    """The signature with what proves itself beside it, and its level."""
    from asn1crypto import cms, core

    content = cms.ContentInfo.load(signature)
    (signer,) = content["content"]["signer_infos"]
    attributes: list[dict[str, Any]] = []
    stamp = _stamp(signer["signature"].native)
    if stamp is not None:
        attributes.append({"type": "signature_time_stamp_token", "values": [stamp]})
    if receipt is not None:
        attributes.append({"type": RECEIPT_ATTRIBUTE, "values": [core.OctetString(receipt)]})
    if attributes:
        signer["unsigned_attrs"] = cms.CMSAttributes([cms.CMSAttribute(item) for item in attributes])
    return content.dump(force=True), "B-B" if stamp is None else "B-T"


def _receipt(asked: ReportSignature) -> bytes | None:
    """The log's receipt of the rendering; None while too few witnesses have cosigned. The report is good without it."""
    assert asked.log_index is not None  # noqa: S101 - the signer signs nothing else
    try:
        found = receipts.receipt_for(asked.log_index, asked.covered_digest)
    except NotSealedYet:
        return None
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def _stamp(signature: bytes) -> Any:
    """A time stamp over the signature, where an authority is configured and answers."""
    if not settings.COUNTERSIGN_TSA_URL:
        return None
    from asn1crypto import tsp

    from governance.time_stamps import StampRefused, ask_authority

    try:
        answer = ask_authority(settings.COUNTERSIGN_TSA_URL, signature)
    except (NoAnswer, StampRefused) as error:
        logger.warning("A report is signed without a time stamp: %s", error)
        return None
    return tsp.TimeStampResp.load(answer)["time_stamp_token"]
