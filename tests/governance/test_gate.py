"""The gate, fed by hand: no database."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from governance import dossier_items as items
from governance.dossier import Dossier
from governance.gate import judge
from governance.gate_criteria import judge_criterion
from governance.policy import EvaluationNeed, policy_for
from governance.votes import match_slots

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SEEN = NOW.isoformat()


def make_evidence(number: int, kind: str, content=None, **changes) -> items.EvidenceItem:
    item = items.EvidenceItem(
        number, kind, kind.title(), f"sha256:{number:064x}", 10, "f", content, SEEN, SEEN, "Dana", number, None
    )
    return dataclasses.replace(item, **changes)


def make_evaluation(kind: str, measures=(), **changes) -> items.EvaluationItem:
    item = items.EvaluationItem(
        50, kind, "SUCCEEDED", "test", "Data v1", "sha256:d", 2, "sha256:e", "sha256:r", "", "Dana", (), tuple(measures)
    )
    return dataclasses.replace(item, **changes)


def make_measure(value, low=None, high=None, metric="accuracy", population="overall", reason=None) -> items.Measure:
    return items.Measure(metric, population, value, low, high, 400, reason)


EXPLANATION = make_evaluation("explanation", [make_measure(1.0, 1.0, 1.0, metric="additive_share")])


def make_criterion(threshold="0.8", comparator="at_least", **changes) -> items.CriterionItem:
    item = items.CriterionItem("R-1.1", "accuracy", comparator, threshold, "overall", "test", "must")
    return dataclasses.replace(item, **changes)


def make_requirement(*criteria) -> items.RequirementItem:
    return items.RequirementItem(1, "R-1", "Right", "It is right.", "", criteria, ())


def make_sign_off(number: int, role: str, person: str, **changes) -> items.SignOffItem:
    item = items.SignOffItem(
        number, number, person, person.title(), role, "approve", "I agree.", "", NOW, "sha256:x", number, True, ()
    )
    return dataclasses.replace(item, **changes)


def make_dossier(**changes) -> Dossier:
    """A dossier whose gate is open under the high-risk policy."""
    passed = {"outcome": "passed", "reviewer": "S", "summary": "s"}
    kinds = ["metrics", "predictions", "attributions", "validation_report", "test_report"]
    evidence = [make_evidence(number, kind) for number, kind in enumerate(kinds, 1)]
    evidence += [make_evidence(10 + n, kind, passed) for n, kind in enumerate(["security_review", "privacy_review"])]
    parts = {
        "version_id": 1,
        "state": "IN_REVIEW",
        "as_of": NOW,
        "policy": policy_for("high"),
        "model": items.ModelItem(1, "Triage", "Care", "Dana", "", "Order the list.", "", "Patients.", "high", "r"),
        "version": items.VersionItem(
            1, 1, (items.ArtifactItem("m", "sha256:a", 1),), "", "", "", None, "", "Dana", SEEN
        ),
        "proof_of_concept": items.ProofOfConceptItem("p", "", "", (), "go", "r", "Adele", SEEN),
        "requirements": (make_requirement(make_criterion()),),
        "datasets": tuple(
            items.DatasetItem(role, n, "Data", n, f"sha256:{n}", 400, "", "", "none", ())
            for n, role in enumerate(["training", "test"], 1)
        ),
        "derivations": (),
        "evidence": tuple(evidence),
        "evaluations": (make_evaluation("bias_audit", [make_measure(0.9, 0.86, 0.93)]), EXPLANATION),
        "waivers": (),
        "contributors": (items.ContributorItem(9, "Dana", ("model.registered",)),),
        "contributor_person_keys": frozenset({"dana"}),
        "sign_offs": tuple(
            make_sign_off(n, role, person)
            for n, (role, person) in enumerate(
                [("validator", "viktor"), ("compliance", "carla"), ("approver", "amir")], 1
            )
        ),
    }
    return Dossier(**(parts | changes))


def statuses(dossier: Dossier) -> dict[str, str]:
    return {finding.key: finding.status for finding in judge(dossier).findings}


def test_judge_complete_dossier_is_open():
    decision = judge(make_dossier())
    assert decision.is_open
    assert decision.closing == ()
    assert decision.counts == {"MET": len(decision.findings)}
    assert decision.environment == "production"


@pytest.mark.parametrize(
    ("changes", "key", "status"),
    [
        ({"proof_of_concept": None}, "proof_of_concept:go", "MISSING"),
        ({"datasets": ()}, "lineage:training", "MISSING"),
        ({"datasets": ()}, "lineage:test", "MISSING"),
        ({"evaluations": ()}, "evaluation:bias_audit:test", "MISSING"),
        ({"evaluations": ()}, "criterion:R-1.1", "MISSING"),
        ({"requirements": ()}, "criteria:none", "MISSING"),
        ({"evidence": ()}, "evidence:validation_report", "MISSING"),
        ({"sign_offs": ()}, "sign_off:validator:0", "MISSING"),
    ],
)
def test_judge_what_is_absent_closes(changes, key, status):
    dossier = make_dossier(**changes)
    assert statuses(dossier)[key] == status
    assert not judge(dossier).is_open


@pytest.mark.parametrize("kind", policy_for("high").evidence)
def test_judge_every_required_kind_is_needed(kind):
    whole = make_dossier()
    dossier = make_dossier(evidence=tuple(item for item in whole.evidence if item.kind != kind))
    closing = [finding.key for finding in judge(dossier).closing]
    assert closing[0] == f"evidence:{kind}"
    # Without the predictions everything measured on them falls as well.
    assert len(closing) == (4 if kind == "predictions" else 1)


def test_judge_evaluation_of_superseded_evidence_is_stale_and_its_numbers_count_no_more():
    successor = make_evidence(20, "predictions", supersedes_id=2)
    evidence = tuple(item for item in make_dossier().evidence if item.id != 2)
    found = statuses(make_dossier(evidence=(*evidence, successor)))
    assert found["evidence:predictions"] == "MET"
    assert found["evaluation:bias_audit:test"] == "STALE"
    assert found["criterion:R-1.1"] == "MISSING"


def test_judge_evaluation_whose_further_input_was_superseded_is_stale():
    read = items.EvaluationInputItem("sensitive_file", 99, "sha256:s")
    audit = make_evaluation("bias_audit", [make_measure(0.9, 0.86, 0.93)], inputs=(read,))
    found = statuses(make_dossier(evaluations=(audit, EXPLANATION)))
    assert found["evaluation:bias_audit:test"] == "STALE"
    assert found["criterion:R-1.1"] == "MISSING"
    joined = dataclasses.replace(make_evidence(99, "table"), digest="sha256:s")
    whole = make_dossier()
    found = statuses(make_dossier(evidence=(*whole.evidence, joined), evaluations=(audit, EXPLANATION)))
    assert found["evaluation:bias_audit:test"] == "MET"


@pytest.mark.parametrize(
    ("measure", "criterion", "status"),
    [
        (make_measure(0.9, 0.86, 0.93), make_criterion("0.8"), "MET"),
        (make_measure(0.9, 0.8, 0.93), make_criterion("0.8"), "MET"),
        (make_measure(0.82, 0.79, 0.85), make_criterion("0.8"), "INCONCLUSIVE"),
        (make_measure(0.78, 0.74, 0.81), make_criterion("0.8"), "INCONCLUSIVE"),
        (make_measure(0.7, 0.66, 0.74), make_criterion("0.8"), "NOT_MET"),
        (make_measure(0.05, 0.01, 0.09), make_criterion("0.1", "at_most"), "MET"),
        (make_measure(0.05, 0.01, 0.1), make_criterion("0.1", "at_most"), "MET"),
        (make_measure(0.05, 0.01, 0.11), make_criterion("0.1", "at_most"), "INCONCLUSIVE"),
        (make_measure(0.2, 0.15, 0.3), make_criterion("0.1", "at_most"), "NOT_MET"),
        (make_measure(0.8), make_criterion("0.8"), "MET"),
        (make_measure(0.7999999), make_criterion("0.8"), "NOT_MET"),
        (make_measure(None, reason="no row with a positive label"), make_criterion("0.8"), "INCONCLUSIVE"),
        (make_measure(0.9, 0.86, 0.93, reason="group below minimum size 20"), make_criterion("0.8"), "INCONCLUSIVE"),
        (make_measure(float("nan")), make_criterion("0.8"), "INCONCLUSIVE"),
        (make_measure(float("inf")), make_criterion("0.8"), "INCONCLUSIVE"),
        (make_measure(0.99, 0.98, 1.0, population="sex=female"), make_criterion("0.8"), "MISSING"),
        (make_measure(0.99, 0.98, 1.0, metric="tpr"), make_criterion("0.8"), "MISSING"),
    ],
)
def test_judge_criterion_by_its_interval(measure, criterion, status):
    dossier = make_dossier(
        requirements=(make_requirement(criterion),),
        evaluations=(make_evaluation("bias_audit", [measure]), EXPLANATION),
    )
    finding = judge_criterion(dossier, dossier.requirements[0], criterion)
    assert (finding.status, finding.opens) == (status, status == "MET")


def test_judge_measure_on_other_data_does_not_count():
    audit = make_evaluation("bias_audit", [make_measure(0.9, 0.86, 0.93)], dataset_role="training")
    assert statuses(make_dossier(evaluations=(audit,)))["criterion:R-1.1"] == "MISSING"


def test_judge_test_data_that_was_trained_on_closes():
    training, test = make_dossier().datasets
    dossier = make_dossier(datasets=(training, dataclasses.replace(test, digest=training.digest)))
    assert [finding.key for finding in judge(dossier).closing] == ["lineage:test"]


def test_judge_claim_alone_is_never_enough():
    claim = {"metrics": [{"name": "accuracy", "value": 1.0, "population": "overall", "dataset_role": "test"}]}
    evidence = (*make_dossier().evidence, make_evidence(90, "metrics", claim))
    dossier = make_dossier(evidence=evidence, evaluations=(EXPLANATION,))
    assert statuses(dossier)["criterion:R-1.1"] == "MISSING"


@pytest.mark.parametrize(("claimed", "status"), [(0.9, "MET"), (0.9000005, "MET"), (0.91, "NOT_MET")])
def test_judge_claim_must_reproduce(claimed, status):
    claim = {"metrics": [{"name": "accuracy", "value": claimed, "population": "overall", "dataset_role": "test"}]}
    dossier = make_dossier(evidence=(*make_dossier().evidence, make_evidence(90, "metrics", claim)))
    assert statuses(dossier)["claim:90:test:accuracy:overall"] == status
    assert judge(dossier).is_open == (status == "MET")


@pytest.mark.parametrize("order", [(90, 91), (91, 90)])
def test_judge_of_two_reports_that_contradict_the_unwelcome_one_counts(order):
    values = {90: 120.0, 91: 900.0}
    reports = [make_evidence(pk, "load_test", {"values": {"p95_ms": values[pk]}}) for pk in order]
    criterion = make_criterion("200", "at_most", metric="load_test.p95_ms")
    dossier = make_dossier(requirements=(make_requirement(criterion),), evidence=(*make_dossier().evidence, *reports))
    found = next(finding for finding in judge(dossier).findings if finding.key == "criterion:R-1.1")
    assert (found.status, "900" in found.detail) == ("NOT_MET", True)


def test_judge_reported_number_counts_and_names_its_reporter():
    report = make_evidence(90, "load_test", {"values": {"p95_ms": 120.0}})
    criterion = make_criterion("300", "at_most", metric="load_test.p95_ms")
    dossier = make_dossier(requirements=(make_requirement(criterion),), evidence=(*make_dossier().evidence, report))
    finding = next(item for item in judge(dossier).findings if item.key == "criterion:R-1.1")
    assert (finding.status, "Dana" in finding.detail) == ("MET", True)


def test_judge_should_criterion_is_shown_and_does_not_block():
    dossier = make_dossier(requirements=(make_requirement(make_criterion("0.99", severity="should")),))
    assert statuses(dossier)["criterion:R-1.1"] == "NOT_MET"
    assert judge(dossier).is_open


@pytest.mark.parametrize("measures", [[], [make_measure(0.99, 0.99, 0.99, metric="additive_share")]])
def test_judge_explanation_that_does_not_add_up_closes(measures):
    audit = make_dossier().evaluations[0]
    dossier = make_dossier(evaluations=(audit, make_evaluation("explanation", measures)))
    assert [finding.key for finding in judge(dossier).closing] == ["evaluation:explanation:test"]


@pytest.mark.parametrize(("match", "status"), [(1.0, "MET"), (0.0, "NOT_MET"), (None, "NOT_MET")])
def test_judge_profile_of_another_file_closes(match, status):
    measures = [] if match is None else [make_measure(match, match, match, metric="dataset_match")]
    whole = make_dossier()
    policy = dataclasses.replace(whole.policy, evaluations=(EvaluationNeed("data_quality", "test"),))
    dossier = make_dossier(policy=policy, evaluations=(*whole.evaluations, make_evaluation("data_quality", measures)))
    assert statuses(dossier)["evaluation:data_quality:test"] == status


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "FAILED", "CANCELLED"])
def test_judge_evaluation_that_has_not_succeeded_closes(status):
    audit = make_evaluation("bias_audit", [], status=status, failure="column “sex” is missing")
    dossier = make_dossier(evaluations=(audit, EXPLANATION))
    expected = {"FAILED": "NOT_MET", "CANCELLED": "MISSING"}.get(status, "INCONCLUSIVE")
    assert statuses(dossier)["evaluation:bias_audit:test"] == expected


def test_judge_review_that_found_something_closes():
    failed = make_evidence(90, "security_review", {"outcome": "failed"})
    dossier = make_dossier(evidence=(*make_dossier().evidence, failed))
    assert statuses(dossier)["evidence:security_review"] == "NOT_MET"


@pytest.mark.parametrize(("days", "status"), [(364, "MET"), (366, "STALE")])
def test_judge_old_evidence_is_stale(days, status):
    observed = (NOW - timedelta(days=days)).isoformat()
    evidence = tuple(
        dataclasses.replace(item, observed_at=observed) if item.kind == "validation_report" else item
        for item in make_dossier().evidence
    )
    assert statuses(make_dossier(evidence=evidence))["evidence:validation_report"] == status


@pytest.mark.parametrize(("days", "status"), [(89, "MET"), (91, "STALE")])
def test_judge_old_sign_off_is_stale(days, status):
    first, *rest = make_dossier().sign_offs
    old = dataclasses.replace(first, signed_at=NOW - timedelta(days=days))
    assert statuses(make_dossier(sign_offs=(old, *rest)))["sign_off:validator:0"] == status


def test_judge_stale_sign_off_says_what_changed():
    first, *rest = make_dossier().sign_offs
    stale = dataclasses.replace(first, is_current=False, changed=("evidence: Predictions (new)",))
    finding = next(
        item for item in judge(make_dossier(sign_offs=(stale, *rest))).findings if item.key == "sign_off:validator:0"
    )
    assert finding.status == "STALE"
    assert finding.detail == "Viktor signed before this changed: evidence: Predictions (new)."


def test_judge_contributor_does_not_count_as_signer():
    dossier = make_dossier(contributor_person_keys=frozenset({"dana", "viktor"}))
    assert statuses(dossier)["sign_off:validator:0"] == "NOT_MET"


def test_judge_one_person_fills_one_slot():
    sign_offs = tuple(
        make_sign_off(n, role, "viktor") for n, role in enumerate(["validator", "compliance", "approver"], 1)
    )
    met = [key for key, status in statuses(make_dossier(sign_offs=sign_offs)).items() if key.startswith("sign_off")]
    assert len(met) == 3
    assert sum(statuses(make_dossier(sign_offs=sign_offs))[key] == "MET" for key in met) == 1


def test_judge_refusal_closes_although_others_approve():
    refusal = make_sign_off(8, "approver", "agnes", decision="request_changes", reason="Explain the threshold.")
    dossier = make_dossier(sign_offs=(*make_dossier().sign_offs, refusal))
    decision = judge(dossier)
    assert [(item.key, item.detail) for item in decision.closing] == [("refusal:8", "Explain the threshold.")]


def test_judge_waiver_opens_and_stays_visible():
    waiver = items.WaiverItem(
        1, "evidence:privacy_review", "MISSING", "Due in May.", (NOW + timedelta(days=1)).isoformat(), "Carla"
    )
    evidence = tuple(item for item in make_dossier().evidence if item.kind != "privacy_review")
    decision = judge(make_dossier(evidence=evidence, waivers=(waiver,)))
    waived = [finding for finding in decision.findings if finding.status == "WAIVED"]
    assert [finding.key for finding in waived] == ["evidence:privacy_review"]
    assert "Due in May." in waived[0].detail
    assert decision.is_open


@pytest.mark.parametrize(("threshold", "status"), [("0.95", "WAIVED"), ("0.97", "NOT_MET"), ("0.92", "INCONCLUSIVE")])
def test_judge_waiver_accepts_the_gap_it_was_granted_for_and_no_other(threshold, status):
    """A threshold that is moved after the waiver is another demand; so is a gap of another kind."""
    gap = "NOT_MET accuracy (overall, test) at_least 0.95"
    waiver = items.WaiverItem(1, "criterion:R-1.1", gap, "Soon.", (NOW + timedelta(days=1)).isoformat(), "Carla")
    dossier = make_dossier(requirements=(make_requirement(make_criterion(threshold)),), waivers=(waiver,))
    assert statuses(dossier)["criterion:R-1.1"] == status


def test_judge_expired_waiver_does_not_open():
    waiver = items.WaiverItem(
        1, "evidence:privacy_review", "MISSING", "Due.", (NOW - timedelta(seconds=1)).isoformat(), "Carla"
    )
    evidence = tuple(item for item in make_dossier().evidence if item.kind != "privacy_review")
    assert not judge(make_dossier(evidence=evidence, waivers=(waiver,))).is_open


def test_judge_waiver_never_replaces_a_sign_off():
    waiver = items.WaiverItem(
        1, "sign_off:validator:0", "MISSING", "Busy.", (NOW + timedelta(days=1)).isoformat(), "Carla"
    )
    assert not judge(make_dossier(sign_offs=(), waivers=(waiver,))).is_open


def test_digest_leaves_out_sign_offs_and_state_and_covers_the_rest():
    whole = make_dossier()
    assert make_dossier(sign_offs=(), state="APPROVED", as_of=NOW + timedelta(days=1)).digest == whole.digest
    for part in ("requirements", "datasets", "evidence", "evaluations", "contributors"):
        assert make_dossier(**{part: ()}).digest != whole.digest, part
    assert make_dossier(policy=policy_for("medium")).digest != whole.digest


ROLES = ("validator", "compliance", "approver")


def brute_force(slots, candidates):
    people = sorted(set().union(*candidates.values())) if candidates else []
    best = 0
    for chosen in itertools.product([None, *people], repeat=len(slots)):
        named = [person for person in chosen if person is not None]
        fits = all(
            person is None or person in candidates.get(slot, ()) for slot, person in zip(slots, chosen, strict=True)
        )
        if fits and len(set(named)) == len(named):
            best = max(best, len(named))
    return best


@pytest.mark.parametrize("slots", [ROLES, ("validator", "validator", "approver"), ("validator",) * 3])
@pytest.mark.parametrize("mask", range(0, 512, 3))
def test_match_slots_fills_as_many_as_brute_force(slots, mask):
    pairs = list(itertools.product(ROLES, ["a", "b", "c"]))
    candidates: dict[str, set[str]] = {}
    for bit, (role, person) in enumerate(pairs):
        if mask >> bit & 1:
            candidates.setdefault(role, set()).add(person)
    filled = match_slots([candidates.get(slot, set()) for slot in slots])
    assert len(filled) == brute_force(slots, candidates)
    assert len(set(filled.values())) == len(filled)
    assert all(person in candidates[slots[slot]] for slot, person in filled.items())
