"""Promotion policies: the built-in ones, and texts that must be refused."""

from __future__ import annotations

import pytest

from governance.exceptions import InvalidInput
from governance.models import DatasetRole, EvaluationKind, EvidenceKind, RiskTier, Role, Severity
from governance.policy import (
    BUILT_IN,
    DATASET_ROLES,
    ENTITLED_ROLES,
    EVALUATION_KINDS,
    EVIDENCE_KINDS,
    RISK_TIERS,
    SEVERITIES,
    ConditionRule,
    CriterionNeed,
    EmergencyRule,
    EvaluationNeed,
    Policy,
    SignOffStep,
    WaiverRule,
    check_characters,
    digest_policy,
    parse_policy,
    policy_for,
)
from governance.policy_text import LONGEST_TEXT, PolicyFault, read_policy_text

OVERRULE = "Line 21, “overrule”: “auditor” is none of validator, compliance, approver, administrator."
HIGH = (BUILT_IN / "high.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("tier", RiskTier.values)
def test_built_in_policy_names_only_known_things(tier):
    policy = policy_for(tier)
    assert policy.risk_tier == tier
    assert policy.environment == "production"
    assert set(policy.evidence) <= set(EvidenceKind.values)
    assert {need.kind for need in policy.evaluations} <= set(EvaluationKind.values)
    assert sum(step.count for step in policy.sign_offs) >= 2
    assert policy.needs_proof_of_concept


def test_high_risk_policy_asks_for_three_people():
    assert [(step.role, step.count) for step in policy_for("high").sign_offs] == [
        ("validator", 1),
        ("compliance", 1),
        ("approver", 1),
    ]


def test_policy_digest_changes_with_a_single_character():
    assert parse_policy(HIGH + "\n").digest != parse_policy(HIGH).digest


def fault_of(text: str) -> PolicyFault:
    with pytest.raises(PolicyFault) as caught:
        parse_policy(text)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "", "The policy lacks “version”."),
        (
            "{role: validator, count: 1, independent: true}",
            "{role: visitor}",
            "Line 15, “role”: “visitor” is not a role that signs; those are validator, compliance, approver.",
        ),
        ("{role: compliance, count: 1}", "{role: compliance, count: 0}", "Line 16, “count”: 0 is not within 1 to 20."),
        ("overrule: administrator", "overrule: auditor", OVERRULE),
    ],
)
def test_refusal_names_line_and_key(old, new, message):
    assert old in HIGH
    assert fault_of(HIGH.replace(old, new, 1)).message == message


def test_unknown_key_is_named_with_the_known_ones():
    fault = fault_of(HIGH.replace("policy: High-risk release", "policies: x"))
    assert (fault.line, fault.key) == (2, "policies")
    assert "known are policy, version, risk_tier" in fault.message


@pytest.mark.parametrize("text", ["[]", "", "- a", "{", "sign_offs: []\npolicy: p"])
def test_parse_policy_refuses_what_is_no_policy(text):
    with pytest.raises(InvalidInput):
        parse_policy(text)


def test_parse_policy_refuses_a_single_signer():
    text = HIGH.replace("  - {role: compliance, count: 1}\n  - {role: approver, count: 1}\n", "")
    with pytest.raises(InvalidInput, match="at least two distinct people"):
        parse_policy(text)


BARE = (
    "policy: Bare\nversion: 1\nrisk_tier: low\nenvironment: staging\nsign_offs: [{role: validator}, {role: approver}]"
)


def test_words_are_those_of_the_tables():
    assert tuple(RiskTier.values) == RISK_TIERS
    assert set(EVIDENCE_KINDS) == set(EvidenceKind.values)
    assert set(EVALUATION_KINDS) == set(EvaluationKind.values)
    assert set(DATASET_ROLES) == set(DatasetRole.values)
    assert set(SEVERITIES) == set(Severity.values)
    assert set(ENTITLED_ROLES) < set(Role.values)


def test_smallest_policy_and_what_it_leaves_to_the_defaults():
    policy = parse_policy(BARE)
    assert policy == Policy(
        name="Bare",
        version=1,
        risk_tier="low",
        environment="staging",
        after=(),
        text=BARE,
        digest=digest_policy(BARE),
        needs_proof_of_concept=True,
        lineage=(),
        evidence=(),
        evaluations=(),
        blocking_severity=("must",),
        criteria=(),
        sign_offs=(SignOffStep("validator", 1, 0, False), SignOffStep("approver", 1, 0, False)),
        order="parallel",
        sign_off_days=90,
        evidence_days=365,
        conditions=ConditionRule(False, False, 0),
        waivers=WaiverRule((), 0),
        overrule_role="",
        emergency=EmergencyRule(False, 0, ()),
        open_questions_block=True,
        smallest_group=20,
        allow_excluded_missing=False,
    )


def test_everything_that_a_policy_can_say_is_read():
    policy = parse_policy(
        BARE
        + """
after: [lab, test-bench]
proof_of_concept: not_needed
lineage: [validation]
evidence: [load_test]
evaluations: [{kind: reproduction, dataset_role: training}]
criteria: [{metric: accuracy, severity: should}, {metric: recall}]
blocking_severity: [must, should]
order: sequential
valid_days: {sign_offs: 1, evidence: 3650}
conditions: {allowed: true, longest_days: 365}
waivers: {roles: [administrator, compliance], longest_days: 365}
overrule: approver
emergency: {allowed: true, longest_hours: 72, roles: [approver]}
open_questions: allow
smallest_group: 100000
excluded_rows: allow
"""
    )
    assert policy.after == ("lab", "test-bench")
    assert not policy.needs_proof_of_concept
    assert (policy.lineage, policy.evidence) == (("validation",), ("load_test",))
    assert policy.evaluations == (EvaluationNeed("reproduction", "training"),)
    assert policy.criteria == (CriterionNeed("accuracy", "should"), CriterionNeed("recall", "must"))
    assert (policy.blocking_severity, policy.order) == (("must", "should"), "sequential")
    assert (policy.sign_off_days, policy.evidence_days) == (1, 3650)
    assert policy.conditions == ConditionRule(True, False, 365)
    assert policy.waivers == WaiverRule(("administrator", "compliance"), 365)
    assert policy.overrule_role == "approver"
    assert policy.emergency == EmergencyRule(True, 72, ("approver",))
    assert not policy.open_questions_block
    assert (policy.smallest_group, policy.allow_excluded_missing) == (100_000, True)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("valid_days: {sign_offs: 3650}", "valid_days: {sign_offs: 3651}"),
        ("valid_days: {evidence: 1}", "valid_days: {evidence: 0}"),
        ("smallest_group: 1", "smallest_group: 0"),
        ("smallest_group: 100000", "smallest_group: 100001"),
        ("conditions: {allowed: true, longest_days: 1}", "conditions: {allowed: true, longest_days: 0}"),
        ("waivers: {roles: [compliance], longest_days: 1}", "waivers: {roles: [compliance], longest_days: 366}"),
        ("waivers: {roles: [compliance], longest_days: 365}", "waivers: {roles: [compliance], longest_days: 0}"),
        (
            "emergency: {allowed: true, longest_hours: 1, roles: [approver]}",
            "emergency: {allowed: true, longest_hours: 0, roles: [approver]}",
        ),
        (
            "conditions: {allowed: false, run_until_due: false, longest_days: 0}",
            "conditions: {allowed: false, run_until_due: true}",
        ),
        ("emergency: {allowed: false}", "emergency: {allowed: false, roles: [approver]}"),
        ("evidence: []", "evidence:"),
        ("after: [a23456789012345678901234567890123456789x]", "after: [a23456789012345678901234567890123456789xy]"),
        ("criteria: [{metric: a}]", "criteria: [{metric: ''}]"),
        ("lineage: [training, test]", "lineage: [training, training]"),
        ("waivers: {roles: [compliance], longest_days: 9}", "waivers: {longest_days: 9}"),
    ],
)
def test_limits_are_exactly_where_they_are_said_to_be(good, bad):
    assert parse_policy(f"{BARE}\n{good}\n").name == "Bare"
    with pytest.raises(PolicyFault):
        parse_policy(f"{BARE}\n{bad}\n")


@pytest.mark.parametrize(
    ("steps", "accepted"),
    [
        ("[{role: validator, count: 2}]", True),
        ("[{role: validator, count: 20}]", True),
        ("[{role: validator, count: 21}]", False),
        ("[{role: validator, count: 2, of: 20}]", True),
        ("[{role: validator, count: 2, of: 2}]", True),
        ("[{role: validator, count: 2, of: 21}]", False),
        ("[{role: validator}, {role: validator, independent: true}]", True),
        ("[{role: validator}, {role: validator}]", False),
        ("[{role: validator}]", False),
        ("[" + ", ".join(["{role: validator, count: 2}"] * 31) + "]", False),
    ],
)
def test_steps_that_are_accepted_and_refused(steps, accepted):
    text = BARE.replace("[{role: validator}, {role: approver}]", steps)
    if accepted:
        assert parse_policy(text).sign_offs
    else:
        with pytest.raises(PolicyFault):
            parse_policy(text)


@pytest.mark.parametrize(("steps", "accepted"), [(30, True), (31, False)])
def test_steps_in_turn_are_limited(steps, accepted):
    text = BARE.replace("[{role: validator}, {role: approver}]", f"[{', '.join(['{role: validator}'] * steps)}]")
    text += "\norder: sequential"
    if accepted:
        assert len(parse_policy(text).sign_offs) == steps
    else:
        with pytest.raises(PolicyFault, match="at most 30 items"):
            parse_policy(text)


def test_version_has_an_upper_limit():
    assert parse_policy(BARE.replace("version: 1", "version: 999999")).version == 999_999
    with pytest.raises(PolicyFault):
        parse_policy(BARE.replace("version: 1", "version: 1000000"))


def test_list_is_no_policy():
    assert fault_of("- a").message == "A policy is a mapping of keys; see the built-in ones."


def test_fault_without_a_line_speaks_for_itself():
    fault = PolicyFault("The policy is empty.")
    assert (fault.message, fault.line, fault.key, fault.fault) == ("The policy is empty.", None, "", fault.message)
    assert PolicyFault("it is twice.", key="order").message == "“order”: it is twice."


def test_name_with_a_hidden_character_is_refused_at_its_line():
    fault = fault_of(BARE.replace("policy: Bare", 'policy: "Ba\\u202Ere"'))
    assert (fault.line, fault.key) == (1, "policy")
    assert "U+202E" in fault.message


def test_length_is_limited():
    assert parse_policy(BARE + "\n#" + "x" * (LONGEST_TEXT - len(BARE) - 2)).name == "Bare"
    with pytest.raises(PolicyFault, match="at most 20,000 characters"):
        parse_policy(BARE + "\n#" + "x" * (LONGEST_TEXT - len(BARE) - 1))


@pytest.mark.parametrize("depth", [6, 7])
def test_depth_is_limited(depth):
    text = f"{BARE}\nlineage: {'[' * (depth - 1)}{']' * (depth - 1)}"
    match = "nested too deeply" if depth == 7 else "none of"
    with pytest.raises(PolicyFault, match=match):
        parse_policy(text)


def test_rules_that_say_nothing_are_closed():
    assert SignOffStep("validator", 1) == SignOffStep("validator", 1, of=0, independent=False)
    assert ConditionRule() == ConditionRule(allowed=False, run_until_due=False, longest_days=0)
    assert WaiverRule() == WaiverRule(roles=(), longest_days=0)
    assert EmergencyRule() == EmergencyRule(allowed=False, longest_hours=0, roles=())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{BARE}\norder: &a parallel", 6),
        (f"{BARE}\norder: !x parallel", 6),
        (f"{BARE}\n1: x", 6),
        (f"{BARE}\norder: [", 6),
        (f"{BARE}\n# \x07", 6),
        (f"\n{BARE}\n# \x07", 7),
        (BARE.replace("policy: Bare", "policy: 2026"), 1),
        (BARE.replace("environment: staging", "environment: [staging]"), 4),
        (BARE.replace("environment: staging", "environment: true"), 4),
        (f"{BARE}\nsmallest_group: true", 6),
        (f"{BARE}\noverrule: 2026-01-01", 6),
    ],
)
def test_fault_of_the_writing_names_its_line(text, line):
    fault = fault_of(text)
    assert fault.line in {line, line + 1} if "[" in text[-2:] else fault.line == line
    assert fault.message.startswith("Line ")


def test_truths_are_what_they_say():
    steps = "[{role: validator, independent: true}, {role: approver, independent: false}]"
    policy = parse_policy(BARE.replace("[{role: validator}, {role: approver}]", steps))
    assert [step.independent for step in policy.sign_offs] == [True, False]


def test_list_at_fault_is_found_at_its_key():
    text = BARE.replace("sign_offs: [{role: validator}, {role: approver}]", "sign_offs:\n  - {role: validator}")
    assert (fault_of(text).line, fault_of(text).key) == (5, "sign_offs")
    assert fault_of(f"{BARE}\norder:\n  any").line == 7


def test_hidden_marks_are_found_at_their_line_and_nothing_else_is():
    check_characters(HIGH)
    with pytest.raises(PolicyFault) as caught:
        check_characters("policy: x\nversion: \u202e1")
    assert caught.value.line == 2


def test_panel_of_one_is_a_panel():
    steps = parse_policy(BARE.replace("{role: validator}", "{role: validator, of: 1}")).sign_offs
    assert steps[0] == SignOffStep("validator", 1, of=1)


def test_a_wrong_word_is_quoted_up_to_sixty_characters_and_a_list_not_at_all():
    assert f"“{'x' * 60}” is none of" in fault_of(f"{BARE}\norder: {'x' * 70}").message
    assert "“…” is none of" in fault_of(f"{BARE}\norder: [parallel]").message


def test_broken_yaml_is_named_where_it_breaks_and_not_where_it_began():
    fault = fault_of(f"{BARE}\nlineage: [test,\n  training\norder: parallel\n")
    assert fault.line == 8
    assert "expected" in fault.message
    assert "while parsing" not in fault.message


def test_the_whole_of_a_text_has_no_key():
    assert read_policy_text("- a").key == ""


@pytest.mark.parametrize("kind", EvidenceKind.values)
def test_every_kind_of_evidence_can_be_demanded(kind):
    assert parse_policy(f"{BARE}\nevidence: [{kind}]").evidence == (kind,)


@pytest.mark.parametrize("kind", EvaluationKind.values)
def test_every_kind_of_evaluation_can_be_demanded(kind):
    demanded = parse_policy(f"{BARE}\nevaluations: [{{kind: {kind}, dataset_role: test}}]").evaluations
    assert demanded == (EvaluationNeed(kind, "test"),)


def test_names_are_limited_in_length():
    assert parse_policy(BARE.replace("policy: Bare", f"policy: {'x' * 120}")).name == "x" * 120
    assert fault_of(BARE.replace("policy: Bare", f"policy: {'x' * 121}")).key == "policy"
    assert parse_policy(f"{BARE}\ncriteria: [{{metric: {'x' * 100}}}]").criteria[0].metric == "x" * 100
    assert fault_of(f"{BARE}\ncriteria: [{{metric: {'x' * 101}}}]").key == "metric"


def test_no_sign_offs_at_all_is_said_as_such():
    text = BARE.replace("[{role: validator}, {role: approver}]", "[]")
    assert fault_of(text).fault == "the policy must name its sign-offs."


def test_conditions_are_read_whole():
    text = f"{BARE}\nconditions: {{allowed: true, run_until_due: true, longest_days: 20}}"
    assert parse_policy(text).conditions == ConditionRule(allowed=True, run_until_due=True, longest_days=20)
