"""Projects, their members and requirement templates."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import people
from governance.exceptions import InvalidInput
from governance.models import Membership, Project, RequirementTemplate, Role, User
from governance.permissions import authorise
from portal.api import filters
from portal.api.base import ApiView, empty_answer
from portal.api.etags import seen_revision
from portal.api.serializers.people import (
    CreateProject,
    GrantRole,
    MembershipShape,
    ProjectShape,
    TemplateShape,
    WriteTemplate,
)

MEMBERSHIPS = Membership.objects.select_related("project", "user", "granted_by", "confirmed_by")


class ProjectsView(ApiView):
    is_list = True
    filters = {"name": filters.text("name"), "slug": filters.text("slug")}

    @extend_schema(operation_id="listProjects", responses=ProjectShape(many=True), tags=["projects"])
    def get(self, request: Request) -> Response:
        return self.page(self.visible(Project.objects.all()), ProjectShape)

    @extend_schema(
        operation_id="createProject", request=CreateProject, responses={201: ProjectShape}, tags=["projects"]
    )
    def post(self, request: Request) -> Response:
        """Open a project. Organisation administrators only."""
        project = people.create_project(**self.read(CreateProject), actor=self.actor)
        return self.answer(ProjectShape, project, status=201, location="api-project")


class ProjectView(ApiView):
    @extend_schema(operation_id="getProject", responses=ProjectShape, tags=["projects"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(ProjectShape, self.find(Project.objects.all(), pk=pk))


class MembershipsView(ApiView):
    is_list = True
    filters = {
        "username": filters.text("user__username"),
        "role": filters.choice("role", Role.values),
        "is_current": filters.yes_or_no("ended_at__isnull", "true: present roles; false: ended ones."),
    }

    @extend_schema(operation_id="listMemberships", responses=MembershipShape(many=True), tags=["projects"])
    def get(self, request: Request, pk: int) -> Response:
        """Who holds which role; ended ones too, unless filtered."""
        project = self.find(Project.objects.all(), pk=pk)
        return self.page(self.visible(MEMBERSHIPS).filter(project=project), MembershipShape)

    @extend_schema(operation_id="grantRole", request=GrantRole, responses={201: MembershipShape}, tags=["projects"])
    def post(self, request: Request, pk: int) -> Response:
        """Give a person a role."""
        project = self.find(Project.objects.all(), pk=pk)
        given = self.read(GrantRole)
        # Asked before the login is looked up: only who may add people learns which logins exist.
        authorise(self.actor, "manage_members", project)
        membership = people.grant_role(
            project, user=find_person(given["username"]), role=given["role"], actor=self.actor
        )
        return self.answer(MembershipShape, membership, status=201)


def find_person(username: str, field: str = "username") -> User:
    user: User | None = User.objects.filter(username__iexact=username, is_system=False).first()
    if user is None:
        raise InvalidInput(f"Nobody has the login “{username[:150]}”.", field=field)
    return user


class MembershipView(ApiView):
    @extend_schema(operation_id="endRole", request=None, responses={204: None}, tags=["projects"])
    def delete(self, request: Request, pk: int) -> HttpResponse:
        """Take a role back. The row stays, with its end."""
        people.end_role(self.find(MEMBERSHIPS, pk=pk), actor=self.actor)
        return empty_answer()


class TemplateView(ApiView):
    sends_revision = True

    @extend_schema(operation_id="getTemplate", responses=TemplateShape, tags=["projects"])
    def get(self, request: Request, pk: int, tier: str) -> Response:
        """The requirements that a model of this tier starts with."""
        template = self._find_template(pk, tier)
        return self.answer(TemplateShape, template, revision=template.revision)

    @extend_schema(operation_id="writeTemplate", request=WriteTemplate, responses=TemplateShape, tags=["projects"])
    def put(self, request: Request, pk: int, tier: str) -> Response:
        """Replace the template. Requirements made from it before stay as they are."""
        template = self._find_template(pk, tier)
        template = people.write_template(
            template.project,
            risk_tier=tier,
            **self.read(WriteTemplate),
            seen_revision=seen_revision(request),
            actor=self.actor,
        )
        return self.answer(TemplateShape, template, revision=template.revision)

    def _find_template(self, pk: int, tier: str) -> RequirementTemplate:
        project = self.find(Project.objects.all(), pk=pk)
        template = RequirementTemplate.objects.filter(project=project, risk_tier=tier).first()
        if template is None:
            raise NotFound
        return template
