"""The command line of the laboratory: no server, no account, the same numbers.

Exit codes: 0 computed, 1 a criterion is not met or inconclusive (only with --check), 2 bad input,
with one line on standard error that says what and where.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from audits.commands import Document, Progress, list_inputs, naming, run_bias, run_cells, run_explain, run_quality
from audits.errors import BadInput
from audits.json_files import check_writable, read_json, write_json, write_text

COMPUTED, NOT_ESTABLISHED, BAD_INPUT = 0, 1, 2
OUT_OF_MEMORY = "out of memory; close other programs, or count the rows first (python -m audits cells)"
NO_MEMORY = ("failed to map segment", "Cannot allocate memory", "Out of Memory Error", "can't start new thread")
"""How libraries say that memory ran out without raising MemoryError."""

DESCRIPTION = """\
Audit predictions, explanations and tables as one JSON specification says. No server is needed and
nothing leaves this machine."""
EPILOG = """\
Paths in SPEC are relative to the folder of SPEC; a file that is not there is looked for in the
current folder. "-" as SPEC reads standard input (paths are then relative to the current folder).

exit codes: 0 computed; 1 a criterion is not met or inconclusive (only with --check);
2 bad input, with one line on standard error that says what and where."""

Command = Callable[[argparse.Namespace, Document, Progress], Document]
_Formatter = argparse.RawDescriptionHelpFormatter


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {_on_one_line(message)} (--help explains)\n")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        Without the name of the program.
    """
    options = _parse(arguments)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return _refuse("interrupted; nothing was written", code=130)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nobody reads; closing must not fail again
        return COMPUTED
    except Exception as error:
        if options.debug and not isinstance(error, (BadInput, OSError)):
            raise
        return _refuse(_explain(error))


def _explain(error: Exception) -> str:
    """Return in one line what went wrong."""
    text = str(error)
    if isinstance(error, BadInput):
        return text
    if isinstance(error, MemoryError) or any(sign in text for sign in NO_MEMORY):
        return OUT_OF_MEMORY
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else text
    kind = type(error).__name__
    return f"a fault of this program, please report it: {kind}: {text[:500]} (--debug shows where)"


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = make_parser()
    options = parser.parse_args(list(arguments))
    if (getattr(options, "sql", None) is None) != (getattr(options, "table", None) is None):
        parser.error("--sql and --table go together")
    return options


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(prog="audits", description=DESCRIPTION, epilog=EPILOG, formatter_class=_Formatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    bias = _add_command(commands, "bias", run_bias, "compare groups: rates, disparities, intervals, verdicts")
    source = bias.add_mutually_exclusive_group()
    source.add_argument("--cells", type=Path, metavar="FILE", help="counted cells in place of raw rows")
    cells = _add_command(
        commands,
        "cells",
        run_cells,
        "only count: write the counted cells, from which `bias --cells` gives the same numbers. They hold every score "
        "with its count; with minimum_published_count above 1 they hold no scores and no small cells",
    )
    _add_engines(bias, source)
    _add_engines(cells, cells.add_mutually_exclusive_group())
    explain = _add_command(
        commands, "explain", run_explain, "check feature attributions, or compute them from a model document"
    )
    explain.add_argument("--model", type=Path, metavar="FILE", help="a model document: compute the attributions here")
    explain.add_argument("--predictions", type=Path, metavar="FILE", help="the prediction file, matched by row id")
    explain.add_argument("--data", type=Path, metavar="FILE", help="rows to explain, in place of the file in SPEC")
    explain.add_argument("--background", type=Path, metavar="FILE", help="rows that stand in for absent features")
    _add_command(commands, "quality", run_quality, "profile a table, and judge what is expected of it")
    return parser


def _add_engines(command: argparse.ArgumentParser, source: Any) -> None:
    """Add the options for rows that are counted where they live."""
    text = "count on a Dask cluster, at the address of its scheduler; only cells come back"
    source.add_argument("--cluster", metavar="ADDRESS", help=text)
    source.add_argument(
        "--sql",
        metavar="URL",
        help="count in PostgreSQL; only sums come back. Leave the password to PGPASSWORD or the password file",
    )
    command.add_argument("--table", metavar="NAME", help="with --sql: the table, or schema.table")
    command.add_argument("--sensitive-table", metavar="NAME", help="with --sql: the table with sensitive values")


def _add_command(commands: Any, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    """Add one command with the options all commands have."""
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=EPILOG, formatter_class=_Formatter
    )
    command.set_defaults(run=run, check=False)
    command.add_argument("spec", metavar="SPEC", type=Path, help="the JSON specification")
    command.add_argument("--out", type=Path, metavar="RESULT", help="where the result goes; else standard output")
    command.add_argument("--progress", action="store_true", help="say every step on standard error, one line each")
    command.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    if name != "cells":
        command.add_argument("--check", action="store_true", help="exit with 1 unless every criterion of SPEC is met")
    return command


def _run(options: argparse.Namespace) -> int:
    """Read the specification, compute, write, judge."""
    spec = _read_spec(options.spec)
    if options.out is not None:
        _check_out(options, spec)
    result = options.run(options, spec, _say_progress if options.progress else _say_nothing)
    _write_result(options.out, result)
    return _check(result) if options.check else COMPUTED


def _read_spec(path: Path) -> dict[str, Any]:
    with naming(path):
        spec = read_json(path)
        if not isinstance(spec, dict):
            raise BadInput("the specification must be one JSON object")
    return spec


def _check_out(options: argparse.Namespace, spec: Mapping[str, Any]) -> None:
    """Check before the work that the result can be written, and over none of its inputs."""
    for path in list_inputs(options, spec):
        with contextlib.suppress(OSError):
            if options.out.samefile(path):
                raise BadInput(f"{options.out}: --out names an input, which would be lost")
    check_writable(options.out)


def _write_result(path: Path | None, result: Mapping[str, Any]) -> None:
    if path is not None:
        write_json(path, result)
        return
    sys.stdout.write(write_text(result, ensure_ascii=not _speaks_unicode()))
    sys.stdout.flush()


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _check(result: Mapping[str, Any]) -> int:
    """Say what was not established, one line each, and return the exit code."""
    verdicts = result.get("verdicts") or []
    if not verdicts:
        _say("the specification has no criteria: nothing was checked")
        return COMPUTED
    for found in verdicts:
        if found["verdict"] != "met":
            name = f"{found['name']}: " if found["name"] else ""
            demand = f"{found['metric']} ({found['population']}) {found['comparator']} {found['threshold']:g}"
            settled = f"; {found['settled_by']}" if found["settled_by"] else ""
            _say(f"{found['verdict']}: {name}{demand}: {found['reason']}{settled}")
    return COMPUTED if all(found["verdict"] == "met" for found in verdicts) else NOT_ESTABLISHED


def _say_progress(share: float, step: str) -> None:
    _say(f"{time.strftime('%H:%M:%S')} {share:4.0%} {step}")


def _say_nothing(share: float, step: str) -> None:
    """Do nothing: nobody asked to be told."""


def _refuse(message: str, code: int = BAD_INPUT) -> int:
    _say(f"audits: {message}")
    return code


def _say(message: str) -> None:
    """Write one line on standard error; it must not fail for want of a reader."""
    with contextlib.suppress(OSError, ValueError):
        print(_on_one_line(message), file=sys.stderr, flush=True)


def _on_one_line(message: str) -> str:
    """Return the message with line ends and other control characters written as escapes."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in message)
