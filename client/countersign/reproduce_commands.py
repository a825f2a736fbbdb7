"""The commands ``countersign record`` and ``countersign reproduce``."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from countersign.errors import CountersignError
from countersign.reproduce import Reproduction, last_lines, reproduce
from countersign.terminal import FILE, NO, YES, connect, err, find_version, out, readable_errors, show_evaluation
from countersign.training_record import (
    DEFAULT_NAME,
    DEFAULT_TIMEOUT,
    Tolerance,
    TrainingRecord,
    read_record,
    record_training,
)


@click.command()
@click.argument("command", nargs=-1, required=True)
@click.option("--metrics", "metrics_file", required=True, help="The JSON file of numbers that the training wrote.")
@click.option("--input", "inputs", multiple=True, metavar="FILE", help="A file that it reads; its digest is recorded.")
@click.option("--output", "outputs", multiple=True, metavar="FILE", help="A file that it writes, such as the model.")
@click.option("--absolute", "absolute", multiple=True, metavar="METRIC=NUMBER", help="An absolute tolerance.")
@click.option("--relative", "relative", multiple=True, metavar="METRIC=NUMBER", help="A relative tolerance.")
@click.option("--variable", "variables", multiple=True, metavar="NAME", help="An environment variable that it needs.")
@click.option("--seed", type=int)
@click.option("--timeout", type=float, default=DEFAULT_TIMEOUT, show_default=True, metavar="SECONDS")
@click.option("--record", "path", type=click.Path(path_type=Path), default=Path(DEFAULT_NAME), show_default=True)
@readable_errors
def record(
    command: tuple[str, ...],
    metrics_file: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    absolute: tuple[str, ...],
    relative: tuple[str, ...],
    variables: tuple[str, ...],
    seed: int | None,
    timeout: float,
    path: Path,
) -> int:
    """Write down a training that has ended, so that it can be run again: COMMAND after “--”.

    It is not run. Paths are relative to the folder of the record, where the command runs.
    """
    tolerances: dict[str, dict[str, float]] = {}
    for kind, given in (("absolute", absolute), ("relative", relative)):
        for item in given:
            name, value = read_tolerance(item)
            tolerances.setdefault(name, {})[kind] = value
    made = record_training(
        path,
        command=command,
        metrics_file=metrics_file,
        inputs=inputs,
        outputs=outputs,
        tolerances=tolerances,
        environment=variables,
        seed=seed,
        timeout=timeout,
    )
    revision = f", code {made.code_revision[:12]}" if made.code_revision else ", code of no known revision"
    out.print(f"{path}: {len(made.metrics)} metrics, {len(made.inputs)} inputs{revision}", markup=False)
    out.print(made.digest)
    return YES


def read_tolerance(text: str) -> tuple[str, float]:
    """Return (metric, number) of a text such as “auc=0.002”."""
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise CountersignError("bad_tolerance", None, f"“{text}” is no tolerance. Write METRIC=NUMBER.") from None


@click.command(name="reproduce")
@click.argument("record_file", metavar="RECORD.json", type=FILE)
@click.option("--times", type=click.IntRange(1, 100), default=1, show_default=True, help="How often it is run.")
@click.option("--working-tree", is_flag=True, help="Run the files as they are now, not the recorded revision.")
@click.option("--logs", type=click.Path(path_type=Path), default=Path("countersign-reproduction"), show_default=True)
@click.option("--out", "report_file", type=click.Path(path_type=Path), help="Write the report (JSON) here.")
@click.option("--submit", is_flag=True, help="Submit the report as evidence and have the portal compare it.")
@click.option("--version", "version_text", metavar="ID or MODEL@NUMBER", help="With --submit.")
@click.option("--role", type=click.Choice(["training", "validation", "test"]), default="test", show_default=True)
@click.option("--title", default="Training run again", show_default=True, help="With --submit.")
@readable_errors
def reproduce_command(
    record_file: Path,
    times: int,
    working_tree: bool,
    logs: Path,
    report_file: Path | None,
    submit: bool,
    version_text: str | None,
    role: str,
    title: str,
) -> int:
    """Run a recorded training again and compare its metrics with the recorded ones.

    Exit code 0: within the tolerance, 1: not, 2: it could not be told. It runs the command that the record names, with
    your rights: read a record from somebody else before.
    """
    if submit != (version_text is not None):
        raise click.UsageError("--submit and --version go together.")
    found = read_record(record_file)
    with err.status("Reproducing") as status:
        done = reproduce(found, times=times, logs=logs, working_tree=working_tree, tell=status.update)
    show(done)
    if report_file is not None:
        report_file.write_text(json.dumps(done.report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        out.print(f"{report_file}", markup=False)
    agreed = YES if done.is_reproduced else NO
    if version_text is None:
        return agreed
    return max(agreed, submit_report(done, version_text, role, title))


def show(done: Reproduction) -> None:
    """Print the comparison, and the end of the log of a run that failed."""
    out.print(metrics_table(done.record, done))
    for number, run in enumerate(done.runs, start=1):
        if not run.ended_well:
            err.print(Text(f"Run {number}: {run.failure}. The end of {run.log}:", style="red"))
            err.print(Text(last_lines(run.log)))
    verdict = "The metrics came out again." if done.is_reproduced else "The metrics did not come out again."
    out.print(Text(verdict, style="green" if done.is_reproduced else "bold red"))


def metrics_table(record: TrainingRecord, done: Reproduction) -> Table:
    """Return recorded and new metrics side by side."""
    runs = f"{len(done.runs)} run" + ("s" if len(done.runs) > 1 else "")
    code = f", code {done.revision[:12]}" if done.revision else ""
    table = Table(title=f"{record.path.name}: {runs}{code}", title_justify="left")
    for name in ("Metric", "Recorded", "Again", "Deviation", "Tolerance", ""):
        table.add_column(name, justify="left" if name in ("Metric", "") else "right")
    for check in done.checks:
        deviation = "" if check.deviation is None else f"{check.deviation:.3g}"
        verdict = Text("reproduced", "green") if check.is_reproduced else Text("not reproduced", "bold red")
        again = describe_range(check.again)
        table.add_row(
            Text(check.name), f"{check.recorded:.6g}", again, deviation, describe_tolerance(check.tolerance), verdict
        )
    return table


def describe_range(values: tuple[float, ...]) -> str:
    """Return the least and the largest value, or the only one."""
    ends = dict.fromkeys((f"{min(values):.6g}", f"{max(values):.6g}")) if values else {}
    return " to ".join(ends) or "none"


def describe_tolerance(tolerance: Tolerance) -> str:
    """Return a tolerance in words."""
    parts = [f"{tolerance.absolute:g}"] if tolerance.absolute else []
    parts += [f"{tolerance.relative:g} of it"] if tolerance.relative else []
    return " or ".join(parts) or "equal"


def submit_report(done: Reproduction, version_text: str, role: str, title: str) -> int:
    """Submit the report and have it compared with what the portal has on record."""
    with connect() as portal:
        version = find_version(portal, version_text)
        evidence = portal.submit_reproduction(version, done.report, title=title)
        out.print(f"Evidence {evidence.id} of {version}, log entry {evidence.log_index}", markup=False)
        asked = portal.request_reproduction(version, evidence, dataset_role=role)
        with err.status(f"Evaluation {asked.id}") as status:
            finished = portal.wait_for(asked, tell=lambda text: status.update(f"Evaluation {asked.id}: {text}"))
    code = show_evaluation(finished)
    verdict = (finished.result or {}).get("verdict", "")
    if verdict:
        out.print(f"Compared with the metrics on record: {verdict}.")
    return code if verdict == "reproduced" else NO
