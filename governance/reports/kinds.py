"""The kinds of compliance reports, and how each is made from the same reading of a version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.text import slugify

from governance.canonical import canonical_bytes
from governance.dossier import Dossier
from governance.facts import read_facts
from governance.frameworks_in_force import all_facts
from governance.gate import GateDecision
from governance.models import Checkpoint, ComplianceReport, ReportKind
from governance.reports import framework_report, model_card, release_dossier
from governance.reports.declaration import build_declaration
from governance.reports.pdf import Attached, render_pdf
from governance.reports.pdf_evidence import attach_proofs
from governance.reports.public_summary import build_summary


@dataclass(frozen=True)
class Material:
    """What every report is made from: one reading, one judgement, one checkpoint."""

    report: ComplianceReport
    dossier: Dossier
    decision: GateDecision
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
    """``build`` gives what is printed and attached."""

    template: str
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
    dossier = material.dossier
    tell("Drawing charts")
    content = kind.build(material)
    tell("Setting pages")
    html = render_to_string(kind.template, content.context)
    rendered = render_pdf(
        html,
        identifier=dossier.digest.removeprefix("sha256:")[:32],
        made_at=dossier.as_of,
        attached=(*_attach(dossier, content), *attach_proofs(dossier.version_id, material.checkpoint)),
        tell=tell,
    )
    return Made(rendered.pdf, rendered.page_count, _name_file(material), content.companion)


def _attach(dossier: Dossier, content: Content) -> Iterator[Attached]:
    yield Attached("dossier.json", "The dossier whose digest was signed", canonical_bytes(dossier.document))
    if content.companion is not None:
        yield Attached(content.companion.name, "The same as a file of its own", content.companion.content)
    yield from content.attached


def _name_file(material: Material) -> str:
    dossier, report = material.dossier, material.report
    named = slugify(f"{dossier.model.name}-v{dossier.version.number}") or f"version-{dossier.version_id}"
    return f"{named}-{slugify(report.framework or report.kind.replace('_', '-'))}.pdf"


def _build_release_dossier(material: Material) -> Content:
    context = _dossier_context(material)
    return Content(context, release_dossier.attached_results(context))


def _build_framework_report(material: Material) -> Content:
    context = _dossier_context(material)
    context |= framework_report.build_context(material.dossier, material.report.framework)
    coverage = Attached(
        "coverage.json",
        "Every control with its state and everything that is recorded for it",
        canonical_bytes(framework_report.as_document(context["coverage"])),
    )
    return Content(context, (coverage, *release_dossier.attached_results(context)))


def _build_public_summary(material: Material) -> Content:
    context = _dossier_context(material)
    context["summary"] = build_summary(read_facts(material.dossier))
    page = render_to_string("reports/public_summary/page.html", context).encode()
    return Content(context, release_dossier.attached_results(context), Companion("bias-audit-summary.html", page))


def _build_declaration(material: Material) -> Content:
    context = _dossier_context(material)
    context["declaration"] = build_declaration(read_facts(material.dossier))
    return Content(context)


def _build_model_card(material: Material) -> Content:
    context = _dossier_context(material)
    titles = {fact: kind.text for fact, kind in all_facts().items()}
    context["chapters"] = model_card.build_card(read_facts(material.dossier), titles)
    text = model_card.write_markdown(material.dossier, context["chapters"]).encode()
    return Content(context, release_dossier.attached_results(context), Companion("model-card.md", text))


def _dossier_context(material: Material) -> dict[str, Any]:
    return release_dossier.build_context(material.dossier, material.decision, material.checkpoint)


KINDS = {
    ReportKind.RELEASE_DOSSIER: Kind("reports/release_dossier.html", _build_release_dossier),
    ReportKind.FRAMEWORK: Kind("reports/framework_report.html", _build_framework_report),
    ReportKind.PUBLIC_SUMMARY: Kind("reports/public_summary.html", _build_public_summary),
    ReportKind.DECLARATION: Kind("reports/declaration.html", _build_declaration),
    ReportKind.MODEL_CARD: Kind("reports/model_card.html", _build_model_card),
}
