"""The lineage of a dossier as a picture: where data came from, what was made of it, what was measured on it.

``describe`` writes Graphviz' own language and needs nothing; ``draw`` runs the ``dot`` program. Pages and reports share
both. The same facts always stand beside the picture as a table.
"""

from __future__ import annotations

import shutil
import subprocess

from governance.dossier import Dossier
from governance.dossier_items import DerivationItem
from governance.models import DatasetRole, EvaluationKind, WorkStatus

SECONDS = 10
LONGEST = 34
# Measured: 200 derivations that cross each other take 2 s, 300 take 8 s, and nobody can read them.
MOST_DERIVATIONS = 200
RECALLED = ', color="#a3201d", fontcolor="#a3201d", penwidth=2'
# Measured with a sans-serif font; the page draws the letters in its own.
HEADER = """digraph lineage {
  graph [rankdir=LR, nodesep=0.3, ranksep=0.6, pad=0.2, bgcolor="transparent", fontname="Helvetica"];
  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#9aa6a2", fontcolor="#12201f",
        fontname="Helvetica", fontsize=11, margin="0.16,0.09", penwidth=1];
  edge [color="#5b6966", fontcolor="#43514e", fontname="Helvetica", fontsize=9.5, arrowsize=0.6, penwidth=1];
"""


def draw(dossier: Dossier, *, is_upright: bool = False) -> str:
    """The lineage as SVG, from left to right or, for a printed page, from top to bottom.

    Empty where Graphviz is not installed, or there is too much to draw in time."""
    program = shutil.which("dot")
    if program is None or len(dossier.derivations) > MOST_DERIVATIONS:
        return ""
    text = describe(dossier).replace("rankdir=LR", "rankdir=TB" if is_upright else "rankdir=LR", 1)
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=text, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def describe(dossier: Dossier) -> str:
    """The graph in the DOT language. Every label is quoted and escaped: nothing a user wrote is code."""
    lines = [*_describe_data(dossier), *_describe_version(dossier), *_describe_evaluations(dossier)]
    return HEADER + "".join(f"  {line}\n" for line in lines) + "}\n"


def _describe_data(dossier: Dossier) -> list[str]:
    used = {item.dataset_version_id: f"{item.dataset} v{item.number}" for item in dossier.datasets}
    rows = {item.dataset_version_id: f"{item.row_count:,} rows" for item in dossier.datasets}
    labels = {item.source_id: item.source for item in dossier.derivations} | _derived(dossier.derivations) | used
    recalled = {item.dataset_version_id for item in dossier.datasets if item.recalled}
    recalled |= {item.source_id for item in dossier.derivations if item.source_recalled}
    nodes = [
        _node(f"data{pk}", [label, rows.get(pk, ""), "recalled"], "data recalled", RECALLED)
        if pk in recalled
        else _node(f"data{pk}", [label, rows.get(pk, "")], "data")
        for pk, label in sorted(labels.items())
    ]
    made = [_edge(f"data{item.source_id}", f"data{item.derived_id}", item.description) for item in dossier.derivations]
    uses = [
        _edge(f"data{item.dataset_version_id}", "version", str(DatasetRole(item.role).label).lower())
        for item in dossier.datasets
    ]
    return nodes + made + uses


def _derived(derivations: tuple[DerivationItem, ...]) -> dict[int, str]:
    return {item.derived_id: item.derived for item in derivations}


def _describe_version(dossier: Dossier) -> list[str]:
    version = dossier.version
    digest = version.artifacts[0].digest.removeprefix("sha256:")[:12] if version.artifacts else "no artifact"
    lines = [_node("version", [f"{dossier.model.name} v{version.number}", digest], "subject")]
    for name, text in (("code", version.training_code), ("run", version.source_run)):
        if text:
            lines += [_node(name, [text, "training code" if name == "code" else "training run"], "origin")]
            lines += [_edge(name, "version", "")]
    if version.parent is not None:
        lines += [_node("parent", ["earlier version", f"id {version.parent}"], "origin")]
        lines += [_edge("parent", "version", "made from")]
    return lines


def _describe_evaluations(dossier: Dossier) -> list[str]:
    lines = []
    for item in dossier.evaluations:
        name = f"evaluation{item.id}"
        status = str(WorkStatus(item.status).label).lower()
        lines.append(_node(name, [str(EvaluationKind(item.kind).label), status], "evaluation"))
        lines.append(_edge("version", name, f"on {DatasetRole(item.dataset_role).label.lower()} data"))
    return lines


def _node(name: str, lines: list[str], kind: str, look: str = "") -> str:
    label = "\\n".join(_escape(line) for line in lines if line)
    return f'{name} [label="{label}", class="{kind}"{look}];'


def _edge(start: str, end: str, label: str) -> str:
    return f'{start} -> {end} [label="{_escape(label)}"];'


def _escape(text: str) -> str:
    """One line for a quoted DOT string: shortened, without line breaks, quotes and backslashes made harmless."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
