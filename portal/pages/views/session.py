"""Signing in and out. Wrong passwords, codes and passkeys are counted and locked out by axes.

Whoever has a second factor signs in in two steps: the password first, then the code or the passkey. In between they are
nobody yet, and have five minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_lockout_response
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from governance.exceptions import ReauthenticationFailed
from governance.models import User
from governance.reauthentication import Proof, challenge_for, check_second_factor, kinds_of
from portal.actors import session_of
from portal.pages.forms.proof import Demand
from portal.pages.forms.second_factors import SecondStepForm
from portal.pages.perform import no_store, posted

BACKEND = "django.contrib.auth.backends.ModelBackend"
PENDING = "pending_sign_in"
PENDING_LASTS = timedelta(minutes=5)


@dataclass(frozen=True)
class Pending:
    """Somebody whose password was right a moment ago and who is to show their second factor."""

    user: User
    following: str

    @property
    def purpose(self) -> str:
        return challenge_for("sign_in", self.user.pk)


class SignIn(LoginView):
    """The first step. A program sends the code along with the password and needs no second one."""

    template_name = "registration/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if not isinstance(user, User) or not kinds_of(user):
            return super().form_valid(form)
        code = self.request.POST.get("code", "")
        self.request.session.cycle_key()
        keep_pending(self.request, user, self.get_success_url())
        return redirect("pages:sign-in-second") if not code else finish(self.request, Proof(code=code))


sign_in = SignIn.as_view()
sign_out = LogoutView.as_view()


@login_not_required
@require_http_methods(["GET", "POST"])
@no_store
@sensitive_post_parameters()
def sign_in_second(request: HttpRequest) -> HttpResponse:
    """The second step: a code or a passkey."""
    pending = read_pending(request)
    if pending is None:
        return redirect("pages:sign-in")
    form = SecondStepForm(posted(request), demand=Demand(kinds_of(pending.user), pending.purpose, session_of(request)))
    if request.method == "POST":
        if form.is_valid():
            return finish(request, form.proof, form)
        form.status = HTTPStatus.BAD_REQUEST
    return show_second(request, form)


def show_second(request: HttpRequest, form: SecondStepForm) -> HttpResponse:
    return render(request, "registration/second_step.html", {"form": form}, status=form.status)


def finish(request: HttpRequest, proof: Proof, form: SecondStepForm | None = None) -> HttpResponse:
    """Sign the pending person in if the second factor holds; otherwise count it as a wrong password."""
    pending = read_pending(request)
    if pending is None:
        return redirect("pages:sign-in")
    credentials = {"username": pending.user.get_username()}
    if not AxesProxyHandler.is_allowed(request, credentials):
        return _lock_out(request, credentials)
    try:
        check_second_factor(pending.user, proof, challenge=pending.purpose)
    except ReauthenticationFailed as refusal:
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
        if getattr(request, "axes_locked_out", False):
            return _lock_out(request, credentials)
        demand = Demand(kinds_of(pending.user), pending.purpose, session_of(request))
        form = form or SecondStepForm({}, demand=demand)
        form.refuse(refusal, HTTPStatus.FORBIDDEN)
        return show_second(request, form)
    del request.session[PENDING]
    login(request, pending.user, backend=BACKEND)
    return HttpResponseRedirect(pending.following)


def _lock_out(request: HttpRequest, credentials: dict[str, str]) -> HttpResponse:
    request.session.flush()
    locked: HttpResponse = get_lockout_response(request, credentials)
    return locked


def keep_pending(request: HttpRequest, user: User, following: str) -> None:
    """Remember in the session, which signs nobody in, whose password was right."""
    request.session[PENDING] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "at": timezone.now().timestamp(),
        "following": following,
    }


def read_pending(request: HttpRequest) -> Pending | None:
    """Who is half signed in here; nobody after five minutes, a change of password, or the account's end."""
    kept: dict[str, Any] = request.session.get(PENDING) or {}
    user = User.objects.filter(pk=kept.get("user") or 0, is_active=True).first()
    if user is None or timezone.now().timestamp() - kept["at"] > PENDING_LASTS.total_seconds():
        return None
    if not constant_time_compare(kept["password"], user.get_session_auth_hash()):
        return None
    return Pending(user, kept["following"])
