"""HTTP: one connection pool, every refusal as one kind of error, and writes that may safely be asked twice.

A write carries an ``Idempotency-Key`` of its own, so that it can be repeated when an answer is lost on the way: the
portal does it once and answers the same.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from countersign.answers import read_answer
from countersign.errors import UNEXPECTED_ANSWER, UNREACHABLE, CountersignError
from countersign.files import Progress, UploadReader
from countersign.types import Finding

API = "/api/v1/"
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
ATTEMPTS = 5
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
PASSING = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
UNDER_WAY = "request_under_way"
LOCKED_OUT = "locked_out"


@dataclass(frozen=True)
class Upload:
    """A file to send beside ``metadata``; read from disk while it is sent, from its beginning at each attempt."""

    path: Path
    name: str
    progress: Progress | None = None


class Transport:
    """A portal's address and one HTTP session with it."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, *, attempts: int = ATTEMPTS) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise CountersignError(
                "bad_address", None, f"“{url}” is no address; write it as https://portal.example.org."
            )
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._http = httpx.Client(
            base_url=self.url, headers={"Accept": "application/json", **(headers or {})}, timeout=TIMEOUT
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON at an API path; parameters that are None are left out."""
        return self._json(self._ask("GET", path, params=_given(parameters)))

    def get_text(self, path: str) -> str:
        """The text at an API path."""
        return self._ask("GET", path).text

    def each(self, path: str, **parameters: Any) -> Iterator[Any]:
        """Every item of a list, page after page."""
        page = self.get(path, **parameters)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            following = urlsplit(page["next"])
            page = self._json(self._ask("GET", f"{following.path.partition(API)[2]}?{following.query}"))

    def write(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        method: str = "POST",
        revision: int | None = None,
        upload: Upload | None = None,
    ) -> Any:
        """Send a change and return what the portal answers, None where it answers nothing.

        ``revision`` is the one the caller saw: the change is refused (412) when somebody was faster.
        """
        headers = {"Idempotency-Key": uuid.uuid4().hex, **self._write_headers()}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        answer = self._ask(method, path, headers=headers, body=body or {}, upload=upload)
        return None if answer.status_code == HTTPStatus.NO_CONTENT else self._json(answer)

    def download(self, path: str, target: Path, progress: Progress | None = None, *, go_on: bool = False) -> Path:
        """Stream a file to ``target``. It appears there only when it is complete.

        With ``go_on`` a part that was left by a broken download is kept, if the portal still has the same file.
        """
        partial = target.with_name(target.name + ".part")
        mark = partial.with_name(partial.name + ".etag")
        headers = {}
        if go_on and partial.exists() and mark.exists():
            headers = {"Range": f"bytes={partial.stat().st_size}-", "If-Range": mark.read_text(encoding="ascii")}
        try:
            with self._http.stream("GET", API + path, headers=headers) as answer:
                if answer.is_error:
                    answer.read()
                    _refuse(answer)
                if go_on:
                    mark.write_text(answer.headers.get("ETag", ""), encoding="ascii")
                with partial.open("ab" if answer.status_code == HTTPStatus.PARTIAL_CONTENT else "wb") as file:
                    total = file.tell() + int(answer.headers.get("Content-Length", 0))
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
                        if progress is not None:
                            progress(file.tell(), total)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        partial.replace(target)
        mark.unlink(missing_ok=True)
        return target

    def _write_headers(self) -> dict[str, str]:
        """What a change must carry beyond its key."""
        return {}

    def _ask(self, method: str, path: str, *, upload: Upload | None = None, **parts: Any) -> httpx.Response:
        """Ask, again after a pause while the reason may pass, and return a good answer or raise the refusal."""
        pause = FIRST_PAUSE
        for attempt in range(1, self._attempts + 1):
            try:
                answer = self._send(method, path, upload, **parts)
            except httpx.TransportError as error:
                if attempt == self._attempts:
                    raise self._unreachable(error) from error
                wait = pause
            else:
                if answer.is_success:
                    return answer
                if attempt == self._attempts or not _may_pass(answer):
                    _refuse(answer)
                wait = _wanted_pause(answer, pause)
            time.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError("the last attempt returns or raises")

    def _send(
        self,
        method: str,
        path: str,
        upload: Upload | None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        with ExitStack() as files:
            parts: dict[str, Any] = {"json": body}
            if upload is not None:
                file = UploadReader(files.enter_context(upload.path.open("rb")), upload.progress)
                metadata = httpx.Request("POST", self.url, json=body).content
                parts = {"files": {"metadata": (None, metadata, "application/json"), "file": (upload.name, file)}}
            return self._http.request(method, API + path, headers=headers, params=params, **parts)

    def _unreachable(self, error: httpx.TransportError) -> CountersignError:
        why = str(error) or type(error).__name__
        return CountersignError(UNREACHABLE, None, f"{self.url} does not answer: {why}. Is the portal running there?")

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise CountersignError(
                UNEXPECTED_ANSWER, answer.status_code, f"{answer.url} answered no JSON. Is this the portal's address?"
            ) from None


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    spoken = {True: "true", False: "false"}
    return {
        name: spoken[value] if isinstance(value, bool) else value
        for name, value in parameters.items()
        if value is not None
    }


def _may_pass(answer: httpx.Response) -> bool:
    """Whether the same request may be answered better in a moment."""
    code = _problem(answer).get("code")
    return code == UNDER_WAY or (answer.status_code in PASSING and code != LOCKED_OUT)


def _wanted_pause(answer: httpx.Response, pause: float) -> float:
    wanted = answer.headers.get("Retry-After", "")
    return min(float(wanted), LONGEST_PAUSE) if wanted.isdigit() else pause


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem document (RFC 9457) of a refusal; empty where something else answered."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return {}
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _refuse(answer: httpx.Response) -> NoReturn:
    problem = _problem(answer)
    if answer.is_redirect:
        where = answer.headers.get("Location", "")
        raise CountersignError(
            "moved", answer.status_code, f"This address sends on to {where}. Use the portal's own address."
        )
    raise CountersignError(
        str(problem.get("code", UNEXPECTED_ANSWER)),
        answer.status_code,
        str(problem.get("detail", f"{answer.url} answered {answer.status_code} {answer.reason_phrase}.")),
        [read_answer(Finding, item) for item in problem.get("findings", ())],
        field=problem.get("field"),
        request_id=problem.get("request_id"),
    )
