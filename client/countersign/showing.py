"""The gate's findings on a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from countersign.types import Evaluation, Finding, Gate

COLOURS = {
    "MET": "green",
    "NOT_MET": "red",
    "MISSING": "red",
    "STALE": "yellow",
    "INCONCLUSIVE": "yellow",
    "WAIVED": "magenta",
}


def gate_table(gate: Gate, *, everything: bool = True) -> Table:
    """Return the findings as a table, those that keep the gate closed first.

    ``everything=False`` leaves out what is met.
    """
    verdict = "open" if gate.is_open else "closed"
    table = Table(title=f"The gate to {gate.environment} is {verdict}", title_justify="left", expand=False)
    table.add_column("Status", no_wrap=True)
    table.add_column("Finding", ratio=2)
    table.add_column("Why", ratio=3)
    for finding in sorted(gate.findings, key=_is_closing, reverse=True):
        if everything or not finding.opens:
            # Text, not markup: titles are written by people and may hold brackets.
            table.add_row(_status(finding), Text(finding.title), Text(finding.detail))
    return table


def _is_closing(finding: Finding) -> bool:
    return finding.blocks and not finding.opens


def _status(finding: Finding) -> Text:
    text = finding.status.replace("_", " ")
    return Text(
        text if finding.blocks else f"{text} (should)",
        style=COLOURS.get(finding.status, "") if finding.blocks else "dim",
    )


def measures_table(evaluation: Evaluation) -> Table:
    """Return what an evaluation measured, with its intervals; groups first, comparisons last."""
    table = Table(title=f"{evaluation.kind.replace('_', ' ')} on {evaluation.dataset_role} data", title_justify="left")
    for name in ("Metric", "Population", "Value", "95 % interval", "Rows"):
        table.add_column(name, justify="right" if name in ("Value", "Rows") else "left")
    for item in (evaluation.result or {}).get("measures", ()):
        value = "undefined" if item["value"] is None else f"{item['value']:.4g}"
        has_interval = item["low"] is not None and item["high"] is not None
        interval = f"{item['low']:.4g} to {item['high']:.4g}" if has_interval else ""
        why = item["reason"] or ""
        table.add_row(item["metric"], Text(item["population"]), value, Text(interval or why), str(item["n"]))
    return table
