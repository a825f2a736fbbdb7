"""What a report carries: enough to check it, and every figure in it, with nothing but itself and one key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from countersign import report_cells, verifier
from governance.canonical import canonical_bytes
from governance.models import Evaluation, EvaluationKind
from governance.reports.pdf_evidence import VERIFIER, attach_cells, attach_proofs
from governance.signer_files import read_vkeys
from tests.governance.reports.conftest import Printed

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning"),
]


def read(printed: Printed) -> dict[str, bytes]:
    return {name: found[0] for name, found in printed.pdf.attachments.items()}


def test_attestation_is_checked_with_what_is_inside(printed: Printed):
    inside, keys = read(printed), list(read_vkeys())
    bundle = json.loads(inside[f"attestation-{printed.release.pk}.json"])
    verdict = verifier.verify_attestation(bundle, keys)
    assert verdict, verdict.message
    assert verdict.statement["predicate"]["dossier"] == printed.dossier.digest


def test_every_decision_is_proven_by_its_receipt(printed: Printed):
    inside, keys = read(printed), list(read_vkeys())
    names = sorted(name for name in inside if name.startswith("receipt-"))
    types = []
    for name in names:
        verdict = verifier.verify_entry(json.loads(inside[name]), keys)
        assert verdict, verdict.message
        types.append(verdict.entry["type"])
    assert sorted(types) == [*["sign_off.given"] * 3, "version.promoted", "version.submitted"]


def test_checkpoint_and_trust_file_are_those_of_the_log(printed: Printed):
    inside = read(printed)
    assert inside["checkpoint.txt"].decode().startswith(printed.checkpoint.note)
    trust = verifier.read_trust(json.loads(inside["trust.json"]))
    assert [f"{key.name}" for key in trust.keys] == [key.partition("+")[0] for key in read_vkeys()]


def test_verifier_inside_is_the_clients_own(printed: Printed):
    folder = Path(verifier.__file__).parent
    assert {name: read(printed)[name] for name in VERIFIER} == {name: (folder / name).read_bytes() for name in VERIFIER}


def test_every_figure_is_recomputed_from_the_cells_inside(printed: Printed):
    inside = read(printed)
    (name,) = [name for name in inside if name.startswith("cells-")]
    number = name.removeprefix("cells-").removesuffix(".json")
    outcome = report_cells.recompute(json.loads(inside[name]), json.loads(inside[f"evaluation-{number}.json"]))
    assert outcome.differ == []
    assert outcome.agree > 150
    code, lines = report_cells.recompute_report(printed.made.pdf)
    assert (code, lines[0].startswith(f"evaluation {number}: {outcome.agree} numbers agree, 0 differ")) == (0, True)


def test_same_reading_carries_the_same_bytes(printed: Printed):
    first, second = (list(attach_proofs(printed.version.pk, printed.checkpoint)) for _ in range(2))
    assert first == second
    assert read(printed)["dossier.json"] == canonical_bytes(printed.dossier.document)


def test_before_anything_is_sealed_there_is_nothing_to_prove():
    assert [item.name for item in attach_proofs(1, None)] == list(VERIFIER)


def test_result_without_cells_carries_none(printed: Printed):
    explanation = Evaluation.objects.get(version=printed.version, kind=EvaluationKind.EXPLANATION)
    assert attach_cells(1, json.loads(explanation.result)) is None
