"""Count predictions where they live: on the workers of a Dask cluster.

Dask, because it is the one distributed engine that is a plain Python package: no Java, no
scheduler to install, the same cluster that trained a scikit-learn or XGBoost model, and it carries
arbitrary functions. What it carries here is the reduction that runs everywhere else: every worker
counts its part of the table with the same column engine and the same checks, and only cells come
back, never rows. The parts are then merged, which is exact.

Workers must reach the files: on shared storage under the same path, or as s3://bucket/key with the
credentials in their environment. They need this package installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from audits.counting.cells import MISSING_GROUP, Cells
from audits.counting.checks import Combination
from audits.counting.details import ScoreBins, make_bins
from audits.counting.identity import check_ids
from audits.counting.reduction import Reduction, check_something_is_left, raise_ambiguous, reduce_rows
from audits.errors import BadInput
from audits.spec import AuditSpec, check_spec
from audits.tables.frames import COMMAND_LINE_LIMITS, Limits, open_table
from audits.tables.limits import check_row_count
from audits.tables.sources import open_input

if TYPE_CHECKING:
    from distributed import Client

THREADS_PER_TASK = 1
"""A worker runs one task per thread of its own; the engine inside adds none."""


@dataclass(frozen=True)
class ClusterReduction:
    """Cells of a table counted in parts, and digest and size of every part."""

    cells: Cells
    parts: tuple[dict[str, Any], ...]


class _Part(NamedTuple):
    """What a worker sends back. `ambiguous` are features in which a value says (missing)."""

    cells: Cells
    contents: list[dict[str, Any]]
    scores: _ScoreRange | None
    ambiguous: tuple[str, ...]


class _ScoreRange(NamedTuple):
    """The scores of a part: how many, lowest, highest."""

    rows: int
    low: float
    high: float


def reduce_on_cluster(
    client: Client,
    spec: dict[str, Any] | AuditSpec,
    folder: Path,
    *,
    limits: Limits = COMMAND_LINE_LIMITS,
) -> ClusterReduction:
    """Count the table that a specification names, one task per part.

    Scores are counted one by one up to `limits.exact_scores` rows of the whole table; of larger
    tables every part puts them into the same ranges. Ids, where they are named, are compared
    across all parts by one worker in as many passes as its memory asks for.

    Parameters
    ----------
    client : distributed.Client
        Connected to the cluster.
    spec : dict or AuditSpec
        Its `file` lists the parts, as the workers reach them.
    folder : Path
        What relative paths start from, on the workers.
    limits : Limits

    Returns
    -------
    ClusterReduction

    Raises
    ------
    BadInput
        Naming the part, column, row or limit.
    """
    checked = spec if isinstance(spec, AuditSpec) else check_spec(spec)
    if checked.task == "ranking":
        raise BadInput(
            "the first k of a ranking are not known to any one worker; count the table in one place, "
            "or submit the selection as y_pred of a binary task",
            column="task",
        )
    if not checked.files:
        raise BadInput("name the files with the predictions", column="file")
    parts = _run(client, checked, folder, limits, None)
    scores = [part.scores for part in parts if part.scores is not None]
    rows = sum(score.rows for score in scores)
    if rows > limits.exact_scores:
        kinds = {(cell.group, cell.label) for part in parts for cell in part.cells.rows}
        low, high = min(score.low for score in scores), max(score.high for score in scores)
        bins = make_bins(low, high, max(len(kinds), 1), limits)
        parts = _run(client, checked, folder, limits, bins)
    cells = parts[0].cells
    for part in parts[1:]:
        cells = cells.merge(part.cells)
    _check_whole(checked, cells, parts, limits)
    if len(parts) > 1 and "id" in checked.columns:
        client.submit(_check_ids, checked, folder, limits, cells.rows_read, pure=False).result()
    return ClusterReduction(cells, tuple(content for part in parts for content in part.contents))


def _run(client: Client, spec: AuditSpec, folder: Path, limits: Limits, bins: ScoreBins | None) -> list[_Part]:
    """Count every part on some worker; the first fault ends the rest."""
    cluster: Any = client
    parts = [replace(spec, files=(location,)) for location in spec.files]
    futures = cluster.map(_count_part, parts, folder=folder, limits=limits, bins=bins, pure=False)
    try:
        return list(cluster.gather(futures))
    finally:
        cluster.cancel(futures)


def _count_part(spec: AuditSpec, folder: Path, limits: Limits, bins: ScoreBins | None) -> _Part:
    """Count one part: runs on a worker."""
    try:
        with open_input(spec, folder, limits=limits) as file:
            # Scores come one by one in the first round, if the part alone is small enough for it.
            found = reduce_rows(file, spec, limits=limits, threads=THREADS_PER_TASK, bins=bins, is_part=True)
            return _Part(found.cells, file.describe(), _find_range(found), _find_ambiguous(spec, found))
    except BadInput as error:
        message = f"{error.message} (in {spec.files[0].rsplit('/', 1)[-1]})"
        raise BadInput(message, column=error.column, row=error.row, line=error.line) from None


def _find_range(reduction: Reduction) -> _ScoreRange | None:
    if "s" not in reduction.plan.numbers or not reduction.found:
        return None
    return _ScoreRange(
        rows=sum(part.rows for part in reduction.found),
        low=min(float(part.totals["s_low"]) for part in reduction.found),
        high=max(float(part.totals["s_high"]) for part in reduction.found),
    )


def _find_ambiguous(spec: AuditSpec, reduction: Reduction) -> tuple[str, ...]:
    places = zip(spec.sensitive, reduction.plan.places("feature"), strict=True)
    return tuple(name for name, place in places if _says_missing(reduction.found, place))


def _says_missing(found: Sequence[Combination], place: int) -> bool:
    return any(part.keys[place] == MISSING_GROUP for part in found)


def _check_whole(spec: AuditSpec, cells: Cells, parts: Sequence[_Part], limits: Limits) -> None:
    """Check what no part can know alone."""
    check_row_count(cells.rows_read, limits)
    check_something_is_left(spec, cells.rows)
    ambiguous = [name for part in parts for name in part.ambiguous]
    if spec.missing == "own_group" and cells.rows_missing and ambiguous:
        raise_ambiguous(ambiguous[0])
    groups = {cell.group[: len(spec.sensitive)] for cell in cells.rows}
    if len(groups) > limits.groups:
        raise BadInput(f"more than {limits.groups:,} groups; name columns that hold groups", column="sensitive")
    is_labelled = spec.positive_label and spec.labels is None
    if is_labelled and not any(1 in (cell.label, cell.prediction) for cell in cells.rows):
        raise BadInput(f"the positive label {spec.positive_label!r} never occurs", column="positive_label")


def _check_ids(spec: AuditSpec, folder: Path, limits: Limits, rows: int) -> None:
    """Compare the ids of all parts: runs on one worker."""
    with open_input(spec, folder, limits=limits) as file, open_table(file, threads=THREADS_PER_TASK) as engine:
        check_ids(engine, file, spec, rows)
