"""Check what a specification says about the table: the task, its columns, its groups.

Which columns are needed depends on the task:

    binary      y_true, y_pred          y_score optional
    multiclass  y_true, y_pred
    regression  y_true, y_pred
    scoring     y_score                 y_true optional
    ranking     y_score and top_k       y_true, query optional

`weight`, `id`, `cluster` and `condition` go with every task.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from audits.errors import BadInput
from audits.spec_values import check_choice, check_number, check_part, check_text, check_texts

TASKS = ("binary", "multiclass", "regression", "scoring", "ranking")
COLUMN_ROLES = ("y_true", "y_pred", "y_score", "weight", "id", "cluster", "condition", "query")
NEEDED_ROLES: Mapping[str, tuple[str, ...]] = {
    "binary": ("y_true", "y_pred"),
    "multiclass": ("y_true", "y_pred"),
    "regression": ("y_true", "y_pred"),
    "scoring": ("y_score",),
    "ranking": ("y_score",),
}
FURTHER_ROLES: Mapping[str, tuple[str, ...]] = {
    "binary": ("y_score",),
    "multiclass": (),
    "regression": (),
    "scoring": ("y_true",),
    "ranking": ("y_true", "query"),
}
COMMON_ROLES = ("weight", "id", "cluster", "condition")
ROLE_TITLES: Mapping[str, str] = {
    "y_true": "true labels",
    "y_pred": "predicted labels",
    "y_score": "scores",
}
NUMBER_TITLES: Mapping[str, str] = {"y_true": "true values", "y_pred": "predicted values"}
MISSING_GROUP = "(missing)"
"""The group of rows that lack a sensitive value, under `"missing": "own_group"`."""

MAXIMUM_SENSITIVE = 8
MAXIMUM_PROXIES = 50
MAXIMUM_CLASSES = 100
MAXIMUM_BINS = 100
MAXIMUM_GROUPS = 1_000

Source = Literal["predictions", "sensitive_file"]


@dataclass(frozen=True)
class SensitiveFeature:
    """A column whose values are groups.

    `bins` are the lower bounds of the groups of a numeric column: 30, 45 gives "<30", "30-45"
    and ">=45"; each group holds its lower bound and not its upper one.
    """

    name: str
    bins: tuple[float, ...] | None = None
    source: Source = "predictions"


@dataclass(frozen=True)
class ProxyColumn:
    """A column tried as a predictor of the sensitive features; `bins` as in SensitiveFeature."""

    name: str
    bins: tuple[float, ...] | None = None


@dataclass(frozen=True)
class SensitiveFile:
    """The separate file with sensitive values.

    `id` is its id column, `file` its path (None where the caller brings the file), `unmatched`
    what happens to predictions without a row in it: an error (None) or left out.
    """

    id: str
    file: str | None = None
    unmatched: str | None = None


def name_bins(bins: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the groups that bins make, lowest first.

    >>> name_bins([30, 45.5, 60])
    ('<30', '30-45.5', '45.5-60', '>=60')
    >>> name_bins([-10, 0])
    ('<-10', '-10 to 0', '>=0')
    """
    shown = [f"{bound:.15g}" for bound in bins]
    inner = [f"{low} to {high}" if low.startswith("-") else f"{low}-{high}" for low, high in itertools.pairwise(shown)]
    return f"<{shown[0]}", *inner, f">={shown[-1]}"


def check_task(value: object) -> str:
    """Return the task."""
    if not isinstance(value, str) or value not in TASKS:
        raise BadInput(f"must be one of {', '.join(map(repr, TASKS))}", column="task")
    return value


def check_columns(value: object, task: str) -> dict[str, str]:
    """Return role -> column in the order of the roles."""
    if not isinstance(value, dict):
        example = "y_score" if task in ("scoring", "ranking") else "y_true"
        raise BadInput(f'name the columns, for example {{"{example}": "label"}}', column="columns")
    for role in value:
        if role not in COLUMN_ROLES:
            raise BadInput(f"unknown role; known are {', '.join(COLUMN_ROLES)}", column=f"columns.{role}"[:100])
    for role in NEEDED_ROLES[task]:
        if role not in value:
            titles = NUMBER_TITLES if task == "regression" else ROLE_TITLES
            raise BadInput(f"name the column with the {titles[role]}", column=f"columns.{role}")
    known = (*NEEDED_ROLES[task], *FURTHER_ROLES[task], *COMMON_ROLES)
    for role in value:
        if role not in known:
            raise BadInput(
                f"is not used by the task {task}; its roles are {', '.join(known)}", column=f"columns.{role}"
            )
    columns = {role: check_text(value[role], f"columns.{role}") for role in COLUMN_ROLES if role in value}
    _check_are_apart(columns)
    return columns


def _check_are_apart(columns: Mapping[str, str]) -> None:
    """Check that roles have columns of their own; cluster and query may share one.

    The rows of one query are often the ones that belong together.
    """
    for shared in ("query", "cluster"):
        names = [name for role, name in columns.items() if role != shared]
        if len(set(names)) < len(names):
            raise BadInput("each role needs a column of its own", column="columns")


def check_labels(value: object, task: str) -> tuple[str, ...] | None:
    """Return the declared labels: two, or the classes in their order."""
    if value is None:
        return None
    if task == "multiclass":
        return check_texts(value, "labels", 2, MAXIMUM_CLASSES)
    if task == "regression":
        raise BadInput("a regression has no labels; leave the key out", column="labels")
    if not isinstance(value, list) or len(value) != 2:
        raise BadInput(f"must list the two labels of a {task} task", column="labels")
    labels = tuple(check_text(label, "labels") for label in value)
    if labels[0] == labels[1]:
        raise BadInput("the two labels must differ", column="labels")
    return labels


def check_positive_label(value: object, task: str, columns: Mapping[str, str], labels: tuple[str, ...] | None) -> str:
    """Return the positive label; the empty text for tasks that have none."""
    has_positive = task == "binary" or (task in ("scoring", "ranking") and "y_true" in columns)
    if not has_positive:
        if value is not None:
            raise BadInput(f"this {task} task has no positive label; leave the key out", column="positive_label")
        return ""
    if isinstance(value, (bool, int, float)):
        raise BadInput('must be a text as it stands in the file, for example "1"', column="positive_label")
    label = check_text(value, "positive_label")
    if labels is not None and label not in labels:
        raise BadInput(f"must be one of the labels {labels[0]!r}, {labels[1]!r}", column="positive_label")
    return label


def check_features(value: object, columns: Mapping[str, str]) -> tuple[SensitiveFeature, ...]:
    """Return the sensitive features: names, or objects with column, bins and from."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAXIMUM_SENSITIVE:
        raise BadInput(f"name 1 to {MAXIMUM_SENSITIVE} sensitive columns in a list", column="sensitive")
    features = tuple(_check_feature(entry) for entry in value)
    names = [feature.name for feature in features]
    if len(set(names)) < len(names):
        raise BadInput("a column is named twice", column="sensitive")
    for name in names:
        if name in columns.values():
            raise BadInput(f"{name!r} already has another role in columns", column="sensitive")
    return features


def _check_feature(entry: object) -> SensitiveFeature:
    if isinstance(entry, str):
        return SensitiveFeature(check_text(entry, "sensitive"))
    found = check_part(entry, "sensitive", ("column", "bins", "from"))
    source = check_choice(found.get("from"), "sensitive.from", ("predictions", "sensitive_file"))
    return SensitiveFeature(
        name=check_text(found.get("column"), "sensitive.column"),
        bins=_check_bins(found.get("bins"), "sensitive.bins"),
        source="sensitive_file" if source == "sensitive_file" else "predictions",
    )


def _check_bins(value: object, key: str) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= MAXIMUM_BINS:
        raise BadInput(f"must list 1 to {MAXIMUM_BINS} bounds, for example [30, 45, 60]", column=key)
    bins = tuple(check_number(bound, key) for bound in value)
    if any(not low < high for low, high in itertools.pairwise(bins)):
        raise BadInput("the bounds must rise, for example [30, 45, 60]", column=key)
    if len(set(name_bins(bins))) < len(bins) + 1:
        raise BadInput("two bounds are the same in 15 digits", column=key)
    return bins


def check_proxies(value: object, features: Sequence[SensitiveFeature]) -> tuple[ProxyColumn, ...]:
    """Return the columns to try as predictors of the sensitive features."""
    if value is None:
        return ()
    if not isinstance(value, list) or not 1 <= len(value) <= MAXIMUM_PROXIES:
        raise BadInput(f"name 1 to {MAXIMUM_PROXIES} columns in a list", column="proxies")
    found = []
    for entry in value:
        given: dict[str, Any] = (
            {"column": entry} if isinstance(entry, str) else check_part(entry, "proxies", ("column", "bins"))
        )
        name = check_text(given.get("column"), "proxies.column")
        found.append(ProxyColumn(name, _check_bins(given.get("bins"), "proxies.bins")))
    names = [proxy.name for proxy in found]
    if len(set(names)) < len(names):
        raise BadInput("a column is named twice", column="proxies")
    for feature in features:
        if feature.source == "predictions" and feature.name in names:
            raise BadInput(f"{feature.name!r} is itself a sensitive column", column="proxies")
    return tuple(found)


def check_sensitive_file(
    value: object, features: Sequence[SensitiveFeature], columns: Mapping[str, str]
) -> SensitiveFile | None:
    """Return the separate file with sensitive values; None where there is none."""
    joined = [feature.name for feature in features if feature.source == "sensitive_file"]
    if value is None:
        if joined:
            raise BadInput(
                f"{joined[0]!r} comes from a separate file: describe it, "
                'for example {"file": "people.csv", "id": "person_id"}',
                column="sensitive_file",
            )
        return None
    found = check_part(value, "sensitive_file", ("file", "id", "unmatched"))
    if not joined:
        raise BadInput(
            'no sensitive column comes from it; write {"column": "race", "from": "sensitive_file"}',
            column="sensitive_file",
        )
    if "id" not in columns:
        raise BadInput("rows are joined by an id: name columns.id", column="columns.id")
    path = found.get("file")
    return SensitiveFile(
        id=check_text(found.get("id"), "sensitive_file.id"),
        file=None if path is None else check_text(path, "sensitive_file.file"),
        unmatched=check_choice(found.get("unmatched"), "sensitive_file.unmatched", ("exclude",)),
    )


def check_reference(value: object, features: Sequence[SensitiveFeature]) -> dict[str, str]:
    """Return feature -> value of its reference group."""
    example = 'must map sensitive columns to the value of the reference group, for example {"sex": "male"}'
    return {
        feature.name: _check_group_names((check_text(given, key),), key, feature)[0]
        for feature, key, given in _list_given(value, "reference", features, example)
    }


def check_declared_groups(value: object, features: Sequence[SensitiveFeature]) -> dict[str, tuple[str, ...]]:
    """Return feature -> the groups that must be present."""
    example = 'must map sensitive columns to their groups, for example {"sex": ["female", "male"]}'
    return {
        feature.name: _check_group_names(check_texts(given, key, 1, MAXIMUM_GROUPS), key, feature)
        for feature, key, given in _list_given(value, "declared_groups", features, example)
    }


def _list_given(
    value: object, key: str, features: Sequence[SensitiveFeature], example: str
) -> Iterator[tuple[SensitiveFeature, str, object]]:
    """Yield each feature a mapping speaks of, with the key of its entry and what stands there."""
    if value is None:
        return
    if not isinstance(value, dict) or not value:
        raise BadInput(example, column=key)
    _check_are_features(value, key, features)
    for feature in features:
        if feature.name in value:
            yield feature, f"{key}.{feature.name}"[:100], value[feature.name]


def _check_are_features(value: Mapping[Any, object], key: str, features: Sequence[SensitiveFeature]) -> None:
    names = [feature.name for feature in features]
    for name in value:
        if name not in names:
            raise BadInput("is not one of the sensitive columns", column=f"{key}.{name}"[:100])


def _check_group_names(values: tuple[str, ...], key: str, feature: SensitiveFeature) -> tuple[str, ...]:
    """Return the groups if those of a binned column are among the ones its bins make."""
    if feature.bins is None:
        return values
    names = (*name_bins(feature.bins), MISSING_GROUP)
    for value in values:
        if value not in names:
            shown = ", ".join(map(repr, names[:-1][:10]))
            raise BadInput(f"{value[:40]!r} is not a group that its bins make; they make {shown}", column=key)
    return values
