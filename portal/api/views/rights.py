"""Rights to sign: lent for a time, confirmed by a second administrator, ended; and solo mode."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import delegations, people
from governance.exceptions import InvalidInput
from governance.models import Delegation, Membership, Project, Role, User
from governance.permissions import authorise
from portal.actors import refuse_locked_out
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.people import MembershipShape, ProjectShape
from portal.api.serializers.rights import (
    ConfirmRole,
    DelegationShape,
    EndDelegation,
    EndRole,
    GiveDelegation,
    SwitchSoloMode,
)
from portal.api.views.projects import MEMBERSHIPS

DELEGATIONS = Delegation.objects.select_related("project", "from_user", "to_user")


def find_member(project: Project, username: str, *, field: str) -> User:
    """Somebody with a role in the project. Who has none there is named no more than who does not exist."""
    held = Membership.objects.current().filter(project=project)
    members = User.objects.filter(is_active=True, pk__in=held.values("user_id"))
    user: User | None = members.filter(username__iexact=username).first()
    if user is None:
        raise InvalidInput(f"Nobody with the login “{username[:150]}” holds a role in the project.", field=field)
    return user


class DelegationsView(ApiView):
    is_list = True
    filters = {
        "role": filters.choice("role", Role.values),
        "is_current": filters.yes_or_no("ended_at__isnull", "false: ended before its time."),
    }

    @extend_schema(operation_id="listDelegations", responses=DelegationShape(many=True), tags=["projects"])
    def get(self, request: Request, pk: int) -> Response:
        """Who may sign for whom, from when until when; ended ones too."""
        project = self.find(Project.objects.all(), pk=pk)
        return self.page(self.visible(DELEGATIONS).filter(project=project), DelegationShape)

    @extend_schema(operation_id="delegate", request=GiveDelegation, responses={201: DelegationShape}, tags=["projects"])
    def post(self, request: Request, pk: int) -> Response:
        """Let another member sign in your own role for a time. A signed-in person only; no token lends a right."""
        project = self.find(Project.objects.all(), pk=pk)
        given = self.read(GiveDelegation)
        authorise(self.actor, "delegate", project)
        refuse_locked_out(request)
        given["to_user"] = find_member(project, given["to_user"], field="to_user")
        made = delegations.delegate(project, **given, actor=self.actor)
        return self.answer(DelegationShape, self.find(DELEGATIONS, pk=made.pk), status=201)


class EndDelegationView(ApiView):
    @extend_schema(operation_id="endDelegation", request=EndDelegation, responses=DelegationShape, tags=["projects"])
    def post(self, request: Request, pk: int) -> Response:
        """End a delegation before its time: whoever gave it, whoever has it, or whoever manages the members."""
        delegations.end_delegation(self.find(DELEGATIONS, pk=pk), **self.read(EndDelegation), actor=self.actor)
        return self.answer(DelegationShape, self.find(DELEGATIONS, pk=pk))


class ConfirmRoleView(ApiView):
    @extend_schema(operation_id="confirmRole", request=ConfirmRole, responses=MembershipShape, tags=["projects"])
    def post(self, request: Request, pk: int) -> Response:
        """Stand as a second administrator for a role, so that it may sign what was submitted before it was granted."""
        membership = self.find(MEMBERSHIPS, pk=pk)
        given = self.read(ConfirmRole)
        refuse_locked_out(request)
        delegations.confirm_role(membership, **given, actor=self.actor)
        return self.answer(MembershipShape, self.find(MEMBERSHIPS, pk=pk))


class EndRoleView(ApiView):
    @extend_schema(operation_id="endRoleWithReason", request=EndRole, responses=MembershipShape, tags=["projects"])
    def post(self, request: Request, pk: int) -> Response:
        """Take a role back, with the reason; for cause, what was signed in it counts no more."""
        people.end_role(self.find(MEMBERSHIPS, pk=pk), **self.read(EndRole), actor=self.actor)
        return self.answer(MembershipShape, self.find(MEMBERSHIPS, pk=pk))


class SoloModeView(ApiView):
    @extend_schema(operation_id="switchSoloMode", request=SwitchSoloMode, responses=ProjectShape, tags=["projects"])
    def put(self, request: Request, pk: int) -> Response:
        """Say openly that duties are not separated in a project, or that they are again. Signatures become stale."""
        project = self.find(Project.objects.all(), pk=pk)
        given = self.read(SwitchSoloMode)
        refuse_locked_out(request)
        delegations.set_solo_mode(project, **given, actor=self.actor)
        return self.answer(ProjectShape, self.find(Project.objects.all(), pk=pk))
