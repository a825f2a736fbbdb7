"""The specification of a data-quality profile: one small JSON document, checked before anything runs.

What it says about the columns is in `spec_columns`, its rules are in `spec_rules`. Nothing has to
be said: an empty document profiles every column as it is found. This module imports nothing
heavy, so that a web process can refuse a bad document.

    columns       {"age": {"type": "integer", "minimum": 0, "maximum": 120, "required": true}, ...}
    closed        true: a column that is not declared is an error of the schema
    key           ["id"]                  the columns that tell rows apart
    label         "income"                class balance
    sensitive     ["sex", {"column": "age", "bins": [30, 45]}]
    population    {"sex": {"Female": 0.51, "Male": 0.49}}    the shares the rows should have
    missing       ["NA", "?"]             texts that stand for a missing value, beside the empty cell
    time          {"column": "recorded", "observed_at": "2024-06-30", "maximum_age_days": 365}
    rules         see `spec_rules`
    source        {"key": ["id"], "columns": ["age", {"column": "income", "source": "inc", "tolerance": 1}]}
    training      {"columns": ["age", "income"]}             what makes two rows the same
    expectations  [{"metric": "completeness", "population": "column=age", "comparator": "at_least",
                    "threshold": 0.95}]
    dataset_digest  "sha256:..."          the declared digest the file must have
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from audits.errors import BadInput
from audits.quality.spec_columns import ColumnSpec, check_columns, check_date
from audits.quality.spec_rules import Rule, check_rules
from audits.spec import DELIMITERS, ENCODINGS, Criterion, check_criteria
from audits.spec_columns import SensitiveFeature, check_features, name_bins
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

DEFAULT_MINIMUM_COUNT = 10
MAXIMUM_KEY = 16
MAXIMUM_COMPARED = 500
MAXIMUM_GROUPS = 1_000
MAXIMUM_TOKENS = 100
SHARES_ADD_UP_WITHIN = 0.01
DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")

INFORMATIONAL_KEYS = ("case", "title", "format", "description")
KEYS = (
    "file",
    "delimiter",
    "encoding",
    "columns",
    "closed",
    "key",
    "label",
    "sensitive",
    "population",
    "missing",
    "time",
    "rules",
    "source",
    "training",
    "expectations",
    "dataset_digest",
    "minimum_published_count",
    "intervals",
    "seed",
    *INFORMATIONAL_KEYS,
)


@dataclass(frozen=True)
class TimeSpec:
    """Which column says when a row was true, and against which day its age is counted."""

    column: str
    observed_at: date
    maximum_age_days: int | None = None


@dataclass(frozen=True)
class ComparedColumn:
    """A column and its counterpart in the source; numbers may differ by `tolerance`."""

    column: str
    source: str
    tolerance: float = 0.0


@dataclass(frozen=True)
class SourceSpec:
    """The table whose values are taken as true: joined by key, compared column by column."""

    key: tuple[str, ...]
    columns: tuple[ComparedColumn, ...]
    file: str | None = None


@dataclass(frozen=True)
class TrainingSpec:
    """The training data; `columns` make two rows the same (None: all both tables have, but the key)."""

    columns: tuple[str, ...] | None = None
    file: str | None = None


@dataclass(frozen=True)
class QualitySpec:
    """A checked specification; see the module for its keys."""

    columns: Mapping[str, ColumnSpec] = field(default_factory=dict)
    is_closed: bool = False
    key: tuple[str, ...] = ()
    label: str | None = None
    sensitive: tuple[SensitiveFeature, ...] = ()
    population: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    time: TimeSpec | None = None
    rules: tuple[Rule, ...] = ()
    source: SourceSpec | None = None
    training: TrainingSpec | None = None
    expectations: tuple[Criterion, ...] = ()
    dataset_digest: str | None = None
    file: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    minimum_published_count: int = DEFAULT_MINIMUM_COUNT
    draws: int = DEFAULT_DRAWS
    level: float = DEFAULT_LEVEL
    seed: int = 0

    @property
    def files(self) -> tuple[str, ...]:
        """Return where the table is, as the command line reads it."""
        return (self.file,) if self.file else ()

    @property
    def other_files(self) -> dict[str, str]:
        """Return where the further tables are, by role ("training", "source")."""
        parts = {"training": self.training, "source": self.source}
        return {role: part.file for role, part in parts.items() if part is not None and part.file is not None}

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Return the columns that a part of the specification needs to be in the file."""
        names: list[str] = [*self.key, *(feature.name for feature in self.sensitive)]
        names += [self.label] if self.label else []
        names += [self.time.column] if self.time else []
        names += [name for rule in self.rules for name in rule.used_columns]
        if self.source:
            names += [*self.source.key, *(part.column for part in self.source.columns)]
        if self.training and self.training.columns:
            names += self.training.columns
        return tuple(dict.fromkeys(names))

    def describe(self, name: str) -> ColumnSpec:
        """Return what is declared about a column; an empty declaration where nothing is."""
        return self.columns.get(name) or ColumnSpec(name)


def check_quality_spec(document: object) -> QualitySpec:
    """Check the JSON document of a data-quality profile.

    Parameters
    ----------
    document : object
        The parsed JSON document.

    Returns
    -------
    QualitySpec

    Raises
    ------
    BadInput
        With the key in `column` and what to write instead.
    """
    spec = check_object(document, KEYS)
    sensitive = _check_sensitive(spec.get("sensitive"))
    draws, level = check_intervals(spec.get("intervals"))
    count = spec.get("minimum_published_count", DEFAULT_MINIMUM_COUNT)
    return QualitySpec(
        columns=check_columns(spec.get("columns")),
        is_closed=check_flag(spec.get("closed"), "closed"),
        key=check_texts(spec["key"], "key", 1, MAXIMUM_KEY) if spec.get("key") is not None else (),
        label=check_text(spec["label"], "label") if spec.get("label") is not None else None,
        sensitive=sensitive,
        population=_check_population(spec.get("population"), sensitive),
        missing=check_texts(spec["missing"], "missing", 1, MAXIMUM_TOKENS) if spec.get("missing") is not None else (),
        time=_check_time(spec.get("time")),
        rules=check_rules(spec.get("rules")),
        source=_check_source(spec.get("source")),
        training=_check_training(spec.get("training")),
        expectations=check_criteria(spec.get("expectations"), "expectations"),
        dataset_digest=_check_digest(spec.get("dataset_digest")),
        file=check_text(spec["file"], "file") if spec.get("file") is not None else None,
        delimiter=check_choice(spec.get("delimiter"), "delimiter", DELIMITERS),
        encoding=check_choice(spec.get("encoding"), "encoding", ENCODINGS),
        minimum_published_count=check_integer(count, "minimum_published_count", 1, 1_000_000),
        draws=draws,
        level=level,
        seed=check_integer(spec.get("seed", 0), "seed", 0, 2**32 - 1),
    )


def _check_sensitive(value: object) -> tuple[SensitiveFeature, ...]:
    """Return the sensitive features, written as in a bias audit; all are columns of this file."""
    if value is None:
        return ()
    features = check_features(value, {})
    for feature in features:
        if feature.source != "predictions":
            raise BadInput("a profile reads one table; leave out from", column="sensitive.from")
    return features


def _check_population(value: object, sensitive: tuple[SensitiveFeature, ...]) -> dict[str, dict[str, float]]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput('must be like {"sex": {"Female": 0.51, "Male": 0.49}}', column="population")
    known = {feature.name: feature for feature in sensitive}
    for name in value:
        if name not in known:
            raise BadInput("is not one of the sensitive columns", column=f"population.{name}"[:100])
    return {name: _check_shares(shares, f"population.{name}", known[name]) for name, shares in value.items()}


def _check_shares(value: object, key: str, feature: SensitiveFeature) -> dict[str, float]:
    """Return shares of a whole, scaled so that they add up exactly."""
    if not isinstance(value, dict) or not 2 <= len(value) <= MAXIMUM_GROUPS:
        raise BadInput(f"must give the shares of 2 to {MAXIMUM_GROUPS:,} groups", column=key)
    shares = {check_text(group, key): check_number(share, f"{key}.{group}") for group, share in value.items()}
    if any(share <= 0 for share in shares.values()):
        raise BadInput("every share must be above 0; leave out groups the population does not have", column=key)
    total = sum(shares.values())
    if abs(total - 1) > SHARES_ADD_UP_WITHIN:
        raise BadInput(f"the shares add up to {total:.4g}, not to 1", column=key)
    if feature.bins is not None and set(shares) - set(name_bins(feature.bins)):
        raise BadInput(f"the bins make the groups {', '.join(name_bins(feature.bins))}", column=key)
    return {group: share / total for group, share in shares.items()}


def _check_time(value: object) -> TimeSpec | None:
    if value is None:
        return None
    given = check_part(value, "time", ("column", "observed_at", "maximum_age_days"))
    age = given.get("maximum_age_days")
    return TimeSpec(
        column=check_text(given.get("column"), "time.column"),
        observed_at=check_date(given.get("observed_at"), "time.observed_at"),
        maximum_age_days=None if age is None else check_integer(age, "time.maximum_age_days", 0, 100_000),
    )


def _check_source(value: object) -> SourceSpec | None:
    if value is None:
        return None
    given = check_part(value, "source", ("file", "key", "columns"))
    entries = given.get("columns")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAXIMUM_COMPARED:
        raise BadInput(f"list 1 to {MAXIMUM_COMPARED:,} columns to compare", column="source.columns")
    return SourceSpec(
        key=check_texts(given.get("key"), "source.key", 1, MAXIMUM_KEY),
        columns=tuple(_check_compared(entry, f"source.columns[{place}]") for place, entry in enumerate(entries)),
        file=check_text(given["file"], "source.file") if given.get("file") is not None else None,
    )


def _check_compared(entry: object, key: str) -> ComparedColumn:
    given: dict[str, Any] = (
        {"column": entry} if isinstance(entry, str) else check_part(entry, key, ("column", "source", "tolerance"))
    )
    name = check_text(given.get("column"), f"{key}.column")
    tolerance = check_number(given.get("tolerance", 0), f"{key}.tolerance")
    if tolerance < 0:
        raise BadInput("must not be negative", column=f"{key}.tolerance")
    return ComparedColumn(name, check_text(given.get("source", name), f"{key}.source"), tolerance)


def _check_training(value: object) -> TrainingSpec | None:
    if value is None:
        return None
    given = check_part(value, "training", ("file", "columns"))
    columns = given.get("columns")
    return TrainingSpec(
        columns=None if columns is None else check_texts(columns, "training.columns", 1, MAXIMUM_COMPARED),
        file=check_text(given["file"], "training.file") if given.get("file") is not None else None,
    )


def _check_digest(value: object) -> str | None:
    """Return the 64 hexadecimal digits of a declared digest."""
    if value is None:
        return None
    found = DIGEST.fullmatch(check_text(value, "dataset_digest"))
    if not found:
        raise BadInput('must be "sha256:" and 64 hexadecimal digits', column="dataset_digest")
    return found[1]
