"""Model versions: registering, submitting, retiring, dossier and gate."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import catalog, promotion, submission
from governance.dossier import Dossier, collect
from governance.gate import GateDecision, judge
from governance.lifecycle import State
from governance.models import ModelVersion
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.catalog import RegisterVersion, SubmitVersion, VersionShape
from portal.api.serializers.judgement import DossierShape, GateShape
from portal.api.serializers.people import Reason
from portal.api.views.models import MODELS

VERSIONS = ModelVersion.objects.with_names().prefetch_related("artifacts")


def answer_version(view: ApiView, pk: int, **more: Any) -> Response:
    return view.answer(VersionShape, view.find(VERSIONS, pk=pk), **more)


class VersionsView(ApiView):
    """All versions the caller may see, over all models."""

    is_list = True
    filters = {
        "project": filters.whole_number("model__project"),
        "model": filters.whole_number("model"),
        "number": filters.whole_number("number"),
        "state": filters.choice("state", State.values),
        "digest": filters.text("artifacts__digest", "The digest of one of its artifacts."),
    }

    @extend_schema(operation_id="listModelVersions", responses=VersionShape(many=True), tags=["model versions"])
    def get(self, request: Request) -> Response:
        return self.page(self.visible(VERSIONS).distinct(), VersionShape)


class VersionsOfModelView(ApiView):
    is_list = True
    filters = {"number": filters.whole_number("number"), "state": filters.choice("state", State.values)}

    @extend_schema(operation_id="listVersionsOfModel", responses=VersionShape(many=True), tags=["model versions"])
    def get(self, request: Request, pk: int) -> Response:
        model = self.find(MODELS, pk=pk)
        return self.page(self.visible(VERSIONS).filter(model=model), VersionShape)

    @extend_schema(
        operation_id="registerVersion", request=RegisterVersion, responses={201: VersionShape}, tags=["model versions"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Register the next version. Its artifact digests are fixed from here on."""
        model = self.find(MODELS, pk=pk)
        version = catalog.register_version(model, **self.read(RegisterVersion), actor=self.actor)
        return answer_version(self, version.pk, status=201, location="api-model-version")


class VersionView(ApiView):
    @extend_schema(operation_id="getModelVersion", responses=VersionShape, tags=["model versions"])
    def get(self, request: Request, pk: int) -> Response:
        return answer_version(self, pk)


class SubmitVersionView(ApiView):
    @extend_schema(operation_id="submitVersion", request=SubmitVersion, responses=VersionShape, tags=["model versions"])
    def post(self, request: Request, pk: int) -> Response:
        """Put the version before its reviewers, for one environment. The policy in force there is bound to it."""
        version = self.find(VERSIONS, pk=pk)
        submission.submit_version(version, **self.read(SubmitVersion), actor=self.actor)
        return answer_version(self, pk)


class RetireVersionView(ApiView):
    @extend_schema(operation_id="retireVersion", request=Reason, responses=VersionShape, tags=["model versions"])
    def post(self, request: Request, pk: int) -> Response:
        """Take the version out of use: its releases end now. Only a signed-in person."""
        version = self.find(VERSIONS, pk=pk)
        promotion.retire_version(version, **self.read(Reason), actor=self.actor)
        return answer_version(self, pk)


class DossierView(ApiView):
    @extend_schema(operation_id="getDossier", responses=DossierShape, tags=["judgement"])
    def get(self, request: Request, pk: int) -> Response:
        """The one reading of a version: what counts, its digest, and the sign-offs over it."""
        return self.answer(DossierShape, collect(self.find(VERSIONS, pk=pk)))


class GateOfVersionView(ApiView):
    @extend_schema(operation_id="getGate", responses=GateShape, tags=["judgement"])
    def get(self, request: Request, pk: int) -> Response:
        """Every finding of the gate, judged now."""
        return Response(describe_gate(collect(self.find(VERSIONS, pk=pk))))


def describe_gate(dossier: Dossier) -> dict[str, Any]:
    return _describe(dossier.version_id, dossier.state, judge(dossier))


def describe_decision(version: ModelVersion, decision: GateDecision) -> dict[str, Any]:
    return _describe(version.pk, version.state, decision)


def _describe(version_id: int, state: str, decision: GateDecision) -> dict[str, Any]:
    described: dict[str, Any] = GateShape(
        {
            "version": version_id,
            "state": state,
            **{name: getattr(decision, name) for name in GATE_FIELDS},
        }
    ).data
    return described


GATE_FIELDS = (
    "environment",
    "is_open",
    "is_ready_to_sign",
    "dossier_digest",
    "policy_digest",
    "judged_at",
    "counts",
    "findings",
)
