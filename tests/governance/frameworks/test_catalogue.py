"""Framework texts: what ships can be loaded, what breaks the format is named by line and key."""

from __future__ import annotations

import pytest

from governance.frameworks.catalogue import AnyOf, parse_framework, shipped_texts
from governance.frameworks.conditions import facts_of
from governance.frameworks.vocabulary import facts
from governance.policy_text import PolicyFault
from tests.governance.framework_texts import SMALL

CONTROLS = {
    "eu_ai_act_high_risk": 100,
    "gdpr_art_22_35": 18,
    "iso_42001_annex_a": 40,
    "nist_ai_rmf_core": 52,
    "nyc_ll144": 20,
    "us_21_cfr_part_11": 28,
    "us_ecoa_adverse_action": 11,
    "us_mrm_sr_26_2": 27,
}
FRAMEWORKS = {name: parse_framework(text) for name, text in shipped_texts().items()}


def test_what_ships_is_complete():
    assert {name: len(framework.controls) for name, framework in FRAMEWORKS.items()} == CONTROLS


@pytest.mark.parametrize("name", CONTROLS)
def test_every_framework_is_dated_and_names_its_edition(name):
    framework = FRAMEWORKS[name]
    assert framework.edition
    assert framework.as_of < framework.review_by
    assert framework.issuer
    assert framework.sources


def test_every_framework_has_an_id_of_its_own():
    assert len({framework.id for framework in FRAMEWORKS.values()}) == len(CONTROLS)


def test_most_facts_serve_more_than_one_framework():
    """What is answered once is asked once: the reuse that the vocabulary is made for."""
    serving = [
        {fact for control in framework.controls for fact in control.facts} | facts_of(framework.applies_when)
        for framework in FRAMEWORKS.values()
    ]
    counts = {fact: sum(fact in asked for asked in serving) for fact in facts()}
    assert sum(count >= 2 for count in counts.values()) >= 89
    assert sum(count >= 1 for count in counts.values()) >= 281


def test_control_of_a_choice_has_both_needs():
    control = FRAMEWORKS["eu_ai_act_high_risk"]
    choices = [need for item in control.controls for need in item.needs if isinstance(need, AnyOf)]
    assert [need.fact for need in choices[0].needs] == ["conformity.standards", "conformity.other_solutions"]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("catalogue: 1", "catalogue: 2", 1, "not within 1 to 1"),
        ("kind: internal", "kind: rumour", 6, "none of law"),
        ('as_of: "2026-11-01"', 'as_of: "last week"', 8, "a day such as"),
        ('as_of: "2026-11-01"', "as_of: 2026-11-01", 8, "must be text"),
        ('review_by: "2027-11-01"', 'review_by: "2025-11-01"', 9, "not before"),
        ("group: use\n    level: must", "group: abuse\n    level: must", 17, "none of use"),
        ("is: filled}\n      - {fact: design.logic", "is: full}\n      - {fact: design.logic", 23, "none of filled"),
        ("design.logic, is: filled", "design.magic, is: filled", 24, "none of"),
        ("design.logic, is: filled", "design.logic, is: fresh", 24, "“fresh” takes days"),
        ("design.logic, is: filled", "design.logic, is: filled, key: half", 24, "has no part “half”"),
        ("design.logic, is: filled", "design.logic, is: filled, days: 3", 24, "“filled” takes key"),
        ("section: R02", "section: R99", 25, "none of R00"),
        ("id: H-2", "id: H-1", 26, "given twice"),
        ("op: eq, value: true", "op: like, value: true", 33, "none of eq"),
        ("op: eq, value: true", "op: in, value: true", 33, "compares with a list"),
        ("  private.ethics_vote: {t", "  ethics_vote: {t", 13, "is named “private.…”"),
        ("  private.ethics_vote: {t: text", "  private.ethics_vote: {t: song", 13, "none of text"),
    ],
)
def test_fault_is_named_with_its_line(old, new, line, said):
    assert old in SMALL
    with pytest.raises(PolicyFault) as fault:
        parse_framework(SMALL.replace(old, new))
    assert fault.value.line == line
    assert said in fault.value.message


@pytest.mark.parametrize("key", ["title", "edition", "as_of", "review_by", "groups", "controls", "id"])
def test_nothing_needed_may_be_left_out(key):
    lines = SMALL.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    with pytest.raises(PolicyFault, match=f"lacks “{key}”"):
        parse_framework("\n".join(lines[:start] + lines[end:]))


def test_control_that_needs_nothing_is_refused():
    text = SMALL.replace("    needs:\n      - {fact: private.ethics_vote, is: filled}", "    needs: []")
    with pytest.raises(PolicyFault, match="would always be met"):
        parse_framework(text)


def test_framework_is_due_for_review_after_its_day_only():
    framework = parse_framework(SMALL)
    assert not framework.is_due_for_review(framework.review_by)
    assert framework.is_due_for_review(framework.review_by.replace(day=2))
