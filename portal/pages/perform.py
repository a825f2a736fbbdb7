"""From a posted form to an action and back: the one way in which a page does something."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.cache import cache_control
from django_htmx.http import HttpResponseClientRedirect

from governance.exceptions import GovernanceError, ReauthenticationFailed
from portal.actors import refuse_locked_out, renew_session, report_wrong_password
from portal.errors import status_of
from portal.pages.forms.base import PageForm
from portal.pages.forms.proof import PasswordForm

Made = TypeVar("Made")

# Dossiers and signatures are kept by the portal, not by a browser's cache on a shared machine.
no_store = cache_control(no_store=True, private=True)


def posted(request: HttpRequest) -> QueryDict | None:
    """What was posted, even if it is nothing; None for a page that is only looked at."""
    return request.POST if request.method == "POST" else None


def perform(request: HttpRequest, form: PageForm, act: Callable[[], Made]) -> Made | None:
    """Run ``act`` if the form is valid and return what it made; None when the form has to be shown again.

    A refusal by the record office lands on the form with its HTTP status; everything typed, except a password, stays.
    A wrong password, code or passkey counts as one at sign-in; after a right one the session gets another key.
    """
    if not form.is_valid():
        form.status = HTTPStatus.BAD_REQUEST
        return None
    try:
        if isinstance(form, PasswordForm):
            refuse_locked_out(request)
        made = act()
        if isinstance(form, PasswordForm):
            renew_session(request)
        return made
    except GovernanceError as error:
        form.refuse(error, status_of(error))
        if isinstance(error, ReauthenticationFailed):
            report_wrong_password(request)
    return None


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect after a post; a form sent by htmx (uploads) is told to leave the page as a whole."""
    return HttpResponseClientRedirect(url) if request.headers.get("HX-Request") else redirect(url)
