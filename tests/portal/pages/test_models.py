"""The inventory and the page of one model."""

from __future__ import annotations

import pytest

from governance.actions import catalog, promotion, requirements
from governance.dossier import collect
from governance.models import RegisteredModel
from tests import cast
from tests.cast import ANSWERS
from tests.portal.pages.browsing import browse, count_queries, text_of


def test_list_shows_tier_latest_version_and_what_is_released(ready_version, signers, approver, developer) -> None:
    cast.sign_by_all(ready_version, signers)
    promotion.promote(
        ready_version,
        environment="production",
        dossier_digest=collect(ready_version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )
    page = text_of(browse(developer).get("/models/"))

    assert "Readmission triage" in page
    assert "High risk" in page
    assert "Released</span>" in page
    assert '<span class="muted">production</span>' in page
    assert "Dana Whitfield" in page


def test_list_asks_as_often_with_three_as_with_one(project, developer) -> None:
    client = browse(developer)
    for number in range(3):
        model = cast.register_model(project, developer, name=f"Model {number}")
        cast.register_version(model, developer)
        if number == 0:
            with_one = count_queries(client, "/models/")

    assert count_queries(client, "/models/") == with_one


@pytest.mark.parametrize(
    ("query", "is_shown"),
    [
        ("text=readm", True),
        ("text=nothing", False),
        ("tier=high", True),
        ("tier=low", False),
        ("state=DRAFT", True),
        ("state=RELEASED", False),
        ("project=999999", False),
        ("project=x", True),
    ],
)
def test_list_is_narrowed(query, is_shown, version, developer) -> None:
    page = text_of(browse(developer).get(f"/models/?{query}"))

    assert ("Readmission triage" in page) == is_shown
    assert ("No model fits" in page) != is_shown


def test_list_says_what_to_do_when_it_is_empty(project, developer, auditor) -> None:
    assert "Register one here" in text_of(browse(developer).get("/models/"))
    assert "Ask an administrator for a role" in text_of(browse(auditor).get("/models/"))


def test_list_goes_on_after_the_last_model_shown(project, developer) -> None:
    names = [f"Model {number:02}" for number in range(52)]
    RegisteredModel.objects.bulk_create(RegisteredModel(project=project, name=name, owner=developer) for name in names)
    client = browse(developer)
    first = client.get("/models/")
    shown = [model.name for model in first.context["models"]]
    second = client.get(first.context["next_url"])

    assert shown == names[:50]
    assert [model.name for model in second.context["models"]] == names[50:]
    assert (second.context["next_url"], second.context["first_url"]) == ("", "/models/?")


def test_overview_tells_use_and_where_the_open_version_stands(version, developer) -> None:
    page = text_of(browse(developer).get(f"/models/{version.model_id}/"))

    assert "Order the call-back list of a clinic." in page
    assert "Diagnosis." in page
    assert "Closed: " in page
    assert f'href="/versions/{version.pk}/"' in page


@pytest.mark.parametrize("tab", ["overview", "requirements", "proof-of-concept", "versions", "no-such-tab"])
def test_every_tab_has_an_address(tab, version, developer) -> None:
    answer = browse(developer).get(f"/models/{version.model_id}/?tab={tab}")

    assert answer.status_code == 200
    assert text_of(answer).count('aria-current="page"') == 3  # navigation, breadcrumb, tab


def test_versions_tab_asks_as_often_with_three_as_with_one(model, developer) -> None:
    client = browse(developer)
    cast.register_version(model, developer)
    with_one = count_queries(client, f"/models/{model.pk}/?tab=versions")
    for _number in range(2):
        cast.register_version(model, developer)

    assert count_queries(client, f"/models/{model.pk}/?tab=versions") == with_one


def test_requirements_tab_asks_as_often_with_five_as_with_two(model, developer) -> None:
    client = browse(developer)
    with_two = count_queries(client, f"/models/{model.pk}/?tab=requirements")
    for number in range(3):
        requirements.write_requirement(
            model,
            title=f"More {number}",
            statement="s",
            criteria=[{"metric": "tpr", "comparator": "at_least", "threshold": "0.1"}],
            actor=cast.acting(developer),
        )

    assert count_queries(client, f"/models/{model.pk}/?tab=requirements") == with_two


def test_buttons_follow_the_role(version, developer, auditor) -> None:
    address = f"/models/{version.model_id}/"
    change = f'href="{address}describe/"'

    assert change in text_of(browse(developer).get(address))
    assert change not in text_of(browse(auditor).get(address))


def test_model_is_registered_by_its_form(project, developer) -> None:
    client = browse(developer)
    given = {"project": project.pk, "name": "Falls", "intended_use": "Warn the ward."}
    answer = client.post("/models/new/", given)
    model = RegisteredModel.objects.get()

    assert (answer.status_code, answer["Location"]) == (302, f"/models/{model.pk}/")
    assert (model.name, model.intended_use, model.owner) == ("Falls", "Warn the ward.", developer)


def test_second_post_of_the_same_model_is_refused_with_everything_typed(project, developer) -> None:
    client = browse(developer)
    given = {"project": project.pk, "name": "Falls", "intended_use": "Warn the ward."}
    client.post("/models/new/", given)
    answer = client.post("/models/new/", given)

    assert answer.status_code == 409
    assert "has a model named “Falls” already" in text_of(answer)
    assert "Warn the ward." in text_of(answer)
    assert RegisteredModel.objects.count() == 1


def test_form_offers_only_projects_one_develops_in(project, auditor) -> None:
    answer = browse(auditor).post("/models/new/", {"project": project.pk, "name": "Falls"})

    assert answer.status_code == 400
    assert RegisteredModel.objects.count() == 0


def test_description_is_changed_over_the_reading_that_was_edited(model, developer) -> None:
    client = browse(developer)
    texts = {"description": "d", "intended_use": "u", "out_of_scope_uses": "o", "affected_people": "p"}
    answer = client.post(f"/models/{model.pk}/describe/", {"revision": model.revision, **texts})
    model.refresh_from_db()

    assert answer.status_code == 302
    assert {name: getattr(model, name) for name in texts} == texts


def test_collision_keeps_both_texts_and_a_second_save_replaces_knowingly(model, developer) -> None:
    seen = model.revision
    catalog.describe_model(model, intended_use="Theirs.", actor=cast.acting(developer))
    client = browse(developer)
    address = f"/models/{model.pk}/describe/"
    answer = client.post(address, {"revision": seen, "intended_use": "Mine."})

    assert answer.status_code == 409
    page = text_of(answer)
    assert "Somebody changed this since you read it" in page
    assert "Mine." in page
    assert "Theirs." in page
    assert f'name="revision" value="{seen + 1}"' in page

    assert client.post(address, {"revision": seen + 1, "intended_use": "Mine."}).status_code == 302
    model.refresh_from_db()
    assert model.intended_use == "Mine."


def test_answers_give_the_tier_and_an_older_reading_is_refused(model, developer) -> None:
    client = browse(developer)
    address = f"/models/{model.pk}/risk/?questionnaire=general"
    answers = {f"answers.{key}": value for key, value in ANSWERS["low"].items()}
    given = answers | {"revision": model.revision, "rationale": "Nobody is touched."}

    assert client.post(address, given).status_code == 302
    assert client.post(address, given | {"answers.harm": "loss"}).status_code == 409
    assert client.post(address, given | {"rationale": ""}).status_code == 400
    assert client.post(address, given | {"answers.harm": "mild"}).status_code == 400
    model.refresh_from_db()
    assert (model.risk_tier, model.risk_tier_rationale) == ("low", "Nobody is touched.")
    page = text_of(client.get(f"/models/{model.pk}/"))
    assert "0 points make it low" in page
    assert "General use, version 1" in page


def test_a_dropped_down_tier_is_no_answer(model, developer) -> None:
    """There is no field that would set the tier itself."""
    address = f"/models/{model.pk}/risk/?questionnaire=general"
    given = {"revision": model.revision, "risk_tier": "low", "rationale": "Please."}
    assert browse(developer).post(address, given).status_code == 400
    model.refresh_from_db()
    assert model.risk_tier == "high"


def test_role_that_may_not_describe_is_refused_with_its_text(model, auditor) -> None:
    answer = browse(auditor).post(
        f"/models/{model.pk}/describe/", {"revision": model.revision, "intended_use": "Mine."}
    )

    assert answer.status_code == 403
    assert "you need the role developer" in text_of(answer)
    assert "Mine." in text_of(answer)
