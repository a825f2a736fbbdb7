"""Facts about what must hold: the requirements, their acceptance limits, and how each was shown."""

from __future__ import annotations

from collections.abc import Iterator

from governance.dossier_items import CriterionItem, RequirementItem
from governance.facts.reading import Reading
from governance.findings import Finding
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.gate import judge
from governance.models import Comparator

HERE = Source("model", None, "Requirements of the model")


def read(reading: Reading) -> Iterator[Recorded]:
    yield from _read_success_criteria(reading)
    requirements = reading.dossier.requirements
    if not requirements:
        return
    rows = (
        reading.model.requirements.filter(withdrawn_at=None).order_by("created_at", "pk").select_related("created_by")
    )
    written = list(rows)
    at = written[-1].created_at if written else None
    by = dict.fromkeys(row.created_by.get_full_name() for row in written)
    yield reading.says("requirement.list", [_tell(item) for item in requirements], HERE, at=at, by=by)
    criteria = [criterion for item in requirements for criterion in item.criteria]
    if criteria:
        limits = [f"{item.key}: {say_criterion(item)}" for item in criteria]
        yield reading.says("evaluation.thresholds", limits, HERE, at=at, by=by)
    yield reading.says(
        "requirement.trace",
        _trace(reading, requirements),
        Source("version", reading.version.pk, "Requirements against what was measured and offered, by the gate"),
        at=reading.dossier.as_of,
    )


def _tell(item: RequirementItem) -> str:
    demands = "; ".join(say_criterion(criterion) for criterion in item.criteria)
    origin = f" (from {item.source})" if item.source else ""
    return f"{item.key} {item.title}{origin}: {demands or item.statement}"


def say_criterion(item: CriterionItem) -> str:
    """The limit in words: “accuracy of overall at least 0.8 on test data (must)”."""
    comparator = Comparator(item.comparator).label
    whose = item.population if item.population.startswith("by ") else f"of {item.population}"
    return f"{item.metric} {whose} {comparator} {item.threshold} on {item.dataset_role} data ({item.severity})"


def _trace(reading: Reading, requirements: tuple[RequirementItem, ...]) -> dict[str, str]:
    """Requirement -> the verdict on each criterion, or what was offered for it; uncovered ones say so."""
    verdicts = {finding.key: finding for finding in judge(reading.dossier).findings}
    titles = {item.id: item.title for item in reading.dossier.evidence}
    traced = {}
    for item in requirements:
        judged = [_say_verdict(criterion, verdicts) for criterion in item.criteria]
        offered = [titles[pk] for pk in item.evidence_ids if pk in titles]
        if offered:
            judged.append(f"offered: {', '.join(offered)}")
        traced[item.key] = "; ".join(judged) or "uncovered: no criterion and no evidence"
    return traced


def _say_verdict(item: CriterionItem, verdicts: dict[str, Finding]) -> str:
    finding = verdicts.get(f"criterion:{item.key}")
    return f"{item.key} {finding.status}: {finding.detail}" if finding else f"{item.key}: not judged"


def _read_success_criteria(reading: Reading) -> Iterator[Recorded]:
    poc = reading.dossier.proof_of_concept
    if poc is None:
        return
    here = Source("model", reading.model.pk, "Proof of concept")
    if poc.success_criteria:
        told = [item.statement for item in poc.success_criteria]
        yield reading.says("system.success_criteria", told, here, strength=Strength.STATEMENT)
