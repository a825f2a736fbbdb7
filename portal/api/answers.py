"""``Idempotency-Key``: the same request asked twice is done once and answered twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, transaction
from django.http import HttpResponse
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from governance import idempotency
from governance.canonical import canonical_bytes
from governance.exceptions import GovernanceError
from governance.models import IdempotencyRecord

if TYPE_CHECKING:
    from portal.api.base import ApiView

KEY = re.compile(r"[\x21-\x7e]{1,200}")
KEPT_HEADERS = ("Location", "ETag")
Handler = Callable[..., HttpResponse]


def answered_once(handler: Handler) -> Handler:
    """Wrap a write handler: with a key, the change and its remembered answer are one transaction."""

    @wraps(handler)
    def answer(view: ApiView, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not KEY.fullmatch(key):
            raise ParseError("Idempotency-Key must have 1 to 200 visible ASCII characters, such as a UUID.")
        record = idempotency.claim(view.actor.user, key, digest_request(view, request))
        if record.status is not None:
            return _replay(record)
        try:
            with transaction.atomic():
                try:
                    response = handler(view, request, *args, **kwargs)
                except GovernanceError as refusal:
                    refused = refusal  # the action has undone its change; what the log says of the refusal stays
                else:
                    idempotency.remember(record, status=response.status_code, body=_envelope(view, response))
                    return response
            raise refused
        except Exception:
            with suppress(DatabaseError):
                idempotency.release(record)
            raise

    return answer


def digest_request(view: ApiView, request: Request) -> str:
    """Digest everything that makes the request this one: method, address, rights, fields, the files' SHA-256.

    Keyed with the portal's secret, because a body may hold a password.
    """
    actor = view.actor
    parts = {
        "method": request.method,
        "path": request.get_full_path(),
        "if_match": request.headers.get("If-Match"),
        "scopes": sorted(actor.scopes) if actor.scopes is not None else None,
        "project": actor.token_project_id,
        "body": _digestible(request.data),
    }
    return "sha256:" + salted_hmac("idempotency", canonical_bytes(parts), algorithm="sha256").hexdigest()


def _digestible(data: Any) -> Any:
    if not hasattr(data, "lists"):
        return data
    return {name: [_digest_file(item) for item in items] for name, items in data.lists()}


def _digest_file(item: Any) -> Any:
    if not isinstance(item, UploadedFile):
        return item
    item.seek(0)
    return {"name": item.name, "sha256": hashlib.file_digest(item, "sha256").hexdigest()}


def _envelope(view: ApiView, response: HttpResponse) -> str:
    """The answer as it is kept; of an answer that holds a secret only that it was given."""
    if view.answers_secret:
        return ""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    data = response.data if isinstance(response, Response) else None
    text = JSONRenderer().render(data).decode() if data is not None else ""
    return json.dumps({"headers": headers, "text": text}, ensure_ascii=False)


def _replay(record: IdempotencyRecord) -> HttpResponse:
    if not record.body:
        raise idempotency.AnswerNotKept(
            "This request was done before. Its answer held a secret, which is shown once and kept nowhere."
        )
    kept: Mapping[str, Any] = json.loads(record.body)
    headers = {**kept["headers"], "Idempotency-Replayed": "true"}
    return HttpResponse(kept["text"], status=record.status, content_type="application/json", headers=headers)
