"""Rollbacks, emergency promotions and follow-ups. Each signature is a person's, with a proof of who they are."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import emergency, promotion, withdrawal
from governance.models import EmergencyRequest, FollowUp, FollowUpKind
from portal.actors import refuse_locked_out
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.judgement import ReleaseShape
from portal.api.serializers.people import Reason
from portal.api.serializers.releases import (
    AskForEmergency,
    ConfirmEmergency,
    EmergencyShape,
    FollowUpShape,
    RollBack,
)
from portal.api.views.releases import RELEASES
from portal.api.views.versions import VERSIONS

EMERGENCIES = EmergencyRequest.objects.select_related("version__model__project", "requested_by", "confirmed_by")
FOLLOW_UPS = FollowUp.objects.select_related("version__model__project", "closed_by")


class RollBackView(ApiView):
    @extend_schema(operation_id="rollBack", request=RollBack, responses={201: ReleaseShape}, tags=["releases"])
    def post(self, request: Request, pk: int) -> Response:
        """End this release and put back the one before it, while what was signed for that holds."""
        release = self.find(RELEASES, pk=pk)
        given = self.read(RollBack)
        refuse_locked_out(request)
        made = promotion.roll_back(release, **given, actor=self.actor)
        return self.answer(ReleaseShape, self.find(RELEASES, pk=made.pk), status=201, location="api-release")


class EmergenciesView(ApiView):
    is_list = True

    @extend_schema(operation_id="listEmergencies", responses=EmergencyShape(many=True), tags=["releases"])
    def get(self, request: Request, pk: int) -> Response:
        version = self.find(VERSIONS, pk=pk)
        return self.page(self.visible(EMERGENCIES).filter(version=version), EmergencyShape)

    @extend_schema(
        operation_id="askForEmergency", request=AskForEmergency, responses={201: EmergencyShape}, tags=["releases"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask to run a version past its closed gate for some hours. A second person has to confirm it."""
        version = self.find(VERSIONS, pk=pk)
        given = self.read(AskForEmergency)
        refuse_locked_out(request)
        made = emergency.ask_for_emergency(version, **given, actor=self.actor)
        return self.answer(EmergencyShape, self.find(EMERGENCIES, pk=made.pk), status=201)


class ConfirmEmergencyView(ApiView):
    @extend_schema(
        operation_id="confirmEmergency", request=ConfirmEmergency, responses={201: ReleaseShape}, tags=["releases"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """The second person's word: the version is released for the hours that were asked for."""
        asked = self.find(EMERGENCIES, pk=pk)
        given = self.read(ConfirmEmergency)
        refuse_locked_out(request)
        made = emergency.confirm_emergency(asked, **given, actor=self.actor)
        return self.answer(ReleaseShape, self.find(RELEASES, pk=made.pk), status=201, location="api-release")


class WithdrawEmergencyView(ApiView):
    @extend_schema(operation_id="withdrawEmergency", request=Reason, responses={200: EmergencyShape}, tags=["releases"])
    def post(self, request: Request, pk: int) -> Response:
        """Take back a request that nobody has confirmed."""
        asked = self.find(EMERGENCIES, pk=pk)
        emergency.withdraw_emergency_request(asked, **self.read(Reason), actor=self.actor)
        return self.answer(EmergencyShape, self.find(EMERGENCIES, pk=pk))


class FollowUpsView(ApiView):
    is_list = True
    filters = {
        "kind": filters.choice("kind", FollowUpKind.values),
        "open": filters.yes_or_no("closed_at__isnull"),
        "version": filters.whole_number("version"),
        "project": filters.whole_number("version__model__project"),
    }

    @extend_schema(operation_id="listFollowUps", responses=FollowUpShape(many=True), tags=["releases"])
    def get(self, request: Request) -> Response:
        """What withdrawn releases left behind for somebody to look into."""
        return self.page(self.visible(FOLLOW_UPS), FollowUpShape)


class CloseFollowUpView(ApiView):
    @extend_schema(operation_id="closeFollowUp", request=Reason, responses={200: FollowUpShape}, tags=["releases"])
    def post(self, request: Request, pk: int) -> Response:
        """Say what was done about it. Not for whoever released what it is about."""
        follow_up = self.find(FOLLOW_UPS, pk=pk)
        withdrawal.close_follow_up(follow_up, **self.read(Reason), actor=self.actor)
        return self.answer(FollowUpShape, self.find(FOLLOW_UPS, pk=pk))
