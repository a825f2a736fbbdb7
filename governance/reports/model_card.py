"""A model card (Mitchell et al. 2019): for a reader as PDF, for a model hub as Markdown with metadata on top.

The metadata are those of Hugging Face's model card format, ``model-index`` included. Nothing is invented for them: a
number stands there when the portal measured it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from governance.dossier import Dossier
from governance.dossier_items import Measure
from governance.frameworks.printing import print_value
from governance.frameworks.recorded import Recorded
from governance.metric_titles import title_of_metric

# Heading of the card -> the facts that say it.
CARD: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "details": (
        gettext_lazy("Model details"),
        ("system.name", "system.version", "system.owner", "system.developers", "design.method", "design.code_ref"),
    ),
    "use": (
        gettext_lazy("Intended use"),
        ("system.intended_purpose", "system.users", "system.out_of_scope_uses", "system.foreseeable_misuse"),
    ),
    "factors": (gettext_lazy("Factors"), ("system.affected_groups", "system.process_description")),
    "metrics": (
        gettext_lazy("Metrics"),
        ("evaluation.metrics", "evaluation.metric_rationale", "evaluation.thresholds"),
    ),
    "evaluation_data": (gettext_lazy("Evaluation data"), ("evaluation.test_data", "dataset.splits")),
    "training_data": (
        gettext_lazy("Training data"),
        ("dataset.inventory", "dataset.provenance", "dataset.preparation"),
    ),
    "analyses": (
        gettext_lazy("Quantitative analyses"),
        ("evaluation.results", "evaluation.subgroup_results", "fairness.metrics"),
    ),
    "ethics": (
        gettext_lazy("Ethical considerations"),
        ("risk.register", "risk.residual", "risk.vulnerable", "fairness.definition"),
    ),
    "caveats": (
        gettext_lazy("Caveats and recommendations"),
        ("design.limitations", "evaluation.limits", "deployment.use_limits"),
    ),
}
MOST_METRICS = 40


@dataclass(frozen=True)
class Said:
    title: str
    lines: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Chapter:
    title: str
    said: tuple[Said, ...]
    silent: tuple[str, ...]


def build_card(recorded: Mapping[str, Recorded], titles: Mapping[str, str]) -> list[Chapter]:
    """The chapters of the card; ``silent`` names what a chapter asks for and nobody recorded."""
    chapters = []
    for heading, asked in CARD.values():
        said = tuple(
            Said(titles[fact], tuple(print_value(recorded[fact].value)), recorded[fact].source.text)
            for fact in asked
            if fact in recorded and recorded[fact].is_filled
        )
        silent = tuple(titles[fact] for fact in asked if fact not in recorded or not recorded[fact].is_filled)
        chapters.append(Chapter(str(heading), said, silent))
    return chapters


def describe_for_hub(dossier: Dossier) -> dict[str, Any]:
    """The metadata on top of the Markdown."""
    results = [_describe_result(dossier, evaluation) for evaluation in dossier.evaluations if evaluation.measures]
    found: dict[str, Any] = {"library_name": "countersign", "tags": ["countersign", f"risk-{dossier.model.risk_tier}"]}
    datasets = sorted({item.dataset for item in dossier.datasets})
    if datasets:
        found["datasets"] = datasets
    results = [item for item in results if item["metrics"]]
    if results:
        found["metrics"] = sorted({metric["type"] for item in results for metric in item["metrics"]})
        found["model-index"] = [{"name": f"{dossier.model.name} v{dossier.version.number}", "results": results}]
    return found


def _describe_result(dossier: Dossier, evaluation: Any) -> dict[str, Any]:
    overall = [item for item in evaluation.measures if item.population == "overall" and item.value is not None]
    return {
        "task": {"type": "tabular-classification"},
        "dataset": {"name": evaluation.dataset, "type": evaluation.dataset_digest, "split": evaluation.dataset_role},
        "metrics": [_describe_metric(measure) for measure in overall[:MOST_METRICS] if measure.reason is None],
    }


def _describe_metric(measure: Measure) -> dict[str, Any]:
    name = str(title_of_metric(measure.metric))
    described: dict[str, Any] = {"type": measure.metric, "name": name, "value": measure.value}
    if measure.low is not None and measure.high is not None:
        described["args"] = {"n": measure.n, "low": measure.low, "high": measure.high}
    return described


def write_markdown(dossier: Dossier, chapters: list[Chapter]) -> str:
    """The card as Markdown. What people wrote stands in it as text: no character of it is markup."""
    front = yaml.safe_dump(describe_for_hub(dossier), sort_keys=False, allow_unicode=True)
    lines = ["---", front.rstrip(), "---", "", f"# {escape(dossier.model.name)}, version {dossier.version.number}", ""]
    for chapter in chapters:
        lines += [f"## {chapter.title}", ""]
        for said in chapter.said:
            lines += [f"**{escape(said.title)}**", "", *(f"- {escape(line)}" for line in said.lines), ""]
        if chapter.silent:
            lines += [f"*Not recorded: {escape('; '.join(chapter.silent))}.*", ""]
    lines += [f"Dossier {dossier.digest}, as of {dossier.as_of:%Y-%m-%d %H:%M:%S} UTC.", ""]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text in which no character means anything to a reader of Markdown or HTML."""
    marked = "".join(f"\\{character}" if character in "\\`*_{}[]()#+-!|~>" else character for character in text)
    return " ".join(marked.replace("&", "&amp;").replace("<", "&lt;").split())
