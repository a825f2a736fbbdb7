"""An explanation's result document, arranged for a page."""

from __future__ import annotations

from typing import Any


def present_explanation(result: dict[str, Any]) -> dict[str, Any]:
    populations = [
        {"population": group["population"], "n": group["n"], "is_small": group["below_minimum_size"]}
        for group in result["importance_by_group"]
    ]
    return {"importance": result["importance"], "populations": populations}
