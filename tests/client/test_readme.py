"""client/README.md: its commands exist with the options it names, and its script of conditions runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from countersign.cli import main
from countersign.stress import CATALOGUE

README = (Path(__file__).parents[2] / "client" / "README.md").read_text(encoding="utf-8")


def list_commands() -> list[list[str]]:
    """The words of every command line in the file, in blocks and in the table."""
    blocks = "\n".join(line for line in README.splitlines() if line.startswith("    ")).replace("\\\n", " ")
    lines = [line for line in blocks.splitlines() if line.strip().startswith("countersign ")]
    return [shlex.split(line) for line in [*lines, *re.findall(r"`(countersign [^`]+)`", README)]]


@pytest.mark.parametrize("words", list_commands(), ids=" ".join)
def test_commands_and_options_exist(words: list[str]) -> None:
    command = main.commands.get(words[1])
    assert command is not None
    if isinstance(command, click.Group):
        command = command.commands.get(words[2])
        assert command is not None
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
    ours = words[: words.index("--")] if "--" in words else words

    assert [word for word in ours[2:] if word.startswith("--") and word not in known] == []


def test_every_command_is_in_the_table() -> None:
    assert [name for name in main.commands if f"| `countersign {name}" not in README] == []
    assert all(isinstance(command, click.Command) and command.help for command in main.commands.values())


def test_number_of_conditions_is_the_one_there_are() -> None:
    assert f"{len(CATALOGUE)} conditions" in README


def test_script_of_conditions_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model, images and a portal put in its hands."""
    (block,) = re.findall(r"```python\n(from countersign\.stress.*?)```", README, re.DOTALL)
    asked: list[Any] = []
    number = np.arange(24)

    class Model:
        def predict(self, images: Any) -> list[str]:
            return ["defect" if image.mean() > 128 else "good" for image in images]

    class Portal:
        def submit_predictions(self, version: Any, file: Path, **given: Any) -> Path:
            return file

        submit_document = submit_predictions

        def request_bias_audit(self, version: Any, evidence: Path, spec: Any, **given: Any) -> str:
            asked.append((evidence, spec))
            return "asked"

    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {
        "model": Model(),
        "portal": Portal(),
        "version": None,
        "images": (number[:, np.newaxis, np.newaxis] * np.full((8, 8), 10)).astype(np.uint8),
        "labels": ["defect" if item > 12 else "good" for item in number],
        "part_numbers": number,
        "cameras": ["north", "south"] * 12,
    }
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102

    ((predictions, spec),) = asked
    assert names["audit"] == "asked"
    assert spec["columns"]["condition"] == "condition"
    assert len(predictions.read_text().splitlines()) == 1 + 24 * 11
