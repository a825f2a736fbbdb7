"""Asking for an evaluation and running it here and now, for tests of the runner."""

from __future__ import annotations

from governance import runner
from governance.actions import evaluations
from governance.models import AuditLogEntry, Evaluation
from tests import cast

GOOD = cast.make_predictions(40).decode()
ATTRIBUTIONS = cast.make_attributions(40).decode()


def request(version, developer, text: str | bytes, *, kind="bias_audit", **spec) -> Evaluation:
    evidence_kind = runner.EVIDENCE_FOR[kind][0]
    base = cast.PREDICTIONS_SPEC if kind == "bias_audit" else cast.ATTRIBUTIONS_SPEC
    item = cast.submit(
        version,
        evidence_kind,
        by=developer,
        file=[text.encode() if isinstance(text, str) else text],
        file_name="table.csv",
    )
    return evaluations.request_evaluation(
        version, kind=kind, evidence=item, spec=base | spec, actor=cast.acting(developer)
    )


def run(evaluation: Evaluation) -> Evaluation:
    assert runner.run(evaluation.pk) is True
    evaluation.refresh_from_db()
    return evaluation


def list_entries(type: str) -> list[AuditLogEntry]:
    return list(AuditLogEntry.objects.filter(type=type))
