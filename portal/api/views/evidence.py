"""Evidence: JSON for structured content, multipart for files; downloads."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import evidence
from governance.models import Evidence, EvidenceKind
from portal.api import filters
from portal.api.base import ApiView
from portal.api.downloads import send_file
from portal.api.parsers import StrictJSONParser, UploadParser, read_upload
from portal.api.serializers.evidence import EvidenceShape, SubmitEvidence, UploadEvidence
from portal.api.views.versions import VERSIONS

EVIDENCE = Evidence.objects.select_related("submitted_by", "file", "superseded_by").prefetch_related("requirements")
ATTACHMENT = OpenApiResponse(OpenApiTypes.BINARY, description="The bytes, as an attachment.")


class EvidenceOfVersionView(ApiView):
    parser_classes = [StrictJSONParser, UploadParser]
    is_list = True
    filters = {
        "kind": filters.choice("kind", EvidenceKind.values),
        "is_current": filters.yes_or_no("superseded_by__isnull", "false: superseded ones."),
        "digest": filters.text("file"),
    }

    @extend_schema(operation_id="listEvidence", responses=EvidenceShape(many=True), tags=["evidence"])
    def get(self, request: Request, pk: int) -> Response:
        version = self.find(VERSIONS, pk=pk)
        return self.page(self.visible(EVIDENCE).filter(version=version), EvidenceShape)

    @extend_schema(
        operation_id="submitEvidence",
        request={"application/json": SubmitEvidence, "multipart/form-data": UploadEvidence},
        responses={201: EvidenceShape},
        tags=["evidence"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Submit one item: structured content as JSON, or a file as multipart. Nothing is overwritten."""
        version = self.find(VERSIONS, pk=pk)
        fields, upload = read_upload(request)
        given = self.read(SubmitEvidence, fields)
        file: dict[str, Any] = {"file": upload.chunks(), "file_name": upload.name} if upload else {}
        if upload and given["content"] is not None:
            raise ValidationError({"content": "Send content or a file, not both."})
        submitted = evidence.submit_evidence(version, **given, **file, actor=self.actor)
        return self.answer(EvidenceShape, self.find(EVIDENCE, pk=submitted.pk), status=201, location="api-evidence")


class EvidenceView(ApiView):
    @extend_schema(operation_id="getEvidence", responses=EvidenceShape, tags=["evidence"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(EvidenceShape, self.find(EVIDENCE, pk=pk))


class EvidenceFileView(ApiView):
    @extend_schema(
        operation_id="downloadEvidence", responses={(200, "application/octet-stream"): ATTACHMENT}, tags=["evidence"]
    )
    def get(self, request: Request, pk: int) -> FileResponse:
        """The submitted file, byte for byte."""
        found = self.find(EVIDENCE, pk=pk)
        if found.file is None:
            raise NotFound
        return send_file(found.file, found.file_name, "application/octet-stream")
