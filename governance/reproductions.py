"""What is on record of a version that a training run again has to reproduce."""

from __future__ import annotations

from typing import Any

from governance.models import DatasetUse, Evaluation, EvidenceKind

OVERALL = "overall"


def read_records(evaluation: Evaluation) -> dict[str, Any]:
    """The metrics on record for everybody on the evaluation's data, with the version's data and artifacts.

    Metrics come from every metric set that nothing supersedes. ``is_independent``: somebody other than those who
    submitted the metrics ran the training again.
    """
    version = evaluation.version
    sets = version.evidence.current().filter(kind=EvidenceKind.METRICS).order_by("pk")
    metrics = [
        {"name": item["name"], "value": item["value"], "evidence": evidence.pk, "digest": evidence.digest}
        for evidence in sets
        for item in (evidence.content or {}).get("metrics", ())
        if (item["population"], item["dataset_role"]) == (OVERALL, evaluation.dataset_role)
    ]
    read = {item["evidence"] for item in metrics}
    claimed_by = {evidence.submitted_by_id for evidence in sets if evidence.pk in read}
    uses = DatasetUse.objects.filter(version=version).select_related("dataset_version__dataset").order_by("role", "pk")
    return {
        "metrics": metrics,
        "datasets": [
            {"name": str(use.dataset_version), "role": use.role, "digest": use.dataset_version.digest} for use in uses
        ],
        "artifacts": [{"name": item.name, "digest": item.digest} for item in version.artifacts.order_by("pk")],
        "digest": evaluation.evidence.digest,
        "is_independent": bool(claimed_by) and evaluation.evidence.submitted_by_id not in claimed_by,
    }
