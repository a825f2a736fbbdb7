"""Roles confirmed and ended for cause, delegations, solo mode, recalled data: the pages, and who is refused at them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.actions import delegations, people
from governance.models import AuditLogEntry, DatasetVersion, Delegation, Membership, Project, User
from portal.pages.urls import MODELS
from tests import cast
from tests.governance.policy_texts import adopt, propose
from tests.portal.pages.browsing import browse, text_of
from tests.portal.pages.test_model_strangers import OF_EVIDENCE, OF_MODEL, OF_REQUIREMENT, OF_VERSION

pytestmark = pytest.mark.django_db


def delegation_of(to_user: User, **changes: Any) -> dict[str, Any]:
    today = timezone.now().date()
    return {
        "role": "validator",
        "to_user": to_user.pk,
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=7)).isoformat(),
        "reason": "On leave.",
        "password": cast.PASSWORD,
    } | changes


@pytest.fixture
def late(ready_version, organisation_administrator) -> Membership:
    """A validator's role that is younger than the version under review."""
    user = cast.make_member(
        "lars", "Lars Late", ready_version.model.project, "validator", by=organisation_administrator
    )
    return Membership.objects.get(user=user)


def test_young_role_is_marked_and_confirmed_by_a_second_administrator(late, administrator) -> None:
    client, project = browse(administrator), late.project_id
    before = text_of(client.get(f"/projects/{project}/"))
    answer = client.post(f"/roles/{late.pk}/confirm/", {"password": cast.PASSWORD})
    late.refresh_from_db()

    assert "not confirmed" in before
    assert f"/roles/{late.pk}/confirm/" in before
    assert (answer.status_code, late.confirmed_by) == (302, administrator)
    assert "confirmed by Adele Brandt" in text_of(client.get(f"/projects/{project}/"))


def test_b03_who_granted_a_role_does_not_confirm_it(late, organisation_administrator) -> None:
    answer = browse(organisation_administrator).post(f"/roles/{late.pk}/confirm/", {"password": cast.PASSWORD})
    late.refresh_from_db()

    assert answer.status_code == 403
    assert late.confirmed_at is None


def test_b03_whose_role_is_too_young_is_told_before_they_type(late, ready_version) -> None:
    page = text_of(browse(late.user).get(f"/versions/{ready_version.pk}/sign/"))

    assert "A second administrator must confirm it first" in page
    assert 'type="password"' not in page


def test_role_ends_for_cause_only_with_a_reason(late, administrator) -> None:
    client, address = browse(administrator), f"/roles/{late.pk}/end/"

    assert client.post(address, {"for_cause": "on"}).status_code == 400
    assert client.post(address, {"for_cause": "on", "reason": "Signed unread."}).status_code == 302
    assert "ended for cause" in text_of(client.get(f"/projects/{late.project_id}/"))


def test_right_is_lent_and_shown_to_both_and_ended(project, validator, auditor, administrator) -> None:
    answer = browse(validator).post(f"/projects/{project.pk}/delegations/new/", delegation_of(auditor))
    lent = Delegation.objects.get()
    pages = [text_of(browse(person).get("/account/")) for person in (validator, auditor)]

    assert answer.status_code == 302
    assert (lent.from_user, lent.to_user, lent.role) == (validator, auditor, "validator")
    assert all(f"/delegations/{lent.pk}/end/" in page for page in pages)
    assert browse(auditor).post(f"/delegations/{lent.pk}/end/", {}).status_code == 302
    assert browse(auditor).post(f"/delegations/{lent.pk}/end/", {}).status_code == 409
    lent.refresh_from_db()
    assert lent.ended_at is not None


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": ""}, 400),
        ({"role": "approver"}, 400),
        ({"ends_on": "2090-01-01"}, 400),
        ({"ends_on": "2020-01-01"}, 400),
        ({"password": "wrong wrong wrong"}, 403),
    ],
)
def test_delegation_is_refused_and_keeps_what_was_typed(project, validator, auditor, changes, status) -> None:
    given = delegation_of(auditor, **changes)
    answer = browse(validator).post(f"/projects/{project.pk}/delegations/new/", given)

    assert answer.status_code == status
    assert Delegation.objects.count() == 0
    assert given["reason"] in text_of(answer)


def test_b20_delegate_signs_for_the_giver_and_says_so(ready_version, validator, auditor) -> None:
    project = ready_version.model.project
    browse(validator).post(f"/projects/{project.pk}/delegations/new/", delegation_of(auditor))
    lent, client = Delegation.objects.get(), browse(auditor)
    page = client.get(f"/versions/{ready_version.pk}/sign/")
    given = {
        **page.context["form"].initial,
        "role": f"validator:{lent.pk}",
        "decision": "approve",
        "meaning": "I read it for Viktor.",
        "password": cast.PASSWORD,
    }
    answer = client.post(f"/versions/{ready_version.pk}/sign/", given)

    assert "Validator, for Viktor Hahn (until" in text_of(page)
    assert answer.status_code == 302, answer.context["form"].errors
    assert "for Viktor Hahn" in text_of(client.get(f"/versions/{ready_version.pk}/?tab=sign-offs"))


def test_solo_mode_is_switched_by_organisation_administrators_only(
    project, organisation_administrator, request
) -> None:
    address, given = (
        f"/projects/{project.pk}/solo-mode/",
        {"on": "True", "reason": "We are two.", "password": cast.PASSWORD},
    )
    for who in ("administrator", "approver", "developer"):
        assert browse(request.getfixturevalue(who)).post(address, given).status_code == 403
    client = browse(organisation_administrator)
    page = text_of(client.get(address))

    assert "People may sign what they made, and one person may fill every place" in page
    assert client.post(address, given | {"password": "wrong wrong wrong"}).status_code == 403
    assert client.post(address, given).status_code == 302
    assert client.post(address, given).status_code == 409
    project.refresh_from_db()
    assert project.solo_reason == "We are two."


def switch_on(project: Project, by: User) -> None:
    delegations.set_solo_mode(project, on=True, reason="We are two.", password=cast.PASSWORD, actor=cast.acting(by))


def test_every_page_of_a_project_in_solo_mode_says_so(ready_version, organisation_administrator, validator) -> None:
    """Every address that names a thing of the project; a new page is found by the tables of strangers."""
    signed = cast.sign(ready_version, validator, "validator")
    root, project = organisation_administrator, ready_version.model.project
    for role in ("developer", "validator", "approver", "administrator"):
        people.grant_role(project, user=root, role=role, actor=cast.acting(root))
    switch_on(project, root)
    numbers = {
        **dict.fromkeys(OF_MODEL, ready_version.model_id),
        **dict.fromkeys(OF_REQUIREMENT, ready_version.model.requirements.first().pk),
        **dict.fromkeys(OF_VERSION, ready_version.pk),
        **dict.fromkeys(OF_EVIDENCE - {"evidence-file"}, ready_version.evidence.first().pk),
        "evaluation": ready_version.evaluations.first().pk,
        "overrule": signed.pk,
    }
    dataset = ready_version.dataset_uses.first().dataset_version
    paths = [
        "/" + str(p.pattern).replace("<int:pk>", str(numbers[p.name]))
        for p in MODELS
        if p.name in numbers and "<str:" not in str(p.pattern)  # a framework or a fact is no thing of the project
    ]
    paths += [f"/versions/{ready_version.pk}/?tab={tab}" for tab in ("requirements", "sign-offs", "lineage", "log")]
    paths += [
        f"/projects/{project.pk}/",
        f"/projects/{project.pk}/policies/",
        f"/projects/{project.pk}/templates/high/",
    ]
    paths += [f"/projects/{project.pk}/solo-mode/", f"/projects/{project.pk}/delegations/new/"]
    paths += [f"/datasets/{dataset.dataset_id}/", f"/dataset-versions/{dataset.pk}/recall/"]
    paths += [f"/datasets/{dataset.dataset_id}/versions/new/", f"/log/{signed.log_index}/"]
    paths += [f"/roles/{Membership.objects.get(user=validator).pk}/end/"]
    client = browse(root)
    answers = {path: client.get(path) for path in paths}

    assert [path for path, answer in answers.items() if answer.status_code not in {200, 302}] == []
    drawn = {path: text_of(answer) for path, answer in answers.items() if answer.status_code == 200}
    assert len(drawn) >= 30
    assert [path for path, page in drawn.items() if "Patient pathways is in solo mode." not in page] == []


def test_other_projects_are_not_marked(version, organisation_administrator, stranger) -> None:
    assert stranger
    switch_on(Project.objects.exclude(pk=version.model.project_id).get(), organisation_administrator)

    assert "is in solo mode" not in text_of(browse(organisation_administrator).get(f"/versions/{version.pk}/"))


def test_recalled_data_is_red_wherever_it_is_shown(ready_version, compliance, auditor) -> None:
    data = ready_version.dataset_uses.get(role="training").dataset_version
    client, address = browse(compliance), f"/dataset-versions/{data.pk}/recall/"
    page = text_of(client.get(address))

    assert "Readmission triage v1" in page
    assert client.post(address, {"reason": ""}).status_code == 400
    assert client.post(address, {"reason": "The wrong clinic."}).status_code == 302
    assert client.post(address, {"reason": "The wrong clinic."}).status_code == 409
    reader = browse(auditor)
    assert "Recalled by Carla Mendes" in text_of(reader.get(f"/datasets/{data.dataset_id}/"))
    assert "recalled" in text_of(reader.get(f"/versions/{ready_version.pk}/?tab=lineage"))
    assert "The wrong clinic." in text_of(reader.get(f"/versions/{ready_version.pk}/?tab=lineage"))


@pytest.mark.parametrize("who", ["auditor", "validator"])
def test_recall_is_refused_to_who_may_not(who, version, request) -> None:
    data = version.dataset_uses.get(role="training").dataset_version
    answer = browse(request.getfixturevalue(who)).post(f"/dataset-versions/{data.pk}/recall/", {"reason": "x"})

    assert answer.status_code == 403
    assert not DatasetVersion.objects.exclude(recalled_at=None).exists()


def test_stranger_finds_none_of_these_doors(late, ready_version, validator, auditor, stranger) -> None:
    project = ready_version.model.project
    browse(validator).post(f"/projects/{project.pk}/delegations/new/", delegation_of(auditor))
    signed = cast.sign(ready_version, validator, "validator", "reject")
    data = ready_version.dataset_uses.first().dataset_version
    doors = [
        f"/roles/{late.pk}/confirm/",
        f"/projects/{project.pk}/delegations/new/",
        f"/projects/{project.pk}/solo-mode/",
        f"/delegations/{Delegation.objects.get().pk}/end/",
        f"/dataset-versions/{data.pk}/recall/",
        f"/sign-offs/{signed.pk}/overrule/",
    ]
    client, before = browse(stranger), AuditLogEntry.objects.count()
    given = {"reason": "x", "password": cast.PASSWORD, "on": "True"}

    assert [client.get(door).status_code for door in doors] == [404] * 6
    assert [client.post(door, given).status_code for door in doors] == [404] * 6
    assert AuditLogEntry.objects.count() == before


def test_environment_is_chosen_at_submission(model_with_go, developer, compliance, administrator) -> None:
    adopt(propose(model_with_go.project, by=compliance, environment="staging"), by=administrator)
    version = cast.register_version(model_with_go, developer)
    client, address = browse(developer), f"/versions/{version.pk}/submit/"
    page = text_of(client.get(address))

    assert "staging: High-risk release, version" in page
    assert client.post(address, {"environment": "moon"}).status_code == 400
    assert client.post(address, {"environment": "staging"}).status_code == 302
    version.refresh_from_db()
    assert version.target_environment == "staging"
