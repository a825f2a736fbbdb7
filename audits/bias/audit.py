"""The bias audit: rates by group, disparities between groups, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from audits.bias.against_reference import compare_to_reference
from audits.bias.basis import Basis, find_sameness
from audits.bias.classes import TOGETHER, list_class_metrics, set_against_rest
from audits.bias.comparisons import Comparer
from audits.bias.extension import extend_result
from audits.bias.fairlearn_reading import read_like_fairlearn
from audits.bias.groupings import measure_groups
from audits.bias.impact import find_impact_ratios, find_scoring_rates
from audits.bias.notes import note_classes, write_notes
from audits.bias.record import describe_run, to_json
from audits.bias.resampling import Resampler
from audits.bias.results import BiasAudit, Grouping
from audits.bias.robustness import keep_undisturbed
from audits.bias.significance import run_tests
from audits.bias.standardized import standardize
from audits.bias.tallies import Settings, has_labels
from audits.counting.cells import Cells
from audits.counting.reduction import reduce_to_cells
from audits.counting.scores import Binning
from audits.errors import BadInput
from audits.intervals import find_z
from audits.metrics import METRICS
from audits.spec import (
    DEFAULT_DRAWS,
    DEFAULT_LEVEL,
    DEFAULT_MINIMUM_GROUP_SIZE,
    AuditSpec,
    check_spec,
)
from audits.tables.frames import LIMITS, Limits, TableFile, read_predictions

ALL_SUBSETS_UP_TO = 3
DEFAULT_BINNING = Binning()

Progress = Callable[[float, str], None]


def bias_audit(
    cells: Cells,
    *,
    sensitive_features: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    reference: Mapping[str, str] | None = None,
    minimum_group_size: int = DEFAULT_MINIMUM_GROUP_SIZE,
    level: float = DEFAULT_LEVEL,
    draws: int = DEFAULT_DRAWS,
    random_state: int = 0,
    scoring: bool = False,
    binning: Binning = DEFAULT_BINNING,
    correction: str = "holm",
    exclude_under_two_percent: bool = False,
) -> BiasAudit:
    """Measure every metric for every group, and what sets the groups apart.

    Each sensitive feature is looked at alone and in combination with the others (all
    combinations of up to three features; of more, pairs and all together).

    Parameters
    ----------
    cells : Cells
        From `reduction.reduce_to_cells` or `Cells.from_json`.
    sensitive_features : sequence of str, optional
        Features of the cells; all of them where not given.
    metrics : sequence of str, optional
        Names in `METRICS`; all the cells allow where not given.
    reference : mapping, optional
        Feature to the value of the reference group.
    minimum_group_size : int
        Groups with fewer rows are reported and marked; they cannot meet a criterion.
    level : float
        Confidence level of every interval.
    draws : int
        Resamples where no closed form is right.
    random_state : int
        The seed of the resampling.
    scoring : bool
        Whether to report scoring rates (needs scores).
    binning : Binning
        How scores are put into bins for the calibration error.
    correction : str
        Of tests for their number: "holm" or "benjamini-hochberg".
    exclude_under_two_percent : bool
        Whether groups with less than 2 percent of the rows are left out of impact ratios.

    Returns
    -------
    BiasAudit

    Examples
    --------
    >>> from audits.counting.cells import Cell, Cells
    >>> rows = tuple(
    ...     Cell((sex,), label, prediction, count, float(count), float(count))
    ...     for sex, label, prediction, count in [
    ...         ("f", 0, 0, 30), ("f", 1, 1, 20), ("m", 0, 1, 10), ("m", 1, 1, 40)
    ...     ]
    ... )
    >>> audit = bias_audit(Cells(("sex",), "1", rows, weighted=False, rows_read=100))
    >>> audit.overall.estimates["selection_rate"].value
    0.7
    >>> audit.groupings[0].disparities["demographic_parity_ratio"].value
    0.4
    """
    cells = cells.without_condition()
    features = tuple(sensitive_features or cells.sensitive_features)
    names = tuple(metrics) if metrics is not None else list_metrics(cells)
    settings = Settings(
        names if cells.task != "multiclass" else tuple(name for name in TOGETHER if name in names),
        minimum_group_size,
        level,
        find_z(level),
        draws,
        random_state,
        binning,
        correction,
        exclude_under_two_percent,
    )
    _check_reference(cells, reference or {})
    audit = _measure(cells, features, reference or {}, settings, scoring=scoring)
    if cells.task != "multiclass":
        return audit
    of_one = replace(settings, metrics=list_class_metrics(names))
    per_class = {
        name: _measure(set_against_rest(cells, place), features, reference or {}, of_one, scoring=False)
        for place, name in enumerate(cells.classes)
    }
    return replace(audit, per_class=per_class, notes=(*audit.notes, *note_classes(per_class)))


def _measure(
    cells: Cells, features: tuple[str, ...], reference: Mapping[str, str], settings: Settings, *, scoring: bool
) -> BiasAudit:
    """Measure everybody and every combination of features."""
    resampler = Resampler(cells, settings)
    drawn = resampler.draw((), [()]) if resampler.has_clusters else None
    overall = measure_groups(cells, (), settings, drawn, resampler.count((), [()]))[0][0]
    sameness = find_sameness(overall, settings.metrics)
    groupings = [
        _measure_grouping(cells, subset, reference, settings, resampler, scoring=scoring, sameness=sameness)
        for subset in list_subsets(features)
    ]
    return BiasAudit(
        sensitive_features=features,
        metrics=settings.metrics,
        overall=overall,
        groupings=tuple(groupings),
        notes=write_notes(cells, overall, groupings, settings),
        minimum_group_size=settings.minimum_group_size,
        level=settings.level,
        draws=settings.draws,
        random_state=settings.random_state,
        is_weighted=cells.weighted,
        median_score=cells.scores.median() if scoring and cells.scores else None,
    )


def list_subsets(features: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the combinations of features to look at, all together last.

    >>> list_subsets(("sex", "age"))
    [('sex',), ('age',), ('sex', 'age')]
    """
    sizes = range(1, len(features) + 1)
    if len(features) > ALL_SUBSETS_UP_TO:
        sizes = (1, 2, len(features))  # type: ignore[assignment]
    return [subset for size in sizes for subset in combinations(features, size)]


def list_metrics(cells: Cells) -> tuple[str, ...]:
    """Return every metric that the cells allow."""
    is_labelled = has_labels(cells)
    found = []
    for name, metric in METRICS.items():
        if metric.needs == "error":
            is_there = cells.task == "regression"
        elif metric.needs == "score":
            is_there = cells.scores is not None and (name == "mean_score" or cells.scores.has_labels)
        else:
            has_decisions = cells.task in ("binary", "multiclass", "ranking")
            is_there = has_decisions and (is_labelled or name == "selection_rate")
        if is_there:
            found.append(name)
    return tuple(found)


def _check_reference(cells: Cells, reference: Mapping[str, str]) -> None:
    """Check that the reference value of every feature occurs."""
    for name, value in reference.items():
        place = cells.sensitive_features.index(name)
        found = sorted({cell.group[place] for cell in cells.rows})
        if value not in found:
            shown = ", ".join(repr(text[:40]) for text in found[:10])
            raise BadInput(f"no row has the reference value {value[:60]!r}; found {shown}", column=name)


def _measure_grouping(
    cells: Cells,
    features: tuple[str, ...],
    reference: Mapping[str, str],
    settings: Settings,
    resampler: Resampler,
    *,
    scoring: bool,
    sameness: str | None,
) -> Grouping:
    """Measure one combination of features."""
    places = [cells.features.index(name) for name in features]
    names = sorted({tuple(cell.group[place] for place in places) for cell in cells.rows})
    drawn = resampler.draw(features, names) if resampler.has_clusters else None
    groups, frame = measure_groups(cells, features, settings, drawn, resampler.count(features, names))
    basis = Basis(
        features,
        groups,
        settings,
        (lambda: drawn) if drawn is not None else (lambda: resampler.draw(features, names)),
        is_clustered=drawn is not None,
        sameness=sameness,
    )
    spread, disparities = Comparer(basis, frame).compare()
    base = tuple(reference[name] for name in features if name in reference)
    has_base = len(base) == len(features) and base in names
    has_selection = "selection_rate" in settings.metrics or cells.task == "binary"
    ratios, top = find_impact_ratios(basis) if has_selection else ((), ())
    named = base if has_base else None
    tests = () if drawn is not None else run_tests(groups, settings.metrics, named, settings.correction)
    return Grouping(
        features=features,
        groups=groups,
        spread=spread,
        disparities=disparities,
        fairlearn_reading=read_like_fairlearn(groups, disparities),
        impact_ratios=ratios,
        highest_groups=top,
        reference=named,
        versus_reference=compare_to_reference(basis, base) if has_base else {},
        scoring=find_scoring_rates(cells.scores, places, basis) if scoring and cells.scores else (),
        tests=tests,
        standardized=standardize(basis, named),
    )


def run_bias_audit(
    path: Path | Sequence[Path],
    spec: Mapping[str, Any],
    *,
    sensitive: Path | None = None,
    limits: Limits = LIMITS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Audit a prediction file as a specification says; the one door for other programs.

    Parameters
    ----------
    path : Path or sequence of Path
        Local CSV (plain or gzip), Parquet or Arrow; several files are the parts of one table.
    spec : mapping
        The JSON document checked by `spec.check_spec`.
    sensitive : Path, optional
        The separate file with sensitive values, where the specification names one.
    limits : Limits
        What the file may ask of the machine.
    progress : callable, optional
        Called with (share done, what is being done).

    Returns
    -------
    dict
        JSON-ready, `format` "countersign/bias-audit/1". No NaN: undefined numbers are null with
        a reason.

    Raises
    ------
    BadInput
        Naming the key, column, row or limit.
    """
    report = progress or _ignore_progress
    checked = check_spec(dict(spec))
    report(0.0, "checking the file")
    file = read_predictions(path, checked, sensitive=sensitive, limits=limits)
    return audit_table(file, checked, limits=limits, progress=report)


def audit_table(
    file: TableFile, spec: AuditSpec, *, limits: Limits = LIMITS, progress: Progress | None = None
) -> dict[str, Any]:
    """Audit a table that was found readable; as `run_bias_audit`."""
    report = progress or _ignore_progress
    report(0.3, "counting")
    cells = reduce_to_cells(file, spec, limits=limits)
    return audit_cells(cells, spec, describe_run(file, spec.seed), table=file, progress=report)


def audit_cells(
    cells: Cells,
    spec: AuditSpec,
    run: dict[str, Any],
    *,
    table: TableFile | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Audit counted predictions as a specification says.

    Parameters
    ----------
    cells : Cells
    spec : AuditSpec
    run : dict
        The passport of the result, from `record.describe_run`.
    table : TableFile, optional
        The rows the cells were counted from; what needs rows is left out, and said, without them.
    progress : callable, optional
        Called with (share done, what is being done).

    Returns
    -------
    dict
        JSON-ready, as `run_bias_audit`.
    """
    report = progress or _ignore_progress
    report(0.6, "measuring")
    undisturbed = keep_undisturbed(cells, spec)
    audit = bias_audit(
        undisturbed,
        metrics=spec.metrics,
        reference=spec.reference,
        minimum_group_size=spec.minimum_group_size,
        level=spec.level,
        draws=spec.draws,
        random_state=spec.seed,
        scoring=spec.scoring,
        binning=Binning(spec.calibration_bins, spec.calibration_strategy),
        correction=spec.correction,
        exclude_under_two_percent=spec.exclude_under_two_percent,
    )
    report(0.8, "recording")
    document = to_json(audit, undisturbed, spec, run)
    extend_result(document, cells, spec, table, progress=report)
    report(1.0, "done")
    return document


def _ignore_progress(share: float, step: str) -> None:
    """Do nothing: nobody asked to be told."""
