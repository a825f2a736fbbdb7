"""Compliance reports: asked for, made by a worker, downloaded, and checked without the portal."""

from __future__ import annotations

from shlex import quote

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from governance import auditlog, store
from governance.actions import reports
from governance.models import ComplianceReport, ModelVersion, RegisteredModel, WorkStatus
from governance.permissions import may
from governance.receipts import receipt_for
from portal.actors import actor_of
from portal.pages.forms.reports import ReportFilterForm, RequestReportForm
from portal.pages.keyset import read_page
from portal.pages.perform import no_store, perform
from portal.pages.proofs import verify_command

NAMES = ("version__model__project", "requested_by", "file")
PDF = "application/pdf"


@require_safe
def list_reports(request: HttpRequest) -> HttpResponse:
    user = actor_of(request).user
    form = ReportFilterForm(request.GET, models=RegisteredModel.objects.visible_to(user))
    rows = form.narrow(ComplianceReport.objects.visible_to(user).select_related(*NAMES))
    checkpoint = auditlog.latest_checkpoint()
    context = {"form": form, "page": read_page(request, rows), "sealed": checkpoint.size if checkpoint else 0}
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
        "may_request": may(actor, "request_report", report.version.model.project),
    }
    if request.headers.get("HX-Request"):
        return HttpResponseClientRefresh() if context["is_settled"] else render(request, "reports/_state.html", context)
    return render(request, "reports/report.html", context)


@require_POST
def request_report(request: HttpRequest, version_pk: int) -> HttpResponse:
    actor = actor_of(request)
    version = get_object_or_404(ModelVersion.objects.visible_to(actor.user).with_names(), pk=version_pk)
    form = RequestReportForm(request.POST)
    report = perform(request, form, lambda: reports.request_report(version, actor=actor))
    if report is None:
        return render(request, "reports/refused.html", {"form": form, "version": version}, status=form.status)
    messages.info(request, _("The report is being made. This page shows when it is ready."))
    return redirect("pages:report", report.pk)


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
