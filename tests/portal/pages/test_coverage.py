"""A version held against a framework: overview, matrix, rulings, signatures, requirements made from it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.actions import answers, people, promotion
from governance.dossier import collect
from governance.facts import digest_fact, read_facts_of
from governance.frameworks.vocabulary import facts
from governance.models import AuditLogEntry, ControlRuling, FactSignature, Requirement
from tests import cast
from tests.governance.framework_texts import SMALL, load, load_shipped
from tests.portal.pages.browsing import browse, count_queries, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _framework(db):
    load(SMALL)


def matrix(version, key="house-rules"):
    return f"/versions/{version.pk}/frameworks/{key}/"


def answer(version, by, fact="design.logic", value="A tree of eleven questions.", **given):
    return answers.record_answer(version, fact=fact, value=value, actor=cast.acting(by), **given)


def test_overview_says_what_applies_and_which_questions_decide(version, auditor):
    load_shipped("nyc_ll144")
    seen = text_of(browse(auditor).get(f"/versions/{version.pk}/?tab=frameworks"))
    assert "House rules" in seen
    assert "Applies" in seen
    assert "What decides which texts apply" in seen
    assert "Output decides, outweighs or overrides in NYC hiring or promotion" in seen
    assert "omplian" not in seen.replace("Compliance", "").replace("compliance", "")


def test_text_that_does_not_reach_the_version_asks_nothing(version, developer, auditor):
    load_shipped("nyc_ll144")
    answer(version, developer, "system.aedt", False)
    seen = text_of(browse(auditor).get(f"/versions/{version.pk}/?tab=frameworks"))
    assert "this text does not reach this version" in seen
    assert "What decides which texts apply" not in seen


def test_matrix_shows_gaps_first_with_what_to_do(version, auditor):
    page = browse(auditor).get(matrix(version))
    assert [row.finding.state for row in page.context["rows"]] == ["partial", "not_applicable"]
    seen = text_of(page)
    assert "Order the call-back list of a clinic." in seen
    assert "Nothing is recorded." in seen
    assert f"/versions/{version.pk}/questions/design.logic/" in seen


def test_answer_says_who_when_and_on_what(version, developer, auditor):
    given = answer(version, developer)
    page = browse(auditor).get(matrix(version))
    assert page.context["rows"][0].finding.state == "met"
    seen = text_of(page)
    assert "A tree of eleven questions." in seen
    assert "Answered by Dana Whitfield" in seen
    assert f"/log/{given.log_index}/" in seen
    assert "On record" in seen


def test_gap_names_the_other_frameworks_that_an_answer_serves(version, auditor):
    load_shipped("eu_ai_act_high_risk")
    seen = text_of(browse(auditor).get(matrix(version)))
    assert "serves also: EU AI Act, high-risk systems" in seen


def test_matrix_is_narrowed(version, auditor):
    client, path = browse(auditor), matrix(version)
    assert [row.control.id for row in client.get(f"{path}?state=gap").context["rows"]] == ["H-1"]
    assert [row.control.id for row in client.get(f"{path}?by=org").context["rows"]] == ["H-2"]
    assert [row.control.id for row in client.get(f"{path}?text=rule 2").context["rows"]] == ["H-2"]
    assert "No control fits" in text_of(client.get(f"{path}?level=may"))
    assert client.get(matrix(version, "nothing")).status_code == 404


def test_requirement_that_names_the_control_stands_beside_it(version, developer, auditor):
    client = browse(developer)
    load_shipped("nyc_ll144")
    path = f"/models/{version.model_id}/requirements/from/nyc-ll144/"
    assert "4 requirements from a framework" in text_of(client.get(path))
    assert client.post(path).status_code == 302
    assert Requirement.objects.filter(source__startswith="NYC").count() == 4
    assert client.post(path).status_code == 409
    page = browse(auditor).get(matrix(version, "nyc-ll144"))
    assert sum(len(row.requirements) for row in page.context["rows"]) == 4
    assert "Make requirements of it" not in text_of(page)
    assert browse(auditor).post(path).status_code == 403


def test_matrix_asks_the_same_queries_however_much_stands(version, developer, auditor):
    client, path = browse(auditor), f"/versions/{version.pk}/?tab=frameworks"
    answer(version, developer)
    before, of_one = count_queries(client, path), count_queries(client, matrix(version))
    for name in ("nyc_ll144", "gdpr_art_22_35"):
        load_shipped(name)
    for fact in ("design.method", "design.theory"):
        answer(version, developer, fact)
    assert count_queries(client, path) == before
    assert count_queries(client, matrix(version)) == of_one


def ruling(**changes):
    until = (timezone.now() + timedelta(days=20)).date().isoformat()
    return {"kind": "waived", "reason": "Before spring.", "until": until, "password": cast.PASSWORD} | changes


def test_gap_is_accepted_by_who_may_release_and_lifted_again(version, approver, auditor):
    client, path = browse(approver), matrix(version) + "H-1/rule/"
    assert "What was ruled before is lifted" not in text_of(client.get(path))
    assert client.post(path, ruling(password="guess")).status_code == 403
    assert client.post(path, ruling()).status_code == 302
    seen = text_of(browse(auditor).get(matrix(version)))
    assert "Gap accepted by" in seen
    assert "“Before spring.”" in seen
    assert client.post(path, ruling(kind="lifted", until="")).status_code == 302
    assert browse(auditor).get(matrix(version)).context["rows"][0].finding.state == "partial"
    assert ControlRuling.objects.count() == 2


@pytest.mark.parametrize(
    ("who", "changes", "status"),
    [
        ("compliance", {}, 403),  # only who may release accepts a gap
        ("compliance", {"kind": "not_applicable", "until": ""}, 302),
        ("developer", {"kind": "not_applicable", "until": ""}, 403),
        ("auditor", {"kind": "not_applicable", "until": ""}, 403),
        ("approver", {"until": ""}, 400),
        ("approver", {"until": "2099-01-01"}, 400),
        ("approver", {"reason": ""}, 400),
        ("approver", {"kind": "met"}, 400),
    ],
)
def test_who_may_rule_on_what(version, who, changes, status, request):
    client = browse(request.getfixturevalue(who))
    assert client.post(matrix(version) + "H-1/rule/", ruling(**changes)).status_code == status
    assert ControlRuling.objects.exists() is (status == 302)


def test_control_that_is_none_cannot_be_ruled_on(version, approver):
    assert browse(approver).get(matrix(version) + "H-9/rule/").status_code == 404


@pytest.fixture
def declared(version, developer):
    load_shipped("eu_ai_act_high_risk")
    answer(version, developer, "conformity.declaration_fields", {"provider": "Northfield Hospital"})
    return version


def test_what_is_signed_is_shown_exactly_and_signed_by_its_digest(declared, developer):
    client, path = browse(developer), f"/versions/{declared.pk}/records/conformity.declaration/sign/"
    digest = digest_fact(facts()["conformity.declaration"], read_facts_of(declared))
    page = client.get(path)
    seen = text_of(page)
    assert digest in seen
    assert "Northfield Hospital" in seen
    given = {"meaning": "declaration of conformity", "seen_digest": digest, "password": cast.PASSWORD}
    assert client.post(path, given).status_code == 302
    assert FactSignature.objects.get().digest == digest
    assert "declaration of conformity" in text_of(client.get(path))


def test_stale_digest_is_refused_and_what_stands_now_is_shown(declared, developer):
    client, path = browse(developer), f"/versions/{declared.pk}/records/conformity.declaration/sign/"
    given = {"meaning": "I declare it.", "seen_digest": "sha256:" + "0" * 64, "password": cast.PASSWORD}
    page = client.post(path, given)
    assert page.status_code == 409
    assert not FactSignature.objects.exists()
    assert client.post(path, given | {"seen_digest": page.context["form"]["seen_digest"].value()}).status_code == 302


def test_nothing_recorded_is_nothing_to_sign(version, developer, auditor):
    load_shipped("eu_ai_act_high_risk")
    path = f"/versions/{version.pk}/records/conformity.declaration/sign/"
    assert "nothing to sign until it is recorded" in text_of(browse(developer).get(path))
    assert "You cannot do this now" in text_of(browse(auditor).get(path))
    assert browse(developer).get(f"/versions/{version.pk}/records/design.logic/sign/").status_code == 404


def test_released_version_keeps_its_answers(ready_version, developer, approver, signers):
    cast.sign_by_all(ready_version, signers)
    promotion.promote(
        ready_version,
        environment="production",
        dossier_digest=collect(ready_version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )
    client, path = browse(developer), f"/versions/{ready_version.pk}/questions/design.logic/"
    assert "part of what was signed for this version" in text_of(client.get(path))
    before = AuditLogEntry.objects.count()
    assert client.post(path, {"value": "Another."}).status_code == 409
    assert AuditLogEntry.objects.count() == before


def test_removed_member_sees_nothing(version, auditor, administrator):
    people.end_role(version.model.project.memberships.get(user=auditor), actor=cast.acting(administrator))
    assert browse(auditor).get(matrix(version)).status_code == 404
