"""Evaluations: asking for them and reading their results."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import evaluations
from governance.models import Evaluation, EvaluationKind, WorkStatus
from portal.api import filters
from portal.api.base import ApiView
from portal.api.fields import Nothing
from portal.api.serializers.evidence import EvaluationShape, EvaluationWithResult, RequestEvaluation
from portal.api.views.versions import VERSIONS

EVALUATIONS = Evaluation.objects.select_related("requested_by").prefetch_related("inputs")


class EvaluationsView(ApiView):
    is_list = True
    filters = {
        "kind": filters.choice("kind", EvaluationKind.values),
        "status": filters.choice("status", WorkStatus.values),
    }

    @extend_schema(operation_id="listEvaluations", responses=EvaluationShape(many=True), tags=["evaluations"])
    def get(self, request: Request, pk: int) -> Response:
        """Without their results, which may be large."""
        version = self.find(VERSIONS, pk=pk)
        return self.page(self.visible(EVALUATIONS).filter(version=version).defer("result"), EvaluationShape)

    @extend_schema(
        operation_id="requestEvaluation",
        request=RequestEvaluation,
        responses={201: EvaluationWithResult},
        tags=["evaluations"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask the laboratory. It answers later: read the evaluation until it is SUCCEEDED, FAILED or CANCELLED."""
        version = self.find(VERSIONS, pk=pk)
        evaluation = evaluations.request_evaluation(version, **self.read(RequestEvaluation), actor=self.actor)
        return self.answer(EvaluationWithResult, evaluation, status=201, location="api-evaluation")


class EvaluationView(ApiView):
    @extend_schema(operation_id="getEvaluation", responses=EvaluationWithResult, tags=["evaluations"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(EvaluationWithResult, self.find(EVALUATIONS, pk=pk))


class CancelEvaluationView(ApiView):
    @extend_schema(
        operation_id="cancelEvaluation", request=Nothing, responses=EvaluationWithResult, tags=["evaluations"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """End an evaluation that waits or runs; its computation stops within about two seconds."""
        evaluation = self.find(EVALUATIONS, pk=pk)
        self.read(Nothing)
        evaluations.cancel_evaluation(evaluation, actor=self.actor)
        return self.answer(EvaluationWithResult, self.find(EVALUATIONS, pk=pk))


class EvaluationResultView(ApiView):
    @extend_schema(operation_id="getEvaluationResult", responses=OpenApiTypes.OBJECT, tags=["evaluations"])
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The result's exact bytes: their SHA-256 is ``result_digest``. 404 until there is one."""
        evaluation = self.find(EVALUATIONS, pk=pk)
        if not evaluation.result:
            raise NotFound
        return HttpResponse(evaluation.result, content_type="application/json")
