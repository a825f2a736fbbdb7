"""The rows of a proxy check: sensitive groups and declared columns, all rows or a seeded sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audits.counting.plan import BAD_NUMBER, Key, find_bin, make_plan
from audits.counting.reduction import FileReader
from audits.spec import AuditSpec, name_bins
from audits.tables.diagnose import read_number
from audits.tables.engine import quote_text
from audits.tables.frames import TableFile, open_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAXIMUM_ROWS = 20_000
"""Larger tables are sampled: so many rows know an AUC to within about 0.01."""
FEWEST_NUMBERS = 12
"""A column of numbers with fewer distinct values is read as groups."""
BINS = 20
SMOOTHING = 10.0
FOLDS_WITHIN = 5
REPEATED = 5
"""Numbers are read as groups too, where every value stands in so many rows on average."""


@dataclass(frozen=True, eq=False)
class ProxyColumnValues:
    """One declared column, read as groups, as numbers, or both.

    `code` is the value of every row as a group, None where nearly every number is another;
    `number` its value as a number, NaN where empty, None where the column holds words. A number
    may be a code (of a district, of a job), so that both readings are tried.
    """

    name: str
    code: NDArray[np.int64] | None
    number: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.int64]) -> ProxyColumnValues:
        """Return the column of some rows."""
        return replace(
            self,
            code=None if self.code is None else self.code[rows],
            number=None if self.number is None else self.number[rows],
        )

    def readings(self) -> dict[str, NDArray[np.int64]]:
        """Return the readings of the column as groups 0, 1, 2...: by value, by quantile of numbers."""
        import numpy as np

        found = {}
        if self.code is not None:
            found["groups"] = np.unique(self.code, return_inverse=True)[1].astype(np.int64)
        if self.number is not None:
            found["numbers"] = np.unique(self._cut(self.number), return_inverse=True)[1].astype(np.int64)
        return found

    def _cut(self, number: NDArray[np.float64]) -> NDArray[np.int64]:
        import numpy as np

        is_known = ~np.isnan(number)
        if not is_known.any():
            return np.zeros(len(number), dtype=np.int64)
        edges = np.unique(np.quantile(number[is_known], np.arange(1, BINS) / BINS))
        return np.where(is_known, np.searchsorted(edges, number, side="right") + 1, 0)

    def encode(
        self,
        train: NDArray[np.int64],
        label: NDArray[np.int64],
        weight: NDArray[np.float64],
        classes: int,
        seed: int,
    ) -> NDArray[np.float64]:
        """Return what a classifier reads: the number, and the class rates of the value.

        The rates come from the training rows alone; within those, each row's rates come from the
        other rows of the training part, so that a rare value does not give its label away.
        """
        import numpy as np

        columns = [] if self.number is None else [self.number[:, None]]
        if self.code is not None:
            columns.append(_encode_groups(self.code, train, label, weight, classes, seed))
        return np.concatenate(columns, axis=1)


def _encode_groups(
    code: NDArray[np.int64],
    train: NDArray[np.int64],
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    classes: int,
    seed: int,
) -> NDArray[np.float64]:
    import numpy as np

    size = int(code.max()) + 1
    flat = code * classes + label
    parts = np.random.default_rng(seed).integers(0, FOLDS_WITHIN, len(label))
    is_train = np.zeros(len(label), dtype=bool)
    is_train[train] = True
    encoded = np.empty((len(label), classes))
    for part in range(FOLDS_WITHIN):
        counted = is_train & (parts != part)
        rates = smooth_rates(flat[counted], label[counted], weight[counted], size, classes)
        encoded[is_train & (parts == part)] = rates[code[is_train & (parts == part)]]
    rates = smooth_rates(flat[is_train], label[is_train], weight[is_train], size, classes)
    encoded[~is_train] = rates[code[~is_train]]
    return encoded[:, 1:] if classes == 2 else encoded


def smooth_rates(
    flat: NDArray[np.int64], label: NDArray[np.int64], weight: NDArray[np.float64], size: int, classes: int
) -> NDArray[np.float64]:
    """Return the share of every class for every value, drawn towards the share of all: size x classes."""
    import numpy as np

    table = np.bincount(flat, weights=weight, minlength=size * classes).reshape(size, classes)
    share = np.bincount(label, weights=weight, minlength=classes)
    prior = share / share.sum() if share.sum() else np.full(classes, 1 / classes)
    unit = weight.mean() if weight.size and weight.mean() > 0 else 1.0
    rates: NDArray[np.float64] = (table + SMOOTHING * unit * prior) / (
        table.sum(axis=1, keepdims=True) + SMOOTHING * unit
    )
    return rates


@dataclass(frozen=True, eq=False)
class ProxyRows:
    """Rows for a proxy check, as columns of one length.

    `groups` holds for every sensitive feature the place of the row's group in `names`, -1 where
    the value is missing. `available` is the number of rows of the table.
    """

    columns: tuple[ProxyColumnValues, ...]
    groups: Mapping[str, NDArray[np.int64]]
    names: Mapping[str, tuple[str, ...]]
    weight: NDArray[np.float64]
    cluster: NDArray[np.int64] | None
    available: int


def read_proxy_rows(file: TableFile, spec: AuditSpec, *, maximum: int = MAXIMUM_ROWS) -> ProxyRows:
    """Read the sensitive groups and the declared columns of a table that was reduced before.

    All rows (of the baseline condition, where one is named) where there are at most `maximum`;
    otherwise a seeded sample of that size. The rows are sorted, so that their order in the file changes nothing.

    Parameters
    ----------
    file : TableFile
    spec : AuditSpec
        With proxies.
    maximum : int
    """
    reader = FileReader(file)
    plan = make_plan(spec, reader, reader.join(spec))
    keys = [key for key in plan.keys if key.role in ("feature", "matched")]
    expressions = [key.expression if key.bins is not None or key.role == "matched" else _as_text(key) for key in keys]
    for proxy in spec.proxies:
        if proxy.bins is None:
            expressions.append(reader.text(proxy.name))
        else:
            expressions.append(find_bin(reader.raw(proxy.name), reader.number(proxy.name), proxy.bins))
    if "weight" in spec.columns:
        expressions.append(reader.number(spec.columns["weight"]))
    if "cluster" in spec.columns:
        expressions.append(reader.text(spec.columns["cluster"]))
    columns = ", ".join(f"{expression} AS c{place}" for place, expression in enumerate(expressions))
    source = plan.source
    if spec.baseline_condition is not None:
        # The same row under another condition would be a copy of it among the rows a model has not seen.
        source += f" WHERE {reader.text(spec.columns['condition'])} = {quote_text(spec.baseline_condition)}"
    # One thread: the sample depends on the order in which rows arrive.
    with open_table(file, threads=1) as engine:
        available = int(engine.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0])  # noqa: S608
        rows = engine.execute(
            f"SELECT * FROM (SELECT {columns} FROM {source}) "  # noqa: S608
            f"USING SAMPLE reservoir({maximum} ROWS) REPEATABLE ({spec.seed % 2**31})"
        ).fetchall()
    return _arrange(_sort_rows(rows, len(keys)), keys, spec, available)


def _sort_rows(rows: Sequence[tuple[Any, ...]], keys: int) -> list[tuple[Any, ...]]:
    """Return the rows in an order that depends neither on theirs in the file nor on the names of the groups.

    First by what is declared beside the groups, then by groups: those with fewer rows first, of
    equal ones that with the lower other values.
    """
    others = [tuple((value is not None, str(value)) for value in row[keys:]) for row in rows]
    ranks = [rank_groups([row[place] for row in rows], others) for place in range(keys)]
    order = sorted(
        range(len(rows)),
        key=lambda place: (others[place], tuple(rank[rows[place][key]] for key, rank in enumerate(ranks))),
    )
    return [rows[place] for place in order]


def rank_groups(values: Sequence[Any], others: Sequence[Any]) -> dict[Any, int]:
    """Return the rank of every group by its rows and what stands beside them, not by its name."""
    beside: dict[Any, list[Any]] = {}
    for value, other in zip(values, others, strict=True):
        beside.setdefault(value, []).append(other)
    keys = {value: (len(found), sorted(found), str(value)) for value, found in beside.items()}
    return {value: place for place, value in enumerate(sorted(keys, key=lambda value: keys[value]))}


def _as_text(key: Key) -> str:
    return f"nullif(CAST({key.expression} AS VARCHAR), '')"


def _arrange(rows: Sequence[tuple[Any, ...]], keys: Sequence[Key], spec: AuditSpec, available: int) -> ProxyRows:
    """Turn rows of texts into columns of codes and numbers."""
    import numpy as np

    by_column = list(zip(*rows, strict=True)) if rows else [()] * 99
    groups, names = {}, {}
    is_matched = np.ones(len(rows), dtype=bool)
    for values, key in zip(by_column, keys, strict=False):
        if key.role == "matched":
            is_matched = np.array(values, dtype=np.int64) == 1
            continue
        shown = [_show_bin(value, key.bins) for value in values] if key.bins is not None else list(values)
        first: dict[str, int] = {}
        for number, value in enumerate(shown):
            if value is not None:
                first.setdefault(value, number)
        # In the order of the rows, which the names of the groups have no part in.
        known = tuple(sorted(first, key=lambda value: first[value]))
        place = {value: number for number, value in enumerate(known)}
        groups[key.column] = np.array([-1 if v is None else place[v] for v in shown], dtype=np.int64)
        names[key.column] = known
    rest = iter(by_column[len(keys) :])
    columns = tuple(_make_column(proxy.name, next(rest), proxy.bins) for proxy in spec.proxies)
    weight = np.array(next(rest), dtype=np.float64) if "weight" in spec.columns else np.ones(len(rows))
    cluster = None
    if "cluster" in spec.columns:
        cluster = np.unique([str(name) for name in next(rest)], return_inverse=True)[1].astype(np.int64)
    groups = {name: np.where(is_matched, codes, -1) for name, codes in groups.items()}
    return ProxyRows(columns, groups, names, weight, cluster, available)


def _show_bin(value: int | None, bins: Sequence[float] | None) -> str | None:
    if value is None or value == BAD_NUMBER or bins is None:
        return None
    return name_bins(bins)[value]


def _make_column(name: str, values: Sequence[Any], bins: Sequence[float] | None) -> ProxyColumnValues:
    """Return a declared column: numbers where every value is one and there are many, else groups."""
    import numpy as np

    if bins is not None:
        codes = np.array([-1 if value is None else value for value in values], dtype=np.int64) + 1
        return ProxyColumnValues(name, codes)
    known = sorted({value for value in values if value is not None})
    place = {value: number + 1 for number, value in enumerate(known)}
    codes = np.array([place.get(value, 0) for value in values], dtype=np.int64)
    numbers = {value: read_number(value) for value in known}
    if len(known) < FEWEST_NUMBERS or None in numbers.values():
        return ProxyColumnValues(name, codes)
    number = np.array([np.nan if value is None else numbers[value] for value in values], dtype=np.float64)
    is_repeated = REPEATED * len(known) <= len(values)
    return ProxyColumnValues(name, codes if is_repeated else None, number)
