"""Compliance reports: asked for, made by a worker, downloaded, and checked without the portal."""

from __future__ import annotations

from shlex import quote

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from governance import auditlog, store
from governance.actions import reports
from governance.actors import Actor
from governance.coverage import cover
from governance.dossier import collect
from governance.models import (
    ComplianceReport,
    DatasetVersion,
    ModelVersion,
    Project,
    RegisteredModel,
    ReportKind,
    WorkStatus,
)
from governance.permissions import may
from governance.receipts import receipt_for
from governance.reports.layouts import title_of_report
from portal.actors import actor_of
from portal.api.downloads import send_file
from portal.pages.forms.reports import ReportFilterForm, RequestReportForm
from portal.pages.guard import require
from portal.pages.keyset import read_page
from portal.pages.perform import no_store, perform, posted
from portal.pages.proofs import verify_command

NAMES = ("version__model__project", "dataset_version__dataset", "project", "requested_by", "file", "companion")
PDF = "application/pdf"
# What each kind is for; those about a framework are listed with what is open against it.
OFFERED = {
    ReportKind.RELEASE_DOSSIER: _l(
        "Everything recorded about the version: findings, evidence, audits, explanations, signatures and the log."
    ),
    ReportKind.MODEL_CARD: _l(
        "What the model is for, how it was measured and its limits; as Markdown for a model hub too."
    ),
    ReportKind.PUBLIC_SUMMARY: _l(
        "What an employer posts about a hiring tool: rates and impact ratios; as a web page too."
    ),
    ReportKind.SIGNATURE_RECORD: _l(
        "Every signature and every refused attempt: who, when, meaning what, over which digest, with proofs."
    ),
    ReportKind.DECLARATION: _l("The eight items of Annex V as they are recorded, for a person to complete and sign."),
}


@require_safe
def list_reports(request: HttpRequest) -> HttpResponse:
    user = actor_of(request).user
    form = ReportFilterForm(request.GET, models=RegisteredModel.objects.visible_to(user))
    rows = form.narrow(ComplianceReport.objects.visible_to(user).select_related(*NAMES))
    checkpoint = auditlog.latest_checkpoint()
    context = {
        "form": form,
        "page": read_page(request, rows),
        "sealed": checkpoint.size if checkpoint else 0,
        "may_report_on_all": may(actor_of(request), "request_organisation_report", None),
    }
    return render(request, "reports/reports.html", context)


@require_safe
def show_report(request: HttpRequest, pk: int) -> HttpResponse:
    """The report. While it is being made and sealed htmx asks for the part that changes, then for the whole page."""
    actor = actor_of(request)
    report = _fetch(request, pk)
    sealed_by = auditlog.latest_checkpoint(covering=report.log_index) if report.log_index is not None else None
    context = {
        "report": report,
        "sealed_by": sealed_by,
        "is_settled": report.status == WorkStatus.FAILED or sealed_by is not None,
        "file_digest": (report.file_id or "").removeprefix("sha256:"),
        "digest_command": f"sha256sum {quote(report.file_name)}",
        "verify_command": verify_command(report.file_name, f"report-{pk}.receipt.json"),
        "may_request": may(actor, *_asked_in(report)),
        "ask_url": _ask_url(report),
    }
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh() if context["is_settled"] else render(request, "reports/_state.html", context)
    return render(request, "reports/report.html", context)


@require_http_methods(["GET", "POST"])
def request_report(request: HttpRequest, version_pk: int) -> HttpResponse:
    """Choose a kind of report, with what is open against each framework, and ask for it."""
    actor = actor_of(request)
    version = get_object_or_404(ModelVersion.objects.visible_to(actor.user).with_names(), pk=version_pk)
    if request.method == "GET":
        require(actor, "request_report", version.model.project)
        context = {
            "version": version,
            "kinds": [(kind, ReportKind(kind).label, text) for kind, text in OFFERED.items()],
            "form": RequestReportForm(),
            "coverages": [(title_of_report(item.framework), item) for item in cover(collect(version))],
        }
        return render(request, "reports/choose.html", context)
    return _ask(request, version, reverse("pages:version", args=[version_pk]))


@require_http_methods(["GET", "POST"])
def request_project_report(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a report on a whole project."""
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    require(actor, "request_report", project)
    form = RequestReportForm(posted(request))
    if request.method == "POST":
        report = perform(request, form, lambda: _request(form, project, actor))
        if report is not None:
            messages.info(request, _("The report is being made. This page shows when it is ready."))
            return redirect("pages:report", report.pk)
    return render(request, "reports/choose_for_project.html", {"form": form, "project": project}, status=form.status)


@require_POST
def request_dataset_report(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the datasheet of a dataset version."""
    actor = actor_of(request)
    data = get_object_or_404(DatasetVersion.objects.visible_to(actor.user).select_related("dataset__project"), pk=pk)
    require(actor, "request_report", data.dataset.project)
    return _ask(request, data, reverse("pages:dataset", args=[data.dataset_id]))


@require_POST
def request_organisation_report(request: HttpRequest) -> HttpResponse:
    """Ask for the portfolio of the organisation."""
    require(actor_of(request), "request_organisation_report", None)
    return _ask(request, None, reverse("pages:reports"))


def _ask(request: HttpRequest, subject: ModelVersion | DatasetVersion | None, back: str) -> HttpResponse:
    """Ask for the report that the form names, and lead to it; refused, say why and where to go back."""
    form = RequestReportForm(request.POST)
    report = perform(request, form, lambda: _request(form, subject, actor_of(request)))
    if report is None:
        return render(request, "reports/refused.html", {"form": form, "back": back}, status=form.status)
    messages.info(request, _("The report is being made. This page shows when it is ready."))
    return redirect("pages:report", report.pk)


def _ask_url(report: ComplianceReport) -> str:
    """Where the same report is asked for again."""
    if report.version_id is not None:
        return reverse("pages:report-new", args=[report.version_id])
    if report.dataset_version_id is not None:
        return reverse("pages:dataset-report-new", args=[report.dataset_version_id])
    if report.project_id is not None:
        return reverse("pages:project-report-new", args=[report.project_id])
    return reverse("pages:organisation-report-new")


def _asked_in(report: ComplianceReport) -> tuple[str, Project | None]:
    """The verb by which such a report is asked for, and the project in which."""
    return "request_organisation_report" if report.project is None else "request_report", report.project


def _request(
    form: RequestReportForm, subject: ModelVersion | DatasetVersion | Project | None, actor: Actor
) -> ComplianceReport:
    given = {name: form.cleaned_data[name] for name in ("kind", "framework", "as_of")}
    return reports.request_report(subject, **given, actor=actor)


@require_safe
@no_store
def download_report(request: HttpRequest, pk: int) -> FileResponse:
    """Stream the stored file: a download never renders."""
    report = _fetch(request, pk)
    if report.file is None:
        raise Http404("This report has no file yet.")
    path = store.path_of(report.file.digest)
    if not path.exists():
        raise Http404("The stored file is missing from the evidence store.")
    answer = FileResponse(path.open("rb"), as_attachment=True, filename=report.file_name, content_type=PDF)
    answer["ETag"] = f'"{report.file.digest}"'
    return answer


@require_safe
@no_store
def download_companion(request: HttpRequest, pk: int) -> FileResponse:
    """Stream the page or card that came with the report."""
    report = _fetch(request, pk)
    if report.companion is None:
        raise Http404("This report has no companion.")
    return send_file(report.companion, report.companion_name, "application/octet-stream")


@require_safe
@no_store
def download_receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """The receipt by which the file is checked against the log, offline."""
    report = _fetch(request, pk)
    if report.file is None or report.log_index is None:
        raise Http404("This report has no receipt yet.")
    if auditlog.latest_checkpoint(covering=report.log_index) is None:
        raise Http404("No checkpoint seals this report yet.")
    answer = JsonResponse(receipt_for(report.log_index, report.file.digest), json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = f'attachment; filename="report-{report.pk}.receipt.json"'
    return answer


def _fetch(request: HttpRequest, pk: int) -> ComplianceReport:
    visible = ComplianceReport.objects.visible_to(actor_of(request).user)
    return get_object_or_404(visible.select_related(*NAMES, "dossier"), pk=pk)
