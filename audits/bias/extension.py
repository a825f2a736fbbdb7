"""What a specification asks for beyond the measures: verdicts, and later parts that read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from audits.bias.advice import advise
from audits.bias.look_alikes import mark_look_alikes, note_look_alikes
from audits.bias.measures import Measure
from audits.bias.proxies import check_proxies
from audits.bias.proxy_rows import read_proxy_rows
from audits.bias.robustness import keep_undisturbed, measure_robustness
from audits.bias.verdicts import find_absent, judge_criteria, mark_incomplete
from audits.counting.cells import Cells
from audits.counting.group_names import find_look_alikes
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
        From `record.to_json`, about the undisturbed rows where there are conditions.
    cells : Cells
        Of all conditions.
    spec : AuditSpec
    table : TableFile or None
        The rows the cells were counted from; None where there are only cells.
    progress : callable
        Called with (share done, what is being done).
    """
    undisturbed = keep_undisturbed(cells, spec)
    subsets = [tuple(grouping["sensitive"]) for grouping in document["groupings"]]
    found = [Measure(**entry) for entry in document["measures"]]
    if cells.condition is not None:
        found += _add_robustness(document, cells, spec, subsets, progress)
    if spec.advice:
        progress(0.9, "looking for what would help")
        document["advice"] = advise(undisturbed, subsets, spec.criteria)
    if spec.proxies:
        progress(0.92, "looking for proxies")
        rows = None if table is None else read_proxy_rows(table, spec)
        document["proxies"], measures = check_proxies(rows, spec)
        found += measures
    progress(0.95, "judging the criteria")
    absent = find_absent(spec.declared_groups, _find_present(undisturbed))
    doubts = find_look_alikes(cells.features, (cell.group for cell in cells.rows))
    found = mark_look_alikes(mark_incomplete(found, absent), doubts)
    document["notes"] += [note._asdict() for note in note_look_alikes(doubts)]
    document["measures"] = [entry.to_json() for entry in found]
    document["absent_groups"] = {name: list(values) for name, values in absent.items()}
    verdicts = judge_criteria(spec.criteria, found, minimum_group_size=spec.minimum_group_size, absent=absent)
    document["verdicts"] = [verdict.to_json() for verdict in verdicts]
    _publish_cells(document, cells, spec.minimum_published_count)


def _add_robustness(
    document: dict[str, Any],
    cells: Cells,
    spec: AuditSpec,
    subsets: Sequence[tuple[str, ...]],
    progress: Progress,
) -> list[Measure]:
    """Add the losses under conditions to the document; their measures."""
    if spec.baseline_condition is None:
        text = "The conditions are taken together; name baseline_condition to measure what is lost under each."
        document["notes"].append({"code": "no_baseline", "text": text, "population": None})
        return []
    progress(0.85, "comparing the conditions")
    document["robustness"], measures = measure_robustness(cells, spec, subsets)
    text = (
        f"Rates, disparities and counts are those of the baseline condition {spec.baseline_condition!r}; "
        "what the other conditions cost stands under robustness."
    )
    document["notes"].append({"code": "baseline_only", "text": text, "population": None})
    return measures


def _publish_cells(document: dict[str, Any], cells: Cells, minimum: int) -> None:
    """Leave small cells out of the document's cells, and say so in its notes."""
    published = suppress_cells(cells, minimum)
    if published is not cells or cells.condition is not None:
        document["cells"] = published.to_json()
    if published is cells:
        return
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
