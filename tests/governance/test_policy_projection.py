"""verify_log finds what was changed in the tables of policies behind the portal's back."""

from __future__ import annotations

import pytest

from governance.actions.policies import withdraw_policy
from governance.models import PolicyText, PromotionPolicy
from tests import cast
from tests.governance.policy_texts import adopt, propose
from tests.governance.tampering import check, run_sql
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db
SOMEBODY = "somebody else"
SHORTER = ("sign_offs: 90", "sign_offs: 30")


@pytest.fixture
def history(project, developer, validator, compliance, approver, administrator) -> dict[str, PromotionPolicy]:
    """One policy adopted, one withdrawn, one proposed."""
    adopted = adopt(propose(project, SHORTER, by=compliance), by=administrator)
    withdrawn = propose(project, ("sign_offs: 90", "sign_offs: 20"), by=compliance)
    withdraw_policy(withdrawn, reason="Too short.", actor=cast.acting(compliance))
    return {"adopted": adopted, "withdrawn": withdrawn, "proposed": propose(project, SHORTER, by=compliance)}


def problems() -> str:
    return "\n".join(problem.what for problem in check().problems)


def test_untouched_history_has_no_problem(history):
    assert problems() == ""


@pytest.mark.parametrize(
    ("which", "column", "value", "said"),
    [
        ("proposed", "risk_tier", "low", "its risk tier is 'low'"),
        ("proposed", "environment", "staging", "its environment is 'staging'"),
        ("proposed", "number", 9, "its number is 9"),
        ("proposed", "reason", "Other.", "its reason is 'Other.'"),
        ("proposed", "proposed_by_id", SOMEBODY, "its proposed by is "),
        ("proposed", "proposed_at", "2020-01-01 00:00:00+00:00", "its proposed at is 2020"),
        ("proposed", "adopted_at", "2026-01-01 00:00:00+00:00", "is marked as adopted, but no entry says so"),
        ("proposed", "withdrawn_at", "2026-01-01 00:00:00+00:00", "is marked as withdrawn, but no entry says so"),
        ("adopted", "adopted_by_id", SOMEBODY, "its adopted by is "),
        ("adopted", "adopted_at", None, "its adopted at is None"),
        ("withdrawn", "withdrawn_at", None, "its withdrawn at is None"),
        ("withdrawn", "withdrawn_by_id", None, "its withdrawn by is None"),
    ],
)
def test_changed_row_is_found(history, auditor, which, column, value, said):
    value = auditor.pk if value == SOMEBODY else value
    PromotionPolicy.objects.filter(pk=history[which].pk).update(**{column: value})
    assert said in problems()


def test_row_added_or_taken_away_is_found(history):
    PromotionPolicy.objects.filter(pk=history["adopted"].pk).delete()
    row = history["proposed"]
    row.pk, row.number = None, 17
    row.save()
    found = problems()
    assert f"promotion policy {history['adopted'].pk} is recorded here and gone from its table" in found
    assert "stands in its table, but no entry records it" in found


def test_text_changed_or_taken_away_is_found(history):
    digest = history["adopted"].text_id
    with behind_the_guards():
        run_sql("UPDATE governance_policytext SET text = 'x' WHERE digest = %s", digest)
        assert f"the kept text of policy {digest} no longer has that digest" in problems()
        PolicyText.objects.filter(pk=digest).update(text="y")
        PromotionPolicy.objects.all().delete()
        run_sql("DELETE FROM governance_policytext WHERE digest = %s", digest)
    assert f"policy {digest} is named here and its text is gone" in problems()
