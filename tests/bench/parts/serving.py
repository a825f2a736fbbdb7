"""A running portal for benches, and clients signed in to it as a person and as a program."""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.portals import Portal, make_portal


@dataclass
class Served:
    """``known`` holds the ids of the complete version and its model."""

    portal: Portal
    browser: httpx.Client
    program: httpx.Client
    known: dict[str, Any]

    def run(self, call: str) -> str:
        """Call a function of ``filling`` inside the portal's environment and return what it printed."""
        done = self.portal.manage("shell", "-c", f"from tests.bench.parts import filling; filling.{call}")
        return done.stdout.strip()


@contextmanager
def serve() -> Iterator[Served]:
    """Yield an empty portal with one complete version in it; end it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        template, data = Path(folder) / "template", Path(folder) / "data"
        template.mkdir()
        with make_portal(template, data) as portal:
            portal.start("--prepare")
            shown = portal.manage("shell", "-c", "from tests.bench.parts import filling; filling.open_portal()")
            known = json.loads(shown.stdout.strip().splitlines()[-1])
            program = httpx.Client(
                base_url=portal.url, headers={"Authorization": f"Bearer {known['token']}"}, timeout=60
            )
            browser = httpx.Client(base_url=portal.url, headers={"Referer": portal.url}, timeout=60)
            with program, browser:
                sign_in(browser, "dana", known["password"])
                yield Served(portal, browser, program, known)


def sign_in(browser: httpx.Client, username: str, password: str) -> None:
    """Open a session: the form's own token is read and posted back."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get("/sign-in/").text)
    assert token is not None, "the sign-in page has no form"
    form = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
    answer = browser.post("/sign-in/", data=form)
    assert answer.status_code == 302, answer.status_code


def time_calls(act: Callable[[], httpx.Response], times: int = 7) -> float:
    """Milliseconds of the median call, after one that warms up. Any answer but a good one ends the bench."""
    taken = []
    for _ in range(times + 1):
        started = time.perf_counter()
        answer = act()
        taken.append(time.perf_counter() - started)
        assert answer.status_code in (200, 201), f"{answer.request.url}: {answer.status_code} {answer.text[:500]}"
    return statistics.median(taken[1:]) * 1000


def describe_portal(portal: Portal) -> str:
    database = "PostgreSQL" if "COUNTERSIGN_DATABASE_URL" in portal.environment else "SQLite"
    return f"{database}, 2 web processes"
