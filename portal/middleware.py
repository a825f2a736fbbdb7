"""What holds for every answer to somebody who is signed in."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control

from governance.exceptions import GovernanceError, IntegrityBroken
from portal.errors import status_of

logger = logging.getLogger(__name__)


def keep_private(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Keep pages and answers out of every cache, so that a shared machine shows nobody what the last person read."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response

    return answer


class TellRefusals:
    """Answers a page that cannot be drawn, because the record does not allow it, with the reason and its status.

    Forms tell their refusals themselves; this is for what is only looked at: a text that was tampered with, say.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, GovernanceError):
            return None
        is_broken = isinstance(exception, IntegrityBroken)
        if is_broken:
            logger.error("%s could not be shown: %s", request.path, exception.message)
        context = {"message": exception.message, "is_broken": is_broken}
        return render(request, "refused.html", context, status=status_of(exception))
