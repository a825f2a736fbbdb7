"""Check criteria of a bias audit against what can be measured: a misspelt one would never be decided, and nobody told.

This module imports nothing heavy.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from audits.bias.disparities import DISPARITIES, IMPACT_RATIO, SCORING_RATE, SCORING_RATIO
from audits.bias.losses import ROBUSTNESS_METRICS
from audits.bias.proxy_metrics import PROXY_METRICS
from audits.errors import BadInput
from audits.metrics import COUNT, METRICS, SHARES
from audits.populations import LABEL, OVERALL
from audits.spec_columns import MISSING_GROUP, SensitiveFeature, name_bins

if TYPE_CHECKING:
    from audits.spec import Criterion

KNOWN = (COUNT, *METRICS, *DISPARITIES, *ROBUSTNESS_METRICS, *PROXY_METRICS)
RATES = frozenset(
    {*SHARES, *PROXY_METRICS, "f1", "balanced_accuracy", "auc", "brier_score", "calibration_error"}
    | {IMPACT_RATIO, SCORING_RATE, SCORING_RATIO}
)
"""Metrics that cannot leave the range from 0 to 1."""
BETWEEN = "by "
_JOIN = re.compile(r" & ")
_EQUALS = re.compile(r"(?<!\\)(?:\\\\)*=")


def check_bias_criteria(
    criteria: Iterable[Criterion], features: Sequence[SensitiveFeature], columns: Mapping[str, str]
) -> None:
    """Check that every criterion can be decided by an audit of these features.

    Raises
    ------
    BadInput
        With the key in `column`, and what was probably meant.
    """
    bins = {feature.name: feature.bins for feature in features}
    for number, criterion in enumerate(criteria):
        key = f"criteria[{number}]"
        if criterion.metric not in KNOWN:
            raise BadInput(_suggest("metric", criterion.metric, KNOWN), column=f"{key}.metric")
        if criterion.metric not in PROXY_METRICS:  # about a feature as such, by its bare name
            _check_population(criterion.population, bins, columns.get("condition"), f"{key}.population")
        if _is_rate(criterion.metric) and not 0 <= criterion.threshold <= 1:
            raise BadInput(
                f"{criterion.metric} lies between 0 and 1, so {criterion.threshold:g} decides nothing; "
                "write 0.7 for 70 %",
                column=f"{key}.threshold",
            )


def _is_rate(metric: str) -> bool:
    """Tell whether a metric, or a difference or ratio of it over groups, lies between 0 and 1."""
    definition = DISPARITIES.get(metric)
    if definition is None or metric in RATES:
        return metric in RATES
    if definition.kind == "ratio":
        return True
    return definition.kind in ("difference", "mean difference") and RATES.issuperset(definition.needs)


def _suggest(what: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known[:20])}"
    return f"unknown {what} {name[:60]!r}; {hint}"


def _check_population(
    population: str, bins: Mapping[str, tuple[float, ...] | None], condition: str | None, key: str
) -> None:
    """Check that a population names features of the audit, and groups that their bins make."""
    if population == OVERALL:
        return
    known = [*bins, *([condition] if condition else [])]
    for place, part in enumerate(_JOIN.split(population)):
        text = part.removeprefix(BETWEEN)
        name, value = _take_apart(text)
        if value is None and text == part and not (place and BETWEEN in population):
            hint = ", ".join(repr(f"{feature}=...") for feature in known[:3])
            raise BadInput(
                f"{part[:60]!r} is no population; write 'overall', a group such as {hint}, or "
                f"'by {known[0]}' for what compares the groups",
                column=key,
            )
        if name == LABEL and name not in known:
            continue
        if name not in known:
            raise BadInput(_suggest("feature", name, known), column=key)
        of_feature = bins.get(name)
        if value is not None and of_feature is not None:
            groups = (*name_bins(of_feature), MISSING_GROUP)
            if value not in groups:
                raise BadInput(_suggest(f"group of {name}", value, groups), column=key)


def _take_apart(text: str) -> tuple[str, str | None]:
    """Return the name and the value of a part such as 'sex=female'; no value where it names a feature alone."""
    found = _EQUALS.search(text)
    if found is None:
        return _unescape(text), None
    return _unescape(text[: found.end() - 1]), _unescape(text[found.end() :])


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
