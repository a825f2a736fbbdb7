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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from audits.errors import BadInput
from audits.json_files import STANDARD_STREAM, check_writable, read_json, write_json

COMPUTED, NOT_ESTABLISHED, BAD_INPUT = 0, 1, 2

DESCRIPTION = """\
Audit predictions, explanations and tables as one JSON specification says. No server is needed and
nothing leaves this machine."""
EPILOG = """\
Paths in SPEC are relative to the folder of SPEC; a file that is not there is looked for in the
current folder. "-" as SPEC reads standard input (paths are then relative to the current folder).

exit codes: 0 computed; 1 a criterion is not met or inconclusive (only with --check);
2 bad input, with one line on standard error that says what and where."""

Progress = Callable[[float, str], None]
Command = Callable[[argparse.Namespace, dict[str, Any], Progress], dict[str, Any]]


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
    options = make_parser().parse_args(list(arguments))
    try:
        return _run(options)
    except KeyboardInterrupt:
        return _refuse("interrupted; nothing was written", code=130)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nobody reads; closing must not fail again
        return COMPUTED
    except BadInput as error:
        return _refuse(str(error))
    except MemoryError:
        return _refuse("out of memory; close other programs, or count the rows first (python -m audits cells)")
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except Exception as error:
        if options.debug:
            raise
        kind = type(error).__name__
        return _refuse(f"a fault of this program, please report it: {kind}: {error} (--debug shows where)")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="audits", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, run, text in (
        ("bias", run_bias, "compare groups: rates, disparities, intervals, verdicts"),
        ("cells", run_cells, "only count: write the counted cells, from which `bias --cells` gives the same numbers"),
        ("explain", run_explain, "check feature attributions (SHAP values) against the outputs"),
    ):
        command = commands.add_parser(
            name, help=text, description=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.set_defaults(run=run, cells=None, check=False)
        command.add_argument("spec", metavar="SPEC", type=Path, help="the JSON specification")
        command.add_argument("--out", type=Path, metavar="RESULT", help="where the result goes; else standard output")
        command.add_argument("--progress", action="store_true", help="say every step on standard error, one line each")
        command.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
        if name != "cells":
            command.add_argument(
                "--check", action="store_true", help="exit with 1 unless every criterion of SPEC is met"
            )
        if name == "bias":
            command.add_argument("--cells", type=Path, metavar="FILE", help="counted cells in place of raw rows")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Read the specification, compute, write, judge."""
    spec = _read_spec(options.spec)
    if options.out is not None:
        _check_out(options, spec)
    result = options.run(options, spec, _say_progress if options.progress else _say_nothing)
    _write_result(options.out, result)
    return _check(result) if options.check else COMPUTED


def _read_spec(path: Path) -> dict[str, Any]:
    with _naming(path):
        spec = read_json(path)
        if not isinstance(spec, dict):
            raise BadInput("the specification must be one JSON object")
    return spec


def run_bias(options: argparse.Namespace, spec: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Audit predictions, or counted cells, for bias."""
    if options.cells is not None:
        return _audit_counted(options, spec, progress)
    from audits.bias.audit import run_bias_audit

    _check_bias_spec(options.spec, spec)
    files = list_files(spec, options.spec)
    with _naming(*files):
        result = run_bias_audit(files[0], spec, progress=progress)
    return _name_result(result, spec, spec["file"])


def _audit_counted(options: argparse.Namespace, spec: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from audits.bias.audit import audit_cells
    from audits.bias.record import digest_file, versions
    from audits.counting.cells import Cells

    checked = _check_bias_spec(options.spec, spec)
    progress(0.0, "reading the cells")
    with _naming(options.cells):
        cells = Cells.from_json(read_json(options.cells))
        check_cells(cells, checked)
    run = {
        "seed": checked.seed,
        "versions": versions(),
        "input": {"sha256": digest_file(options.cells), "bytes": options.cells.stat().st_size, "kind": "cells"},
        "delimiter": None,
        "encoding": None,
    }
    return _name_result(audit_cells(cells, checked, run, progress=progress), spec, options.cells.name)


def run_cells(options: argparse.Namespace, spec: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Count predictions and return the cells, small ones left out as the specification says."""
    from audits.counting.reduction import reduce_to_cells
    from audits.counting.suppression import suppress_cells
    from audits.tables.frames import read_predictions

    checked = _check_bias_spec(options.spec, spec)
    files = list_files(spec, options.spec)
    with _naming(*files):
        progress(0.0, "checking the file")
        file = read_predictions(files[0], checked)
        progress(0.3, "counting")
        cells = reduce_to_cells(file, checked)
    progress(0.9, "recording")
    return suppress_cells(cells, checked.minimum_published_count).to_json()


def run_explain(options: argparse.Namespace, spec: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Check the attributions of an explanation."""
    from audits.explanations.explain import run_explanation
    from audits.explanations.spec import check_explanation_spec

    with _naming(options.spec):
        check_explanation_spec(spec)
    files = list_files(spec, options.spec)
    with _naming(*files):
        result = run_explanation(files[0], spec, progress=progress)
    return _name_result(result, spec, spec["file"])


def _check_bias_spec(path: Path, spec: dict[str, Any]) -> Any:
    from audits.spec import check_spec

    with _naming(path):
        return check_spec(spec)


def check_cells(cells: Any, spec: Any) -> None:
    """Check that counted cells are about what a specification asks for.

    Raises
    ------
    BadInput
        Naming the key in which they differ.
    """
    pairs = {
        "task": (cells.task, spec.task),
        "sensitive": (list(cells.sensitive_features), list(spec.sensitive)),
        "positive_label": (cells.positive_label, spec.positive_label),
        "columns.condition": (cells.condition, spec.columns.get("condition")),
        "columns.weight": (cells.weighted, "weight" in spec.columns),
    }
    for key, (found, wanted) in pairs.items():
        if found != wanted:
            raise BadInput(f"the cells were counted with {found!r}, the specification says {wanted!r}", column=key)


def list_files(spec: Mapping[str, Any], spec_path: Path) -> list[Path]:
    """Return the files a specification names, found beside it or in the current folder."""
    named = spec.get("file")
    if named is None:
        raise BadInput("name the file to be read", column="file")
    names = named if isinstance(named, list) else [named]
    folder = Path() if str(spec_path) == STANDARD_STREAM else spec_path.parent
    return [_find_file(folder, str(name)) for name in names]


def _find_file(folder: Path, name: str) -> Path:
    beside, here = folder / name, Path(name)
    found = beside if beside.exists() or not here.exists() else here
    if not found.exists():
        raise FileNotFoundError(2, "no such file", str(beside))
    if found.is_dir():
        raise IsADirectoryError(21, "is a folder, not a file", str(found))
    return found


def _check_out(options: argparse.Namespace, spec: Mapping[str, Any]) -> None:
    """Check before the work that the result can be written, and over none of its inputs."""
    inputs = [options.spec, *([options.cells] if options.cells else [])]
    with contextlib.suppress(BadInput, OSError):
        inputs += list_files(spec, options.spec)
    for path in inputs:
        with contextlib.suppress(OSError):
            if options.out.samefile(path):
                raise BadInput(f"{options.out}: --out names an input, which would be lost")
    check_writable(options.out)


def _name_result(result: dict[str, Any], spec: Mapping[str, Any], file: object) -> dict[str, Any]:
    """Add the names only the command line knows: of the case and of the file."""
    names = {key: spec[key] for key in ("case", "title") if key in spec}
    if isinstance(result.get("data"), dict):
        result["data"] = {"file": file, **result["data"]}
    return {"format": result["format"], **names, **result}


def _write_result(path: Path | None, result: Mapping[str, Any]) -> None:
    if path is not None:
        write_json(path, result)
        return
    import json

    json.dump(result, sys.stdout, indent=1, ensure_ascii=not _speaks_unicode(), allow_nan=False)
    sys.stdout.write("\n")
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


@contextlib.contextmanager
def _naming(*paths: Path) -> Iterator[None]:
    """Put the name of the file in front of what is wrong with it."""
    try:
        yield
    except BadInput as error:
        shown = "standard input" if str(paths[0]) == STANDARD_STREAM else str(paths[0])
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        raise BadInput(f"{shown}{more}: {error}") from None


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
