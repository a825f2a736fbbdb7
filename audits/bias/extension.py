"""What a specification asks for beyond the measures: verdicts, and later parts that read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audits.bias.advice import advise
from audits.bias.measures import Measure
from audits.bias.verdicts import find_absent, judge_criteria, mark_incomplete
from audits.counting.cells import Cells
from audits.counting.suppression import suppress_cells
from audits.spec import AuditSpec
from audits.tables.frames import TableFile

Progress = Callable[[float, str], None]


def extend_result(
    document: dict[str, Any],
    cells: Cells,
    spec: AuditSpec,
    table: TableFile | None,
    *,
    progress: Progress,
) -> None:
    """Add to the document of a bias audit what its specification asks for, in place.

    Comparisons over features of which a declared group has no rows get that reason, so that
    neither a verdict here nor a gate elsewhere can read them as met. Verdicts come last: criteria
    may be about anything that was measured.

    Parameters
    ----------
    document : dict
        From `record.to_json`.
    cells : Cells
    spec : AuditSpec
    table : TableFile or None
        The rows the cells were counted from; None where there are only cells.
    progress : callable
        Called with (share done, what is being done).
    """
    if spec.advice:
        progress(0.85, "looking for what would help")
        subsets = [tuple(grouping["sensitive"]) for grouping in document["groupings"]]
        document["advice"] = advise(cells.without_condition(), subsets, spec.criteria)
    absent = find_absent(spec.declared_groups, _find_present(cells))
    measures = [Measure(**measure) for measure in document["measures"]]
    measures = mark_incomplete(measures, absent)
    _publish_cells(document, cells, spec.minimum_published_count)
    progress(0.95, "judging the criteria")
    document["measures"] = [measure.to_json() for measure in measures]
    document["absent_groups"] = {name: list(values) for name, values in absent.items()}
    verdicts = judge_criteria(spec.criteria, measures, minimum_group_size=spec.minimum_group_size, absent=absent)
    document["verdicts"] = [verdict.to_json() for verdict in verdicts]


def _publish_cells(document: dict[str, Any], cells: Cells, minimum: int) -> None:
    """Leave small cells out of the document's cells, and say so in its notes."""
    published = suppress_cells(cells, minimum)
    if published is cells:
        return
    document["cells"] = published.to_json()
    number = len(cells.rows) - len(published.rows)
    text = (
        f"{number:,} of {len(cells.rows):,} cells hold fewer than {minimum:,} rows and are not published with the "
        f"result ({cells.rows_used - published.rows_used:,} of {cells.rows_used:,} rows). All rates and counts by "
        "group are those of all rows."
    )
    document["notes"].append({"code": "suppressed_cells", "text": text, "population": None})


def _find_present(cells: Cells) -> dict[str, set[str]]:
    """Return the groups that have rows, by sensitive feature."""
    return {name: {cell.group[place] for cell in cells.rows} for place, name in enumerate(cells.sensitive_features)}
