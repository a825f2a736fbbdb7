"""Projects: who holds which role, and the requirement template of each risk tier."""

from __future__ import annotations

from itertools import groupby

from django.contrib import messages
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance.actions import people
from governance.actors import Actor
from governance.exceptions import InvalidInput
from governance.lifecycle import State
from governance.models import Membership, ModelVersion, Project, RequirementTemplate, RiskTier
from governance.permissions import available_verbs, may
from governance.policy import SIGNING_ROLES
from governance.requirement_template import RequirementText, parse_template
from portal.actors import actor_of
from portal.pages.forms.projects import CreateProjectForm, EndRoleForm, GrantRoleForm, TemplateForm
from portal.pages.guard import require
from portal.pages.keyset import read_page
from portal.pages.perform import perform, posted

UNDER_REVIEW = (State.IN_REVIEW, State.APPROVED, State.REJECTED, State.EMERGENCY)


@require_safe
def list_projects(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    projects = Project.objects.visible_to(actor.user).annotate(
        model_count=Count("registered_models", distinct=True),
        people_count=Count("memberships__user", filter=Q(memberships__ended_at=None), distinct=True),
    )
    context = {"page": read_page(request, projects), "may_create": may(actor, "create_project", None)}
    return render(request, "projects/projects.html", context)


@require_http_methods(["GET", "POST"])
def create_project(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, "create_project", None)
    form = CreateProjectForm(posted(request))
    if request.method == "POST":
        project = perform(request, form, lambda: people.create_project(**form.cleaned_data, actor=actor))
        if project is not None:
            messages.success(request, _("The project is open. Give people their roles next."))
            return redirect("pages:project", project.pk)
    return render(request, "projects/project_new.html", {"form": form}, status=form.status)


@require_http_methods(["GET", "POST"])
def show_project(request: HttpRequest, pk: int) -> HttpResponse:
    """The project's people and templates; posting gives somebody a role."""
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    form = GrantRoleForm(posted(request))
    if request.method == "POST":
        granted = perform(request, form, lambda: people.grant_role(project, **form.cleaned_data, actor=actor))
        if granted is not None:
            words = {"name": granted.user, "role": granted.get_role_display().lower()}
            messages.success(request, _("%(name)s is %(role)s now.") % words)
            return redirect("pages:project", pk)
    memberships = list(
        project.memberships.select_related("user", "granted_by", "confirmed_by").order_by(
            "user__full_name", "user_id", "role"
        )
    )
    current = [row for row in memberships if row.ended_at is None]
    context = {
        "project": project,
        "form": form,
        "members": [(user, list(rows)) for user, rows in groupby(current, key=lambda row: row.user)],
        "former": [row for row in memberships if row.ended_at is not None],
        "templates": _list_templates(project),
        "model_count": project.registered_models.count(),
        "unconfirmed": _list_unconfirmed(project, current),
        "delegations": project.delegations.filter(ended_at=None, ends_at__gt=timezone.now()).select_related(
            "from_user", "to_user"
        ),
        "verbs": available_verbs(actor, project),
    }
    return render(request, "projects/project.html", context, status=form.status)


def _list_unconfirmed(project: Project, current: list[Membership]) -> set[int]:
    """Signing roles that are younger than an open submission, so that they sign nothing of it until confirmed."""
    earliest = ModelVersion.objects.filter(model__project=project, state__in=UNDER_REVIEW).aggregate(
        Min("submitted_at")
    )["submitted_at__min"]
    signing = [row for row in current if row.role in SIGNING_ROLES and row.confirmed_at is None]
    return {row.pk for row in signing if earliest is not None and row.granted_at > earliest}


def _list_templates(project: Project) -> list[tuple[RequirementTemplate, int, int]]:
    """Each tier's template, with how many requirements and criteria it makes."""
    templates = {template.risk_tier: template for template in project.requirement_templates.all()}
    found = []
    for tier in RiskTier.values:
        if tier in templates:
            requirements, _problem = _read_template(templates[tier])
            criteria = sum(len(requirement.criteria) for requirement in requirements)
            found.append((templates[tier], len(requirements), criteria))
    return found


def _read_template(template: RequirementTemplate) -> tuple[tuple[RequirementText, ...], str]:
    """What a recorded template makes, or why it makes nothing: it may be older than a rule that came since."""
    try:
        return parse_template(template.text), ""
    except InvalidInput as error:
        return (), error.message


@require_http_methods(["GET", "POST"])
def end_role(request: HttpRequest, pk: int) -> HttpResponse:
    actor = actor_of(request)
    visible = Membership.objects.visible_to(actor.user).select_related("project", "user")
    membership = get_object_or_404(visible, pk=pk)
    require(actor, "manage_members", membership.project)
    form = EndRoleForm(posted(request))
    if request.method == "POST":
        ended = perform(request, form, lambda: people.end_role(membership, **form.cleaned_data, actor=actor))
        if ended is not None:
            words = {"name": membership.user, "role": membership.get_role_display().lower()}
            messages.success(request, _("%(name)s is no longer %(role)s.") % words)
            return redirect("pages:project", membership.project_id)
    return render(request, "projects/role_end.html", {"membership": membership, "form": form}, status=form.status)


@require_http_methods(["GET", "POST"])
def edit_template(request: HttpRequest, pk: int, tier: str) -> HttpResponse:
    """Read a tier's template; those who may write it get the editor. A collision keeps what was typed."""
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    template = project.requirement_templates.filter(risk_tier=tier).first()
    if template is None:
        raise Http404
    form = TemplateForm(posted(request), initial={"text": template.text, "revision": template.revision})
    if request.method == "POST":
        written = perform(request, form, lambda: _write_template(project, tier, form, actor))
        if written is not None:
            words = {"tier": written.get_risk_tier_display().lower(), "revision": written.revision}
            messages.success(request, _("The %(tier)s-risk template is written as revision %(revision)d.") % words)
            return redirect("pages:project", pk)
    requirements, problem = _read_template(template)
    context = {
        "project": project,
        "template": template,
        "form": form,
        "may_write": may(actor, "write_template", project),
        "requirements": requirements,
        "problem": problem,
    }
    return render(request, "projects/template.html", context, status=form.status)


def _write_template(project: Project, tier: str, form: TemplateForm, actor: Actor) -> RequirementTemplate:
    return people.write_template(
        project,
        risk_tier=tier,
        text=form.cleaned_data["text"],
        seen_revision=form.cleaned_data["revision"],
        actor=actor,
    )
