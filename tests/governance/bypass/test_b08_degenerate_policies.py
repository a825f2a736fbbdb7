"""B08: a policy lowered to zero reviewers, or to an empty role, is refused at the key at fault; through every door."""

from __future__ import annotations

import math

import pytest

from governance.actions.policies import propose_policy
from governance.dossier import collect
from governance.exceptions import InvalidInput
from governance.gate import judge
from governance.models import AuditLogEntry, PolicyText, Project, PromotionPolicy
from governance.policy import BUILT_IN, parse_policy
from governance.policy_fit import check_proposal
from governance.policy_text import LONGEST_TEXT, PolicyFault
from tests import cast
from tests.governance.policy_texts import HIGH, next_text

VALIDATOR = "  - {role: validator, count: 1, independent: true}\n"
COMPLIANCE, APPROVER = "  - {role: compliance, count: 1}\n", "  - {role: approver, count: 1}\n"
STEPS = VALIDATOR + COMPLIANCE + APPROVER
# What is replaced, by what, and the key that the refusal names.
DEGENERATE: list[tuple[str, str, str]] = [
    # Who signs
    (STEPS, VALIDATOR, "sign_offs"),
    ("sign_offs:\n" + STEPS, "sign_offs: []\n", "sign_offs"),
    ("sign_offs:\n" + STEPS, "sign_offs: 3\n", "sign_offs"),
    ("sign_offs:\n" + STEPS, "sign_offs: {validator: 1}\n", "sign_offs"),
    ("sign_offs:\n" + STEPS, "", ""),
    (COMPLIANCE, "  - {role: visitor, count: 1}\n", "role"),
    (COMPLIANCE, "  - {role: Compliance, count: 1}\n", "role"),
    (COMPLIANCE, "  - {role: developer, count: 1}\n", "role"),
    (COMPLIANCE, "  - {role: auditor, count: 1}\n", "role"),
    (COMPLIANCE, '  - {role: "", count: 1}\n', "role"),
    (COMPLIANCE, "  - {role: [compliance, approver], count: 1}\n", "role"),
    (COMPLIANCE, "  - {count: 1}\n", "sign_offs"),
    (COMPLIANCE, "  - compliance\n", "sign_offs"),
    (COMPLIANCE, "  - {role: compliance, count: 0}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: -1}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 1.5}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 1e0}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: true}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: '1'}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 0x1}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 01}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 1_0}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 1:30}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: null}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 99999999}\n", "count"),
    (COMPLIANCE, "  - {role: compliance, count: 3, of: 2}\n", "of"),
    (COMPLIANCE, "  - {role: compliance, count: 1, of: 0}\n", "of"),
    (COMPLIANCE, "  - {role: compliance, count: 1, independent: yes}\n", "independent"),
    (COMPLIANCE, "  - {role: compliance, count: 1, optional: true}\n", "optional"),
    (COMPLIANCE, "  - {role: approver, count: 1}\n", "sign_offs"),
    ("order: parallel", "order: any", "order"),
    # How long
    ("sign_offs: 90", "sign_offs: 0", "sign_offs"),
    ("sign_offs: 90", "sign_offs: .nan", "sign_offs"),
    ("sign_offs: 90", "sign_offs: .inf", "sign_offs"),
    ("evidence: 365", "evidence: -365", "evidence"),
    ("evidence: 365", "evidence: 36500", "evidence"),
    # What is asked for
    ("[metrics, predictions,", "[vibes, predictions,", "evidence"),
    ("[metrics, predictions,", "[metrics, metrics,", "evidence"),
    ("kind: bias_audit, dataset_role: test", "kind: seance, dataset_role: test", "kind"),
    ("kind: bias_audit, dataset_role: test", "kind: bias_audit, dataset_role: moon", "dataset_role"),
    ("kind: bias_audit, dataset_role: test", "kind: bias_audit", "evaluations"),
    ("lineage: [training, test]", "lineage: [production]", "lineage"),
    ("blocking_severity: [must]", "blocking_severity: []", "blocking_severity"),
    ("blocking_severity: [must]", "blocking_severity: [should]", "blocking_severity"),
    ("blocking_severity: [must]", "blocking_severity: [none]", "blocking_severity"),
    ("proof_of_concept: go", "proof_of_concept: no", "proof_of_concept"),
    ("smallest_group: 20", "smallest_group: 0", "smallest_group"),
    ("excluded_rows: refuse", "excluded_rows: true", "excluded_rows"),
    ("open_questions: block", "open_questions: false", "open_questions"),
    ("order: parallel", "criteria: [{metric: accuracy, severity: perhaps}]", "severity"),
    ("order: parallel", "criteria: [{severity: must}]", "criteria"),
    # What is let off
    ("allowed: true, run_until_due: true, longest_days: 30", "allowed: false, longest_days: 30", "longest_days"),
    ("allowed: true, run_until_due: true, longest_days: 30", "run_until_due: true", "conditions"),
    ("allowed: true, run_until_due: true, longest_days: 30", "allowed: true", "conditions"),
    ("allowed: true, run_until_due: true, longest_days: 30", "allowed: true, longest_days: 366", "longest_days"),
    ("{roles: [compliance], longest_days: 180}", "{roles: [], longest_days: 180}", "roles"),
    ("{roles: [compliance], longest_days: 180}", "{roles: [developer], longest_days: 180}", "roles"),
    ("{roles: [compliance], longest_days: 180}", "{roles: [compliance], longest_days: 100000}", "longest_days"),
    ("overrule: administrator", "overrule: developer", "overrule"),
    ("overrule: administrator", "overrule: [administrator]", "overrule"),
    ("longest_hours: 72", "longest_hours: 73", "longest_hours"),
    ("longest_hours: 72", "longest_hours: .inf", "longest_hours"),
    ("roles: [approver, compliance]", "roles: []", "roles"),
    ("roles: [approver, compliance]", "roles: [approver, approver]", "roles"),
    # Where
    ("environment: production", "environment: production\nafter: [production]", "after"),
    ("environment: production", "environment: ''", "environment"),
    ("environment: production", "environment: Pro duction", "environment"),
    ("environment: production", "environment: *", ""),
    ("risk_tier: high", "risk_tier: none", "risk_tier"),
    ("version: 1", "version: 0", "version"),
    ("version: 1", "version: true", "version"),
    # How it is written
    ("order: parallel", "order: parallel\norder: sequential", "order"),
    ("{role: compliance, count: 1}", "{role: compliance, count: 1, count: 0}", "count"),
    ("order: parallel", "order: parallel\n<<: {order: sequential}", ""),
    ("order: parallel", "order: !!str parallel", ""),
    ("lineage: [training, test]", "lineage: &a [training, test]", ""),
    ("order: parallel", "order: parallel\n1: x", ""),
]


@pytest.mark.parametrize(("old", "new", "key"), DEGENERATE)
def test_b08_degenerate_policy_is_refused_at_its_key(old, new, key):
    assert old in HIGH
    with pytest.raises(PolicyFault) as caught:
        parse_policy(HIGH.replace(old, new, 1))
    assert caught.value.key == key
    assert caught.value.line or not key or key == "sign_offs"
    assert caught.value.field == "text"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: [*c, *c, *c]",
        "a: &a [*a]",
        "[" * 5_000,
        "{a: " * 3_000,
        "- " * 9_000,
        "x" * (LONGEST_TEXT + 1),
        "policy: a\n---\npolicy: b",
        "policy: \x07",
        "policy: \ud800",
        "? {a: b}\n: c",
        "? [a]\n: c",
    ],
    ids=[
        "billion laughs",
        "itself",
        "deep list",
        "deep map",
        "deep block",
        "long",
        "two",
        "bell",
        "half",
        "map",
        "list",
    ],
)
def test_b08_text_made_to_hurt_the_reader_is_refused(text):
    with pytest.raises(PolicyFault):
        parse_policy(text)


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200f"])
def test_b08_hidden_direction_marks_are_refused(character):
    text = next_text().replace("# What", f"# {character}What")
    with pytest.raises(PolicyFault, match="hidden character"):
        check_proposal(Project(), risk_tier="high", environment="production", text=text)


def test_b08_same_role_twice_is_two_people_in_turn():
    """One line of reviewers after another is a policy; one written twice in parallel is a mistake."""
    text = HIGH.replace("order: parallel", "order: sequential").replace(COMPLIANCE, "  - {role: validator}\n")
    assert [(step.role, step.count) for step in parse_policy(text).sign_offs][:2] == [("validator", 1)] * 2


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
def test_b08_what_a_text_leaves_out_is_closed(tier):
    """Of every built-in policy only the needed keys are kept: nothing that lets anything off is left."""
    lines = (BUILT_IN / f"{tier}.yaml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.split(":")[0] in {"policy", "version", "risk_tier", "environment"}]
    bare = parse_policy("\n".join([*kept, "sign_offs: [{role: validator, count: 2}]"]))
    assert not bare.conditions.allowed
    assert not bare.emergency.allowed
    assert bare.waivers.roles == ()
    assert bare.overrule_role == ""
    assert bare.needs_proof_of_concept
    assert bare.open_questions_block
    assert not bare.allow_excluded_missing
    assert bare.blocking_severity == ("must",)
    assert math.isfinite(bare.sign_off_days)


@pytest.mark.django_db
def test_b08_refused_proposal_leaves_nothing(project, compliance):
    """A proposal that is refused is neither a row nor a text nor an entry."""
    before = AuditLogEntry.objects.count()
    for old, new in [(old, new) for old, new, _key in DEGENERATE if old in next_text()]:
        with pytest.raises(InvalidInput):
            propose_policy(
                project,
                risk_tier="high",
                environment="production",
                text=next_text().replace(old, new, 1),
                reason="Faster.",
                actor=cast.acting(compliance),
            )
    assert (PromotionPolicy.objects.count(), PolicyText.objects.count()) == (0, 0)
    assert AuditLogEntry.objects.count() == before


@pytest.mark.django_db
def test_b08_role_that_nobody_holds_is_unsatisfiable_not_satisfied(validator, approver, ready_version):
    """The high-risk policy asks for compliance. Nobody holds the role, so the gate stays closed whoever signs."""
    cast.sign(ready_version, validator, "validator")
    cast.sign(ready_version, approver, "approver")
    decision = judge(collect(ready_version))
    assert not decision.is_open
    assert [finding.key for finding in decision.closing] == ["sign_off:compliance:1"]
