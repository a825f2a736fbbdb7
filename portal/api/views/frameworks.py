"""Frameworks in force: read by everybody, loaded and withdrawn by organisation administrators."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import frameworks, requirements
from governance.models import FrameworkEdition
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.catalog import RequirementShape
from portal.api.serializers.frameworks import (
    FrameworkShape,
    LoadFramework,
    RequirementsFromFramework,
    WholeFrameworkShape,
)
from portal.api.serializers.people import Reason
from portal.api.views.models import MODELS
from portal.api.views.requirements import REQUIREMENTS


def rows_in_force() -> QuerySet[FrameworkEdition]:
    return FrameworkEdition.objects.in_force().select_related("loaded_by")


class FrameworksView(ApiView):
    is_list = True
    filters = {
        "title": filters.text("title"),
        "is_shipped": filters.yes_or_no("is_shipped", "false: texts that the house has written or corrected."),
    }

    @extend_schema(operation_id="listFrameworks", responses=FrameworkShape(many=True), tags=["frameworks"])
    def get(self, request: Request) -> Response:
        """Every text in force. Two editions of one text are two of them."""
        return self.page(self.visible(rows_in_force()), FrameworkShape)

    @extend_schema(
        operation_id="loadFramework", request=LoadFramework, responses={201: FrameworkShape}, tags=["frameworks"]
    )
    def post(self, request: Request) -> Response:
        """Put a text in force, or a corrected one in the place of the former."""
        loaded = frameworks.load_framework(**self.read(LoadFramework), actor=self.actor)
        response = self.answer(FrameworkShape, self.find(rows_in_force(), pk=loaded.pk), status=201)
        response["Location"] = request.build_absolute_uri(f"{request.path}/{loaded.key}")
        return response


class FrameworkView(ApiView):
    @extend_schema(operation_id="getFramework", responses=WholeFrameworkShape, tags=["frameworks"])
    def get(self, request: Request, key: str) -> Response:
        """The text in force of one edition, with its controls."""
        return self.answer(WholeFrameworkShape, self.find(rows_in_force(), key=key))


class WithdrawFrameworkView(ApiView):
    @extend_schema(operation_id="withdrawFramework", request=Reason, responses=FrameworkShape, tags=["frameworks"])
    def post(self, request: Request, key: str) -> Response:
        """Hold nothing against it any more. Its text and what was recorded for it stay."""
        edition = self.find(rows_in_force(), key=key)
        withdrawn = frameworks.withdraw_framework(edition, **self.read(Reason), actor=self.actor)
        return self.answer(FrameworkShape, withdrawn)


class RequirementsFromFrameworkView(ApiView):
    @extend_schema(
        operation_id="generateRequirementsFromFramework",
        request=RequirementsFromFramework,
        responses={201: RequirementShape(many=True)},
        tags=["requirements"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Make a requirement of each control that a team must see to, or of those named: a hundred at most at once."""
        model = self.find(MODELS, pk=pk)
        given = self.read(RequirementsFromFramework)
        made = requirements.generate_requirements_from_framework(model, **given, actor=self.actor)
        rows = REQUIREMENTS.filter(pk__in=[item.pk for item in made]).order_by("pk")
        results = RequirementShape(rows, many=True).data
        return Response({"results": results, "next": None, "previous": None}, status=201)
