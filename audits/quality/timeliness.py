"""Timeliness: how old the rows are on a stated day, and where days are missing between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from audits.populations import OVERALL
from audits.quality.results import Quantity, count_share, exact, undefined
from audits.quality.spec import TimeSpec
from audits.quality.staging import Staged

PERCENTILE = 0.95


@dataclass(frozen=True)
class Timeliness:
    """Ages in whole days on the day of observation; None where no row has a date."""

    dated: int
    undated: int
    future: int
    within_limit: int | None
    earliest: date | None
    latest: date | None
    median_age: float | None
    p95_age: float | None
    days: int
    largest_gap: int | None
    gap_after: date | None


def check_timeliness(table: Staged, time: TimeSpec) -> Timeliness:
    """Count ages and gaps. Offsets from UTC are not applied: a day is the day that is written."""
    day = f"CAST({table.moment(time.column)} AS DATE)"
    observed = f"DATE '{time.observed_at.isoformat()}'"
    limit = "NULL" if time.maximum_age_days is None else f"count(*) FILTER (age BETWEEN 0 AND {time.maximum_age_days})"
    ages = f"SELECT {observed} - {day} AS age, {day} AS day FROM {table.relation} WHERE {day} IS NOT NULL"  # noqa: S608
    dated, future, within, earliest, latest, quantiles = table.engine.execute(
        "SELECT count(*), count(*) FILTER (age < 0), "  # noqa: S608
        f"{limit}, min(day), max(day), quantile_cont(age, [0.5, {PERCENTILE}]) FROM ({ages})"
    ).fetchall()[0]
    days, gap, after = table.engine.execute(
        "SELECT count(*), max(gap), min_by(day, day) FILTER (gap = largest) FROM ("  # noqa: S608
        "SELECT day, gap, max(gap) OVER () AS largest FROM ("
        f"SELECT day, lead(day) OVER (ORDER BY day) - day AS gap FROM (SELECT DISTINCT day FROM ({ages}))))"
    ).fetchall()[0]
    median, p95 = quantiles or (None, None)
    return Timeliness(
        dated=dated,
        undated=table.rows - dated,
        future=future,
        within_limit=within,
        earliest=earliest,
        latest=latest,
        median_age=median,
        p95_age=p95,
        days=days,
        largest_gap=gap,
        gap_after=after,
    )


def measure_timeliness(found: Timeliness) -> list[Quantity]:
    """Return the share of rows that are recent enough, ages, and the largest gap."""
    if not found.dated:
        names = ("timeliness", "median_age_days", "p95_age_days", "largest_gap_days", "future_rows")
        return [undefined(name, OVERALL, "no row has a date") for name in names]
    return [
        undefined("timeliness", OVERALL, "no limit is stated")
        if found.within_limit is None
        else count_share("timeliness", OVERALL, found.within_limit, found.dated),
        exact("median_age_days", OVERALL, found.median_age or 0.0, found.dated),
        exact("p95_age_days", OVERALL, found.p95_age or 0.0, found.dated),
        undefined("largest_gap_days", OVERALL)
        if found.largest_gap is None
        else exact("largest_gap_days", OVERALL, found.largest_gap, found.days),
        count_share("future_rows", OVERALL, found.future, found.dated),
    ]
