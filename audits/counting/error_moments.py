"""Regression errors as sums per group: everything the error metrics and their intervals need.

Kept are weighted power sums of the truth and the prediction about each group's own mean, and of
the error. Groups are merged by moving the sums to the common mean (Chan, Golub and LeVeque, COMPSTAT
1982; Pebay, SAND2008-6212 for the higher moments), so that nothing cancels however far apart the
groups are, and a merge of parts equals one pass over the whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from audits.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "countersign/error-moments/1"
ADDED = ("weight", "weight_squared", "e1", "e2", "e4", "a1")
CENTRED = ("u2", "u3", "u4", "v2", "eu1", "eu2")
RESTS = ("rest_true", "rest_pred")
COLUMNS = ("count", *ADDED, "mean_true", "mean_pred", *CENTRED, "max_abs", "min_true", "max_true", *RESTS)


def _write_aggregates() -> dict[str, str]:
    """Return SQL for the sums, about the centre {shift}."""
    u, v, e = "(t - {shift})", "(p - {shift})", "(p - t)"
    products = {
        "u1": (u,),
        "u2": (u, u),
        "u3": (u, u, u),
        "u4": (u, u, u, u),
        "v1": (v,),
        "v2": (v, v),
        "e1": (e,),
        "e2": (e, e),
        "e4": (e, e, e, e),
        "a1": (f"abs{e}",),
        "eu1": (e, e, u),
        "eu2": (e, e, u, u),
    }
    return {
        "count": "count(*)",
        "weight": "sum(w)",
        "weight_squared": "sum(w * w)",
        **{name: f"sum(w * {' * '.join(factors)})" for name, factors in products.items()},
        "max_abs": f"max(abs{e})",
        "min_true": "min(t)",
        "max_true": "max(t)",
    }


class ErrorSummary(NamedTuple):
    """The error metrics of one group and the variance of each per row. NaN where undefined.

    `effective` is the number of rows the weights are worth. `variances` holds, per metric, the
    variance of one row's contribution; divided by `effective` it is the metric's own variance.
    """

    values: Mapping[str, float]
    variances: Mapping[str, float]
    effective: float


@dataclass(frozen=True, eq=False)
class ErrorMoments:
    """Sums per group, as columns of one length; `group` indexes `groups`, each once and sorted.

    With t the truth, p the prediction, e = p - t, u = t - mean(t), v = p - mean(p) and w the
    weight: e1, e2, e4 = sums of w e, w e^2, w e^4; a1 = sum of w |e|; u2, u3, u4, v2 = sums of
    w u^2, w u^3, w u^4, w v^2; eu1, eu2 = sums of w e^2 u, w e^2 u^2. `max_abs`, `min_true` and
    `max_true` are over all rows, whatever their weight. `rest_true` and `rest_pred` are the digits
    of the means that a double has no room for: they count where values lie far from 0 and close
    to each other.
    """

    groups: tuple[tuple[str, ...], ...]
    columns: Mapping[str, NDArray[Any]]

    AGGREGATES: ClassVar[Mapping[str, str]] = MappingProxyType(_write_aggregates())
    """SQL aggregates over the columns t (truth), p (prediction) and w (weight) that `create` takes."""

    @classmethod
    def create(
        cls, groups: Sequence[tuple[str, ...]], shift: float, columns: Mapping[str, NDArray[np.float64]]
    ) -> ErrorMoments:
        """Build the moments from sums about a common centre.

        Parameters
        ----------
        groups : sequence of tuple of str
            One name per entry of the columns; equal names are added up.
        shift : float
            The centre: a number near the values, so that nothing cancels.
        columns : mapping
            The results of `AGGREGATES`, arrays of one length.
        """
        import numpy as np

        given = {name: np.asarray(columns[name], dtype=np.float64) for name in cls.AGGREGATES}
        whole = np.where(given["weight"] > 0, given["weight"], 1.0)
        mean_true, mean_pred = given["u1"] / whole, given["v1"] / whole
        kept = {name: given[name] for name in ("count", *ADDED, "max_abs", "min_true", "max_true")}
        for name, part in (("true", mean_true), ("pred", mean_pred)):
            kept[f"mean_{name}"], kept[f"rest_{name}"] = _add_exactly(shift, part)
        kept |= _move(given, -mean_true, -mean_pred)
        return _gather(groups, kept)

    @classmethod
    def of_rows(
        cls, groups: Sequence[tuple[str, ...]], truth: Any, prediction: Any, weight: Any = None
    ) -> ErrorMoments:
        """Build the moments of plain rows, one group name per row."""
        import numpy as np

        t, p = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
        w = np.ones(len(t)) if weight is None else np.asarray(weight, dtype=np.float64)
        e, zero = p - t, np.zeros(len(t))
        kept = {
            "count": np.ones(len(t)),
            "weight": w,
            "weight_squared": w * w,
            "e1": w * e,
            "e2": w * e**2,
            "e4": w * e**4,
            "a1": w * np.abs(e),
            "mean_true": t,
            "mean_pred": p,
            **dict.fromkeys((*CENTRED, *RESTS), zero),
            "max_abs": np.abs(e),
            "min_true": t,
            "max_true": t,
        }
        return _gather(groups, kept)

    def merge(self, other: ErrorMoments) -> ErrorMoments:
        """Return the moments of two parts of a file together; associative up to rounding."""
        import numpy as np

        joined = {name: np.concatenate([self.columns[name], other.columns[name]]) for name in COLUMNS}
        return _gather((*self.groups, *other.groups), joined)

    def marginal(self, places: Sequence[int]) -> ErrorMoments:
        """Return the moments of the groups of the features at `places`; none is everybody."""
        return self.regroup([tuple(group[place] for place in places) for group in self.groups])

    def regroup(self, names: Sequence[tuple[str, ...] | None]) -> ErrorMoments:
        """Return the moments with one new name per group; None leaves a group out, equal names add up."""
        import numpy as np

        kept = np.array([name is not None for name in names], dtype=bool)
        columns = {name: self.columns[name][kept] for name in COLUMNS}
        return _gather([name for name in names if name is not None], columns)

    def summarise(self, places: Sequence[int]) -> dict[tuple[str, ...], ErrorSummary]:
        """Return a summary for every group of the features at `places`; () is everybody."""
        part = self.marginal(places)
        return {
            name: _summarise({column: float(part.columns[column][number]) for column in COLUMNS})
            for number, name in enumerate(part.groups)
        }

    def to_json(self) -> dict[str, Any]:
        """Return the moments as a JSON-ready document."""
        return {
            "format": FORMAT,
            "columns": ["group", *COLUMNS],
            "groups": [
                [list(name), *(float(self.columns[column][number]) for column in COLUMNS)]
                for number, name in enumerate(self.groups)
            ],
        }

    @classmethod
    def from_json(cls, document: object) -> ErrorMoments:
        """Read moments written by `to_json`; BadInput names what is wrong."""
        import numpy as np

        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise BadInput(f"not an error moments document: format must be {FORMAT!r}", column="format")
        former = len(COLUMNS) - len(RESTS)
        try:
            rows = [(tuple(map(str, row[0])), [float(value) for value in row[1:]]) for row in document["groups"]]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadInput(f"the error moments document is damaged: {error}") from None
        rows = [
            (name, [*numbers, *[0.0] * len(RESTS)] if len(numbers) == former else numbers) for name, numbers in rows
        ]
        if any(len(numbers) != len(COLUMNS) or not all(map(math.isfinite, numbers)) for _, numbers in rows):
            raise BadInput(f"the error moments document is damaged: a group needs {len(COLUMNS)} finite numbers")
        table = np.array([numbers for _, numbers in rows], dtype=np.float64).reshape(len(rows), len(COLUMNS))
        if (table[:, : 1 + len(ADDED)][:, [0, 1, 2, 4, 5, 6]] < 0).any():
            raise BadInput("the error moments document is damaged: a count or sum of squares is negative")
        columns = {name: table[:, place] for place, name in enumerate(COLUMNS)}
        return _gather([name for name, _ in rows], columns)


def _move(sums: Mapping[str, Any], by_true: Any, by_pred: Any) -> dict[str, Any]:
    """Return the centred sums with u + by_true in place of u and v + by_pred in place of v.

    `u1` and `v1` are the first moments about the old centres (0 where those are the means).
    """
    d, w, e2 = by_true, sums["weight"], sums["e2"]
    u1, u2, u3 = sums["u1"], sums["u2"], sums["u3"]
    return {
        "u2": u2 + 2 * d * u1 + w * d**2,
        "u3": u3 + 3 * d * u2 + 3 * d**2 * u1 + w * d**3,
        "u4": sums["u4"] + 4 * d * u3 + 6 * d**2 * u2 + 4 * d**3 * u1 + w * d**4,
        "v2": sums["v2"] + 2 * by_pred * sums["v1"] + w * by_pred**2,
        "eu1": sums["eu1"] + d * e2,
        "eu2": sums["eu2"] + 2 * d * sums["eu1"] + d**2 * e2,
    }


def _add_exactly(first: Any, second: Any) -> tuple[Any, Any]:
    """Return a sum and what its rounding lost (Knuth's two-sum); numbers or arrays."""
    total = first + second
    part = total - first
    return total, (first - (total - part)) + (second - part)


def _gather(names: Sequence[tuple[str, ...]], columns: Mapping[str, NDArray[Any]]) -> ErrorMoments:
    """Add up the entries of each name, about the mean of the name's entries."""
    import numpy as np

    kept = sorted(set(names))
    place = {name: number for number, name in enumerate(kept)}
    code = np.array([place[name] for name in names], dtype=np.int64)

    def add(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(code, weights=values, minlength=len(kept)), dtype=np.float64)

    found: dict[str, NDArray[Any]] = {name: add(columns[name]) for name in ("count", *ADDED)}
    whole = np.where(found["weight"] > 0, found["weight"], 1.0)
    moved = {}
    for mean, rest in (("mean_true", "rest_true"), ("mean_pred", "rest_pred")):
        # Weighted differences from the first row's mean: equal means stay exactly equal.
        first = np.zeros(len(kept))
        first[code[::-1]] = columns[mean][::-1]
        away = add(columns["weight"] * (columns[mean] - first[code] + columns[rest])) / whole
        found[mean], found[rest] = _add_exactly(first, away)
        moved[mean] = (columns[mean] - found[mean][code]) + (columns[rest] - found[rest][code])
    zero = np.zeros(len(code))
    centred = _move({**columns, "u1": zero, "v1": zero}, moved["mean_true"], moved["mean_pred"])
    found |= {name: add(values) for name, values in centred.items()}
    for name, choose, start in (
        ("max_abs", np.maximum, -np.inf),
        ("min_true", np.minimum, np.inf),
        ("max_true", np.maximum, -np.inf),
    ):
        found[name] = np.full(len(kept), start)
        choose.at(found[name], code, columns[name])
    return ErrorMoments(tuple(kept), found)


def _summarise(sums: Mapping[str, float]) -> ErrorSummary:
    """Return the error metrics of one group; r2 is undefined for a constant target."""
    weight = sums["weight"]
    if not weight:
        return ErrorSummary({}, {}, 0.0)
    mse = sums["e2"] / weight
    spread = _clear(sums["u2"] / weight, sums["mean_true"] ** 2, 1e-24)
    mae, mean_error = sums["a1"] / weight, sums["e1"] / weight
    rmse = math.sqrt(mse)
    variance_square = _clear(sums["e4"] / weight - mse * mse, mse * mse)
    is_constant = sums["min_true"] == sums["max_true"] or spread <= 0
    values = {
        "mean_true": sums["mean_true"],
        "mean_pred": sums["mean_pred"],
        "mean_error": mean_error,
        "mae": mae,
        "mse": mse,
        "rmse": rmse,
        "r2": math.nan if is_constant else 1 - mse / spread,
        "max_abs_error": sums["max_abs"],
    }
    variances = {
        "mean_true": spread,
        "mean_pred": _clear(sums["v2"] / weight, sums["mean_pred"] ** 2, 1e-24),
        "mean_error": _clear(mse - mean_error**2, mse),
        "mae": _clear(mse - mae * mae, mse),
        "mse": variance_square,
        "rmse": variance_square / (4 * mse) if mse else 0.0,
        "r2": math.nan if is_constant else _vary_r2(sums, mse, spread),
    }
    return ErrorSummary(values, variances, weight * weight / sums["weight_squared"])


def _clear(variance: float, scale: float, share: float = 1e-12) -> float:
    """Return 0 for a variance that is nothing but rounding, of either sign."""
    return 0.0 if variance <= share * scale else variance


def _vary_r2(sums: Mapping[str, float], mse: float, spread: float) -> float:
    """Return the variance of a row's influence on r2 = 1 - mse / spread (delta method)."""
    weight = sums["weight"]
    ratio = mse / spread
    of_error = sums["e4"] / weight - mse * mse
    of_spread = sums["u4"] / weight - spread * spread
    of_both = sums["eu2"] / weight - mse * spread
    return max((of_error - 2 * ratio * of_both + ratio * ratio * of_spread) / (spread * spread), 0.0)
