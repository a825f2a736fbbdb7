"""Releases: what is and was in use, going back, emergencies, and what withdrawn releases left to look into."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance import releasing
from governance.actions import emergency, promotion, withdrawal
from governance.auditlog import database_now
from governance.exceptions import StaleReading, TransitionNotAllowed
from governance.models import EmergencyRequest, FollowUp, Release
from governance.permissions import may
from governance.permits import in_use_at
from portal.actors import actor_of
from portal.pages.forms.models import ReasonForm
from portal.pages.forms.proof import demand_of
from portal.pages.forms.releases import EmergencyForm, InUseForm, RollBackForm
from portal.pages.forms.signoff import DigestForm
from portal.pages.guard import require
from portal.pages.keyset import read_page
from portal.pages.perform import no_store, perform, posted
from portal.pages.views.signoff import find_obstacle, log_size, open_page, show_stale
from portal.pages.views.versions import Page

MOST_SHOWN = 500


@require_safe
def list_in_use(request: HttpRequest) -> HttpResponse:
    """What was in use at an instant, exact to the second. Without one: now."""
    form = InUseForm(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    at = given.get("at") or database_now()
    releases = in_use_at(at).visible_to(actor_of(request).user) if form.is_valid() else Release.objects.none()
    if given.get("environment"):
        releases = releases.filter(environment=given["environment"])
    shown = releases.select_related("version__model__project", "promoted_by")
    context = {
        "form": form,
        "at": at,
        "is_now": not given.get("at"),
        "releases": list(shown[:MOST_SHOWN]),
        "is_cut": releases.count() > MOST_SHOWN,
    }
    return render(request, "releases/in_use.html", context)


@no_store
@require_http_methods(["GET", "POST"])
def roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    """End a live release and put the former one back."""
    actor = actor_of(request)
    found = Release.objects.visible_to(actor.user).select_related("version__model__project")
    release = get_object_or_404(found, pk=pk)
    require(actor, "roll_back", release.model.project)
    form = RollBackForm(posted(request), demand=demand_of(request, "roll_back", release.pk))
    if request.method == "POST":
        made = perform(request, form, lambda: promotion.roll_back(release, **form.cleaned_data, actor=actor))
        if made is not None:
            messages.success(request, _("%(release)s again.") % {"release": made})
            return redirect("pages:version", made.version_id)
    former, obstacle = _find_former(release)
    context = {
        "form": form,
        "release": release,
        "version": release.version,
        "former": former,
        "obstacle": obstacle,
        "form_findings": form.findings,
    }
    return render(request, "releases/roll_back.html", context, status=form.status)


def _find_former(release: Release) -> tuple[Release | None, str]:
    if release.ended_at is not None:
        return None, _("This release has ended. Go back from what runs now.")
    try:
        return releasing.find_former(release), ""
    except TransitionNotAllowed as error:
        return None, error.message


@no_store
@require_http_methods(["GET", "POST"])
def ask_for_emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask to run a version past its closed gate for some hours."""
    read_index, page = log_size(), open_page(request, pk)
    rule = page.reading.dossier.policy.emergency
    form = EmergencyForm(
        posted(request),
        longest_hours=max(rule.longest_hours, 1),
        demand=demand_of(request, "ask_for_emergency", page.reading.dossier.digest),
        initial={"dossier_digest": page.reading.dossier.digest, "read_index": read_index},
    )
    if request.method == "POST":
        asked = perform(
            request, form, lambda: emergency.ask_for_emergency(page.version, **_given(form), actor=page.actor)
        )
        if asked is not None:
            messages.warning(request, _("Asked for. Nothing runs until a second person confirms it."))
            return redirect("pages:version", pk)
        if isinstance(form.refusal, StaleReading):
            return show_stale(request, page, form, "emergency-new")
    obstacle = find_obstacle(page, "promote_emergency", "ask_for_emergency", separate=True)
    if not obstacle and not rule.allowed:
        obstacle = _("The policy of this dossier allows no emergency promotion.")
    return _show(request, "releases/emergency_new.html", page, {"form": form, "obstacle": obstacle, "rule": rule})


@no_store
@require_http_methods(["GET", "POST"])
def confirm_emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """The second person's word on an emergency promotion."""
    asked, page, read_index = _open_emergency(request, pk)
    form = DigestForm(
        posted(request),
        demand=demand_of(request, "confirm_emergency", page.reading.dossier.digest),
        initial={"dossier_digest": page.reading.dossier.digest, "read_index": read_index},
    )
    if request.method == "POST":
        release = perform(request, form, lambda: emergency.confirm_emergency(asked, **_given(form), actor=page.actor))
        if release is not None:
            messages.warning(request, _("%(release)s as an emergency release.") % {"release": release})
            return redirect("pages:version", page.version.pk)
        if isinstance(form.refusal, StaleReading):
            return show_stale(request, page, form, "version")
    obstacle = find_obstacle(page, "promote_emergency", "confirm_emergency", separate=True)
    if not obstacle and asked.requested_by.person_key == page.actor.user.person_key:
        obstacle = _("Somebody else than who asked has to confirm an emergency promotion.")
    context = {"form": form, "obstacle": obstacle, "asked": asked}
    return _show(request, "releases/emergency_confirm.html", page, context)


@require_http_methods(["GET", "POST"])
def withdraw_emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back a request that nobody has confirmed."""
    asked, page, _read_index = _open_emergency(request, pk)
    require(page.actor, "ask_for_emergency", page.version.model.project)
    form = ReasonForm(posted(request))
    if request.method == "POST":
        act = emergency.withdraw_emergency_request
        done = perform(request, form, lambda: act(asked, **form.cleaned_data, actor=page.actor))
        if done is not None:
            messages.success(request, _("The request is taken back."))
            return redirect("pages:version", page.version.pk)
    return _show(request, "releases/emergency_withdraw.html", page, {"form": form, "asked": asked})


def _open_emergency(request: HttpRequest, pk: int) -> tuple[EmergencyRequest, Page, int]:
    found = EmergencyRequest.objects.visible_to(actor_of(request).user).select_related("requested_by")
    read_index = log_size()
    asked = get_object_or_404(found, pk=pk)
    return asked, open_page(request, asked.version_id), read_index


def _given(form: DigestForm) -> dict[str, Any]:
    return {name: value for name, value in form.cleaned_data.items() if name != "read_index"}


def _show(request: HttpRequest, template: str, page: Page, context: dict[str, Any]) -> HttpResponse:
    form = context["form"]
    shared = {
        "version": page.version,
        "reading": page.reading,
        "dossier": page.reading.dossier,
        "decision": page.reading.decision,
        "form_findings": form.findings,
    }
    return render(request, template, shared | context, status=form.status)


@require_safe
def list_follow_ups(request: HttpRequest) -> HttpResponse:
    """What withdrawn releases left to look into: the open ones first."""
    actor = actor_of(request)
    rows = FollowUp.objects.visible_to(actor.user).select_related("version__model__project", "release", "closed_by")
    if request.GET.get("closed") != "1":
        rows = rows.open()
    context = {"page": read_page(request, rows), "shows_closed": request.GET.get("closed") == "1"}
    return render(request, "releases/follow_ups.html", context)


@require_http_methods(["GET", "POST"])
def close_follow_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what was done about one."""
    actor = actor_of(request)
    found = FollowUp.objects.visible_to(actor.user).select_related("version__model__project", "release__promoted_by")
    follow_up = get_object_or_404(found, pk=pk)
    require(actor, "close_follow_up", follow_up.version.model.project)
    form = ReasonForm(posted(request))
    if request.method == "POST":
        closed = perform(request, form, lambda: withdrawal.close_follow_up(follow_up, **form.cleaned_data, actor=actor))
        if closed is not None:
            messages.success(request, _("The finding is closed."))
            return redirect("pages:follow-ups")
    context = {
        "form": form,
        "follow_up": follow_up,
        "version": follow_up.version,
        "is_own": follow_up.release.promoted_by.person_key == actor.user.person_key,
        "may_close": may(actor, "close_follow_up", follow_up.version.model.project),
    }
    return render(request, "releases/follow_up_close.html", context, status=form.status)
