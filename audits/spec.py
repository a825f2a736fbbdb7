"""The specification of a bias audit: one small JSON document, checked before anything runs.

The keys are those of a case in the developer set (`task`, `columns`, `positive_label`,
`sensitive`, `missing`, `reference`...) plus `metrics`, `criteria`, `intervals`,
`minimum_group_size`, `seed` and what else `KEYS` lists. Nothing is guessed: columns and the
positive label are named, and an unknown key is an error. This module imports nothing heavy, so
that a web process can refuse a bad document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audits.errors import BadInput
from audits.metrics import METRICS
from audits.spec_columns import (
    COLUMN_ROLES,
    MAXIMUM_SENSITIVE,
    MISSING_GROUP,
    TASKS,
    ProxyColumn,
    SensitiveFeature,
    SensitiveFile,
    check_columns,
    check_declared_groups,
    check_features,
    check_labels,
    check_positive_label,
    check_proxies,
    check_reference,
    check_sensitive_file,
    check_task,
    name_bins,
)
from audits.spec_criteria import check_bias_criteria
from audits.spec_values import (
    DEFAULT_DRAWS,
    DEFAULT_LEVEL,
    check_choice,
    check_flag,
    check_integer,
    check_intervals,
    check_number,
    check_object,
    check_part,
    check_text,
    check_texts,
)

__all__ = [
    "COLUMN_ROLES",
    "DEFAULT_DRAWS",
    "DEFAULT_LEVEL",
    "DEFAULT_MINIMUM_GROUP_SIZE",
    "DELIMITERS",
    "ENCODINGS",
    "KEYS",
    "MAXIMUM_SENSITIVE",
    "MISSING_GROUP",
    "MISSING_POLICIES",
    "TASKS",
    "AuditSpec",
    "Criterion",
    "ProxyColumn",
    "SensitiveFeature",
    "SensitiveFile",
    "check_choice",
    "check_criteria",
    "check_integer",
    "check_intervals",
    "check_number",
    "check_object",
    "check_spec",
    "check_text",
    "name_bins",
]

MISSING_POLICIES = ("exclude", "own_group")
DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-8-sig")
COMPARATORS = ("at_least", "at_most")
CORRECTIONS = ("holm", "benjamini-hochberg")
STRATEGIES = ("uniform", "quantile")

DEFAULT_MINIMUM_GROUP_SIZE = 20
DEFAULT_CALIBRATION_BINS = 10
MAXIMUM_FILES = 10_000
MAXIMUM_CRITERIA = 200

# Carried along for people and other programs; they change nothing in the numbers.
INFORMATIONAL_KEYS = ("case", "title", "format")
KEYS = (
    "file",
    "task",
    "columns",
    "positive_label",
    "labels",
    "sensitive",
    "sensitive_file",
    "missing",
    "delimiter",
    "encoding",
    "declared_groups",
    "reference",
    "scoring",
    "score_range",
    "top_k",
    "metrics",
    "criteria",
    "minimum_group_size",
    "minimum_published_count",
    "intervals",
    "seed",
    "tests",
    "calibration",
    "exclude_under_two_percent",
    "advice",
    "proxies",
    "baseline_condition",
    *INFORMATIONAL_KEYS,
)


@dataclass(frozen=True)
class Criterion:
    """What must hold: `metric` of `population` at least or at most `threshold`.

    `population` is written as in `audits.populations`; `name` is what people call the criterion.
    """

    metric: str
    population: str
    comparator: str
    threshold: float
    name: str | None = None


@dataclass(frozen=True)
class AuditSpec:
    """A checked specification. `missing` is None where the document does not say.

    `positive_label` is the empty text for tasks that have none. `top_k` is a whole number of rows
    or a share between 0 and 1.
    """

    task: str
    columns: Mapping[str, str]
    positive_label: str
    features: tuple[SensitiveFeature, ...]
    labels: tuple[str, ...] | None = None
    files: tuple[str, ...] = ()
    sensitive_file: SensitiveFile | None = None
    missing: str | None = None
    declared_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reference: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None
    scoring: bool = False
    score_range: tuple[float, float] | None = None
    top_k: int | float | None = None
    metrics: tuple[str, ...] = tuple(METRICS)
    criteria: tuple[Criterion, ...] = ()
    minimum_group_size: int = DEFAULT_MINIMUM_GROUP_SIZE
    minimum_published_count: int = 1
    draws: int = DEFAULT_DRAWS
    level: float = DEFAULT_LEVEL
    seed: int = 0
    correction: str = "holm"
    calibration_bins: int = DEFAULT_CALIBRATION_BINS
    calibration_strategy: str = "uniform"
    exclude_under_two_percent: bool = False
    advice: bool = False
    proxies: tuple[ProxyColumn, ...] = ()
    baseline_condition: str | None = None

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Return the names of the sensitive features."""
        return tuple(feature.name for feature in self.features)

    @property
    def joined(self) -> tuple[SensitiveFeature, ...]:
        """Return the sensitive features that come from a separate file."""
        return tuple(feature for feature in self.features if feature.source == "sensitive_file")

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Return the columns of the prediction file that are read, each once."""
        own = (feature.name for feature in self.features if feature.source == "predictions")
        return tuple(dict.fromkeys((*self.columns.values(), *own, *(proxy.name for proxy in self.proxies))))


def check_spec(document: object) -> AuditSpec:
    """Check the JSON document of a bias audit.

    Parameters
    ----------
    document : object
        The parsed JSON document.

    Returns
    -------
    AuditSpec

    Raises
    ------
    BadInput
        With the key in `column` and what to write instead.
    """
    spec = check_object(document, KEYS)
    task = check_task(spec.get("task"))
    columns = check_columns(spec.get("columns"), task)
    features = check_features(spec.get("sensitive"), columns)
    labels = check_labels(spec.get("labels"), task)
    criteria = check_criteria(spec.get("criteria"), "criteria")
    check_bias_criteria(criteria, features, columns)
    return AuditSpec(
        task=task,
        columns=columns,
        positive_label=check_positive_label(spec.get("positive_label"), task, columns, labels),
        features=features,
        labels=labels,
        files=_check_files(spec.get("file")),
        sensitive_file=check_sensitive_file(spec.get("sensitive_file"), features, columns),
        missing=check_choice(spec.get("missing"), "missing", MISSING_POLICIES),
        declared_groups=check_declared_groups(spec.get("declared_groups"), features),
        reference=check_reference(spec.get("reference"), features),
        delimiter=check_choice(spec.get("delimiter"), "delimiter", DELIMITERS),
        encoding=check_choice(spec.get("encoding"), "encoding", ENCODINGS),
        score_range=_check_score_range(spec.get("score_range"), columns),
        top_k=_check_top_k(spec.get("top_k"), task),
        metrics=_check_metrics(spec.get("metrics"), task, columns),
        criteria=criteria,
        proxies=check_proxies(spec.get("proxies"), features),
        baseline_condition=_check_baseline(spec.get("baseline_condition"), columns),
        **_check_options(spec, task, columns),
    )


def _check_options(spec: Mapping[str, Any], task: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the numbers and switches of the audit."""
    draws, level = check_intervals(spec.get("intervals"))
    tests = check_part(spec.get("tests", {}), "tests", ("correction",))
    calibration = check_part(spec.get("calibration", {}), "calibration", ("bins", "strategy"))
    size = spec.get("minimum_group_size", DEFAULT_MINIMUM_GROUP_SIZE)
    bins = calibration.get("bins", DEFAULT_CALIBRATION_BINS)
    return {
        "scoring": _check_scoring(spec.get("scoring"), task, columns),
        "minimum_group_size": check_integer(size, "minimum_group_size", 1, 1_000_000),
        "minimum_published_count": check_integer(
            spec.get("minimum_published_count", 1), "minimum_published_count", 1, 1_000_000
        ),
        "draws": draws,
        "level": level,
        "seed": check_integer(spec.get("seed", 0), "seed", 0, 2**32 - 1),
        "correction": check_choice(tests.get("correction"), "tests.correction", CORRECTIONS) or "holm",
        "calibration_bins": check_integer(bins, "calibration.bins", 2, 100),
        "calibration_strategy": check_choice(calibration.get("strategy"), "calibration.strategy", STRATEGIES)
        or "uniform",
        "exclude_under_two_percent": check_flag(spec.get("exclude_under_two_percent"), "exclude_under_two_percent"),
        "advice": check_flag(spec.get("advice"), "advice"),
    }


def _check_files(value: object) -> tuple[str, ...]:
    """Return where the predictions are: one file or the parts of one table."""
    if value is None:
        return ()
    if isinstance(value, list):
        return check_texts(value, "file", 1, MAXIMUM_FILES)
    return (check_text(value, "file"),)


def _check_scoring(value: object, task: str, columns: Mapping[str, str]) -> bool:
    if value is None:
        return task == "scoring"
    if check_flag(value, "scoring") and "y_score" not in columns:
        raise BadInput("scoring rates need a score column: name columns.y_score", column="scoring")
    return bool(value)


def _check_score_range(value: object, columns: Mapping[str, str]) -> tuple[float, float] | None:
    if value is None:
        return None
    if "y_score" not in columns:
        raise BadInput("needs a score column: name columns.y_score", column="score_range")
    if not isinstance(value, list) or len(value) != 2:
        raise BadInput("must be [lowest, highest], for example [0, 1]", column="score_range")
    lowest, highest = (check_number(bound, "score_range") for bound in value)
    if not lowest < highest:
        raise BadInput("the lowest score must be below the highest", column="score_range")
    return lowest, highest


def _check_top_k(value: object, task: str) -> int | float | None:
    """Return how many rows a ranking selects."""
    if task != "ranking":
        if value is not None:
            raise BadInput(f"is for the task ranking, not {task}", column="top_k")
        return None
    if value is None:
        raise BadInput("say how many are selected: 10 rows, or a share such as 0.1", column="top_k")
    if isinstance(value, int):
        return check_integer(value, "top_k", 1, 1_000_000_000)
    share = check_number(value, "top_k")
    if not 0 < share < 1:
        raise BadInput("must be a whole number of rows or a share between 0 and 1", column="top_k")
    return share


def _check_baseline(value: object, columns: Mapping[str, str]) -> str | None:
    if value is None:
        return None
    if "condition" not in columns:
        raise BadInput("needs a condition column: name columns.condition", column="baseline_condition")
    return check_text(value, "baseline_condition")


def check_criteria(value: object, name: str) -> tuple[Criterion, ...]:
    """Return the criteria under the key `name`; what a bias audit can decide, `check_bias_criteria` says."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAXIMUM_CRITERIA:
        raise BadInput(f"must be a list of at most {MAXIMUM_CRITERIA} criteria", column=name)
    found = []
    for number, entry in enumerate(value):
        key = f"{name}[{number}]"
        given = check_part(entry, key, ("metric", "population", "comparator", "threshold", "name"))
        comparator = check_choice(given.get("comparator"), f"{key}.comparator", COMPARATORS)
        if comparator is None:
            raise BadInput("must be one of 'at_least', 'at_most'", column=f"{key}.comparator")
        found.append(
            Criterion(
                metric=check_text(given.get("metric"), f"{key}.metric"),
                population=check_text(given.get("population"), f"{key}.population"),
                comparator=comparator,
                threshold=check_number(given.get("threshold"), f"{key}.threshold"),
                name=check_text(given["name"], f"{key}.name") if given.get("name") is not None else None,
            )
        )
    return tuple(found)


def list_available_metrics(task: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """Return the metrics that a task with these columns can measure.

    What a metric `needs` decides: "label" needs decisions (and, but for the selection rate, true
    labels), "score" a score column, "error" a regression.
    """
    found = []
    for name, metric in METRICS.items():
        needs_truth = metric.needs == "label" and name != "selection_rate"
        if metric.needs == "score":
            is_there = "y_score" in columns and ("y_true" in columns or name == "mean_score")
        elif metric.needs == "label":
            is_there = task in ("binary", "multiclass", "ranking") and ("y_true" in columns or not needs_truth)
        else:
            is_there = task == "regression"
        if is_there:
            found.append(name)
    return tuple(found)


def _check_metrics(value: object, task: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    available = list_available_metrics(task, columns)
    if value is None:
        return available
    if not isinstance(value, list) or not value:
        raise BadInput("must be a list of metric names that is not empty", column="metrics")
    for name in value:
        if not isinstance(name, str) or name not in METRICS:
            raise BadInput(
                f"unknown metric {str(name)[:50]!r}; known are {', '.join(METRICS)}",
                column="metrics",
            )
        if name not in available and METRICS[name].needs == "score" and "y_score" not in columns:
            raise BadInput(f"{name} needs a score column: name columns.y_score", column="metrics")
        if name not in available:
            raise BadInput(f"{name} cannot be measured for the task {task} with these columns", column="metrics")
    return tuple(name for name in available if name in value)
