"""Every finding of the gate about what is recorded: its key, its status and its words. No database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from governance import dossier_items as items
from governance.dossier import Dossier
from governance.findings import Area, Finding, FindingStatus
from governance.gate import GateDecision, judge, judge_again
from governance.policy import policy_for
from tests.governance.test_gate import NOW, make_dossier, make_evidence, make_requirement

HIGH = policy_for("high")
PROOF = items.ProofOfConceptItem("p", "", "", (), "go", "r", "Adele", NOW.isoformat())


def find(dossier: Dossier, key: str) -> tuple[str, str, str, str]:
    """Area, status, title and detail of the finding with this key."""
    (found,) = [finding for finding in judge(dossier).findings if finding.key == key]
    return found.area, found.status, found.title, found.detail


def keys(decision: GateDecision) -> set[str]:
    return {finding.key for finding in decision.findings}


def decide(*findings: Finding) -> GateDecision:
    return GateDecision("sha256:d", "sha256:p", "production", NOW, findings)


def make_finding(status: str = "MET", area: str = Area.EVIDENCE, **changes: Any) -> Finding:
    return dataclasses.replace(Finding("k", area, "T", status, "D"), **changes)


# --- The decision ---------------------------------------------------------------------------------


def test_a_decision_without_any_finding_is_closed():
    assert not decide().is_open
    assert decide(make_finding()).is_open


def test_only_what_blocks_and_does_not_open_closes():
    shown = make_finding("NOT_MET", blocks=False)
    closing = make_finding("MISSING")
    decision = decide(make_finding(), make_finding("WAIVED"), shown, closing)
    assert (decision.is_open, decision.closing) == (False, (closing,))
    assert decide(make_finding(), shown).is_open
    assert decide(make_finding(), shown).closing == ()


def test_ready_to_sign_asks_for_everything_but_signatures():
    unsigned = make_finding("MISSING", Area.SIGN_OFFS)
    shown = make_finding("NOT_MET", blocks=False)
    assert decide(make_finding(), unsigned, shown).is_ready_to_sign
    assert not decide(make_finding(), make_finding("MISSING"), unsigned).is_ready_to_sign
    assert not decide(make_finding("MISSING"), make_finding("MET", Area.SIGN_OFFS)).is_ready_to_sign


@pytest.mark.parametrize("status", FindingStatus.values)
def test_only_met_and_waived_open(status):
    assert make_finding(status).opens is (status in ("MET", "WAIVED"))


@pytest.mark.parametrize("area", Area.values)
def test_what_can_be_waived(area):
    never = area in ("records", "discussion", "sign_offs")
    assert make_finding("MISSING", area).can_be_waived is (not never)
    assert not make_finding("MET", area).can_be_waived
    assert not make_finding("MISSING", area, blocks=False).can_be_waived


def test_a_gap_is_a_status_and_a_demand():
    assert make_finding("MISSING").gap == "MISSING"
    assert make_finding("NOT_MET", demand="at most 3").gap == "NOT_MET at most 3"


# --- Identity and proof of concept ----------------------------------------------------------------


def test_artifacts_are_counted_and_needed():
    whole = make_dossier()
    one = whole.version.artifacts[0]
    title = ("identity", "MET", "Artifact digest")
    assert find(whole, "identity:artifact") == (*title, "1 artifact digest is recorded.")
    two = make_dossier(version=dataclasses.replace(whole.version, artifacts=(one, one)))
    assert find(two, "identity:artifact") == (*title, "2 artifact digests are recorded.")
    none = make_dossier(version=dataclasses.replace(whole.version, artifacts=()))
    told = "No artifact digest is recorded, so nothing says which file is meant."
    assert find(none, "identity:artifact") == ("identity", "MISSING", "Artifact digest", told)
    assert [finding.key for finding in judge(none).closing] == ["identity:artifact"]


@pytest.mark.parametrize("changes", [{"intended_use": " "}, {"affected_people": ""}])
def test_use_and_people_are_both_needed(changes):
    whole = make_dossier()
    told = "Intended use and affected people are described."
    assert find(whole, "identity:intended_use") == ("identity", "MET", "Intended use", told)
    dossier = make_dossier(model=dataclasses.replace(whole.model, **changes))
    told = "Describe the intended use and the people affected."
    assert find(dossier, "identity:intended_use") == ("identity", "MISSING", "Intended use", told)
    assert not judge(dossier).is_open


@pytest.mark.parametrize(
    ("proof", "status", "told"),
    [
        (PROOF, "MET", "Go, decided by Adele."),
        (dataclasses.replace(PROOF, decision="no_go"), "NOT_MET", "The proof of concept ended with no go."),
        (dataclasses.replace(PROOF, decision=""), "MISSING", "No go is recorded for the proof of concept."),
        (None, "MISSING", "No go is recorded for the proof of concept."),
    ],
)
def test_proof_of_concept(proof, status, told):
    dossier = make_dossier(proof_of_concept=proof)
    assert find(dossier, "proof_of_concept:go") == ("proof_of_concept", status, "Go decision", told)
    relaxed = dataclasses.replace(dossier, policy=dataclasses.replace(HIGH, needs_proof_of_concept=False))
    assert "proof_of_concept:go" not in keys(judge(relaxed))
    assert judge(relaxed).is_open


# --- Data -----------------------------------------------------------------------------------------


def test_data_is_named_and_recalled_data_closes():
    whole = make_dossier()
    assert find(whole, "lineage:training") == ("lineage", "MET", "Training data", "Data v1")
    used = tuple(dataclasses.replace(item, recalled="Wrong labels.") for item in whole.datasets[:1])
    dossier = make_dossier(datasets=(*used, *whole.datasets[1:]))
    told = ("lineage", "NOT_MET", "Recalled data: Data v1", "It was recalled: Wrong labels.")
    assert find(dossier, "lineage:recalled:1") == told
    assert [finding.key for finding in judge(dossier).closing] == ["lineage:recalled:1"]
    assert "lineage:recalled:1" in keys(judge_again(dossier, "production"))


def test_recalled_data_behind_what_is_used_closes():
    sound = items.DerivationItem(1, "Data v1", 7, "Raw v7", "sha256:7", "split")
    spoilt = items.DerivationItem(1, "Data v1", 8, "Raw v8", "sha256:8", "join", "No consent.")
    decision = judge(make_dossier(derivations=(sound, spoilt)))
    (closing,) = decision.closing
    assert (closing.key, closing.title) == ("lineage:recalled:8", "Recalled data: Raw v8")
    assert closing.detail == "It was recalled: No consent."


def test_data_that_was_trained_on_is_named():
    whole = make_dossier()
    again = dataclasses.replace(whole.datasets[1], digest="sha256:1", dataset="Copy", number=4)
    other = dataclasses.replace(whole.datasets[1], dataset="Other", number=5)
    dossier = make_dossier(datasets=(whole.datasets[0], again, other))
    told = "Copy v4 is declared as training data as well."
    assert find(dossier, "lineage:test") == ("lineage", "NOT_MET", "Test data", told)
    two = dataclasses.replace(dossier, datasets=(whole.datasets[0], whole.datasets[1], other))
    assert find(two, "lineage:test")[3] == "Data v2, Other v5"
    none = dataclasses.replace(dossier, datasets=whole.datasets[:1])
    assert find(none, "lineage:test")[1:] == ("MISSING", "Test data", "No dataset version is declared in this role.")


# --- Evidence -------------------------------------------------------------------------------------


def with_reviews(*reviews: items.EvidenceItem) -> Dossier:
    others = tuple(item for item in make_dossier().evidence if item.kind != "security_review")
    return make_dossier(evidence=(*others, *reviews))


def test_evidence_is_named_with_all_that_was_offered():
    passed = {"outcome": "passed"}
    fresh = [make_evidence(n, "security_review", passed, title=f"Review {n}") for n in (30, 31)]
    old = make_evidence(32, "security_review", None, observed_at=(NOW - timedelta(days=4_000)).isoformat())
    dossier = with_reviews(*fresh, old)
    assert find(dossier, "evidence:security_review")[1:] == ("MET", "Security review", "Review 30, Review 31")
    (found,) = [item for item in judge(dossier).findings if item.key == "evidence:security_review"]
    assert found.evidence_ids == (30, 31, 32)
    stale = find(with_reviews(old), "evidence:security_review")
    assert (stale[1], stale[3]) == ("STALE", f"Observed more than {HIGH.evidence_days} days ago.")
    assert find(with_reviews(), "evidence:security_review")[3] == "None is submitted."


@pytest.mark.parametrize("kind", ["security_review", "privacy_review"])
@pytest.mark.parametrize("content", [None, {}, {"outcome": "failed"}])
def test_every_review_has_to_end_with_passed(kind, content):
    bad = make_evidence(40, kind, content)
    dossier = make_dossier(evidence=(*make_dossier().evidence, bad))
    found = find(dossier, f"evidence:{kind}")
    assert (found[1], found[3]) == ("NOT_MET", "A review did not end with “passed”.")


def test_evidence_as_old_as_allowed_still_counts():
    allowed = NOW - timedelta(days=HIGH.evidence_days)
    review = make_evidence(30, "security_review", {"outcome": "passed"}, observed_at=allowed.isoformat())
    assert find(with_reviews(review), "evidence:security_review")[1] == "MET"


def test_requirements_without_criteria_are_none():
    told = "No requirement with an acceptance criterion is recorded."
    missing = ("criteria", "MISSING", "Requirements", told)
    assert find(make_dossier(requirements=(make_requirement(),)), "criteria:none") == missing
    both = make_dossier(requirements=(make_requirement(), *make_dossier().requirements))
    assert "criteria:none" not in keys(judge(both))


# --- Records, solo mode, questions ----------------------------------------------------------------


def test_what_the_log_does_not_vouch_for_closes_whatever_else():
    dossier = make_dossier(unrecorded=("evidence: a", "waiver: b"))
    told = (
        "The log does not record this, or records it otherwise: evidence: a; waiver: b. "
        "Ask an operator to verify the log."
    )
    assert find(dossier, "records:log") == ("records", "NOT_MET", "Vouched for by the log", told)
    assert not judge(dossier).is_open
    assert "records:log" in keys(judge_again(dossier, "production"))
    assert "records:log" not in keys(judge(make_dossier()))


def test_solo_mode_is_shown_and_does_not_block():
    decision = judge(make_dossier(solo_mode=True))
    (found,) = [finding for finding in decision.findings if finding.key == "records:solo_mode"]
    assert (found.status, found.title, found.blocks, decision.is_open) == ("NOT_MET", "Solo mode", False, True)
    assert found.detail.startswith("This project is in solo mode")
    assert "records:solo_mode" not in keys(judge(make_dossier()))


@pytest.mark.parametrize("blocks", [True, False])
def test_open_questions_are_counted_and_the_first_five_told(blocks):
    asked = tuple(items.OpenQuestionItem(n, "model", f"{n}" * 300, "Vera", NOW) for n in range(1, 7))
    policy = dataclasses.replace(HIGH, open_questions_block=blocks)
    decision = judge(make_dossier(policy=policy, open_questions=asked))
    (found,) = [finding for finding in decision.findings if finding.key == "questions:open"]
    assert found.detail == "6 questions are open. " + "; ".join(f"Vera: {str(n) * 200}" for n in range(1, 6))
    assert (found.area, found.status, found.title) == ("discussion", "NOT_MET", "Open questions")
    assert (found.blocks, decision.is_open) == (blocks, not blocks)
    one = judge(make_dossier(policy=policy, open_questions=asked[:1])).findings
    assert "1 question is open." in next(finding.detail for finding in one if finding.key == "questions:open")


# --- Waivers and a second judgement ---------------------------------------------------------------


def make_waiver(**changes: Any) -> items.WaiverItem:
    ends = (NOW + timedelta(days=3)).isoformat()
    item = items.WaiverItem(4, "evidence:security_review", "MISSING", "It comes.", ends, "Carla")
    return dataclasses.replace(item, **changes)


def test_a_waived_finding_tells_who_until_when_why_and_what():
    dossier = dataclasses.replace(with_reviews(), waivers=(make_waiver(),))
    told = "Missing, waived by Carla until 2026-11-24: It comes. Found: None is submitted."
    assert find(dossier, "evidence:security_review")[1::2] == ("WAIVED", told)
    assert judge(dossier).is_open


@pytest.mark.parametrize(
    "changes",
    [
        {"finding_key": "evidence:privacy_review"},
        {"gap": "STALE"},
        {"expires_at": NOW.isoformat()},
    ],
)
def test_a_waiver_of_something_else_or_that_ends_now_opens_nothing(changes):
    dossier = dataclasses.replace(with_reviews(), waivers=(make_waiver(**changes),))
    assert find(dossier, "evidence:security_review")[1] == "MISSING"


def test_a_second_waiver_counts_where_the_first_has_run_out():
    ended = make_waiver(id=3, expires_at=NOW.isoformat())
    dossier = dataclasses.replace(with_reviews(), waivers=(ended, make_waiver()))
    assert find(dossier, "evidence:security_review")[1] == "WAIVED"


def test_a_waiver_of_what_is_met_is_not_shown():
    dossier = make_dossier(waivers=(make_waiver(gap="MET"),))
    assert find(dossier, "evidence:security_review")[1] == "MET"


@pytest.mark.parametrize(("left", "is_open"), [(timedelta(0), False), (timedelta(microseconds=1), True)])
def test_going_back_asks_whether_waivers_have_run_out(left, is_open):
    waiver = make_waiver(expires_at=(NOW + left).isoformat())
    decision = judge_again(make_dossier(waivers=(waiver,)), "staging")
    assert (decision.is_open, decision.environment, decision.judged_at) == (is_open, "staging", NOW)
    told = [(item.key, item.area, item.status, item.title, item.detail) for item in decision.closing]
    ran_out = ("Waiver of evidence:security_review", "It ran out on 2026-11-21.")
    assert told == ([] if is_open else [("waiver:4", "records", "STALE", *ran_out)])


def test_going_back_asks_for_signatures_and_not_for_measures():
    dossier = make_dossier(evidence=(), evaluations=())
    again = judge_again(dossier, "production")
    assert again.is_open
    assert (again.dossier_digest, again.policy_digest) == (dossier.digest, HIGH.digest)
    assert not judge_again(make_dossier(sign_offs=()), "production").is_open
    assert "records:solo_mode" in keys(judge_again(make_dossier(solo_mode=True), "production"))
