"""Compliance reports: what is asked for and what is answered."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from governance.models import (
    OF_DATASETS,
    OF_PROJECTS,
    OF_THE_ORGANISATION,
    OF_VERSIONS,
    ComplianceReport,
    ReportKind,
    WorkStatus,
)
from portal.api.fields import Strict
from portal.api.serializers.evidence import FileShape
from portal.api.serializers.people import Person


class ReportShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id", allow_null=True)
    dataset_version = serializers.IntegerField(source="dataset_version_id", allow_null=True)
    project = serializers.IntegerField(source="project_id", allow_null=True)
    kind = serializers.ChoiceField(choices=ReportKind.choices)
    as_of = serializers.DateTimeField(allow_null=True)
    framework = serializers.CharField(help_text="The framework a framework report is about, by its id.")
    title = serializers.CharField(source="kind_title")
    status = serializers.ChoiceField(choices=WorkStatus.choices)
    progress = serializers.CharField()
    failure = serializers.CharField()
    dossier_digest = serializers.CharField(source="dossier_id", allow_null=True)
    document_digest = serializers.CharField()
    file = serializers.SerializerMethodField()
    companion = serializers.SerializerMethodField()
    page_count = serializers.IntegerField(allow_null=True)
    checkpoint_size = serializers.IntegerField(allow_null=True)
    log_index = serializers.IntegerField(allow_null=True)
    requested_by = Person()
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(FileShape(allow_null=True))
    def get_file(self, report: ComplianceReport) -> dict[str, Any] | None:
        if report.file is None:
            return None
        return {
            "name": report.file_name,
            "digest": report.file_id,
            "size": report.file.size,
            "media_type": "application/pdf",
        }

    @extend_schema_field(FileShape(allow_null=True))
    def get_companion(self, report: ComplianceReport) -> dict[str, Any] | None:
        if report.companion is None:
            return None
        return {
            "name": report.companion_name,
            "digest": report.companion_id,
            "size": report.companion.size,
            "media_type": "application/octet-stream",
        }


@extend_schema_serializer(examples=[OpenApiExample("A dossier", {"kind": "release_dossier"}, request_only=True)])
class RequestReport(Strict):
    kind = serializers.ChoiceField(
        choices=[*OF_VERSIONS, ReportKind.AS_OF], required=False, default=ReportKind.RELEASE_DOSSIER
    )
    framework = serializers.CharField(
        required=False, default="", max_length=80, help_text="For a framework report: such as eu-ai-act-high-risk."
    )
    as_of = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="For a report of a past day: the instant, with a time zone, of which everything is told.",
    )


class RequestProjectReport(Strict):
    kind = serializers.ChoiceField(
        choices=[*OF_PROJECTS, ReportKind.AS_OF], required=False, default=ReportKind.PORTFOLIO
    )
    as_of = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="For a report of a past day: the instant, with a time zone, of which everything is told.",
    )


class RequestDatasheet(Strict):
    kind = serializers.ChoiceField(choices=OF_DATASETS, required=False, default=ReportKind.DATASHEET)


class RequestPortfolio(Strict):
    kind = serializers.ChoiceField(choices=OF_THE_ORGANISATION, required=False, default=ReportKind.PORTFOLIO)
