"""Each reader on what it reads: the value, who says so, on what evidence, and when it says nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from governance.actions import delegations, discussion, promotion, signoff, submission
from governance.answer_text import clean_answer
from governance.canonical import canonical_digest
from governance.dossier import collect
from governance.facts import is_asked, read_facts, read_facts_of
from governance.frameworks.recorded import Recorded, Strength
from governance.frameworks.vocabulary import facts
from governance.models import Condition, Evaluation, Evidence
from governance.signer import sign_once
from tests import cast
from tests.governance.facts.answering import make_value
from tests.governance.facts.hiring import APPLICANTS, BIAS_SPEC, ROBUSTNESS_SPEC, Hiring, make_invitations
from tests.governance.light import Light
from tests.guards import behind_the_guards
from tests.reproductions import make_report


def read_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What the record says by itself once a version is released and sealed; the rest is asked.
READ = read_words("""
    system.name system.identifier system.version system.owner system.developers system.version_lineage
    system.intended_purpose system.out_of_scope_uses system.affected_groups system.personal_data
    system.special_category_data system.materiality system.market_status system.success_criteria
    requirement.list requirement.trace
    design.code_ref
    dataset.inventory dataset.lineage dataset.provenance dataset.scope dataset.quality dataset.splits
    dataset.representativeness
    evaluation.metrics evaluation.thresholds evaluation.results evaluation.subgroup_results evaluation.test_data
    evaluation.test_log evaluation.robustness evaluation.security evaluation.privacy evaluation.in_context
    evaluation.limits
    fairness.metrics bias_audit.record bias_audit.date bias_audit.auditor bias_audit.sex_table bias_audit.race_table
    bias_audit.intersection_table bias_audit.median bias_audit.unknown_count bias_audit.exclusions
    bias_audit.significance
    explanation.method explanation.global explanation.local explanation.checks explanation.reason_codes
    validation.report validation.date validation.independence validation.next
    approval.release approval.segregation approval.conditions approval.waivers approval.go_no_go
    deployment.record change.log log.integrity org.inventory org.roles
    portal.altered_record_detection portal.export portal.access_control portal.authority_checks portal.audit_trail
    portal.audit_trail_retention portal.sequence_checks portal.input_source_checks portal.signature_fields
    portal.signature_display portal.signature_binding portal.unique_accounts portal.later_signing_one portal.biometrics
    portal.device_testing portal.trusted_time
""")
# What is only read when it happened or where it was asked for: shown by a test of its own below.
READ_ELSEWHERE = read_words("""
    design.reproducible deployment.rollback system.decommission validation.findings validation.closure
    portal.two_components portal.first_signing_full portal.broken_session_full portal.open_controls
    bias_audit.group_outputs bias_audit.summary
""")


@pytest.fixture
def released(hiring: Hiring) -> dict[str, Recorded]:
    """What is recorded of the hiring model's version in production, under a sealed log."""
    hiring.release()
    sign_once()
    return read_facts_of(hiring.version)


# --- What is read, and what is left to be answered --------------------------------------------------


def test_the_record_says_of_a_released_version_exactly_this(released: dict[str, Recorded]):
    assert set(released) == READ


def test_every_fact_is_read_or_can_be_answered_or_signed():
    for kind in facts().values():
        if kind.type == "sig":
            assert kind.over or kind.id in READ, kind.id
        else:
            assert clean_answer(kind, make_value(kind)) == make_value(kind), kind.id
    assert facts().keys() >= READ | READ_ELSEWHERE


def test_what_is_read_has_the_shape_of_its_fact(released: dict[str, Recorded]):
    for fact, item in released.items():
        kind = facts()[fact]
        shapes: dict[str, Any] = {"list": list, "bool": bool, "num": int | float, "record": Mapping}
        assert isinstance(item.value, shapes.get(kind.type, str)), fact
        assert not kind.choices or item.value in kind.choices, fact
        if kind.keys:
            assert set(item.value) <= set(kind.keys), fact
        if kind.type == "date":
            date.fromisoformat(item.value)
        if kind.type == "file":
            assert item.digest, fact
        assert item.source.text, fact
        canonical_digest({"value": item.value})


def test_a_record_of_which_parts_are_open_is_asked_for(released: dict[str, Recorded]):
    """The reason codes are read; which factors a score disclosure names, nobody has said."""
    assert "score_factors" not in released["explanation.reason_codes"].value
    assert is_asked(facts()["explanation.reason_codes"], released)
    assert not is_asked(facts()["explanation.global"], released)
    assert not is_asked(facts()["approval.waivers"], released)  # that there are none is an answer
    assert not is_asked(facts()["approval.release"], released)
    assert is_asked(facts()["design.logic"], released)


# --- Measurements -----------------------------------------------------------------------------------


def count_invited(*features: str) -> dict[str, tuple[int, int]]:
    """Category -> applicants and how many were invited, of the rows as received with both categories known."""
    counted: dict[str, tuple[int, int]] = {}
    for row in csv.DictReader(io.StringIO(make_invitations().decode())):
        if row["sex"]:
            name = ", ".join(row[feature] for feature in features)
            n, invited = counted.get(name, (0, 0))
            counted[name] = n + 1, invited + int(row["invited"])
    return counted


@pytest.mark.parametrize(
    ("fact", "features"),
    [
        ("bias_audit.sex_table", ("sex",)),
        ("bias_audit.race_table", ("race",)),
        ("bias_audit.intersection_table", ("sex", "race")),
    ],
)
def test_tables_of_the_bias_audit_are_those_of_the_rows(hiring: Hiring, fact: str, features: tuple[str, ...]):
    table = read_facts_of(hiring.version)[fact].value
    counted = count_invited(*features)
    total = sum(n for n, _invited in counted.values())
    kept = {name: Fraction(invited, n) for name, (n, invited) in counted.items() if 50 * n >= total}
    assert table.keys() == counted.keys()
    for name, (n, invited) in counted.items():
        assert (table[name]["n"], table[name]["selected"]) == (n, invited)
        assert table[name]["selection_rate"] == pytest.approx(invited / n)
        ratio = float(kept[name] / max(kept.values())) if name in kept else None
        assert table[name]["impact_ratio"] == (ratio if ratio is None else pytest.approx(ratio))


def test_figures_beside_the_tables(hiring: Hiring):
    found = read_facts_of(hiring.version)
    assert found["bias_audit.unknown_count"].value == 1
    scores = sorted(
        float(row["score"]) for row in csv.DictReader(io.StringIO(make_invitations().decode())) if row["sex"]
    )
    assert found["bias_audit.median"].value == scores[len(scores) // 2]
    left_out = found["bias_audit.exclusions"].value
    assert left_out[0].startswith("race: Two or more, under 2 percent of the rows, n 3, rate 0.66")
    assert [item.partition(",")[0] for item in left_out[1:]] == ["intersection: female", "intersection: male"]
    tests = found["bias_audit.significance"].value
    assert tests["under_four_fifths"][0] == "sex: male"
    assert tests["sex: male against female"]["method"] == "two-proportion z"


def test_audit_is_told_with_who_asked_for_it(hiring: Hiring):
    record = read_facts_of(hiring.version)["bias_audit.record"]
    audit = hiring.evaluations["bias_audit"]
    assert record.strength is Strength.MACHINE
    assert record.by == ("Compliance Person",)
    assert record.recorder_roles == {"compliance"}
    assert record.digest == record.source.digest == audit.result_digest
    assert (record.source.kind, record.source.id) == ("evaluation", audit.pk)
    assert record.source.log_index is not None
    assert record.at == audit.finished_at


def test_audit_of_superseded_predictions_says_nothing(hiring: Hiring):
    """Where the audit on test data speaks of nothing any more, that on validation data does, and then none."""
    robustness = hiring.evaluations["robustness"]
    supersede(hiring, hiring.evidence["predictions"])
    assert read_facts_of(hiring.version)["bias_audit.record"].source.id == robustness.pk
    supersede(hiring, robustness.evidence)
    found = read_facts_of(hiring.version)
    assert not {fact for fact in found if fact.startswith(("bias_audit.", "fairness."))}
    assert "evaluation.subgroup_results" not in found


def supersede(hiring: Hiring, evidence: Evidence) -> None:
    cast.submit(
        hiring.version,
        "predictions",
        by=hiring.team["developer"],
        file=[make_invitations() + f"{evidence.pk}\n".encode()],
        file_name="again.csv",
        supersedes=evidence,
    )


def test_audit_on_the_data_it_was_trained_on_shows_nothing_of_use(hiring: Hiring):
    spec = BIAS_SPEC | {"sensitive": ["sex"]}
    hiring.evaluate("bias_audit", hiring.evidence["predictions"], spec, dataset_role="training")
    supersede(hiring, hiring.evaluations["robustness"].evidence)
    audit = hiring.evaluations["bias_audit"]
    with behind_the_guards():
        Evaluation.objects.filter(pk=audit.pk).update(status="FAILED")
    found = read_facts_of(hiring.version)
    assert not found.keys() & {"bias_audit.record", "fairness.metrics", "evaluation.subgroup_results"}


def test_result_and_evidence_that_the_log_does_not_know_say_nothing(hiring: Hiring):
    report = hiring.evidence["validation_report"]
    audit = hiring.evaluations["bias_audit"]
    with behind_the_guards():
        Evidence.objects.filter(pk=report.pk).update(log_index=0)
        Evaluation.objects.filter(pk=audit.pk).update(result=audit.result.replace('"rows_used"', '"rows_used" '))
    found = read_facts_of(hiring.version)
    assert not found.keys() & {"validation.report", "bias_audit.record", "evaluation.results"}
    assert "evaluation.test_log" in found


def test_losses_under_conditions_are_the_robustness(hiring: Hiring):
    told = read_facts_of(hiring.version)["evaluation.robustness"].value
    assert told["answers missing"]["rows"] == APPLICANTS - 1
    assert told["answers missing"]["accuracy_loss"]["value"] > 0
    assert told["as received"] == {"rows": APPLICANTS - 1}


def test_classes_have_tables_of_their_own(hiring: Hiring):
    rows = ["id,sex,truth,class"]
    rows += [f"{n},{'female' if n % 2 else 'male'},{'ABC'[n % 3]},{'ABC'[(n // 2) % 3]}" for n in range(APPLICANTS)]
    file = ["\n".join(rows).encode() + b"\n"]
    submitted = cast.submit(
        hiring.version, "predictions", title="Classes", by=hiring.team["developer"], file=file, file_name="classes.csv"
    )
    spec = {
        "task": "multiclass",
        "columns": {"y_true": "truth", "y_pred": "class", "id": "id"},
        "sensitive": ["sex"],
        "intervals": {"draws": 200, "level": 0.95},
    }
    hiring.evaluate("bias_audit", submitted, spec)
    found = read_facts_of(hiring.version)
    outputs = found["bias_audit.group_outputs"].value
    assert list(outputs) == ["A, by sex", "B, by sex", "C, by sex"]
    assert max(outputs["A, by sex"].values()) == 1.0
    # By whom it was asked for decides whether it is independent.
    assert found["bias_audit.record"].recorder_roles == {"developer", "owner"}


def test_people_counted_under_every_condition_are_not_called_unknown(hiring: Hiring):
    audit = hiring.evaluate("bias_audit", hiring.evaluations["robustness"].evidence, ROBUSTNESS_SPEC)
    assert audit.dataset_role == "test"
    found = read_facts_of(hiring.version)
    assert "bias_audit.unknown_count" not in found
    assert found["bias_audit.sex_table"].value["female"]["n"] == 119


def test_training_that_was_run_again_is_read(hiring: Hiring):
    developer = hiring.team["developer"]
    content = {"metrics": [{"name": "accuracy", "value": 0.95}]}
    cast.submit(hiring.version, "metrics", by=developer, content=content)
    again = cast.submit(hiring.version, "reproduction", by=developer, content=make_report())
    hiring.evaluate("reproduction", again, {})
    told = read_facts_of(hiring.version)["design.reproducible"].value
    assert told == {
        "verdict": "reproduced",
        "runs": 1,
        "accuracy": "reproduced",
        "how": "run again once by the submitter; compared with the metrics on record by the portal",
    }


def test_explanation_says_by_whose_word_it_was_made(hiring: Hiring):
    found = read_facts_of(hiring.version)
    assert found["explanation.method"].strength is Strength.STATEMENT
    assert found["explanation.method"].value == {
        "method": "exact",
        "background": "240 applicants of last year",
        "output_space": "score",
        "seed": "7",
    }
    assert found["explanation.checks"].strength is Strength.MACHINE
    assert found["explanation.checks"].value["additivity"] == "240 of 240 rows add up, tolerance 1e-06"
    assert found["explanation.checks"].value["faithfulness"] == "outputs equal the submitted predictions on 240 rows"
    assert found["explanation.reason_codes"].value["feature_map"].startswith("experience: Too little experience;")
    shares = [item["share"] for item in found["explanation.global"].value.values()]
    assert sum(shares) == pytest.approx(1)


def test_quality_is_read_only_of_the_declared_table(hiring: Hiring):
    found = read_facts_of(hiring.version)
    assert found["dataset.quality"].value["leakage, test data"] == 0.0
    assert found["dataset.splits"].value == {"Applicants v2": "0 of 240 rows are in the training data too"}
    assert found["dataset.representativeness"].value["sex=female, test data"] == {"share": 0.5, "expected": 0.5}


# --- Review, approval, release ----------------------------------------------------------------------


def test_approval_is_signed_once_everybody_has(hiring: Hiring):
    submission.submit_version(hiring.version, actor=hiring.actor("developer"))
    cast.sign(hiring.version, hiring.team["validator"], "validator")
    assert not read_facts_of(hiring.version).keys() & {"approval.release", "approval.conditions"}
    cast.sign(hiring.version, hiring.team["approver"], "approver")
    found = read_facts_of(hiring.version)
    signed = {(item.name, item.role, item.meaning) for item in found["approval.release"].signatures}
    assert signed == {
        ("Validator Person", "validator", "approve for production"),
        ("Approver Person", "approver", "approve for production"),
    }
    assert found["approval.release"].digest == collect(hiring.version).digest
    assert found["approval.conditions"].value == []
    assert found["approval.segregation"].value["approved_by"] == "Validator Person, Approver Person"
    assert found["validation.independence"].value["contributed_to_this_version"] == "no, by the log"


def test_conditions_are_findings_until_they_are_fulfilled(hiring: Hiring):
    submission.submit_version(hiring.version, actor=hiring.actor("developer"))
    owner = hiring.team["developer"]
    given = {"text": "Ask the works council.", "owner": owner, "due_at": datetime.now(UTC) + timedelta(days=5)}
    cast.sign(hiring.version, hiring.team["validator"], "validator", "approve_conditions", conditions=[given])
    cast.sign(hiring.version, hiring.team["approver"], "approver")
    found = read_facts_of(hiring.version)
    assert found["approval.conditions"].value[0].startswith("Ask the works council. (Developer Person, until ")
    assert len(found["validation.findings"].value) == 1
    assert "validation.closure" not in found
    signoff.fulfil_condition(
        Condition.objects.get(), how="They agreed.", password=cast.PASSWORD, actor=hiring.actor("validator")
    )
    found = read_facts_of(hiring.version)
    assert "They agreed." in next(iter(found["validation.closure"].value.values()))


def test_solo_mode_shows_no_distance(hiring: Hiring):
    delegations.set_solo_mode(
        hiring.project, on=True, reason="Alone.", password=cast.PASSWORD, actor=cast.acting(hiring.root)
    )
    hiring.submit_and_sign()
    found = read_facts_of(hiring.version)
    assert "approval.release" in found
    assert not found.keys() & {"approval.segregation", "validation.independence"}


def test_release_is_read_until_it_ends(hiring: Hiring):
    hiring.release()
    found = read_facts_of(hiring.version)
    assert found["system.market_status"].value == "in_use"
    assert found["deployment.record"].digest == cast.ARTIFACT
    assert found["validation.next"].value["trigger"].startswith("what allows the release into production runs out")
    assert "system.decommission" not in found
    promotion.retire_version(hiring.version, reason="Not needed any more.", actor=hiring.actor("approver"))
    found = read_facts_of(hiring.version)
    assert list(found["system.decommission"].value.values()) == ["Not needed any more."]
    assert not found.keys() & {"system.market_status", "validation.next"}
    assert any("out of production: Not needed any more." in line for line in found["change.log"].value)
    assert found["approval.release"].signatures  # who let it go stays on record


def test_going_back_proves_that_one_can(hiring: Hiring):
    hiring.release()
    former = hiring.version
    hiring.version = Light(hiring.project, hiring.model, hiring.team).version()
    for role in ("validator", "approver"):
        cast.sign(hiring.version, hiring.team[role], role)
    live = hiring.promote()
    assert "deployment.rollback" not in read_facts_of(hiring.version)
    promotion.roll_back(live, reason="Too slow.", password=cast.PASSWORD, actor=hiring.actor("approver"))
    told = read_facts_of(hiring.version)["deployment.rollback"].value
    hiring.version = former
    assert told["gone_back_to"] == "Applicant ranking v1"


# --- Cost -------------------------------------------------------------------------------------------


def test_queries_do_not_grow_with_what_is_recorded(hiring: Hiring, django_assert_max_num_queries: Any):
    """A released version of every kind of record is read with a bounded number of queries."""
    hiring.release()
    sign_once()
    for number in range(3):
        question = discussion.write_remark(
            hiring.version, text=f"Why {number}?", is_question=True, actor=hiring.actor("validator")
        )
        discussion.resolve_question(question, resolution="So.", actor=hiring.actor("validator"))
    dossier = collect(hiring.version)
    with django_assert_max_num_queries(28):
        read_facts(dossier)
