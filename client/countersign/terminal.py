"""What the commands share: the terminal, exit codes, the configured portal, the version that is meant."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from countersign.client import Client
from countersign.config import read_config
from countersign.errors import CountersignError
from countersign.files import Progress as UploadProgress
from countersign.showing import measures_table
from countersign.types import Evaluation, Version

YES, NO, UNKNOWN = 0, 1, 2
PIPED_WIDTH = 200  # nobody wraps lines for a file or another program


def open_console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


out = open_console()
err = open_console(stderr=True)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Arguments = ParamSpec("Arguments")


def readable_errors(command: Callable[Arguments, int]) -> Callable[Arguments, None]:
    """Turn a command's answer into its exit code, and an error into a readable line and exit code 2."""

    @wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except CountersignError as error:
            err.print(Text(str(error), style="red"))
            code = UNKNOWN
        except OSError as error:
            err.print(Text(f"{error.filename or ''}: {error.strerror or error}", style="red"))
            code = UNKNOWN
        sys.exit(code)

    return run


def connect() -> Client:
    """Open the configured portal, or say how to configure one."""
    config = read_config()
    if not config.url or not config.token:
        missing = "address" if not config.url else "token"
        raise CountersignError(
            "not_configured",
            None,
            f"No {missing} is known. Run “countersign login”, or set COUNTERSIGN_URL and COUNTERSIGN_TOKEN.",
        )
    return Client(config.url, config.token)


def find_version(portal: Client, text: str) -> Version:
    """Return the version that ``text`` names: an id, or a model's name and a number such as “Triage@2”."""
    if text.isdigit():
        return portal.version(int(text))
    name, separator, number = text.rpartition("@")
    if not separator or not number.isdigit():
        raise CountersignError("bad_version", None, f"“{text}” names no version. Give its id, or MODEL@NUMBER.")
    models = portal.models(name=name)
    if len(models) != 1:
        found = "no model" if not models else f"{len(models)} models"
        raise CountersignError("bad_version", None, f"You see {found} named “{name}”. Give the version's id.")
    for version in portal.versions(models[0]):
        if version.number == int(number):
            return version
    raise CountersignError("bad_version", None, f"“{name}” has no version {number}.")


version_option = click.option("--version", "version_text", required=True, metavar="ID or MODEL@NUMBER")


@contextmanager
def progress_bar(what: str) -> Iterator[UploadProgress]:
    """A bar that shows how many bytes went through."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or say where it is wrong."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CountersignError("bad_file", None, f"{file} is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise CountersignError("bad_file", None, f"{file} must hold a JSON object in braces.")
    return content


def show_evaluation(done: Evaluation) -> int:
    """Print what was measured, or why not."""
    if done.failure:
        err.print(Text(f"Evaluation {done.id} failed: {done.failure}", style="red"))
        return NO
    out.print(f"Evaluation {done.id}, result {done.result_digest}")
    out.print(measures_table(done))
    return YES
