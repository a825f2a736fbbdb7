"""The exported log, and the program that checks it."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from governance.actions.log import export_log
from governance.models import Project
from portal.api import filters
from portal.api.base import ApiView
from portal.api.filters import read_filters
from portal.exports import TAR, begun_size, send_export, send_verifier

EXPORT = {
    "size": filters.whole_number("size", "As of the checkpoint over so many entries; left out: the newest."),
    "files": filters.yes_or_no("files", "false: without evidence, reports and dossiers."),
}
ARCHIVE = {(200, TAR): OpenApiTypes.BINARY, (206, TAR): OpenApiTypes.BINARY}


class ExportView(ApiView):
    filters = EXPORT

    @extend_schema(operation_id="exportLog", responses=ARCHIVE, tags=["audit log"])
    def get(self, request: Request) -> HttpResponseBase:
        """The whole log in one tar archive, for organisation administrators. A broken download goes on with `Range`
        and `If-Range`."""
        return self._send(request, None)

    def _send(self, request: Request, project: Project | None) -> HttpResponseBase:
        given = read_filters(self.filters, request)
        size = given.get("size", begun_size(request._request))
        export = export_log(project=project, size=size, with_files=given.get("files", True), actor=self.actor)
        return send_export(request._request, export)


class ProjectExportView(ExportView):
    @extend_schema(operation_id="exportProjectLog", responses=ARCHIVE, tags=["audit log"])
    def get(self, request: Request, pk: int) -> HttpResponseBase:  # type: ignore[override]
        """One project's entries in full and every other entry's hash, for its auditors and administrators."""
        return self._send(request, self.find(Project.objects.all(), pk=pk))


class VerifierView(ApiView):
    @extend_schema(operation_id="getVerifier", responses={(200, "text/x-python"): str}, tags=["audit log"])
    def get(self, request: Request) -> HttpResponse:
        """The stand-alone verifier: one file of Python. Better, get it from somebody you trust."""
        return send_verifier()
