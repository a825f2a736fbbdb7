"""What only a signed-in person does: sign-offs, waivers, promotion. Each asks for the password again."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import promotion, signoff, waivers
from governance.models import Decision, Role, SignOff, Waiver
from portal.actors import refuse_locked_out
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.judgement import (
    GiveSignOff,
    GrantWaiver,
    PromoteVersion,
    ReleaseShape,
    SignOffShape,
    WaiverShape,
)
from portal.api.views.releases import RELEASES
from portal.api.views.rights import find_member
from portal.api.views.versions import VERSIONS

SIGN_OFFS = SignOff.objects.select_related(
    "signer", "delegation__from_user", "overrule__overruled_by"
).prefetch_related("conditions__owner", "conditions__fulfilled_by")
WAIVERS = Waiver.objects.select_related("granted_by")


class SignOffsView(ApiView):
    is_list = True
    filters = {
        "role": filters.choice("role", Role.values),
        "decision": filters.choice("decision", Decision.values),
        "dossier_digest": filters.text("dossier"),
    }

    @extend_schema(operation_id="listSignOffs", responses=SignOffShape(many=True), tags=["judgement"])
    def get(self, request: Request, pk: int) -> Response:
        """Every sign-off ever given. Whether it is about the present dossier, the dossier says."""
        version = self.find(VERSIONS, pk=pk)
        return self.page(self.visible(SIGN_OFFS).filter(version=version), SignOffShape)

    @extend_schema(operation_id="signOff", request=GiveSignOff, responses={201: SignOffShape}, tags=["judgement"])
    def post(self, request: Request, pk: int) -> Response:
        """Sign the dossier whose digest you read. A signed-in person only; no token signs."""
        version = self.find(VERSIONS, pk=pk)
        given = self.read(GiveSignOff)
        refuse_locked_out(request)
        for condition in given["conditions"]:
            condition["owner"] = find_member(version.model.project, condition["owner"], field="conditions")
        signed = signoff.sign_off(version, **given, actor=self.actor)
        return self.answer(SignOffShape, self.find(SIGN_OFFS, pk=signed.pk), status=201)


class WaiversView(ApiView):
    is_list = True

    @extend_schema(operation_id="listWaivers", responses=WaiverShape(many=True), tags=["judgement"])
    def get(self, request: Request, pk: int) -> Response:
        version = self.find(VERSIONS, pk=pk)
        return self.page(WAIVERS.filter(version=version), WaiverShape)

    @extend_schema(operation_id="grantWaiver", request=GrantWaiver, responses={201: WaiverShape}, tags=["judgement"])
    def post(self, request: Request, pk: int) -> Response:
        """Accept a named gap until a date. It is shown as waived ever after."""
        version = self.find(VERSIONS, pk=pk)
        given = self.read(GrantWaiver)
        refuse_locked_out(request)
        waiver = waivers.grant_waiver(version, **given, actor=self.actor)
        return self.answer(WaiverShape, waiver, status=201)


class PromoteView(ApiView):
    @extend_schema(
        operation_id="promoteVersion", request=PromoteVersion, responses={201: ReleaseShape}, tags=["releases"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Release the version into an environment. Everything is judged again; a closed gate answers its findings."""
        version = self.find(VERSIONS, pk=pk)
        given = self.read(PromoteVersion)
        refuse_locked_out(request)
        release = promotion.promote(version, **given, actor=self.actor)
        found = self.find(RELEASES, pk=release.pk)
        return self.answer(ReleaseShape, found, status=201, location="api-release")
