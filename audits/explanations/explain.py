"""Explanations: attributions computed where the model lives, checked row by row here.

No model is opened. What can be checked without it is checked: every value finite, every id once,
and additivity: base value + sum of the SHAP values = model output on every row. A row that misses
by more than the tolerance times its scale is counted and shown, never passed over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.bias.results import Estimate, Note
from audits.errors import BadInput
from audits.explanations.attributions import Attributions, read_attributions, read_groups
from audits.explanations.extension import extend_explanation
from audits.explanations.record import to_json
from audits.explanations.results import Explanation, GroupImportance, Importance, LocalExplanation, Miss
from audits.explanations.spec import ExplanationSpec, check_explanation_spec
from audits.intervals import find_z
from audits.json_files import read_json
from audits.populations import name_group
from audits.tables.frames import LIMITS, Limits, TableFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_ROWS = 10
SHOWN_FEATURES = 20
LOCAL_CONTRIBUTIONS = 10
SAMPLE_ROWS = 300
SHARE_MISSED = 0.01
"""Of what there is to explain, no more than this may be missed, however large the numbers are."""
ROUNDING = 1e-12
"""What adding up many float64 numbers may lose, relative to their size."""

Progress = Callable[[float, str], None]


def check_attributions(
    attributions: Attributions,
    *,
    tolerance: float,
    level: float = 0.95,
    threshold: float | None = None,
    groups: Mapping[str, Sequence[str | None]] | None = None,
    minimum_group_size: int = 20,
    random_state: int = 0,
) -> Explanation:
    """Check attributions for additivity and summarise them.

    Parameters
    ----------
    attributions : Attributions
        From `attributions.read_attributions`.
    tolerance : float
        A row adds up where |base + sum(shap) - output| is at most that times its scale, see `_find_allowed`.
    level : float
        Confidence level of the intervals of importance (sampling of rows).
    threshold : float, optional
        Output at which a decision turns; the row nearest to it is shown as borderline.
    groups : mapping, optional
        Sensitive feature to the value of every row, None where missing.
    minimum_group_size : int
        Groups with fewer rows are marked.
    random_state : int
        Chooses the rows of the beeswarm sample.
    """
    import numpy as np

    shap = attributions.shap
    error = np.abs(attributions.base + shap.sum(axis=1) - attributions.output)
    allowed = _find_allowed(attributions, tolerance)
    is_bad = error > allowed
    # A row of zeros allows no error at all.
    excess = np.where(allowed > 0, error / np.where(allowed > 0, allowed, 1.0), error)
    worst = int(np.argmax(excess))
    importance = _rank_importance(attributions, find_z(level), minimum_group_size)
    by_group = _compare_groups(attributions, groups or {}, minimum_group_size)
    return Explanation(
        features=attributions.features,
        rows=len(shap),
        additive_rows=int(len(shap) - is_bad.sum()),
        tolerance=tolerance,
        worst=_describe_miss(attributions, worst, error, allowed),
        first_misses=tuple(
            _describe_miss(attributions, int(row), error, allowed) for row in np.flatnonzero(is_bad)[:SHOWN_ROWS]
        ),
        importance=importance,
        by_group=by_group,
        sample=_choose_sample(attributions, importance, random_state),
        local=_choose_local(attributions, threshold),
        notes=_write_notes(attributions, int(is_bad.sum()), by_group, minimum_group_size),
        is_one_row_over_and_over=_are_all_equal(attributions),
    )


def _find_allowed(attributions: Attributions, tolerance: float) -> NDArray[np.float64]:
    """Return the error each row may have.

    The tolerance is relative to the largest of |base|, |output| and the sum of |shap|: numbers of
    that size were rounded. But never more than a hundredth of what there is to explain, the
    output's distance from the base value: of the row, or the median of all rows where that is
    larger. A large base value excuses nothing.
    """
    import numpy as np

    size = np.maximum(
        np.maximum(np.abs(attributions.base), np.abs(attributions.output)), np.abs(attributions.shap).sum(axis=1)
    )
    distance = np.abs(attributions.output - attributions.base)
    most = SHARE_MISSED * np.maximum(distance, np.median(distance))
    return np.asarray(np.minimum(tolerance * size, most) + ROUNDING * size)


def _are_all_equal(attributions: Attributions) -> bool:
    """Tell whether several rows have the very same SHAP values and output: invented, or of a constant model."""
    shap, output = attributions.shap, attributions.output
    return len(shap) > 1 and bool((shap == shap[0]).all() and (output == output[0]).all())


def _describe_miss(
    attributions: Attributions,
    row: int,
    error: NDArray[np.float64],
    allowed: NDArray[np.float64],
) -> Miss:
    return Miss(attributions.ids[row], row + 1, float(error[row]), float(allowed[row]))


def _rank_importance(attributions: Attributions, z: float, minimum: int) -> tuple[Importance, ...]:
    """Return the features, most important first, with limits for the sampling of rows.

    Below `minimum` rows the limits are reported and settle nothing: two rows that happen to be alike would look exact.
    """
    import numpy as np

    size = np.abs(attributions.shap)
    rows = len(size)
    mean = size.mean(axis=0)
    total = size.sum(axis=1)
    everything = float(total.mean())
    share = mean / everything if everything else np.zeros_like(mean)
    # A share is a ratio of two means over the same rows: delta method on its residuals.
    residual = size - share * total[:, None]
    spread = np.full((2, len(mean)), math.nan)
    if rows > 1:
        spread[0] = z * size.std(axis=0, ddof=1) / math.sqrt(rows)
        if everything:
            spread[1] = z * residual.std(axis=0, ddof=1) / math.sqrt(rows) / everything
    if attributions.noise is not None:
        # Estimated values: their own error comes on top of that of sampling rows.
        spread[0] += z * attributions.noise
        spread[1] += z * attributions.noise / everything if everything else 0.0
    few = f"fewer than {minimum} rows are explained" if rows < minimum else None
    ranked = []
    for place in np.argsort(-mean, kind="stable"):
        feature = attributions.features[place]
        ranked.append(
            Importance(
                feature=feature,
                mean_abs=_bound_mean(float(mean[place]), float(spread[0, place]), math.inf, few),
                share=_bound_mean(float(share[place]), float(spread[1, place]), 1.0, few),
                mean=float(attributions.shap[:, place].mean()),
                correlation=_correlate(attributions.values.get(feature), attributions.shap[:, place]),
            )
        )
    return tuple(ranked)


def _bound_mean(value: float, half: float, highest: float, few: str | None) -> Estimate:
    if math.isnan(half):
        return Estimate(value, reason="no interval can be given for one row")
    return Estimate(value, max(0.0, value - half), min(highest, value + half), "normal", few)


def _correlate(values: NDArray[np.float64] | None, shap: NDArray[np.float64]) -> float | None:
    """Return the correlation of a feature's values with its SHAP values; None without variation."""
    import numpy as np

    if values is None:
        return None
    known = np.isfinite(values)
    if known.sum() < 3 or values[known].std() == 0 or shap[known].std() == 0:
        return None
    return float(np.corrcoef(values[known], shap[known])[0, 1])


def _compare_groups(
    attributions: Attributions, groups: Mapping[str, Sequence[str | None]], minimum: int
) -> tuple[GroupImportance, ...]:
    """Return the importance of every feature within every group of every sensitive feature."""
    import numpy as np

    found = []
    size = np.abs(attributions.shap)
    for name, values in groups.items():
        for value in sorted({text for text in values if text is not None}):
            rows = np.array([text == value for text in values])
            means = size[rows].mean(axis=0)
            n = int(rows.sum())
            mean_abs = dict(zip(attributions.features, map(float, means), strict=True))
            found.append(GroupImportance(name, value, n, n < minimum, mean_abs))
    return tuple(found)


def _choose_sample(attributions: Attributions, importance: Sequence[Importance], random_state: int) -> dict[str, Any]:
    """Return at most 300 rows for the beeswarm, of the most important features, row order kept."""
    import numpy as np

    rows = np.arange(len(attributions.shap))
    if len(rows) > SAMPLE_ROWS:
        generator = np.random.default_rng(random_state)
        rows = np.sort(generator.choice(rows, SAMPLE_ROWS, replace=False))
    features = [found.feature for found in importance[:SHOWN_FEATURES]]
    place = {name: number for number, name in enumerate(attributions.features)}
    return {
        "ids": [attributions.ids[row] for row in rows],
        "shap": {name: (attributions.shap[rows, place[name]] + 0.0).tolist() for name in features},
        "values": {
            name: [None if math.isnan(value) else value for value in found[rows].tolist()]
            for name in features
            if (found := attributions.values.get(name)) is not None
        },
    }


def _choose_local(attributions: Attributions, threshold: float | None) -> tuple[LocalExplanation, ...]:
    """Return the rows with the largest and smallest output and the one nearest the threshold."""
    import numpy as np

    output = attributions.output
    middle = float(np.median(output)) if threshold is None else threshold
    chosen = {
        "largest output": int(np.argmax(output)),
        "smallest output": int(np.argmin(output)),
        "median output" if threshold is None else "borderline": int(np.argmin(np.abs(output - middle))),
    }
    return tuple(_take_apart(attributions, role, row) for role, row in chosen.items())


def _take_apart(attributions: Attributions, role: str, row: int) -> LocalExplanation:
    import numpy as np

    shap = attributions.shap[row]
    order = np.argsort(-np.abs(shap), kind="stable")
    contributions = []
    for place in order[:LOCAL_CONTRIBUTIONS]:
        feature = attributions.features[place]
        values = attributions.values.get(feature)
        value = None if values is None or not np.isfinite(values[row]) else float(values[row])
        contributions.append((feature, float(shap[place]), value))
    rest = order[LOCAL_CONTRIBUTIONS:]
    return LocalExplanation(
        role=role,
        id=attributions.ids[row],
        base=float(attributions.base[row]),
        output=float(attributions.output[row]),
        contributions=tuple(contributions),
        rest=math.fsum(shap[rest]),
        rest_count=len(rest),
    )


def _write_notes(
    attributions: Attributions,
    bad_rows: int,
    by_group: Sequence[GroupImportance],
    minimum: int,
) -> tuple[Note, ...]:
    rows = len(attributions.shap)
    notes = []
    if bad_rows:
        notes.append(
            Note(
                "not_additive",
                f"{bad_rows:,} of {rows:,} rows do not add up: base value plus SHAP values is not "
                "the model output. Such attributions do not explain this model.",
            )
        )
    if not attributions.has_ids:
        notes.append(Note("no_ids", "The file has no row ids; rows are named by their number from 1."))
    small = [group for group in by_group if group.is_small]
    if small:
        listed = ", ".join(name_group([group.feature], [group.value]) for group in small[:5])
        notes.append(Note("small_groups", f"Groups below the minimum size of {minimum}: {listed}.", None))
    return tuple(notes)


def read_former(path: Path | None) -> Mapping[str, Any] | None:
    """Return the explanation document of the former version, where there is one."""
    if path is None:
        return None
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("importance"), list):
        raise BadInput("the former version's file is not an explanation document", column="former")
    return document


def _check_has_predictions(spec: ExplanationSpec, predictions: Path | None) -> None:
    if predictions is None and spec.sensitive:
        raise BadInput("sensitive groups need the prediction file they stand in", column="sensitive")
    if predictions is None and spec.prediction_output:
        raise BadInput("submitted outputs need the prediction file they stand in", column="prediction_output")


def run_explanation(
    path: Path,
    spec: Mapping[str, Any],
    *,
    predictions: Path | None = None,
    former: Path | None = None,
    limits: Limits = LIMITS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Check an attribution file as a specification says; the one door for other programs.

    Parameters
    ----------
    path : Path
        CSV or Parquet in one of the layouts of `explanation_spec`.
    spec : mapping
        The JSON document checked by `explanation_spec.check_explanation_spec`.
    predictions : Path, optional
        The prediction file the rows come from; holds the sensitive columns, if any are named.
    former : Path, optional
        The explanation document of the former version, to compare the order of importance with.
    limits : Limits
    progress : callable, optional
        Called with (share done, what is being done).

    Returns
    -------
    dict
        JSON-ready, `format` "countersign/explanation/2".
    """
    checked = check_explanation_spec(dict(spec))
    tell = progress or (lambda share, what: None)
    _check_has_predictions(checked, predictions)
    tell(0.0, "reading the attributions")
    attributions = read_attributions(Path(path), checked, limits=limits)
    groups: dict[str, list[str | None]] = {}
    matched: TableFile | None = None
    if predictions is not None:
        matched, groups = read_groups(Path(predictions), attributions, checked, limits=limits)
    tell(0.5, "checking additivity")
    result = check_attributions(
        attributions,
        tolerance=checked.tolerance,
        level=checked.level,
        threshold=checked.threshold,
        groups=groups,
        minimum_group_size=checked.minimum_group_size,
        random_state=checked.seed,
    )
    document = to_json(result, checked, attributions.file, matched)
    tell(0.7, "comparing")
    extend_explanation(
        document,
        attributions,
        result,
        checked.wishes,
        groups=groups,
        level=checked.level,
        minimum_group_size=checked.minimum_group_size,
        random_state=checked.seed,
        threshold=checked.threshold,
        reference=checked.said.get("background", "the background the submitter used, which was not stated"),
        former=read_former(former),
    )
    tell(1.0, "done")
    return document
