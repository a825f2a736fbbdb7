"""The counting query, written once for every engine: what is grouped by and what is added up.

A plan names the keys of a row (sensitive values, condition, labels) and its numbers (weight,
score, true and predicted value) as SQL expressions over one source. The embedded engine and
PostgreSQL differ only in how a column becomes a number, which `ColumnReader` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from audits.spec import AuditSpec, SensitiveFeature
from audits.tables.limits import LARGEST_NUMBER

BAD_NUMBER = -1
"""The bin of a value that is not a number."""


class ColumnReader(Protocol):
    """How an engine reads a column; `source` is "predictions" or "sensitive_file".

    `sum_function` adds up with little loss, `divide` divides whole numbers.
    """

    sum_function: str
    divide: str

    def raw(self, column: str, source: str = "predictions") -> str:
        """Return the column as it is."""

    def number(self, column: str, source: str = "predictions") -> str:
        """Return the column as a double, NULL where it is not a number."""

    def exact_number(self, column: str) -> str:
        """Return the column as a number whose sums lose nothing or little."""


class Key(NamedTuple):
    """One thing that rows are grouped by. `bins` where the key is a number we made, not a value."""

    role: str
    column: str
    expression: str
    bins: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Plan:
    """Keys and numbers of every row of a source; `source` is what follows FROM."""

    source: str
    keys: tuple[Key, ...]
    numbers: Mapping[str, str]
    sum_function: str

    def places(self, role: str) -> list[int]:
        """Return where the keys of a role are."""
        return [place for place, key in enumerate(self.keys) if key.role == role]

    def rows(self) -> str:
        """Return a query for every row with keys k0, k1... and its numbers by name."""
        columns = [f"{key.expression} AS k{place}" for place, key in enumerate(self.keys)]
        columns += [f"{expression} AS {name}" for name, expression in self.numbers.items()]
        return f"SELECT {', '.join(columns or ['1 AS nothing'])} FROM {self.source}"  # noqa: S608

    def names(self) -> str:
        """Return the names of the keys, for GROUP BY."""
        return ", ".join(f"k{place}" for place in range(len(self.keys)))

    def texts(self) -> str:
        """Return the keys as text, NULL where empty; bins and flags as whole numbers."""
        return ", ".join(
            f"k{place}" if key.bins is not None or key.role == "matched" else f"nullif(CAST(k{place} AS VARCHAR), '')"
            for place, key in enumerate(self.keys)
        )

    def match(self, left: str, right: str) -> str:
        """Return the condition that two rows have the same keys."""
        return " AND ".join(f"{left}.k{place} IS NOT DISTINCT FROM {right}.k{place}" for place in range(len(self.keys)))

    def totals(self) -> dict[str, str]:
        """Return name -> aggregate of what is counted for every combination of keys.

        NaN is the greatest number in these engines: lowest and highest show every value that is
        out of bounds, and fewer numbers than rows show empty cells and words.
        """
        found = {"rows": "count(*)"}
        for name in self.numbers:
            found |= {f"{name}_known": f"count({name})", f"{name}_low": f"min({name})", f"{name}_high": f"max({name})"}
        if "w" in self.numbers:
            found |= {
                "w_least": "min(CASE WHEN w > 0 THEN w END)",
                "weight": f"{self.sum_function}(w)",
                "squared": f"{self.sum_function}(w * w)",
            }
        if "t" in self.numbers:
            found |= {"t_mean": "avg(t)", "p_mean": "avg(p)"}
        return found


def make_plan(spec: AuditSpec, reader: ColumnReader, source: str, *, prediction: str | None = None) -> Plan:
    """Write the plan of an audit.

    Parameters
    ----------
    spec : AuditSpec
    reader : ColumnReader
    source : str
        What follows FROM: the predictions as `p`, joined to the sensitive values as `s`.
    prediction : str, optional
        The expression of the prediction, where it is not a column (ranking).
    """
    keys = [_make_feature_key(feature, reader) for feature in spec.features]
    if spec.joined and spec.sensitive_file is not None:
        flag = f"({reader.raw(spec.sensitive_file.id, 'sensitive_file')} IS NOT NULL)"
        keys.append(Key("matched", spec.sensitive_file.id, f"CASE WHEN {flag} THEN 1 ELSE 0 END"))
    if "condition" in spec.columns:
        keys.append(Key("condition", spec.columns["condition"], reader.raw(spec.columns["condition"])))
    numbers = {}
    if spec.task == "regression":
        numbers = {"t": reader.number(spec.columns["y_true"]), "p": reader.number(spec.columns["y_pred"])}
    else:
        keys += [
            Key(role, spec.columns[column], reader.raw(spec.columns[column]))
            for role, column in (("label", "y_true"), ("prediction", "y_pred"))
            if column in spec.columns
        ]
    if prediction is not None:
        keys.append(Key("prediction", spec.columns["y_score"], prediction, bins=()))
    if "y_score" in spec.columns:
        numbers["s"] = reader.number(spec.columns["y_score"])
    if "weight" in spec.columns:
        numbers["w"] = reader.exact_number(spec.columns["weight"])
    return Plan(source, tuple(keys), numbers, reader.sum_function)


def _make_feature_key(feature: SensitiveFeature, reader: ColumnReader) -> Key:
    raw = reader.raw(feature.name, feature.source)
    if feature.bins is None:
        return Key("feature", feature.name, raw)
    return Key(
        "feature",
        feature.name,
        find_bin(raw, reader.number(feature.name, feature.source), feature.bins),
        feature.bins,
    )


def find_bin(raw: str, number: str, bins: Sequence[float]) -> str:
    """Return the SQL expression for the bin of a value: NULL where empty, -1 where not a number."""
    steps = " ".join(f"WHEN {number} < {bound!r} THEN {place}" for place, bound in enumerate(bins))
    return (
        f"CASE WHEN nullif(CAST({raw} AS VARCHAR), '') IS NULL THEN NULL "
        f"WHEN {number} IS NULL OR NOT abs({number}) <= {LARGEST_NUMBER!r} THEN {BAD_NUMBER} "
        f"{steps} ELSE {len(bins)} END"
    )
