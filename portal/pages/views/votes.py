"""What follows a vote: a refusal that is set aside, a condition that is fulfilled."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from governance.actions import signoff
from governance.models import Condition, Role, SignOff
from governance.votes import standing_refusals
from portal.actors import actor_of
from portal.pages.forms.proof import demand_of
from portal.pages.forms.signoff import FulfilForm, OverruleForm
from portal.pages.perform import no_store, perform, posted
from portal.pages.views.versions import Page

VERSION_OF_SIGN_OFF = "version__model__project"


@no_store
@require_http_methods(["GET", "POST"])
def overrule(request: HttpRequest, pk: int) -> HttpResponse:
    """Set a refusal aside, in the role that the policy of the dossier names."""
    actor = actor_of(request)
    visible = SignOff.objects.visible_to(actor.user).select_related("signer", VERSION_OF_SIGN_OFF)
    refused = get_object_or_404(visible, pk=pk)
    page = Page(refused.version, actor)
    role = page.reading.dossier.policy.overrule_role
    form = OverruleForm(posted(request), demand=demand_of(request, "overrule_refusal", pk))
    if request.method == "POST":
        overruled = perform(
            request, form, lambda: signoff.overrule_refusal(refused, role=role, **form.cleaned_data, actor=actor)
        )
        if overruled is not None:
            words = {"name": refused.signer_name}
            messages.success(request, _("The refusal of %(name)s is set aside. It stays on record.") % words)
            return _back_to_votes(refused.version_id)
    context = {
        "refused": refused,
        "version": refused.version,
        "role": Role(role).label if role else "",
        "stands": pk in {item.id for item in standing_refusals(page.reading.dossier)},
        "form": form,
    }
    return render(request, "signoff/overrule.html", context, status=form.status)


@no_store
@require_http_methods(["GET", "POST"])
def fulfil(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that a condition is fulfilled: for the role that set it, and not for whoever had to fulfil it."""
    actor = actor_of(request)
    votes = SignOff.objects.visible_to(actor.user)
    visible = Condition.objects.filter(sign_off__in=votes).select_related(
        "sign_off", "owner", "fulfilled_by", VERSION_OF_SIGN_OFF
    )
    condition = get_object_or_404(visible, pk=pk)
    form = FulfilForm(posted(request), demand=demand_of(request, "fulfil_condition", pk))
    if request.method == "POST":
        fulfilled = perform(
            request, form, lambda: signoff.fulfil_condition(condition, **form.cleaned_data, actor=actor)
        )
        if fulfilled is not None:
            messages.success(request, _("The condition is fulfilled."))
            return _back_to_votes(condition.version_id)
    context = {"condition": condition, "version": condition.version, "form": form}
    return render(request, "signoff/fulfil.html", context, status=form.status)


def _back_to_votes(version: int) -> HttpResponse:
    return redirect(reverse("pages:version", args=[version]) + "?tab=sign-offs")
