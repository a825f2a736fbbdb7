"""What follows a vote: a refusal that is set aside, a condition that is fulfilled. A signed-in person only."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import signoff
from governance.models import Condition
from portal.actors import refuse_locked_out
from portal.api.base import ApiView
from portal.api.serializers.judgement import ConditionShape, FulfilCondition, OverruleRefusal, SignOffShape
from portal.api.views.signoffs import SIGN_OFFS


class OverruleView(ApiView):
    @extend_schema(operation_id="overruleRefusal", request=OverruleRefusal, responses=SignOffShape, tags=["judgement"])
    def post(self, request: Request, pk: int) -> Response:
        """Set a refusal aside, in the role that the policy of the dossier names. It stays on record beside it."""
        refused = self.find(SIGN_OFFS.select_related("version__model__project"), pk=pk)
        given = self.read(OverruleRefusal)
        refuse_locked_out(request)
        signoff.overrule_refusal(refused, **given, actor=self.actor)
        return self.answer(SignOffShape, self.find(SIGN_OFFS, pk=pk))


class FulfilView(ApiView):
    @extend_schema(
        operation_id="fulfilCondition", request=FulfilCondition, responses=ConditionShape, tags=["judgement"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Say that a condition is fulfilled: for the role that set it, and not for whoever had to fulfil it."""
        self.find(SIGN_OFFS, conditions__pk=pk)
        condition = Condition.objects.select_related("version__model__project").get(pk=pk)
        given = self.read(FulfilCondition)
        refuse_locked_out(request)
        signoff.fulfil_condition(condition, **given, actor=self.actor)
        found = Condition.objects.select_related("owner", "fulfilled_by").get(pk=pk)
        return self.answer(ConditionShape, found)
