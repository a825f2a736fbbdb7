"""One child process, and what is heard from it. The boundary is three pipes and JSON, never pickle."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audits.sandbox.failures import JobCancelled, SandboxFailure
from audits.sandbox.walls import MEBIBYTE, JobLimits, is_open_to_others

Progress = Callable[[float, str], None]

CHUNK = 1 << 16
TURN_SECONDS = 0.2
ASK_SECONDS = 1.0
LAST_SECONDS = 5.0
PRINTED = 8_000
LINE = 1_000


class Child:
    """One running child and what has been heard from it.

    Parameters
    ----------
    command : list of str
        From `walls.build_command`.
    request : dict
        JSON-ready; the child reads it on standard input, with the number of its progress pipe.
    limits : JobLimits
    """

    def __init__(self, command: list[str], request: dict[str, Any], limits: JobLimits) -> None:
        self.limits = limits
        self.answer = bytearray()
        self.printed = b""
        self.lines = b""
        self.news: tuple[float, str] | None = None
        self.progress, telling = os.pipe()
        try:
            with tempfile.TemporaryFile() as stdin:  # a file: a child that does not read holds nobody up
                stdin.write(json.dumps(request | {"progress": telling}, allow_nan=False).encode())
                stdin.seek(0)
                self.process = subprocess.Popen(
                    command,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    cwd="/",
                    env={},  # bubblewrap's own environment could be read inside
                    pass_fds=(telling,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self.progress)
            raise
        finally:
            os.close(telling)
        self.until = time.monotonic() + limits.seconds

    def listen(self, progress: Progress, is_cancelled: Callable[[], bool]) -> None:
        """Read all three pipes until the child has closed them. Raises at the limits of time and size."""
        assert self.process.stdout is not None  # noqa: S101 - all three are pipes
        assert self.process.stderr is not None  # noqa: S101
        ask_at = tell_at = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ, self._take_answer)
            selector.register(self.process.stderr, selectors.EVENT_READ, self._take_printed)
            selector.register(self.progress, selectors.EVENT_READ, self._take_progress)
            while selector.get_map():
                for key, _ in selector.select(TURN_SECONDS):
                    if data := os.read(key.fd, CHUNK):
                        key.data(data)
                    else:
                        selector.unregister(key.fileobj)
                now = time.monotonic()
                if now > self.until:
                    limit = f"{self.limits.seconds:,.0f} s"
                    raise SandboxFailure("time", f"It was stopped after {limit}, the limit. Ask for less at once.")
                if now >= ask_at:
                    ask_at = now + ASK_SECONDS
                    if is_cancelled():
                        raise JobCancelled
                if now >= tell_at:
                    tell_at = now + TURN_SECONDS
                    self._pass_on_news(progress)
        self._pass_on_news(progress)

    def _pass_on_news(self, progress: Progress) -> None:
        news, self.news = self.news, None
        if news is not None:
            progress(*news)

    def _take_answer(self, data: bytes) -> None:
        self.answer += data
        if len(self.answer) > self.limits.output:
            size = self.limits.output / MEBIBYTE
            raise SandboxFailure(
                "output", f"The result is larger than the limit of {size:,.0f} MiB. Ask for less at once."
            )

    def _take_printed(self, data: bytes) -> None:
        self.printed = (self.printed + data)[-PRINTED:]

    def _take_progress(self, data: bytes) -> None:
        """Keep the last whole line; what is not a share and a text is not progress."""
        *whole, rest = (self.lines + data).split(b"\n")
        self.lines = rest[-LINE:]
        if not whole:
            return
        try:
            share, step = json.loads(whole[-1])
            if 0 <= share <= 1 and isinstance(step, str):
                self.news = float(share), step[:200]
        except (ValueError, TypeError, RecursionError):
            pass

    def wait(self) -> int:
        """The exit code of a child that closed its pipes."""
        try:
            return self.process.wait(LAST_SECONDS)
        except subprocess.TimeoutExpired:
            message = "The computation closed its channels and did not end. It was stopped; nothing was kept."
            raise SandboxFailure("time", message) from None

    def end(self) -> None:
        """Kill the child, should it live, with everything it started, and close what is open."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.progress)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def readable(inputs: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """The inputs, such that the child may read them. As root it is nobody, who needs copies of closed files."""
    files = {role: Path(path) for role, path in inputs.items()}
    closed = [role for role, path in files.items() if not is_open_to_others(path)] if os.geteuid() == 0 else []
    if not closed:
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        for role in closed:
            copy = Path(folder) / role
            shutil.copyfile(files[role], copy)
            copy.chmod(0o444)
            files[role] = copy
        yield files
