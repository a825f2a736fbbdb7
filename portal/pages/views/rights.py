"""Rights to sign: lent for a time, confirmed by a second administrator, or set aside by solo mode."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from governance.actions import delegations
from governance.models import Delegation, Membership, Project, User
from governance.permissions import roles_of
from governance.policy import SIGNING_ROLES
from portal.actors import actor_of
from portal.pages.forms.projects import ConfirmRoleForm, DelegateForm, EndDelegationForm, SoloModeForm
from portal.pages.forms.proof import demand_of
from portal.pages.guard import require
from portal.pages.perform import no_store, perform, posted


@no_store
@require_http_methods(["GET", "POST"])
def confirm_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Stand for a role that another administrator granted, so that it may sign what was submitted before it."""
    actor = actor_of(request)
    visible = Membership.objects.visible_to(actor.user).select_related("project", "user", "granted_by")
    membership = get_object_or_404(visible, pk=pk)
    require(actor, "confirm_role", membership.project)
    form = ConfirmRoleForm(posted(request), demand=demand_of(request, "confirm_role", pk))
    if request.method == "POST":
        confirmed = perform(
            request, form, lambda: delegations.confirm_role(membership, **form.cleaned_data, actor=actor)
        )
        if confirmed is not None:
            words = {"name": membership.user, "role": membership.get_role_display().lower()}
            messages.success(request, _("%(name)s is confirmed as %(role)s.") % words)
            return redirect("pages:project", membership.project_id)
    context = {"membership": membership, "project": membership.project, "form": form}
    return render(request, "projects/role_confirm.html", context, status=form.status)


@no_store
@require_http_methods(["GET", "POST"])
def delegate(request: HttpRequest, pk: int) -> HttpResponse:
    """Let another member sign in one's own role from a day until a day."""
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    require(actor, "delegate", project)
    held = roles_of(actor.user, project)
    current = Membership.objects.current().filter(project=project)
    people = User.objects.filter(is_active=True, pk__in=current.values("user_id")).exclude(
        person_key=actor.user.person_key
    )
    form = DelegateForm(
        posted(request),
        roles=[role for role in SIGNING_ROLES if role in held],
        people=people.order_by("full_name", "username"),
        demand=demand_of(request, "delegate", pk),
    )
    if request.method == "POST":
        given = perform(request, form, lambda: delegations.delegate(project, **form.given(), actor=actor))
        if given is not None:
            words = {"name": given.to_user, "role": given.get_role_display().lower()}
            messages.success(request, _("%(name)s may sign for you as %(role)s.") % words)
            return redirect("pages:project", pk)
    return render(request, "projects/delegate.html", {"project": project, "form": form}, status=form.status)


@require_http_methods(["GET", "POST"])
def end_delegation(request: HttpRequest, pk: int) -> HttpResponse:
    """End a delegation before its time: for whoever gave it, whoever has it, and whoever manages the members."""
    actor = actor_of(request)
    own = Q(from_user=actor.user) | Q(to_user=actor.user)
    visible = Delegation.objects.filter(Q(pk__in=Delegation.objects.visible_to(actor.user)) | own)
    delegation = get_object_or_404(visible.select_related("project", "from_user", "to_user"), pk=pk)
    form = EndDelegationForm(posted(request))
    if request.method == "POST":
        ended = perform(request, form, lambda: delegations.end_delegation(delegation, **form.cleaned_data, actor=actor))
        if ended is not None:
            messages.success(request, _("The delegation is over."))
            visible_project = Project.objects.visible_to(actor.user).filter(pk=delegation.project_id).exists()
            return redirect("pages:project", delegation.project_id) if visible_project else redirect("pages:account")
    context = {"delegation": delegation, "project": delegation.project, "form": form}
    return render(request, "projects/delegation_end.html", context, status=form.status)


@no_store
@require_http_methods(["GET", "POST"])
def switch_solo_mode(request: HttpRequest, pk: int) -> HttpResponse:
    """Say openly that duties are not separated in a project, or that they are again."""
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    require(actor, "set_solo_mode", project)
    switching_on = project.solo_since is None
    form = SoloModeForm(posted(request), demand=demand_of(request, "set_solo_mode", pk), initial={"on": switching_on})
    if request.method == "POST":
        switched = perform(request, form, lambda: delegations.set_solo_mode(project, **form.cleaned_data, actor=actor))
        if switched is not None:
            messages.success(
                request, _("Solo mode is on.") if switched.solo_since else _("Solo mode is off. Duties are separate.")
            )
            return redirect("pages:project", pk)
    context = {"project": project, "form": form, "switching_on": switching_on}
    return render(request, "projects/solo_mode.html", context, status=form.status)
