"""Timeliness: how old the rows are on a stated day, and where days are missing between them.

Rows whose date is missing or cannot be read may be of any age: the limits of shares and ages are
what they could be, whatever those dates are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from audits.populations import OVERALL
from audits.quality.results import Quantity, count_share, exact, undefined
from audits.quality.spec import TimeSpec
from audits.quality.staging import Staged

PERCENTILE = 0.95
BOUNDS = "bounds: rows without a readable date may have any"


class Age(NamedTuple):
    """A quantile of the ages, with the limits undated rows leave it; None where they leave none."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Timeliness:
    """Ages in whole days on the day of observation; None where no row has a date."""

    dated: int
    undated: int
    future: int
    within_limit: int | None
    earliest: date | None
    latest: date | None
    median: Age | None
    p95: Age | None
    days: int
    largest_gap: int | None
    gap_after: date | None


def check_timeliness(table: Staged, time: TimeSpec) -> Timeliness:
    """Count ages and gaps. Offsets from UTC are not applied: a day is the day that is written."""
    day = f"CAST({table.moment(time.column)} AS DATE)"
    observed = f"DATE '{time.observed_at.isoformat()}'"
    limit = "NULL" if time.maximum_age_days is None else f"count(*) FILTER (age BETWEEN 0 AND {time.maximum_age_days})"
    ages = f"SELECT {observed} - {day} AS age, {day} AS day FROM {table.relation} WHERE {day} IS NOT NULL"  # noqa: S608
    dated, future, within, earliest, latest = table.engine.execute(
        f"SELECT count(*), count(*) FILTER (age < 0), {limit}, min(day), max(day) FROM ({ages})"  # noqa: S608
    ).fetchall()[0]
    days, gap, after = table.engine.execute(
        "SELECT count(*), max(gap), min_by(day, day) FILTER (gap = largest) FROM ("  # noqa: S608
        "SELECT day, gap, max(gap) OVER () AS largest FROM ("
        f"SELECT day, lead(day) OVER (ORDER BY day) - day AS gap FROM (SELECT DISTINCT day FROM ({ages}))))"
    ).fetchall()[0]
    return Timeliness(
        dated=dated,
        undated=table.rows - dated,
        future=future,
        within_limit=within,
        earliest=earliest,
        latest=latest,
        median=_find_age(table, ages, 0.5, dated),
        p95=_find_age(table, ages, PERCENTILE, dated),
        days=days,
        largest_gap=gap,
        gap_after=after,
    )


def _find_age(table: Staged, ages: str, share: float, dated: int) -> Age | None:
    """Return a quantile of the ages; its limits are those with all undated rows at either end."""
    if not dated:
        return None
    last, place = max(dated - 1, 1), share * (table.rows - 1)
    wanted = [share, (place - (table.rows - dated)) / last, place / last]
    inside = ", ".join(repr(min(max(part, 0.0), 1.0)) for part in wanted)
    value, low, high = table.engine.execute(
        f"SELECT quantile_cont(age, [{inside}]) FROM ({ages})"  # noqa: S608
    ).fetchall()[0][0]
    if table.rows == dated:
        return Age(value, value, value)
    return Age(value, None if wanted[1] < 0 else low, None if place > dated - 1 else high)


def measure_timeliness(found: Timeliness) -> list[Quantity]:
    """Return the share of rows that are recent enough, ages, and the largest gap."""
    if found.median is None or found.p95 is None:
        names = ("timeliness", "median_age_days", "p95_age_days", "largest_gap_days", "future_rows")
        return [undefined(name, OVERALL, "no row has a date") for name in names]
    return [
        undefined("timeliness", OVERALL, "no limit is stated")
        if found.within_limit is None
        else _bound_share("timeliness", found.within_limit, found),
        _bound_age("median_age_days", found.median, found),
        _bound_age("p95_age_days", found.p95, found),
        undefined("largest_gap_days", OVERALL)
        if found.largest_gap is None
        else exact("largest_gap_days", OVERALL, found.largest_gap, found.days),
        _bound_share("future_rows", found.future, found),
    ]


def _bound_share(metric: str, part: int, found: Timeliness) -> Quantity:
    """Return a share of the dated rows; undated rows may all belong to it, or none."""
    share = count_share(metric, OVERALL, part, found.dated)
    if not found.undated:
        return share
    rows = found.dated + found.undated
    return replace(share, low=part / rows, high=(part + found.undated) / rows, method=BOUNDS)


def _bound_age(metric: str, age: Age, found: Timeliness) -> Quantity:
    if not found.undated:
        return exact(metric, OVERALL, age.value, found.dated)
    reason = None
    if age.low is None and age.high is None:
        reason = f"{found.undated:,} of {found.dated + found.undated:,} rows have no date that can be read"
    return Quantity(metric, OVERALL, float(age.value), age.low, age.high, found.dated, method=BOUNDS, reason=reason)
