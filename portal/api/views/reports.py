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
from governance.models import ComplianceReport, DatasetVersion, Project, ReportKind, WorkStatus
from portal.api import filters
from portal.api.base import ApiView
from portal.api.downloads import send_file
from portal.api.serializers.reports import (
    ReportShape,
    RequestDatasheet,
    RequestPortfolio,
    RequestProjectReport,
    RequestReport,
)
from portal.api.views.evidence import ATTACHMENT
from portal.api.views.versions import VERSIONS

REPORTS = ComplianceReport.objects.select_related(
    "requested_by", "file", "companion", "version__model", "dataset_version__dataset", "project"
)


NARROWING = {
    "status": filters.choice("status", WorkStatus.values),
    "kind": filters.choice("kind", ReportKind.values),
}


class ReportsView(ApiView):
    is_list = True
    filters = NARROWING

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


class ProjectReportsView(ApiView):
    is_list = True
    filters = NARROWING

    @extend_schema(operation_id="listProjectReports", responses=ReportShape(many=True), tags=["reports"])
    def get(self, request: Request, pk: int) -> Response:
        """The reports on the project as a whole."""
        project = self.find(Project.objects.all(), pk=pk)
        whole = self.visible(REPORTS).filter(project=project, version=None, dataset_version=None)
        return self.page(whole, ReportShape)

    @extend_schema(
        operation_id="requestProjectReport",
        request=RequestProjectReport,
        responses={201: ReportShape},
        tags=["reports"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask for a report on the project. It is made later: read it until its status is SUCCEEDED or FAILED."""
        project = self.find(Project.objects.all(), pk=pk)
        report = reports.request_report(project, **self.read(RequestProjectReport), actor=self.actor)
        return self.answer(ReportShape, report, status=201, location="api-report")


class DatasetReportsView(ApiView):
    is_list = True
    filters = NARROWING

    @extend_schema(operation_id="listDatasetReports", responses=ReportShape(many=True), tags=["reports"])
    def get(self, request: Request, pk: int) -> Response:
        data = self.find(DatasetVersion.objects.all(), pk=pk)
        return self.page(self.visible(REPORTS).filter(dataset_version=data), ReportShape)

    @extend_schema(
        operation_id="requestDatasetReport", request=RequestDatasheet, responses={201: ReportShape}, tags=["reports"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask for the datasheet of the dataset version. It is made later, as other reports are."""
        data = self.find(DatasetVersion.objects.select_related("dataset__project"), pk=pk)
        report = reports.request_report(data, **self.read(RequestDatasheet), actor=self.actor)
        return self.answer(ReportShape, report, status=201, location="api-report")


class AllReportsView(ApiView):
    is_list = True
    filters = NARROWING

    @extend_schema(operation_id="listAllReports", responses=ReportShape(many=True), tags=["reports"])
    def get(self, request: Request) -> Response:
        """Every report that may be seen; those on the whole organisation only by its administrators."""
        return self.page(self.visible(REPORTS), ReportShape)

    @extend_schema(
        operation_id="requestOrganisationReport",
        request=RequestPortfolio,
        responses={201: ReportShape},
        tags=["reports"],
    )
    def post(self, request: Request) -> Response:
        """Ask for the portfolio of the whole organisation. Its administrators may."""
        report = reports.request_report(None, **self.read(RequestPortfolio), actor=self.actor)
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
