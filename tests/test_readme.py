"""README.md names every setting, every command and every make target, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTING = re.compile(r"\bCOUNTERSIGN_[A-Z][A-Z_]*\b")
READ_SETTING = re.compile(r"env\.\w+\(\s*\"(COUNTERSIGN_[A-Z_]+)\"")
TARGET = re.compile(r"^([a-z]+): ", re.MULTILINE)
# Steps that `make test` takes and nobody needs to type.
INNER_TARGETS = {"types", "contracts", "checks"}


def list_settings_in_code() -> set[str]:
    sources = [ROOT / "portal" / name for name in ("settings.py", "environment.py")]
    return {name for path in sources for name in READ_SETTING.findall(path.read_text())}


def list_commands() -> set[str]:
    found = ROOT.glob("*/management/commands/*.py")
    return {path.stem for path in found if not path.stem.startswith("_")}


def test_readme_names_exactly_the_settings_that_are_read() -> None:
    named = {name.removesuffix("_FILE") for name in SETTING.findall(README)}
    assert named - {"COUNTERSIGN_"} == list_settings_in_code()


def test_readme_names_every_make_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(TARGET.findall(makefile)) - INNER_TARGETS
    assert {"run", "test", "lint", "format", "bench", "soak", "screenshots"} <= targets
    assert sorted(name for name in targets if f"make {name}" not in README) == []


def test_readme_names_every_management_command() -> None:
    commands = list_commands()
    assert "serve" in commands
    assert sorted(name for name in commands if f"manage.py {name}" not in README) == []
