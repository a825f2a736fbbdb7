"""Who acts in a request: the one place where a request becomes an ``Actor``, for pages and APIs alike."""

from __future__ import annotations

import uuid
from typing import TypeAlias

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from rest_framework.request import Request

from governance.actors import API_TOKEN, SESSION, Actor
from governance.exceptions import GovernanceError
from governance.models import ApiToken, User

AnyRequest: TypeAlias = HttpRequest | Request


class LockedOut(GovernanceError):
    """Too many wrong passwords, codes or passkeys: the door stays closed for a while, also for the right one."""

    code = "locked_out"


def actor_of(request: AnyRequest) -> Actor:
    """Return the signed-in user acting through this request's door: a session, or a token with its limits."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("actor_of needs a request whose user is signed in")
    token = getattr(request, "auth", None)
    if isinstance(token, ApiToken):
        return Actor(
            user,
            API_TOKEN,
            scopes=frozenset(token.scopes),
            token_prefix=token.prefix,
            token_project_id=token.project_id,
            request_id=request_id_of(request),
        )
    return Actor(user, SESSION, request_id=request_id_of(request))


def request_id_of(request: AnyRequest) -> str:
    """Return the request's own id, drawn by us at the first question: it stands in the log and in problem documents."""
    plain = _plain(request)
    drawn: str | None = getattr(plain, "countersign_request_id", None)
    if drawn is None:
        drawn = uuid.uuid4().hex
        plain.countersign_request_id = drawn  # type: ignore[attr-defined]
    return drawn


def session_of(request: AnyRequest) -> str:
    """The key of the browser's session, to which a passkey's answer is bound; empty without one."""
    session = getattr(_plain(request), "session", None)
    return str(session.session_key or "") if session is not None else ""


def renew_session(request: AnyRequest) -> None:
    """Give the session another key once a person has proved who they are: whoever copied the old one has nothing."""
    _plain(request).session.cycle_key()


def refuse_locked_out(request: AnyRequest) -> None:
    """Raise ``LockedOut`` while too many wrong proofs of this person are on record. Ask before a password is read.

    The sign-in page needs no such call: axes asks for it.
    """
    if not AxesProxyHandler.is_allowed(_plain(request), _credentials(request)):
        raise LockedOut("Too many wrong passwords. This door opens again in a quarter of an hour.")


def report_wrong_password(request: AnyRequest) -> None:
    """Count a wrong password, code or passkey given with a signature as one at sign-in: guessing is locked out."""
    user_login_failed.send(sender=__name__, credentials=_credentials(request), request=_plain(request))


def _credentials(request: AnyRequest) -> dict[str, str]:
    return {"username": request.user.get_username()}


def _plain(request: AnyRequest) -> HttpRequest:
    """The Django request inside a REST framework one."""
    return request._request if isinstance(request, Request) else request
