"""An independent validation: what a validator who did not build the model does before it may be signed.

    export COUNTERSIGN_URL=... COUNTERSIGN_TOKEN=...   # a validator's token: read and submit
    python validation_report.py --model "Diabetes triage" --version 2

Downloads the predictions on record, checks that they are the recorded bytes, computes every claimed metric again with
nothing but counts, looks at something the developers did not (calibration), and submits a report in Markdown. Whoever
submits it has contributed and cannot sign the version: another validator does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from countersign import Client, CountersignError, digest_file
from countersign.types import Evidence, Finding, Gate, Version

TITLE = "Independent validation"
TOLERANCE = 1e-9
FIFTHS = 5

Counts = Mapping[str, int]
FORMULAS: dict[str, Callable[[Counts], float]] = {
    "accuracy": lambda c: (c["tp"] + c["tn"]) / (c["tp"] + c["fp"] + c["fn"] + c["tn"]),
    "tpr": lambda c: c["tp"] / (c["tp"] + c["fn"]),
    "precision": lambda c: c["tp"] / (c["tp"] + c["fp"]),
    "selection_rate": lambda c: (c["tp"] + c["fp"]) / (c["tp"] + c["fp"] + c["fn"] + c["tn"]),
}


@dataclass(frozen=True)
class Recomputed:
    """One claim beside what the validator computed."""

    name: str
    population: str
    claimed: float
    computed: float

    @property
    def agrees(self) -> bool:
        return abs(self.claimed - self.computed) <= TOLERANCE


def count(rows: pd.DataFrame) -> Counts:
    """Return the four counts of a confusion matrix."""
    truth, flagged = rows["y_true"] == 1, rows["y_pred"] == 1
    return {
        "tp": int((truth & flagged).sum()),
        "fp": int((~truth & flagged).sum()),
        "fn": int((truth & ~flagged).sum()),
        "tn": int((~truth & ~flagged).sum()),
    }


def select(rows: pd.DataFrame, population: str) -> pd.DataFrame:
    """Return the rows of a population such as ``overall`` or ``sex=code 1``."""
    if population == "overall":
        return rows
    column, _, value = population.partition("=")
    return rows[rows[column].astype(str) == value]


def rank_area(rows: pd.DataFrame) -> float:
    """Return the area under the ROC curve from ranks (Mann and Whitney), ties counting half."""
    positive = rows["y_true"] == 1
    ranks = rows["y_score"].rank()
    pairs = positive.sum() * (~positive).sum()
    least = positive.sum() * (positive.sum() + 1) / 2
    return float((ranks[positive].sum() - least) / pairs)


def recompute(rows: pd.DataFrame, claims: list[dict[str, Any]]) -> list[Recomputed]:
    """Compute every claimed metric again."""
    found = []
    for claim in claims:
        chosen = select(rows, claim["population"])
        is_area = claim["name"] == "auc"
        computed = rank_area(chosen) if is_area else FORMULAS[claim["name"]](count(chosen))
        found.append(Recomputed(claim["name"], claim["population"], claim["value"], computed))
    return found


def calibrate(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare estimated and observed risk in fifths of the estimated risk."""
    fifth = pd.qcut(rows["y_score"], FIFTHS, labels=range(1, FIFTHS + 1))
    grouped = rows.groupby(fifth, observed=True)
    return pd.DataFrame(
        {"rows": grouped.size(), "estimated": grouped["y_score"].mean(), "observed": grouped["y_true"].mean()}
    )


def write_report(
    version: Version, gate: Gate, predictions: Evidence, rows: pd.DataFrame, checked: list[Recomputed]
) -> str:
    """Return the report: what was checked, what came out, what the signers should weigh."""
    fifths = calibrate(rows)
    widest = float((fifths["estimated"] - fifths["observed"]).abs().max())
    brier = float(((rows["y_score"] - rows["y_true"]) ** 2).mean())
    base = float(rows["y_true"].mean())
    agree = sum(item.agrees for item in checked)
    criteria = [finding for finding in gate.findings if finding.area == "criteria"]
    lines = [
        f"# {TITLE} of {version}",
        "## What was checked",
        f"The file of predictions on record ({len(rows)} rows) has the digest `{predictions.digest}`; the bytes that "
        "were downloaded have the same. Every claimed metric was computed again from counts and ranks, without the "
        "developers' code and without the portal's audit.",
        f"## Claims: {agree} of {len(checked)} reproduce",
        "| metric | population | claimed | computed | |\n| --- | --- | ---: | ---: | --- |\n"
        + "\n".join(
            f"| {item.name} | {item.population} | {item.claimed:.6f} | {item.computed:.6f} | "
            f"{'agrees' if item.agrees else 'DIFFERS'} |"
            for item in checked
        ),
        "## Calibration, in fifths of the estimated risk",
        "| fifth | rows | estimated | observed |\n| --- | ---: | ---: | ---: |\n"
        + "\n".join(
            f"| {fifth} | {int(row['rows'])} | {row['estimated']:.3f} | {row['observed']:.3f} |"
            for fifth, row in fifths.iterrows()
        ),
        f"Largest gap between estimated and observed risk: {widest:.3f}. Brier score {brier:.4f}; always estimating "
        f"the base rate of {base:.3f} would give {base * (1 - base):.4f}.",
        "## Acceptance criteria at the time of writing",
        "\n".join(describe(finding) for finding in criteria),
        "## What signers should weigh",
        "Criteria that are open are named above with their reasons; those marked “should” do not keep the gate closed "
        "and are a matter of judgement. The intervals cover sampling only: not a change of clinic, of laboratory or of "
        "patients.",
    ]
    return "\n\n".join(lines) + "\n"


def describe(finding: Finding) -> str:
    """One line of the list of criteria."""
    weight = "" if finding.blocks else " (should)"
    return f"- **{finding.status.replace('_', ' ')}**{weight} {finding.title}. {finding.detail}"


def validate(portal: Client, version: Version, folder: Path) -> Evidence:
    """Validate one version and submit the report. Raises when a claim does not reproduce: then there is no report."""
    folder.mkdir(parents=True, exist_ok=True)
    predictions = portal.evidence(version, kind="predictions", is_current=True)[0]
    metrics = portal.evidence(version, kind="metrics", is_current=True)[0]
    path = portal.download_evidence(predictions, folder / f"predictions-{version.number}.csv")
    if digest_file(path) != predictions.digest:
        raise CountersignError("integrity_broken", None, "The downloaded predictions are not the recorded ones.")
    rows = pd.read_csv(path)
    checked = recompute(rows, (metrics.content or {})["metrics"])
    wrong = [item for item in checked if not item.agrees]
    if wrong:
        raise CountersignError("claims_differ", None, f"These claims do not reproduce: {wrong}")
    report = folder / f"validation-{version.number}.md"
    report.write_text(write_report(version, portal.gate(version), predictions, rows, checked), encoding="utf-8")
    return portal.submit_document(version, report, kind="validation_report", title=TITLE, once=True)


def main() -> int:
    """Read the command line, validate, say what was submitted."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--project", default="Clinical decision support")
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--folder", type=Path, default=Path("validation"), help="where files are written")
    given = parser.parse_args()
    console = Console()
    try:
        with Client(os.environ["COUNTERSIGN_URL"], os.environ["COUNTERSIGN_TOKEN"]) as portal:
            project = portal.find_project(given.project)
            model = project and portal.find_model(project, given.model)
            versions = portal.versions(model) if model else []
            version = next((item for item in versions if item.number == given.version), None)
            if version is None:
                raise CountersignError("not_found", None, f"You see no {given.model} v{given.version}.")
            evidence = validate(portal, version, given.folder)
    except CountersignError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    console.print(f"Submitted “{evidence.title}” for {version}: {evidence.digest}", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
