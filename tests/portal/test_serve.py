"""`manage.py serve` as an operator meets it: up by one command, down by one signal, hard to hurt."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from functools import partial

from tests.portals import Portal


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def find_processes(portal: Portal, word: str) -> list[int]:
    """Return the processes of the portal whose command line holds `word`, oldest first."""
    return sorted(pid for pid, command in portal.list_processes().items() if word in command)


def has_come_back(portal: Portal, word: str, killed: int) -> bool:
    """Say whether a process with `word` in its command line runs and the killed one is gone."""
    found = find_processes(portal, word)
    return found != [] and killed not in found


def test_portal_comes_up_says_where_and_ends_on_one_signal(new_portal: Callable[..., Portal]) -> None:
    portal = new_portal()
    portal.start("--prepare")
    wait_until(lambda: f"Countersign is running at {portal.url}" in portal.read_output())
    wait_until(lambda: len(find_processes(portal, "celery")) == 3)
    assert len(find_processes(portal, "gunicorn")) == 3
    assert len(find_processes(portal, "sign_log")) == 1
    assert len(find_processes(portal, "sweep")) == 1
    assert portal.stop(signal.SIGINT) == 0
    assert portal.list_processes() == {}


def test_killed_parts_come_back_and_a_killed_whole_starts_again(
    new_portal: Callable[..., Portal],
) -> None:
    portal = new_portal()
    portal.start("--prepare")
    wait_until(lambda: len(find_processes(portal, "celery")) == 3)
    for word in ("gunicorn", "celery", "sign_log", "sweep"):
        oldest = find_processes(portal, word)[0]
        os.kill(oldest, signal.SIGKILL)
        wait_until(partial(has_come_back, portal, word, oldest))
    wait_until(portal.is_answering)
    assert len(re.findall("killed by SIGKILL", portal.read_output())) == 4
    portal.stop(signal.SIGKILL)
    portal.start("--prepare")
    wait_until(portal.is_answering)  # the killed one may have answered last


def test_second_portal_on_the_same_data_is_refused(running_portal: Portal) -> None:
    refused = running_portal.manage("serve", check=False)
    assert refused.returncode == 1
    assert f"A portal already runs on the data folder {running_portal.data}" in refused.stderr
    assert "make run DATA=... PORT=..." in refused.stderr


def test_taken_port_is_refused_with_the_remedy(running_portal: Portal, new_portal: Callable[..., Portal]) -> None:
    port = int(running_portal.url.rsplit(":", 1)[1])
    refused = new_portal(PORT=str(port)).manage("serve", "--prepare", check=False)
    assert refused.returncode == 1
    assert f"Choose another one: make run PORT={port + 1}" in refused.stderr


def test_database_without_its_migrations_is_refused_with_the_remedy(
    new_portal: Callable[..., Portal],
) -> None:
    refused = new_portal().manage("serve", check=False)
    assert refused.returncode == 1
    assert "Run: manage.py migrate (or start with --prepare)" in refused.stderr
