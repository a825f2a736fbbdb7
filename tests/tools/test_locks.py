"""The lock files: every package by hash, no host, no path."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
HOST = re.compile(r"https?://|file:|index-url|find-links")


def read_pins(path: Path) -> dict[str, str]:
    """Return package -> version of a Python lock."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_there_are_three_locks() -> None:
    assert [path.name for path in LOCKS] == ["boot.lock", "run.lock", "test.lock"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_python_lock_has_hashes_and_names_no_host(path: Path) -> None:
    text = path.read_text()
    packages = [line for line in text.splitlines() if "==" in line]
    assert len(packages) == len(re.findall(r"==\S+.*\\\n +--hash=sha256:[0-9a-f]{64}", text))
    assert HOST.findall(text) == []


def test_test_lock_holds_the_run_lock_whole() -> None:
    run, test = (read_pins(ROOT / "requirements" / f"{name}.lock") for name in ("run", "test"))
    assert {name: test.get(name) for name in run} == run


def test_front_end_lock_has_hashes_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_front_end_lock_names_no_address_at_all() -> None:
    """Not even where a package asks for money: `npm install` writes those, take them out again."""
    assert "://" not in (ROOT / "package-lock.json").read_text()
