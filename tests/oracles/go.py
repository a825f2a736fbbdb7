"""Go's implementation of transparent logs as a process that answers questions (main.go)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / "build" / "go"
# Debian's own sources (golang-golang-x-mod-dev), and nothing from a network.
OFFLINE = {
    "GO111MODULE": "off",
    "GOPATH": "/usr/share/gocode",
    "GOCACHE": str(CACHE),
    "GOFLAGS": "",
    "CGO_ENABLED": "0",
}


def build(folder: Path) -> Path:
    """Compile the oracle. Without Go this fails and says what `make test` would have installed."""
    program = folder / "oracle"
    try:
        done = subprocess.run(
            ["go", "build", "-o", program, HERE / "main.go"],
            env={**os.environ, **OFFLINE},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise AssertionError("Go is not installed. Run: make prepare-test") from None
    assert done.returncode == 0, done.stderr
    return program


class Go:
    """Ask with keywords, get the answer; an answer that is an error has only the key `error`."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, ask: str, **question: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"ask": ask, **question}) + "\n")
        self.process.stdin.flush()
        given: dict[str, Any] = json.loads(self.process.stdout.readline())
        return {"error": given["error"]} if "error" in given else given

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()
