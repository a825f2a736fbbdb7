"""B31 and B02: names that only a machine can tell apart, and accounts of one mailbox."""

from __future__ import annotations

from typing import Any

import pytest

from governance.actions import catalog, people
from governance.exceptions import GovernanceError, InvalidInput
from governance.look_alikes import find_disguise, fold_email
from governance.models import Project, User
from governance.text import clean_name
from tests import cast

pytestmark = pytest.mark.django_db

# A Latin word with a letter that is none, hidden and turning characters, other alphabets made for looks.
DISGUISED = [
    *("Triаge", "Trіage", "сredit", "Crеdit", "Rіsk", "Scοre", "ρayments", "Νurse", "Ѕcore", "hοusing", "Mοdel"),
    *("Ｔriage", "Ｃredit", "𝐓riage", "𝒞redit", "𝖳riage", "𝕋riage"),
    *("Triage\u200b", "Tri\u200cage", "Tri\u200dage", "Triage\u2060", "\ufeffTriage", "Tri\u00adage", "Triage\u180e"),
    *("\u202eegairT", "Tri\u202dage", "\u2066Triage\u2069", "Triage\u200f", "Tri\u061cage"),
    *("Tri\x00age", "Tri\x07age", "Triage\x1b", "Tri\x7fage", "Tri\x85age", "Tri\ue000age", "Triage\U000e0041"),
    *("", " ", "\u3000", "\t"),
]
HONEST = [
    "Triage",
    "R² of the model",
    "Größe",
    "α-Fehler",
    "Δt",
    "µm camera",
    "Модель риска",
    "信用模型",
    "Crédit n° 2",
]


@pytest.mark.parametrize("name", DISGUISED)
def test_b31_disguised_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        clean_name(name, "name")


@pytest.mark.parametrize("name", HONEST)
def test_b31_honest_name_of_any_script_is_taken(name: str) -> None:
    assert clean_name(name, "name") == name
    assert find_disguise(name) is None


@pytest.mark.parametrize("name", ["readmission triage", "READMISSION TRIAGE", "Réadmission triage"])
def test_b31_model_whose_name_looks_the_same_is_refused(name: str, model: Any, developer: User) -> None:
    with pytest.raises(GovernanceError) as caught:
        catalog.register_model(model.project, name=name, actor=cast.acting(developer))
    assert caught.value.field == "name"


def test_b31_project_whose_name_looks_the_same_is_refused(project: Project, organisation_administrator: User) -> None:
    with pytest.raises(GovernanceError):
        people.create_project(name="Pátient pathways", actor=cast.acting(organisation_administrator))


@pytest.mark.parametrize(
    "address",
    ["d.a.n.a@example.org", "dana+sign@example.org", "DANA+x@EXAMPLE.org"],
)
def test_b02_second_account_of_a_mailbox_is_the_same_person(
    address: str, developer: User, organisation_administrator: User
) -> None:
    User.objects.filter(pk=developer.pk).update(email="dana@example.org")
    twin = people.create_user(
        username="another",
        full_name="Another",
        email=address,
        password=cast.PASSWORD,
        actor=cast.acting(organisation_administrator),
    )
    assert twin.person_key == developer.person_key


def test_b02_address_in_disguise_is_refused(organisation_administrator: User) -> None:
    with pytest.raises(InvalidInput) as caught:
        people.create_user(
            username="another",
            full_name="Another",
            email="dаna@example.org",
            password=cast.PASSWORD,
            actor=cast.acting(organisation_administrator),
        )
    assert caught.value.field == "email"
    assert fold_email("dаna@example.org") == "dana@example.org"


def test_b02_other_mailboxes_are_other_people() -> None:
    folded = {fold_email(address) for address in ("dana@example.org", "dana@example.com", "dan@example.org")}
    assert len(folded) == 3
