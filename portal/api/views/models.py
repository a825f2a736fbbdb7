"""Registered models."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import catalog
from governance.exceptions import InvalidInput
from governance.lifecycle import State
from governance.models import ModelVersion, RegisteredModel, RiskTier, User
from governance.questionnaire import questionnaires
from portal.api import filters
from portal.api.base import ApiView
from portal.api.etags import seen_revision
from portal.api.fields import refuse_empty
from portal.api.serializers.catalog import AssessRisk, DescribeModel, ModelShape, QuestionnaireShape, RegisterModel

MODELS = RegisteredModel.objects.select_related("project")


def with_latest_version(models: QuerySet[RegisteredModel]) -> QuerySet[RegisteredModel]:
    latest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number")
    fields: dict[str, Any] = {f"latest_{name}": Subquery(latest.values(name)[:1]) for name in ("id", "number", "state")}
    return models.select_related("project", "owner").annotate(**fields)


def answer_model(view: ApiView, pk: int, **more: Any) -> Response:
    model = view.find(with_latest_version(MODELS), pk=pk)
    return view.answer(ModelShape, model, revision=model.revision, **more)


class ModelsView(ApiView):
    is_list = True
    filters = {
        "project": filters.whole_number("project"),
        "name": filters.text("name"),
        "risk_tier": filters.choice("risk_tier", RiskTier.values),
        "state": filters.choice("latest_state", State.values, "The state of the newest version."),
    }

    @extend_schema(operation_id="listModels", responses=ModelShape(many=True), tags=["models"])
    def get(self, request: Request) -> Response:
        return self.page(with_latest_version(self.visible(MODELS)), ModelShape)

    @extend_schema(operation_id="registerModel", request=RegisterModel, responses={201: ModelShape}, tags=["models"])
    def post(self, request: Request) -> Response:
        """Enter a model in the inventory. Until a tier is recorded it counts as high risk."""
        given = self.read(RegisterModel)
        if "owner" in given:
            given["owner"] = self._find_owner(given["owner"])
        model = catalog.register_model(given.pop("project"), **given, actor=self.actor)
        return answer_model(self, model.pk, status=201, location="api-model")

    def _find_owner(self, username: str) -> User:
        owner: User | None = self.visible(User.objects.all()).filter(username__iexact=username).first()
        if owner is None:
            raise InvalidInput(f"Nobody you share a project with has the login “{username[:150]}”.", field="owner")
        return owner


class ModelView(ApiView):
    sends_revision = True

    @extend_schema(operation_id="getModel", responses=ModelShape, tags=["models"])
    def get(self, request: Request, pk: int) -> Response:
        return answer_model(self, pk)

    @extend_schema(operation_id="describeModel", request=DescribeModel, responses=ModelShape, tags=["models"])
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is said of the model's use. Sign-offs over dossiers that read it become stale."""
        model = self.find(MODELS, pk=pk)
        given = self.read(DescribeModel)
        refuse_empty(given)
        catalog.describe_model(model, **given, seen_revision=seen_revision(request), actor=self.actor)
        return answer_model(self, pk)


class RiskTierView(ApiView):
    sends_revision = True

    @extend_schema(operation_id="assessRisk", request=AssessRisk, responses=ModelShape, tags=["models"])
    def put(self, request: Request, pk: int) -> Response:
        """Answer a risk questionnaire. The answers give the tier, and the tier chooses the policy."""
        model = self.find(MODELS, pk=pk)
        given = self.read(AssessRisk)
        catalog.assess_risk(model, **given, seen_revision=seen_revision(request), actor=self.actor)
        return answer_model(self, pk)


class QuestionnairesView(ApiView):
    @extend_schema(operation_id="listQuestionnaires", responses=QuestionnaireShape(many=True), tags=["models"])
    def get(self, request: Request) -> Response:
        """The risk questionnaires with their questions, answers and points."""
        return Response(QuestionnaireShape(questionnaires().values(), many=True).data)
