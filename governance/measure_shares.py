"""Among how many rows a rate was counted: a true positive rate of a group is one of its positives, not of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHARES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "selection_rate": (("tp", "fp"), ("tp", "fp", "fn", "tn")),
    "base_rate": (("tp", "fn"), ("tp", "fp", "fn", "tn")),
    "accuracy": (("tp", "tn"), ("tp", "fp", "fn", "tn")),
    "tpr": (("tp",), ("tp", "fn")),
    "fnr": (("fn",), ("tp", "fn")),
    "fpr": (("fp",), ("fp", "tn")),
    "tnr": (("tn",), ("fp", "tn")),
    "precision": (("tp",), ("tp", "fp")),
    "npv": (("tn",), ("fn", "tn")),
}
"""Metric -> the counts that are its part, and those that are its whole. A test holds them against the laboratory's."""


def count_shares(result: Mapping[str, Any]) -> dict[tuple[str, str], tuple[int | None, int]]:
    """(metric, population) -> (rows that count, rows they are counted among). Where rows have weights the value is not
    their quotient, and the first is None."""
    found: dict[tuple[str, str], tuple[int | None, int]] = {}
    for population, group in _list_groups(result):
        counts = {name: group[name] for name in ("tp", "fp", "fn", "tn") if name in group}
        if len(counts) == 4:
            for metric, (part, whole) in SHARES.items():
                rows = sum(counts[name] for name in part)
                found[metric, population] = (None if "w_n" in group else rows, sum(counts[name] for name in whole))
    return found


def _list_groups(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "overall" in result:
        yield "overall", result["overall"]
    for grouping in result.get("groupings", ()):
        for group in grouping["by_group"]:
            yield group["population"], group
