"""The command ``countersign stress``. What computes is imported when it runs: the client works without numpy."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from countersign.errors import CountersignError
from countersign.terminal import FILE, NO, YES, connect, err, find_version, out, readable_errors, show_evaluation

if TYPE_CHECKING:
    from countersign.stress import PredictionRows

FOLDER = click.Path(file_okay=False, path_type=Path)
NEEDED = 'It needs numpy and pandas: pip install "countersign[stress]".'


@click.command()
@click.argument("model", metavar="SCRIPT.py:FUNCTION", required=False)
@click.argument("data_file", metavar="DATA", type=FILE, required=False)
@click.option("--condition", "conditions", multiple=True, metavar="NAME[:1-5]", help="Such as typing_noise:1-5.")
@click.option("--list", "show_list", is_flag=True, help="List the conditions with their severities, and end.")
@click.option("--label", metavar="COLUMN", help="The true label.")
@click.option("--id", "id_column", metavar="COLUMN", help="The row's id; the row's number, where left out.")
@click.option("--image", "image_column", metavar="COLUMN", help="The image's file, relative to DATA: images are tried.")
@click.option("--sensitive", multiple=True, metavar="COLUMN", help="For whom it is looked at; the model sees it too.")
@click.option("--drop", multiple=True, metavar="COLUMN", help="A column that the model does not see.")
@click.option("--score", metavar="FUNCTION", help="A function of the same script that gives scores.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]), default="binary", show_default=True)
@click.option("--positive", "positive_label", metavar="LABEL", help="The positive label of a binary task.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=1_024, show_default=True)
@click.option("--skip-failures", is_flag=True, help="Go on where the model fails under a condition, and tell it.")
@click.option(
    "--out", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("conditions"), show_default=True
)
@click.option(
    "--submit", "version_text", metavar="ID or MODEL@NUMBER", help="Submit to this version and have it audited."
)
@readable_errors
def stress(
    model: str | None,
    data_file: Path | None,
    conditions: tuple[str, ...],
    show_list: bool,
    label: str | None,
    id_column: str | None,
    image_column: str | None,
    sensitive: tuple[str, ...],
    drop: tuple[str, ...],
    score: str | None,
    task: str,
    positive_label: str | None,
    seed: int,
    batch_size: int,
    skip_failures: bool,
    folder: Path,
    version_text: str | None,
) -> int:
    """Run a model over a table of rows undisturbed and under conditions, and write its predictions for an audit.

    FUNCTION takes a pandas DataFrame (with --image a list of arrays) and returns one label for each row. It is your own
    code and runs with your rights. OUT gets predictions.csv, spec.json and conditions.json. Exit code 0: written (and
    audited), 1: the audit failed or the model failed under a condition, 2: it could not be told.
    """
    if show_list:
        show_conditions()
        return YES
    if model is None or data_file is None or label is None or not conditions:
        raise click.UsageError("Name SCRIPT.py:FUNCTION, DATA, --label and at least one --condition (see --list).")
    if task == "binary" and positive_label is None:
        raise click.UsageError("A binary task needs --positive: which label counts as positive.")
    predict, scoring = load_functions(model, score)
    table = read_table(data_file)
    singles = [name for name in (label, id_column, image_column) if name]
    _check_columns(table, [*singles, *sensitive, *drop], data_file)
    seen = [name for name in table.columns if name not in {label, id_column, *drop}]
    data = _open_images(data_file.parent, table[image_column]) if image_column else table[seen]
    with progress_of_rows() as progress:
        rows = _import_stress().run_conditions(
            predict,
            data,
            _import_stress().parse_conditions(conditions),
            ids=table[id_column] if id_column else range(1, len(table) + 1),
            y_true=table[label],
            sensitive={name: table[name] for name in sensitive},
            score=scoring,
            seed=seed,
            batch_size=batch_size,
            skip_failures=skip_failures,
            out=make_folder(folder) / "predictions.csv",
            progress=progress,
        )
    show_rows(rows, task)
    return _hand_over(rows, _make_spec(rows, task, positive_label), folder, version_text)


def _hand_over(rows: PredictionRows, spec: dict[str, Any], folder: Path, version_text: str | None) -> int:
    for path in _import_stress().write_files(rows, folder, spec):
        out.print(str(path), markup=False, highlight=False)
    failed = NO if rows.failures else YES
    return failed if version_text is None else max(failed, submit(rows, spec, folder, version_text))


def make_folder(folder: Path) -> Path:
    """Return the folder, made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _import_stress() -> Any:
    try:
        import pandas  # noqa: F401

        import countersign.stress
    except ImportError:
        raise CountersignError("no_numpy", None, NEEDED) from None
    return countersign.stress


def _open_images(folder: Path, names: Any) -> Any:
    from countersign.stress.image_files import ImageFiles

    return ImageFiles(folder, [str(name) for name in names])


def _make_spec(rows: PredictionRows, task: str, positive_label: str | None) -> dict[str, Any]:
    labels: set[str] = set()
    if task == "multiclass":
        labels.update(*((row["y_true"], row["y_pred"]) for row in rows.each()))
    listed = sorted(labels - {""}) or None
    made: dict[str, Any] = _import_stress().make_spec(rows, task=task, positive_label=positive_label, labels=listed)
    return made


def load_functions(model: str, score: str | None) -> tuple[Callable[[Any], Any], Callable[[Any], Any] | None]:
    """Return the function of “SCRIPT.py:FUNCTION”, a script of the user's own, and the one that scores, if named."""
    text, _, function = model.rpartition(":")
    script = Path(text)
    spec = importlib.util.spec_from_file_location(script.stem, script) if script.is_file() else None
    if spec is None or spec.loader is None:
        raise CountersignError("no_script", None, f"“{script}” is no Python file. Write SCRIPT.py:FUNCTION.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(script.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CountersignError("bad_script", None, f"{script} cannot be imported: {error}.") from error
    finally:
        sys.path.remove(str(script.resolve().parent))
    return _find_function(module, function), (_find_function(module, score) if score else None)


def _find_function(module: ModuleType, name: str) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] | None = getattr(module, name, None)
    if not callable(found):
        raise CountersignError("no_function", None, f"{module.__file__} has no function “{name}”.")
    return found


def read_table(file: Path) -> Any:
    """Return a CSV or Parquet file as a DataFrame. Only an empty cell is a missing value: “NA” is a text."""
    _import_stress()
    import pandas as pd

    try:
        if file.suffix.lower() in {".parquet", ".pq"}:
            return pd.read_parquet(file)
        return pd.read_csv(file, keep_default_na=False, na_values=[""])
    except (ValueError, ImportError) as error:
        raise CountersignError("bad_table", None, f"{file} cannot be read: {error}.") from None


def _check_columns(table: Any, names: Sequence[str], file: Path) -> None:
    for name in names:
        if name not in table.columns:
            there = ", ".join(map(str, table.columns[:20]))
            raise CountersignError("no_column", None, f"{file} has no column “{name}”. It has {there}.")


@contextmanager
def progress_of_rows() -> Iterator[Callable[[int, int, str], None]]:
    """A bar that shows under which condition the model is predicting."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=err, transient=True
    ) as bar:
        task = bar.add_task("none", total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)


def show_conditions() -> None:
    """Print the catalogue."""
    table = Table("Condition", "Of", "What happens", "Parameter", "Severity 1 to 5", "Source")
    for known in _import_stress().CATALOGUE.values():
        kind = "image" if known.kind == "image" else "rows"
        levels = ", ".join(f"{level:g}" for level in known.levels)
        table.add_row(known.name, kind, Text(known.title), Text(known.parameter), levels, Text(known.source))
    out.print(table)


def show_rows(rows: PredictionRows, task: str) -> None:
    """Print, condition by condition, how much was predicted right or how far off it was."""
    measure = "Mean absolute error" if task == "regression" else "Right"
    table = Table("Condition", "Rows", measure, "Change", title="Predictions under conditions", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    sums = dict.fromkeys(rows.counts, 0.0)
    known = dict.fromkeys(rows.counts, 0)
    for row in rows.each():
        truth, guess, name = row["y_true"], row["y_pred"], row["condition"]
        if truth:
            known[name] += 1
            sums[name] += abs(float(truth) - float(guess)) if task == "regression" else float(truth == guess)
    means = {name: sums[name] / count for name, count in known.items() if count}
    for name, value in means.items():
        change = "" if name == "none" else f"{value - means['none']:+.4f}"
        table.add_row(Text(name), f"{known[name]:,}", f"{value:.4f}", change)
    out.print(table)
    for why in rows.failures.values():
        err.print(Text(why, style="red"))


def submit(rows: PredictionRows, spec: dict[str, Any], folder: Path, version_text: str) -> int:
    """Submit predictions and manifest, and print what the audit of the portal measured."""
    with connect() as portal:
        version = find_version(portal, version_text)
        evidence, asked = _import_stress().submit_conditions(portal, version, rows, spec, folder)
        out.print(f"Evidence {evidence.id} of {version}, log entry {evidence.log_index}", markup=False)
        with err.status(f"Evaluation {asked.id}") as status:
            done = portal.wait_for(asked, tell=lambda text: status.update(f"Evaluation {asked.id}: {text}"))
    return show_evaluation(done)
