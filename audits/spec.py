"""The specification of a bias audit: one small JSON document, checked before anything runs.

The keys are those of a case in the developer set (`task`, `columns`, `positive_label`,
`sensitive`, `missing`, `reference`...) plus `metrics`, `intervals`, `minimum_group_size` and
`seed`. Nothing is guessed: columns and the positive label are named, and an unknown key is an
error. This module imports nothing heavy, so that a web process can refuse a bad document.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audits.errors import BadInput
from audits.metrics import METRICS

TASKS = ("binary",)
LATER_TASKS = ("multiclass", "regression", "scoring", "ranking")
COLUMN_ROLES = ("y_true", "y_pred", "y_score", "weight", "id")
MISSING_POLICIES = ("exclude", "own_group")
DELIMITERS = (",", ";", "\t")
ENCODINGS = ("utf-8", "utf-8-sig")

DEFAULT_MINIMUM_GROUP_SIZE = 20
DEFAULT_DRAWS = 1_000
DEFAULT_LEVEL = 0.95
MAXIMUM_SENSITIVE = 8
MAXIMUM_TEXT = 1_024

# Carried along for people and other programs; they change nothing in the numbers.
INFORMATIONAL_KEYS = ("case", "title", "file", "format", "criteria")
KEYS = (
    "task",
    "columns",
    "positive_label",
    "labels",
    "sensitive",
    "missing",
    "reference",
    "delimiter",
    "encoding",
    "scoring",
    "score_range",
    "metrics",
    "minimum_group_size",
    "intervals",
    "seed",
    *INFORMATIONAL_KEYS,
)


@dataclass(frozen=True)
class AuditSpec:
    """A checked specification. `missing` is None where the document does not say."""

    task: str
    columns: Mapping[str, str]
    positive_label: str
    sensitive: tuple[str, ...]
    labels: tuple[str, ...] | None = None
    missing: str | None = None
    reference: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None
    scoring: bool = False
    score_range: tuple[float, float] | None = None
    metrics: tuple[str, ...] = tuple(METRICS)
    minimum_group_size: int = DEFAULT_MINIMUM_GROUP_SIZE
    draws: int = DEFAULT_DRAWS
    level: float = DEFAULT_LEVEL
    seed: int = 0

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Return the columns of the file that are read, each once."""
        return tuple(dict.fromkeys((*self.columns.values(), *self.sensitive)))


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
    columns = _check_columns(spec.get("columns"))
    sensitive = _check_sensitive(spec.get("sensitive"), columns)
    labels = _check_labels(spec.get("labels"))
    intervals = check_intervals(spec.get("intervals"))
    return AuditSpec(
        task=_check_task(spec.get("task")),
        columns=columns,
        positive_label=_check_positive_label(spec.get("positive_label"), labels),
        sensitive=sensitive,
        labels=labels,
        missing=check_choice(spec.get("missing"), "missing", MISSING_POLICIES),
        reference=_check_reference(spec.get("reference"), sensitive),
        delimiter=check_choice(spec.get("delimiter"), "delimiter", DELIMITERS),
        encoding=check_choice(spec.get("encoding"), "encoding", ENCODINGS),
        scoring=_check_scoring(spec.get("scoring"), columns),
        score_range=_check_score_range(spec.get("score_range"), columns),
        metrics=_check_metrics(spec.get("metrics"), columns),
        minimum_group_size=check_integer(
            spec.get("minimum_group_size", DEFAULT_MINIMUM_GROUP_SIZE),
            "minimum_group_size",
            1,
            1_000_000,
        ),
        draws=intervals[0],
        level=intervals[1],
        seed=check_integer(spec.get("seed", 0), "seed", 0, 2**32 - 1),
    )


def check_object(document: object, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the document if it is an object with only known keys."""
    if not isinstance(document, dict):
        raise BadInput("the specification must be a JSON object")
    for key in document:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(keys)}"
            raise BadInput(f"unknown key in the specification; {hint}", column=str(key)[:100])
    return document


def check_text(value: object, key: str) -> str:
    """Return the value if it is a text of 1 to 1,024 characters without NUL."""
    if not isinstance(value, str) or not value:
        raise BadInput("must be a text that is not empty", column=key)
    if len(value) > MAXIMUM_TEXT or "\x00" in value:
        raise BadInput(f"must have at most {MAXIMUM_TEXT:,} characters and no NUL character", column=key)
    return value


def check_choice(value: object, key: str, choices: tuple[str, ...]) -> str | None:
    """Return the value if it is one of the choices; None where it is not given."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in choices:
        raise BadInput(f"must be one of {', '.join(map(repr, choices))}", column=key)
    return value


def check_integer(value: object, key: str, lowest: int, highest: int) -> int:
    """Return the value if it is a whole number within the bounds (True is not a number)."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise BadInput(f"must be a whole number from {lowest:,} to {highest:,}", column=key)
    return value


def check_number(value: object, key: str) -> float:
    """Return the value as a float if it is a finite number (True is not a number)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput("must be a number", column=key)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadInput("must be a finite number", column=key)
    return number


def check_intervals(value: object) -> tuple[int, float]:
    """Return (draws, level) of the `intervals` object; the defaults where it is not given."""
    if value is None:
        return DEFAULT_DRAWS, DEFAULT_LEVEL
    if not isinstance(value, dict) or not set(value) <= {"draws", "level"}:
        raise BadInput("must be an object with draws and level", column="intervals")
    draws = check_integer(value.get("draws", DEFAULT_DRAWS), "intervals.draws", 200, 100_000)
    level = check_number(value.get("level", DEFAULT_LEVEL), "intervals.level")
    if not 0.5 <= level <= 0.999:
        raise BadInput("must be between 0.5 and 0.999, for example 0.95", column="intervals.level")
    return draws, level


def _check_task(value: object) -> str:
    if value in LATER_TASKS:
        raise BadInput(f"{value} predictions cannot be audited yet; use 'binary'", column="task")
    if not isinstance(value, str) or value not in TASKS:
        raise BadInput("must be 'binary'", column="task")
    return value


def _check_columns(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadInput('name the columns, for example {"y_true": "label"}', column="columns")
    for role in value:
        if role not in COLUMN_ROLES:
            raise BadInput(f"unknown role; known are {', '.join(COLUMN_ROLES)}", column=f"columns.{role}"[:100])
    for role in ("y_true", "y_pred"):
        if role not in value:
            raise BadInput(
                "name the column with the " + ("true labels" if role == "y_true" else "predicted labels"),
                column=f"columns.{role}",
            )
    columns = {role: check_text(value[role], f"columns.{role}") for role in COLUMN_ROLES if role in value}
    if len(set(columns.values())) < len(columns):
        raise BadInput("each role needs a column of its own", column="columns")
    return columns


def _check_sensitive(value: object, columns: Mapping[str, str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAXIMUM_SENSITIVE:
        raise BadInput(f"name 1 to {MAXIMUM_SENSITIVE} sensitive columns in a list", column="sensitive")
    names = tuple(check_text(name, "sensitive") for name in value)
    if len(set(names)) < len(names):
        raise BadInput("a column is named twice", column="sensitive")
    for name in names:
        if name in columns.values():
            raise BadInput(f"{name!r} already has another role in columns", column="sensitive")
    return names


def _check_labels(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise BadInput("must list the two labels of a binary task", column="labels")
    labels = tuple(check_text(label, "labels") for label in value)
    if labels[0] == labels[1]:
        raise BadInput("the two labels must differ", column="labels")
    return labels


def _check_positive_label(value: object, labels: tuple[str, ...] | None) -> str:
    if isinstance(value, (bool, int, float)):
        raise BadInput('must be a text as it stands in the file, for example "1"', column="positive_label")
    label = check_text(value, "positive_label")
    if labels is not None and label not in labels:
        raise BadInput(f"must be one of the labels {labels[0]!r}, {labels[1]!r}", column="positive_label")
    return label


def _check_reference(value: object, sensitive: tuple[str, ...]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not value:
        raise BadInput(
            'must map sensitive columns to the value of the reference group, for example {"sex": "male"}',
            column="reference",
        )
    for name in value:
        if name not in sensitive:
            raise BadInput("is not one of the sensitive columns", column=f"reference.{name}"[:100])
    return {name: check_text(value[name], f"reference.{name}") for name in sensitive if name in value}


def _check_scoring(value: object, columns: Mapping[str, str]) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadInput("must be true or false", column="scoring")
    if value and "y_score" not in columns:
        raise BadInput("scoring rates need a score column: name columns.y_score", column="scoring")
    return value


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


def _check_metrics(value: object, columns: Mapping[str, str]) -> tuple[str, ...]:
    available = tuple(name for name, metric in METRICS.items() if metric.needs == "label" or "y_score" in columns)
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
        if name not in available:
            raise BadInput(f"{name} needs a score column: name columns.y_score", column="metrics")
    return tuple(name for name in available if name in value)
