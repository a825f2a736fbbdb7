"""A small signed report with its log, made without a database by the portal's own parts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from governance.canonical import canonical_bytes
from governance.report_certificate import ReportKey
from governance.reports import report_signing
from governance.reports.pdf import Attached, render_pdf
from governance.reports.pdf_signature import prepare
from tests.certificates import make_chain
from tests.client.small_log import KEY, Log
from tests.client.small_log import entry as make_entry

MADE_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DOSSIER = b'{"model":"triage"}'
HTML = (
    '<html lang="en"><head><title>T</title><meta name="dcterms.created" content="2026-11-21T12:00:00+00:00">'
    '<meta name="dcterms.modified" content="2026-11-21T12:00:00+00:00"></head><body><h1>One</h1></body></html>'
)
VKEYS = [KEY.vkey]


@dataclass(frozen=True)
class SignedReport:
    """``start`` and ``end`` enclose the signature."""

    pdf: bytes
    start: int
    end: int


@cache
def render() -> bytes:
    attached = (Attached("dossier.json", "The dossier", DOSSIER), Attached("a.bin", "Other", bytes(range(256)) * 9))
    return render_pdf(HTML, identifier="ab" * 16, made_at=MADE_AT, attached=attached).pdf


@cache
def authority_key() -> ReportKey:
    key, chain = make_chain()
    return ReportKey(key, [chain.leaf, chain.root])


def digest(content: bytes) -> str:
    return "sha256:" + sha256(content).hexdigest()


def make(key: ReportKey, *, with_receipt: bool = True, **changed: Any) -> SignedReport:
    """Sign the report. ``changed`` replaces what the entry of the rendering says."""
    rendered = render()
    prepared = prepare(rendered, signed_at=MADE_AT)
    data = {
        "dossier": digest(DOSSIER),
        "unsigned": digest(rendered),
        "certificates": [digest(item.public_bytes(Encoding.DER)) for item in key.chain],
    }
    said = {"type": "report.rendered", "subject": {"digest": prepared.covered_digest}, "data": data | changed}
    log = Log([canonical_bytes(make_entry(0)), canonical_bytes(make_entry(1) | said), canonical_bytes(make_entry(2))])
    receipt = log.receipt(1, 3) | {"document_digest": prepared.covered_digest}
    inside = json.dumps(receipt).encode() if with_receipt else None
    signature = key.sign(bytes.fromhex(prepared.covered_digest.removeprefix("sha256:")))
    pdf = prepared.fill(report_signing.complete(signature, inside)[0])
    return SignedReport(pdf, prepared.start, prepared.end)
