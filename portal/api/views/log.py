"""The audit log: entries with proofs, checkpoints, the key to check them with."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from governance import auditlog, receipts, runner
from governance.exceptions import NotSealedYet
from governance.models import AuditLogEntry, Checkpoint
from portal.api import filters
from portal.api.base import ApiView
from portal.api.filters import read_filters
from portal.api.serializers.judgement import CheckpointShape, LogEntryShape, LogEntryWithProof, MetricShape

ENTRIES = AuditLogEntry.objects.select_related("actor", "project")


class LogEntriesView(ApiView):
    is_list = True
    filters = {
        "type": filters.text("type", "Such as version.promoted."),
        "project": filters.whole_number("project"),
        "subject_kind": filters.text("subjects__kind", "Such as version; together with subject_id."),
        "subject_id": filters.whole_number("subjects__object_id"),
    }

    @extend_schema(operation_id="listLogEntries", responses=LogEntryShape(many=True), tags=["audit log"])
    def get(self, request: Request) -> Response:
        """What was done, newest first. Entries of no project are for organisation administrators."""
        given = read_filters(self.filters, request)
        if ("subject_kind" in given) != ("subject_id" in given):
            raise ValidationError("“subject_kind” and “subject_id” go together.")
        return self.page(self.visible(ENTRIES), LogEntryShape)


class LogEntryView(ApiView):
    @extend_schema(operation_id="getLogEntry", responses=LogEntryWithProof, tags=["audit log"])
    def get(self, request: Request, index: int) -> Response:
        """One entry with its proof in the tree of the oldest checkpoint that covers it."""
        entry: Any = self.find(ENTRIES, pk=index)
        try:
            entry.receipt = receipts.receipt_for(index)
        except NotSealedYet:
            entry.receipt = None
        return self.answer(LogEntryWithProof, entry)


class CheckpointsView(ApiView):
    is_list = True

    @extend_schema(operation_id="listCheckpoints", responses=CheckpointShape(many=True), tags=["audit log"])
    def get(self, request: Request) -> Response:
        return self.page(Checkpoint.objects.all(), CheckpointShape)


class LatestCheckpointView(ApiView):
    @extend_schema(operation_id="getLatestCheckpoint", responses={(200, "text/plain"): str}, tags=["audit log"])
    def get(self, request: Request) -> HttpResponse:
        """The newest signed note, as the C2SP tlog-checkpoint format has it."""
        checkpoint = auditlog.latest_checkpoint()
        if checkpoint is None:
            raise NotSealedYet("The signer has signed nothing yet. Ask again in a moment.")
        return HttpResponse(checkpoint.note, content_type="text/plain; charset=utf-8")


class LogKeyView(ApiView):
    @extend_schema(operation_id="getLogKey", responses={(200, "text/plain"): str}, tags=["audit log"])
    def get(self, request: Request) -> HttpResponse:
        """The log's verifier key. Get it once from somebody you trust: a portal that lies would lie here too."""
        return HttpResponse(receipts.vkey() + "\n", content_type="text/plain; charset=utf-8")


class MetricsView(ApiView):
    @extend_schema(operation_id="listMetrics", responses=MetricShape(many=True), tags=["evaluations"])
    def get(self, request: Request) -> Response:
        """What the laboratory measures: the names that acceptance criteria may use."""
        measured = runner.vocabulary()
        return Response({"results": MetricShape(measured, many=True).data, "next": None, "previous": None})
