"""Every refusal of the API as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions

from governance.exceptions import GateClosed, GovernanceError, NotSealedYet, ReauthenticationFailed, StaleReading
from governance.idempotency import RETRY_AFTER_SECONDS, UnderWay
from governance.policy_text import PolicyFault
from portal.actors import AnyRequest, report_wrong_password, request_id_of
from portal.api.serializers.judgement import FindingShape
from portal.errors import status_of

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 50
# Missing and invisible objects answer with the same words.
NOT_FOUND = "There is nothing here that you may see."


@dataclass
class Problem:
    """One refusal. ``more`` holds extension members: field, errors, findings."""

    status: int
    code: str
    detail: str
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, request: AnyRequest) -> HttpResponse:
        document = {
            "type": f"urn:countersign:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.more,
            "request_id": request_id_of(request),
        }
        text = json.dumps(document, ensure_ascii=False)
        return HttpResponse(text, status=self.status, content_type=MEDIA_TYPE, headers=self.headers)


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Answer any exception of an API view; only what nobody foresaw is a 500, and it names no internals."""
    request = context["request"]
    if isinstance(error, GovernanceError):
        return _from_governance(error, request).answer(request)
    if isinstance(error, exceptions.ValidationError):
        return _from_validation(error).answer(request)
    if isinstance(error, exceptions.APIException):
        return _from_framework(error).answer(request)
    return _from_elsewhere(error).answer(request)


def _from_governance(error: GovernanceError, request: AnyRequest) -> Problem:
    problem = Problem(status_of(error), error.code, error.message)
    if error.field:
        problem.more["field"] = error.field
    if isinstance(error, PolicyFault) and error.line:
        problem.more["line"] = error.line
    if isinstance(error, GateClosed):
        problem.more["findings"] = FindingShape(error.findings, many=True).data
    if isinstance(error, StaleReading) and "If-Match" in request.headers:
        problem.status = HTTPStatus.PRECONDITION_FAILED
    if isinstance(error, UnderWay | NotSealedYet):
        problem.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, ReauthenticationFailed):
        report_wrong_password(request)
        # The lock-out is ours to tell, as a problem document, at the next attempt.
        request._request.axes_locked_out = False  # type: ignore[union-attr]
    return problem


def _from_validation(error: exceptions.ValidationError) -> Problem:
    """The first fault in ``field`` and ``detail``, all of them in ``errors``."""
    faults = [{"field": path, "detail": text} for path, text in _walk(error.detail, "")][:MOST_ERRORS]
    first = faults[0]
    more: dict[str, Any] = {"field": first["field"]} if first["field"] else {}
    detail = f"“{first['field']}”: {first['detail']}" if first["field"] else first["detail"]
    return Problem(HTTPStatus.BAD_REQUEST, "invalid_input", detail, more | {"errors": faults})


def _walk(detail: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every message of a nested validation error with its path, such as ``artifacts[0].digest``."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            if key == "non_field_errors":
                yield from _walk(inner, path)
            elif isinstance(key, int):
                yield from _walk(inner, f"{path}[{key}]")
            else:
                yield from _walk(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            yield from _walk(inner, f"{path}[{number}]" if isinstance(inner, dict) else path)
    else:
        yield path, str(detail)


def _from_framework(error: exceptions.APIException) -> Problem:
    if isinstance(error, exceptions.NotFound):
        return Problem(HTTPStatus.NOT_FOUND, "not_found", NOT_FOUND)
    code = getattr(error.detail, "code", None) or error.default_code
    text = str(error.detail)
    if text.startswith("CSRF Failed"):
        code = "csrf_failed"
    problem = Problem(error.status_code, CODES.get(code, code), text)
    if header := getattr(error, "auth_header", None):
        problem.headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        problem.headers["Retry-After"] = str(int(wait))
    return problem


CODES = {"parse_error": "malformed_body", "permission_denied": "not_permitted", "not_authenticated": "sign_in_needed"}


def _from_elsewhere(error: Exception) -> Problem:
    """Django's and the machine's own errors."""
    if isinstance(error, Http404):
        return Problem(HTTPStatus.NOT_FOUND, "not_found", NOT_FOUND)
    if isinstance(error, PermissionDenied):
        return Problem(HTTPStatus.FORBIDDEN, "not_permitted", "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The body is larger than the limit.")
    if isinstance(error, SuspiciousOperation | MultiPartParserError | UnreadablePostError):
        return Problem(HTTPStatus.BAD_REQUEST, "malformed_body", "The body cannot be read to its end.")
    if isinstance(error, IntegrityError):
        logger.warning("two writes collided", exc_info=error)
        detail = "Somebody else changed the same thing at the same moment. Read it again, then try again."
        return Problem(HTTPStatus.CONFLICT, "conflict", detail)
    if isinstance(error, OperationalError | OSError):
        return _from_machine(error)
    logger.error("unexpected error in the API", exc_info=error)
    detail = "Something unexpected went wrong and nothing was recorded. Tell the operator the request_id."
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected", detail)


def _from_machine(error: Exception) -> Problem:
    """A full disk is said plainly; anything else of the machine may pass."""
    logger.error("the machine failed a request", exc_info=error)
    is_full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "is full" in str(error)
    if is_full:
        detail = "The server's disk is full. Nothing was recorded; an operator must free space."
        return Problem(HTTPStatus.INSUFFICIENT_STORAGE, "storage_full", detail)
    detail = "The server cannot work on this now. Nothing was recorded; try again in a moment."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers={"Retry-After": "5"})
