"""Asking another machine by HTTP: a witness or a time-stamp authority. One POST, a short patience, a small answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

PATIENCE_SECONDS = 10.0
MOST_ANSWER_BYTES = 256 * 1024


class NoAnswer(Exception):
    """The other machine did not answer, or not with something of a sane size."""


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    content_type: str
    body: bytes


class _NoRedirects(HTTPRedirectHandler):
    """A configured address is the one that is asked, and no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def post(url: str, body: bytes, content_type: str, *, patience: float = PATIENCE_SECONDS) -> Answer:
    """Send the body and return the answer. Raises ``NoAnswer``."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise NoAnswer(f"“{url}” is not an address that can be asked")
    request = Request(url, data=body, headers={"Content-Type": content_type}, method="POST")  # noqa: S310 - see above
    try:
        with build_opener(_NoRedirects).open(request, timeout=patience) as reply:
            return _read(reply)
    except HTTPError as error:
        with error:
            return _read(error)
    except (URLError, OSError, ValueError) as error:
        raise NoAnswer(f"{url} does not answer: {getattr(error, 'reason', error)}") from error


def _read(reply: Any) -> Answer:
    body = reply.read(MOST_ANSWER_BYTES + 1)
    if len(body) > MOST_ANSWER_BYTES:
        raise NoAnswer(f"the answer has more than {MOST_ANSWER_BYTES} bytes")
    return Answer(reply.status, reply.headers.get_content_type(), body)
