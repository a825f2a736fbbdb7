"""People: accounts, for organisation administrators."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from governance.actions import people
from governance.models import Membership, User
from portal.actors import actor_of
from portal.pages.forms.people import CloseUserForm, CreateUserForm, PeopleFilterForm
from portal.pages.guard import require
from portal.pages.keyset import read_page
from portal.pages.perform import no_store, perform, posted


@require_safe
def list_people(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, "create_user", None)
    form = PeopleFilterForm(request.GET)
    page = read_page(request, form.narrow(_with_roles()))
    return render(request, "people/people.html", {"form": form, "page": page, "viewer": actor.user})


def _with_roles() -> QuerySet[User]:
    current = Membership.objects.current().select_related("project").order_by("project__name", "role")
    return User.objects.filter(is_system=False).prefetch_related(Prefetch("memberships", current))


@require_http_methods(["GET", "POST"])
@no_store
@sensitive_post_parameters("password")
def create_user(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, "create_user", None)
    form = CreateUserForm(posted(request))
    if request.method == "POST":
        user = perform(request, form, lambda: people.create_user(**form.cleaned_data, actor=actor))
        if user is not None:
            messages.success(request, _("The account of %(name)s is open. Grant roles in a project.") % {"name": user})
            return redirect("pages:people")
    return render(request, "people/person_new.html", {"form": form}, status=form.status)


@require_http_methods(["GET", "POST"])
def close_user(request: HttpRequest, pk: int) -> HttpResponse:
    actor = actor_of(request)
    require(actor, "create_user", None)
    user = get_object_or_404(_with_roles(), pk=pk)
    form = CloseUserForm(posted(request))
    if request.method == "POST":
        closed = perform(request, form, lambda: people.close_user(user, **form.cleaned_data, actor=actor))
        if closed is not None:
            messages.success(request, _("The account of %(name)s is closed.") % {"name": user})
            return redirect("pages:people")
    return render(request, "people/person_close.html", {"person": user, "form": form}, status=form.status)
