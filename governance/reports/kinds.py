"""The kinds of compliance reports: how the subject of each is read, and what is printed of the reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.template.loader import render_to_string
from django.utils.text import slugify

from governance.canonical import canonical_bytes
from governance.dossier import collect
from governance.facts import read_facts
from governance.frameworks_in_force import all_facts
from governance.gate import judge
from governance.models import OF_VERSIONS, Checkpoint, ComplianceReport, ReportKind
from governance.reports import framework_report, model_card, past, release_dossier
from governance.reports.declaration import build_declaration
from governance.reports.pdf import Attached, render_pdf
from governance.reports.pdf_evidence import attach_proofs
from governance.reports.public_summary import build_summary


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


def _read_version(report: ComplianceReport) -> Reading:
    assert report.version is not None  # noqa: S101 - by constraint
    return collect(report.version)


KINDS = {
    ReportKind.RELEASE_DOSSIER: Kind("reports/release_dossier.html", _read_version, _build_release_dossier),
    ReportKind.FRAMEWORK: Kind("reports/framework_report.html", _read_version, _build_framework_report),
    ReportKind.PUBLIC_SUMMARY: Kind("reports/public_summary.html", _read_version, _build_public_summary),
    ReportKind.DECLARATION: Kind("reports/declaration.html", _read_version, _build_declaration),
    ReportKind.MODEL_CARD: Kind("reports/model_card.html", _read_version, _build_model_card),
    ReportKind.AS_OF: Kind("reports/as_of.html", past.read_past_of, _build_past),
}
