"""Second factors: what an account has, adding and removing them, and the questions that passkeys are asked."""

from __future__ import annotations

from typing import Any

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from governance import passkeys
from governance.actions import authentication
from governance.exceptions import GovernanceError
from governance.models import SecondFactor, User
from governance.one_time_codes import Enrolment, offer_secret
from portal.actors import actor_of, session_of
from portal.errors import status_of
from portal.pages.forms.proof import Demand, demand_of
from portal.pages.forms.second_factors import AddPasskeyForm, AddTotpForm, RemoveFactorForm
from portal.pages.guard import require
from portal.pages.perform import no_store, perform, posted
from portal.pages.views.session import read_pending

LONGEST_PURPOSE = 300


@require_http_methods(["GET", "POST"])
@no_store
@sensitive_post_parameters()
@sensitive_variables("offer")
def add_totp(request: HttpRequest) -> HttpResponse:
    """Offer a secret to a code generator, as text and as a picture, and take its first code."""
    actor = actor_of(request)
    offer = offer_secret(actor.user)
    demand = demand_of(request, "add_totp", actor.user.pk)
    form = AddTotpForm(posted(request), demand=demand, initial={"offer": offer.sealed})
    if request.method == "POST":
        added = perform(request, form, lambda: authentication.add_totp(**form.cleaned_data, actor=actor))
        if added is not None:
            messages.success(
                request, _("“%(name)s” is added. Its code is asked for from now on.") % {"name": added.name}
            )
            return redirect("pages:account")
        form.offer_anew(offer.sealed)
    context = {"form": form, "secret": _in_fours(offer.secret), "picture": _draw(offer)}
    return render(request, "account/totp_new.html", context, status=form.status)


def _draw(offer: Enrolment) -> str:
    """The offer as a QR code that a camera reads, drawn here: no other site learns of it."""
    drawn = segno.make(offer.address, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - drawn from our own text by a library that knows only squares


def _in_fours(secret: str) -> str:
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


@require_http_methods(["GET", "POST"])
@no_store
@sensitive_post_parameters()
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Add a passkey: the browser makes it, the page's script brings it here."""
    actor = actor_of(request)
    form = AddPasskeyForm(posted(request), demand=demand_of(request, "add_passkey", actor.user.pk))
    if request.method == "POST":
        added = perform(request, form, lambda: authentication.add_passkey(**form.cleaned_data, actor=actor))
        if added is not None:
            messages.success(request, _("“%(name)s” is added. It is asked for from now on.") % {"name": added.name})
            return redirect("pages:account")
    home = passkeys.home()
    context = {"form": form, "home": home, "is_home": home == f"{request.scheme}://{request.get_host()}"}
    return render(request, "account/passkey_new.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
@no_store
@sensitive_post_parameters()
def remove_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a second factor away: one's own, or as an organisation administrator somebody's who lost it."""
    actor = actor_of(request)
    factors = SecondFactor.objects.current().visible_to(actor.user).select_related("user")
    factor = get_object_or_404(factors, pk=pk)
    is_own = factor.user_id == actor.user.pk
    demand = demand_of(request, "remove_second_factor", factor.pk)
    form = RemoveFactorForm(posted(request), demand=demand, is_own=is_own)
    if request.method == "POST":
        removed = perform(
            request, form, lambda: authentication.remove_second_factor(factor, **form.cleaned_data, actor=actor)
        )
        if removed is not None:
            messages.success(request, _("“%(name)s” is removed.") % {"name": factor.name})
            return redirect("pages:account") if is_own else redirect("pages:person-factors", factor.user_id)
    return render(
        request, "account/factor_remove.html", {"factor": factor, "is_own": is_own, "form": form}, status=form.status
    )


@require_safe
def list_factors_of(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody's second factors, for an organisation administrator who helps when one is lost."""
    require(actor_of(request), "create_user", None)
    person = get_object_or_404(User, pk=pk, is_system=False)
    factors = person.second_factors.current()
    return render(request, "account/person_factors.html", {"person": person, "factors": factors})


# --- The questions that the page's script asks for --------------------------------------------------


@require_POST
@no_store
@login_not_required
def ask_passkey(request: HttpRequest) -> HttpResponse:
    """The question to the person's passkeys for one purpose; while signing in, for that alone."""
    if isinstance(request.user, User):
        demand = Demand(frozenset(), request.POST.get("purpose", "")[:LONGEST_PURPOSE], session_of(request))
        return _answer(lambda: passkeys.ask(actor_of(request).user, purpose=demand.purpose, session=demand.session))
    pending = read_pending(request)
    if pending is None:
        raise PermissionDenied(_("Begin again at the sign-in page."))
    return _answer(lambda: passkeys.ask(pending.user, purpose=pending.purpose, session=session_of(request)))


@require_POST
@no_store
def ask_new_passkey(request: HttpRequest) -> HttpResponse:
    """The question that makes a new passkey."""
    user = actor_of(request).user
    return _answer(lambda: passkeys.ask_to_register(user, session=session_of(request)))


def _answer(ask: Any) -> HttpResponse:
    try:
        return JsonResponse(ask())
    except GovernanceError as refusal:
        return JsonResponse({"detail": refusal.message}, status=status_of(refusal))
