"""The audit log: entries with proofs, checkpoints, the key to check them with."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from governance import auditlog, receipts, runner
from governance.checkpoints import served_note
from governance.exceptions import NotSealedYet
from governance.merkle import consistency_proof
from governance.models import AuditLogEntry, Checkpoint, RevocationList, TimeStamp
from governance.time_stamps import REPLY_TYPE
from portal.api import filters
from portal.api.base import ApiView
from portal.api.filters import read_filters, refuse_unknown
from portal.api.serializers.judgement import LogEntryShape, LogEntryWithProof, MetricShape
from portal.api.serializers.log import CheckpointShape, ConsistencyShape, EnvelopeShape, TrustShape

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
        return self.page(Checkpoint.objects.prefetch_related("cosignatures"), CheckpointShape)


class LatestCheckpointView(ApiView):
    @extend_schema(operation_id="getLatestCheckpoint", responses={(200, "text/plain"): str}, tags=["audit log"])
    def get(self, request: Request) -> HttpResponse:
        """The newest signed note, as the C2SP tlog-checkpoint format has it."""
        checkpoint = auditlog.latest_checkpoint()
        if checkpoint is None:
            raise NotSealedYet("The signer has signed nothing yet. Ask again in a moment.")
        return HttpResponse(served_note(checkpoint), content_type="text/plain; charset=utf-8")


class TimeStampView(ApiView):
    @extend_schema(operation_id="getTimeStamp", responses={(200, REPLY_TYPE): OpenApiTypes.BINARY}, tags=["audit log"])
    def get(self, request: Request, size: int) -> HttpResponse:
        """What a time-stamp authority (RFC 3161) answered over the checkpoint's three lines, for `openssl ts`."""
        stamp = TimeStamp.objects.filter(checkpoint=size).first()
        if stamp is None:
            raise NotFound
        return HttpResponse(bytes(stamp.response), content_type=REPLY_TYPE)


class ConsistencyView(ApiView):
    filters = {
        "old": filters.whole_number("old", "The size of the checkpoint that you kept."),
        "new": filters.whole_number("new", "The size of a newer one; left out: the newest."),
    }

    @extend_schema(operation_id="proveConsistency", responses=ConsistencyShape, tags=["audit log"])
    def get(self, request: Request) -> Response:
        """The proof that the log of the newer checkpoint is the one of the older, only longer (RFC 6962, base64)."""
        given = read_filters(self.filters, request)
        newest = auditlog.latest_checkpoint()
        old, new = given.get("old"), given.get("new", newest.size if newest is not None else 0)
        if old is None or newest is None or not 1 <= old <= new <= newest.size:
            raise ValidationError("Give “old” and perhaps “new”, sizes of the log that a checkpoint covers.")
        proof = consistency_proof(old, new, auditlog.node_at)
        return self.answer(ConsistencyShape, {"old": old, "new": new, "proof": proof})


class LogKeyView(ApiView):
    @extend_schema(operation_id="getLogKey", responses={(200, "text/plain"): str}, tags=["audit log"])
    def get(self, request: Request) -> HttpResponse:
        """The log's verifier key, while keys are exchanged the older one; `log/trust` has all. Get it once from
        somebody you trust: a portal that lies would lie here too."""
        return HttpResponse(receipts.vkey() + "\n", content_type="text/plain; charset=utf-8")


class LogTrustView(ApiView):
    @extend_schema(operation_id="getLogTrust", responses=TrustShape, tags=["audit log"])
    def get(self, request: Request) -> HttpResponse:
        """Every key of the log with the sizes over which it counts, and the witnesses: the verifier's `--trust`."""
        return HttpResponse(receipts.trust_file(), content_type="application/json")


class RevocationsView(ApiView):
    """For whoever runs a model and checks attestations offline: no account is needed, as nothing here is secret."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Nobody in particular asks, and no parameter is known."""
        super(ApiView, self).initial(request, *args, **kwargs)
        refuse_unknown(frozenset(), request)

    @extend_schema(operation_id="getRevocations", responses=EnvelopeShape, tags=["releases"], auth=[])
    def get(self, request: Request) -> HttpResponse:
        """The attestations that were withdrawn, signed by the log (DSSE). Valid for a day, renewed when one ends."""
        newest = RevocationList.objects.order_by("-pk").first()
        if newest is None:
            raise NotSealedYet("The signer has signed no list yet. Ask again in a moment.")
        return HttpResponse(newest.envelope, content_type="application/json")


class MetricsView(ApiView):
    @extend_schema(operation_id="listMetrics", responses=MetricShape(many=True), tags=["evaluations"])
    def get(self, request: Request) -> Response:
        """What the laboratory measures: the names that acceptance criteria may use."""
        measured = runner.vocabulary()
        return Response({"results": MetricShape(measured, many=True).data, "next": None, "previous": None})
