"""The kinds of compliance reports: how the subject of each is read, and what is printed of the reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from django.template.loader import render_to_string
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from governance import spreadsheets
from governance.canonical import canonical_bytes
from governance.dossier import collect
from governance.facts import read_facts
from governance.frameworks_in_force import all_facts
from governance.gate import judge
from governance.models import OF_VERSIONS, Checkpoint, ComplianceReport, ReportKind
from governance.reports import datasheet, framework_report, model_card, past, portfolio, release_dossier
from governance.reports.declaration import build_declaration
from governance.reports.pdf import Attached, render_pdf
from governance.reports.pdf_evidence import attach_proofs
from governance.reports.public_summary import build_summary
from governance.reports.signature_record import read_signatures


class Reading(Protocol):
    """What was read of a subject, once: a document with its digest, and when. A dossier is one."""

    @property
    def as_of(self) -> datetime: ...
    @property
    def document(self) -> dict[str, Any]: ...
    @property
    def digest(self) -> str: ...


@dataclass(frozen=True)
class Material:
    """What every report is made from: one reading, one checkpoint. A kind builds from what it reads itself."""

    report: ComplianceReport
    reading: Any
    checkpoint: Checkpoint | None


@dataclass(frozen=True)
class Companion:
    """The same as a file of its own: a page to post, a card to publish."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Content:
    """What the template prints, what is attached besides the dossier, and the companion, attached as well."""

    context: dict[str, Any]
    attached: tuple[Attached, ...] = ()
    companion: Companion | None = None


@dataclass(frozen=True)
class Kind:
    """``read`` reads the subject; ``build`` gives what is printed and attached."""

    template: str
    read: Callable[[ComplianceReport], Reading]
    build: Callable[[Material], Content]


@dataclass(frozen=True)
class Made:
    pdf: bytes
    page_count: int
    file_name: str
    companion: Companion | None = None


def make(material: Material, *, tell: Callable[[str], None]) -> Made:
    """Render a report. ``tell`` is told what is being done."""
    kind = KINDS[ReportKind(material.report.kind)]
    reading: Reading = material.reading
    tell("Drawing charts")
    content = kind.build(material)
    tell("Setting pages")
    html = render_to_string(kind.template, content.context)
    rendered = render_pdf(
        html,
        identifier=reading.digest.removeprefix("sha256:")[:32],
        made_at=reading.as_of,
        attached=(*_attach(material, content), *attach_proofs(material.report.version_id, material.checkpoint)),
        tell=tell,
    )
    return Made(rendered.pdf, rendered.page_count, _name_file(material), content.companion)


def document_name(report: ComplianceReport) -> str:
    """What the attached document is called from which everything else follows."""
    return "dossier.json" if report.kind in OF_VERSIONS else f"{report.kind}.json"


def _attach(material: Material, content: Content) -> Iterator[Attached]:
    what = "The dossier whose digest was signed" if material.report.kind in OF_VERSIONS else "What was read, as data"
    yield Attached(document_name(material.report), what, canonical_bytes(material.reading.document))
    if content.companion is not None:
        yield Attached(content.companion.name, "The same as a file of its own", content.companion.content)
    yield from content.attached


def _name_file(material: Material) -> str:
    report, subject = material.report, material.report.subject
    name = f"{report.version.model.name}-v{report.version.number}" if report.version is not None else str(subject or "")
    named = (slugify(name)[:150] or f"{subject._meta.model_name}-{subject.pk}") if subject else "organisation"
    return f"{named}-{slugify(report.framework or report.kind.replace('_', '-'))}.pdf"


def _build_release_dossier(material: Material) -> Content:
    context = _dossier_context(material)
    return Content(context, release_dossier.attached_results(context))


def _build_framework_report(material: Material) -> Content:
    context = _dossier_context(material)
    context |= framework_report.build_context(material.reading, material.report.framework)
    coverage = Attached(
        "coverage.json",
        "Every control with its state and everything that is recorded for it",
        canonical_bytes(framework_report.as_document(context["coverage"])),
    )
    return Content(context, (coverage, *release_dossier.attached_results(context)))


def _build_public_summary(material: Material) -> Content:
    context = _dossier_context(material)
    context["summary"] = build_summary(read_facts(material.reading))
    page = render_to_string("reports/public_summary/page.html", context).encode()
    return Content(context, release_dossier.attached_results(context), Companion("bias-audit-summary.html", page))


def _build_declaration(material: Material) -> Content:
    context = _dossier_context(material)
    context["declaration"] = build_declaration(read_facts(material.reading))
    return Content(context)


def _build_model_card(material: Material) -> Content:
    context = _dossier_context(material)
    titles = {fact: kind.text for fact, kind in all_facts().items()}
    context["chapters"] = model_card.build_card(read_facts(material.reading), titles)
    text = model_card.write_markdown(material.reading, context["chapters"]).encode()
    return Content(context, release_dossier.attached_results(context), Companion("model-card.md", text))


def _build_past(material: Material) -> Content:
    context, proof = past.build_context(material.reading, material.checkpoint)
    return Content(context, (proof,))


def _dossier_context(material: Material) -> dict[str, Any]:
    return release_dossier.build_context(material.reading, judge(material.reading), material.checkpoint)


def _build_signature_record(material: Material) -> Content:
    signatures = read_signatures(material.reading, material.checkpoint)
    context = {
        "language": get_language() or "en",
        "dossier": material.reading,
        "proof": {"checkpoint": material.checkpoint},
        "checkpoint": material.checkpoint,
        **signatures,
    }
    document = {"given": [asdict(item) for item in signatures["given"]]}
    document["refused"] = [asdict(item) for item in signatures["refused"]]
    text = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
    return Content(context, (Attached("signatures.json", "Every signature and refused attempt", text),))


def _build_datasheet(material: Material) -> Content:
    reading, data = material.reading, material.reading.dataset_version
    facts = [
        (_("SHA-256 of the data"), data.digest),
        (_("Rows"), f"{data.row_count:,}"),
        (_("Recorded by"), f"{data.created_by}, {data.created_at:%Y-%m-%d %H:%M} UTC"),
    ]
    verdict = _("Recalled") if data.recalled_at else _("%(n)d questions unanswered") % {"n": len(reading.gaps)}
    tone = "closed" if data.recalled_at or reading.gaps else "open"
    context = _plain_context(material, _("Datasheet"), str(data), data.dataset.project.name, facts)
    solo = [data.dataset.project.name] if data.dataset.project.solo_since else []
    context |= {"verdict": verdict, "verdict_tone": tone, "data": data, "solo": solo}
    columns = datasheet.MOST_COLUMNS
    return Content(context | {"columns": data.schema[:columns], "left_out": max(0, len(data.schema) - columns)})


def _build_portfolio(material: Material) -> Content:
    reading = material.reading
    overdue = reading.overdue
    under = _("All projects") if reading.is_organisation else _("Project")
    context = _plain_context(material, _("Portfolio report"), reading.name, under, [])
    context |= {
        "verdict": _("%(overdue)d overdue, %(open)d open findings")
        % {"overdue": len(overdue), "open": len(reading.open)},
        "verdict_tone": "closed" if overdue or reading.open or reading.emergencies else "open",
        "solo": reading.solo,
        "rows": reading.rows[: portfolio.MOST_MODELS],
        "left_out": max(0, len(reading.rows) - portfolio.MOST_MODELS),
        "overdue": overdue,
        "listed": f":{portfolio.MOST_LISTED}",
        "releases": list(reading.releases.items()),
    }
    table = b"".join(spreadsheets.stream_csv(portfolio.as_table(reading)))
    return Content(context, companion=Companion("models.csv", table))


def _plain_context(
    material: Material, kind_title: str, heading: str, under: str, facts: list[tuple[str, str]]
) -> dict[str, Any]:
    """What the cover and the limits of a report print that is not of a version."""
    return {
        "language": get_language() or "en",
        "kind_title": kind_title,
        "heading": heading,
        "under": under,
        "facts": facts,
        "reading": material.reading,
        "document_name": document_name(material.report),
        "checkpoint": material.checkpoint,
    }


def _read_version(report: ComplianceReport) -> Reading:
    assert report.version is not None  # noqa: S101 - by constraint
    return collect(report.version)


def _read_dataset_version(report: ComplianceReport) -> Reading:
    assert report.dataset_version is not None  # noqa: S101 - by constraint
    return datasheet.read_datasheet(report.dataset_version)


def _read_portfolio(report: ComplianceReport) -> Reading:
    return portfolio.read_portfolio(report.project)


KINDS = {
    ReportKind.RELEASE_DOSSIER: Kind("reports/release_dossier.html", _read_version, _build_release_dossier),
    ReportKind.FRAMEWORK: Kind("reports/framework_report.html", _read_version, _build_framework_report),
    ReportKind.PUBLIC_SUMMARY: Kind("reports/public_summary.html", _read_version, _build_public_summary),
    ReportKind.DECLARATION: Kind("reports/declaration.html", _read_version, _build_declaration),
    ReportKind.MODEL_CARD: Kind("reports/model_card.html", _read_version, _build_model_card),
    ReportKind.AS_OF: Kind("reports/as_of.html", past.read_past_of, _build_past),
    ReportKind.SIGNATURE_RECORD: Kind("reports/signature_record.html", _read_version, _build_signature_record),
    ReportKind.DATASHEET: Kind("reports/datasheet.html", _read_dataset_version, _build_datasheet),
    ReportKind.PORTFOLIO: Kind("reports/portfolio.html", _read_portfolio, _build_portfolio),
}
