"""Compliance reports: asking, downloading, proving."""

from __future__ import annotations

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from governance import receipts
from governance.actions import reports
from governance.models import ComplianceReport, WorkStatus
from portal.api import filters
from portal.api.base import ApiView
from portal.api.downloads import send_file
from portal.api.serializers.judgement import ReportShape, RequestReport
from portal.api.views.evidence import ATTACHMENT
from portal.api.views.versions import VERSIONS

REPORTS = ComplianceReport.objects.select_related(
    "requested_by", "file", "companion", "version__model", "dataset_version__dataset", "project"
)


class ReportsView(ApiView):
    is_list = True
    filters = {"status": filters.choice("status", WorkStatus.values)}

    @extend_schema(operation_id="listReports", responses=ReportShape(many=True), tags=["reports"])
    def get(self, request: Request, pk: int) -> Response:
        version = self.find(VERSIONS, pk=pk)
        return self.page(self.visible(REPORTS).filter(version=version), ReportShape)

    @extend_schema(operation_id="requestReport", request=RequestReport, responses={201: ReportShape}, tags=["reports"])
    def post(self, request: Request, pk: int) -> Response:
        """Ask for a report on the version. It is made later: read it until its status is SUCCEEDED or FAILED."""
        version = self.find(VERSIONS, pk=pk)
        report = reports.request_report(version, **self.read(RequestReport), actor=self.actor)
        return self.answer(ReportShape, report, status=201, location="api-report")


class ReportView(ApiView):
    @extend_schema(operation_id="getReport", responses=ReportShape, tags=["reports"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(ReportShape, self.find(REPORTS, pk=pk))


class ReportFileView(ApiView):
    @extend_schema(operation_id="downloadReport", responses={(200, "application/pdf"): ATTACHMENT}, tags=["reports"])
    def get(self, request: Request, pk: int) -> FileResponse:
        """The issued PDF, byte for byte. 404 until it is made."""
        report = self.find(REPORTS, pk=pk)
        if report.file is None:
            raise NotFound
        return send_file(report.file, report.file_name, "application/pdf")


class ReportCompanionView(ApiView):
    @extend_schema(
        operation_id="downloadReportCompanion",
        responses={(200, "application/octet-stream"): ATTACHMENT},
        tags=["reports"],
    )
    def get(self, request: Request, pk: int) -> FileResponse:
        """The page to post or the card to publish that came with the PDF. 404 where a kind has none."""
        report = self.find(REPORTS, pk=pk)
        if report.companion is None:
            raise NotFound
        return send_file(report.companion, report.companion_name, "application/octet-stream")


class ReceiptView(ApiView):
    @extend_schema(operation_id="getReceipt", responses=OpenApiTypes.OBJECT, tags=["reports"])
    def get(self, request: Request, pk: int) -> Response:
        """The proof that the log recorded this PDF, for the offline verifier. 409 until the log is sealed."""
        report = self.find(REPORTS, pk=pk)
        if report.log_index is None:
            raise NotFound
        return Response(receipts.receipt_for(report.log_index, report.file_id))
