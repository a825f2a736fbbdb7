"""Every value the record office knows has a look, and every component says what it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django import forms
from django.template import Context, Template
from django.utils.html import escape

from governance.findings import Finding, FindingStatus
from governance.lifecycle import State
from governance.models.catalog import RiskTier
from governance.models.evaluations import WorkStatus
from governance.models.requirements import PocDecision
from governance.models.signoff import Decision
from portal.presentation import (
    DECISION_LOOKS,
    FINDING_LOOKS,
    PROGRESS_LOOKS,
    STATE_LOOKS,
    TIER_LOOKS,
    icon_of_entry,
    look_of,
)

DIGEST = "sha256:" + "9f2b6c1de0447a51" * 4


def render(source: str, **context: Any) -> str:
    return Template("{% load portal %}" + source).render(Context(context))


def make_finding(status: FindingStatus, *, blocks: bool = True) -> Finding:
    return Finding(key="k", area="criteria", title="Accuracy", status=status, detail="", blocks=blocks)


def test_every_value_has_a_look() -> None:
    assert set(FINDING_LOOKS) == set(FindingStatus)
    assert set(STATE_LOOKS) == set(State)
    assert set(PROGRESS_LOOKS) == set(WorkStatus)
    assert set(DECISION_LOOKS) == {*Decision, *PocDecision}
    assert set(TIER_LOOKS) == set(RiskTier)


def test_no_two_findings_look_alike() -> None:
    assert len({look.icon for look in FINDING_LOOKS.values()}) == len(FINDING_LOOKS)
    assert len({look.tone for look in FINDING_LOOKS.values()}) == len(FINDING_LOOKS)


def test_unknown_value_is_shown_as_it_is() -> None:
    assert look_of(STATE_LOOKS, "HELD_BACK").word == "Held back"


@pytest.mark.parametrize(
    ("entry_type", "icon"),
    [("evidence.submitted", "file-text"), ("sign_off.given", "signature"), ("weather.changed", "point")],
)
def test_log_entry_icon_follows_its_noun(entry_type: str, icon: str) -> None:
    assert icon_of_entry(entry_type) == icon


@pytest.mark.parametrize("status", FindingStatus)
def test_finding_badge_says_its_word(status: FindingStatus) -> None:
    rendered = render("{% finding_badge status %}", status=status)
    assert f"</svg>{escape(status.label)}</span>" in rendered


def test_verdict_banner_counts_what_keeps_the_gate_closed() -> None:
    findings = [
        make_finding(FindingStatus.NOT_MET),
        make_finding(FindingStatus.MISSING, blocks=False),
        make_finding(FindingStatus.WAIVED),
        make_finding(FindingStatus.MET),
    ]
    rendered = render("{% verdict_banner False findings %}", findings=findings)
    assert "Gate closed: 1 finding\n" in rendered
    assert rendered.count("<li>") == 4


def test_verdict_banner_open() -> None:
    rendered = render("{% verdict_banner True findings %}", findings=[make_finding(FindingStatus.MET)])
    assert "Gate open" in rendered
    assert "Gate closed" not in rendered


def test_digest_shows_twelve_digits_and_copies_the_whole() -> None:
    rendered = render("{% digest value %}", value=DIGEST)
    assert '<span aria-hidden="true">9f2b6c1de044…</span>' in rendered
    assert f'data-copy="{DIGEST}"' in rendered


def test_digest_that_is_missing_says_so() -> None:
    assert render("{% digest value %}", value=None).strip() == '<span class="muted">none</span>'


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Ana Duarte", "AD"), ("Jan van der Berg", "JB"), ("vera", "V"), ("", "U"), ("李 明", "李明")],
)
def test_person_has_initials(name: str, initials: str) -> None:
    assert f">{initials}</span>" in render("{% person who %}", who=name)


def test_person_name_is_escaped() -> None:
    assert "<b>" not in render("{% person who %}", who="<b>Eve</b>")


@pytest.mark.parametrize(
    ("distance", "words"),
    [(timedelta(seconds=20), "just now"), (timedelta(hours=5), "5\xa0hours ago"), (-timedelta(days=3), "in 3\xa0days")],
)
def test_moment_is_utc_and_says_so(distance: timedelta, words: str) -> None:
    now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        rendered = render("{% moment value %}", value=now - distance)
    assert words in rendered
    assert f'datetime="{(now - distance):%Y-%m-%dT%H:%M:%SZ}"' in rendered
    assert f"{(now - distance):%H:%M} UTC" in rendered


def test_moment_that_never_was() -> None:
    assert "never" in render("{% moment value %}", value=None)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.12345, "0.123"),
        (-0.5, "\N{MINUS SIGN}0.500"),
        (1204, "1\N{NARROW NO-BREAK SPACE}204"),
        (None, "not defined"),
        (float("nan"), "not defined"),
    ],
)
def test_number_is_written_for_people(value: float | int | None, written: str) -> None:
    assert render("{{ value|number }}", value=value) == written


class ExampleForm(forms.Form):
    name = forms.CharField(help_text="As it should read.")
    agreed = forms.BooleanField()
    threshold = forms.FloatField(required=False)
    decision = forms.ChoiceField(choices=[("go", "Go"), ("no", "No")], widget=forms.RadioSelect)


def test_form_field_ties_help_and_errors_to_the_control() -> None:
    rendered = render("{% form_field form.name %}", form=ExampleForm({"name": ""}))
    assert 'aria-describedby="id_name_helptext id_name_error"' in rendered
    assert 'id="id_name_helptext"' in rendered
    assert 'id="id_name_error"' in rendered
    assert 'aria-invalid="true"' in rendered


def test_form_field_marks_what_is_optional() -> None:
    form = ExampleForm()
    assert "(optional)" in render("{% form_field form.threshold %}", form=form)
    assert "(optional)" not in render("{% form_field form.name %}", form=form)


def test_form_field_with_choices_is_a_named_group() -> None:
    rendered = render("{% form_field form.decision %}", form=ExampleForm())
    assert "<legend>Decision</legend>" in rendered
    assert rendered.count('type="radio"') == 2


def test_form_errors_link_to_their_fields() -> None:
    rendered = render("{% form_errors form %}", form=ExampleForm({"name": "x", "decision": "go"}))
    assert '<a href="#id_agreed">Agreed</a>: This field is required.' in rendered
    assert rendered.count("<li>") == 1


def test_form_without_errors_shows_no_summary() -> None:
    assert render("{% form_errors form %}", form=ExampleForm()).strip() == ""


def test_chart_figure_cannot_be_broken_out_of() -> None:
    rendered = render(
        '{% chart_figure spec "rates" "Rates" "" "" columns rows %}',
        spec={"title": "</script><script>alert(1)</script>"},
        columns=["Group", "Rate"],
        rows=[("<b>women</b>", "0.31")],
    )
    assert rendered.count("<script") == 1
    assert "&lt;b&gt;women&lt;/b&gt;" in rendered


def test_block_tags_keep_their_content() -> None:
    source = "{% card 'Dossier' count=0 %}{% fact 'Owner' %}{{ who }}{% endfact %}{% endcard %}"
    rendered = render(source, who="<Ana>")
    assert "<dt>Owner</dt><dd>&lt;Ana&gt;</dd>" in rendered
    assert '<span class="card-count">0</span>' in rendered


def test_key_pages_are_silent_on_a_single_page() -> None:
    assert render("{% key_pages %}").strip() == ""
    assert 'rel="next"' in render("{% key_pages '?after=3' %}")


def test_state_badge_takes_plain_and_chosen_values() -> None:
    assert render("{% state_badge s %}", s="IN_REVIEW") == render("{% state_badge s %}", s=State.IN_REVIEW)


def test_tier_badge_says_when_none_is_set() -> None:
    assert "No tier set" in render("{% tier_badge model.risk_tier %}", model=SimpleNamespace(risk_tier=""))
    assert 'class="tier tier-3"' in render("{% tier_badge tier %}", tier=RiskTier.HIGH)
