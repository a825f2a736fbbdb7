"""A portal that answers from a script, for what a real one rarely does: break off, ask for patience, lose its mind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """One answer of the script. ``hangs_up``: close the connection without a word."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False


@dataclass
class Seen:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedPortal:
    url: str
    answers: list[Answer]
    seen: list[Seen] = field(default_factory=list)


def problem(status: int, code: str, **more: Any) -> Answer:
    """A refusal as the portal writes it."""
    body = {"status": status, "code": code, "detail": f"It is {code}.", "request_id": "r1", **more}
    return Answer(status, body, {"Content-Type": "application/problem+json"})


@contextmanager
def scripted_portal(*answers: Answer) -> Iterator[ScriptedPortal]:
    """Yield a server that gives these answers, one to each request."""
    script = ScriptedPortal("", list(answers))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            script.seen.append(Seen(self.command, self.path, dict(self.headers), self.rfile.read(length)))
            planned = script.answers.pop(0)
            if planned.hangs_up:
                self.close_connection = True
                return
            data = planned.body if isinstance(planned.body, bytes) else json.dumps(planned.body).encode()
            self.send_response(planned.status)
            for name, value in ({"Content-Type": "application/json"} | planned.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 (names of the base class)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
