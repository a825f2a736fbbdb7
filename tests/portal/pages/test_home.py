"""Home: useful to each role, honest about the log, and as cheap with much as with little."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance.actions import people, promotion
from governance.dossier import collect
from governance.models import AuditLogEntry, Checkpoint
from governance.signer import sign_once
from governance.signer_files import raise_alarm
from tests import cast
from tests.guards import behind_the_guards
from tests.portal.pages.browsing import browse, count_queries, text_of


@pytest.fixture
def sealing(settings, tmp_path):
    """A data folder of the test's own, so that the signer remembers nothing of other tests."""
    (tmp_path / "keys").mkdir()
    settings.COUNTERSIGN_DATA = tmp_path


def test_home_asks_the_anonymous_to_sign_in(db) -> None:
    answer = Client().get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/")


def test_home_leads_a_validator_to_the_signature(ready_version, validator) -> None:
    page = text_of(browse(validator).get("/"))

    assert f'href="/versions/{ready_version.pk}/sign/"' in page
    assert "Waits for your signature as validator." in page
    assert "Dana Whitfield submitted Readmission triage v1 for review." in page


def test_home_says_friendly_that_nothing_waits(ready_version, auditor) -> None:
    assert "Nothing waits for you" in text_of(browse(auditor).get("/"))


def test_home_of_a_newcomer_says_what_comes_first(stranger, organisation_administrator) -> None:
    newcomer = cast.make_person("nora", "Nora Quist", by=organisation_administrator)

    assert "You are in no project yet" in text_of(browse(newcomer).get("/"))
    assert "Nothing is registered yet" in text_of(browse(stranger).get("/"))


def test_home_shows_a_stranger_nothing_of_the_project(ready_version, signers, approver, stranger) -> None:
    cast.sign_by_all(ready_version, signers)
    promotion.promote(
        ready_version,
        environment="production",
        dossier_digest=collect(ready_version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )

    assert "Readmission triage v1" in text_of(browse(approver).get("/"))
    assert "Readmission" not in text_of(browse(stranger).get("/"))


def test_home_says_how_much_of_the_log_is_sealed(sealing, developer) -> None:
    size = AuditLogEntry.objects.count()
    assert f"0 of {size} entries sealed" in text_of(browse(developer).get("/"))

    sign_once()
    page = text_of(browse(developer).get("/"))
    assert "Sealed to the last entry" in page
    assert f"{size} of {size} entries sealed" in page


def test_home_says_that_the_signer_is_late(sealing, developer, administrator) -> None:
    sign_once()
    with behind_the_guards():
        Checkpoint.objects.update(signed_at=timezone.now() - timedelta(minutes=6))
    people.create_token(name="ci", scopes=["read"], days=1, actor=cast.acting(developer))

    assert "The signer is late" in text_of(browse(developer).get("/"))


def test_home_shows_the_signers_alarm_to_everybody(sealing, stranger) -> None:
    raise_alarm(3, "entry 3 was changed", "2026-11-21T09:00:00Z")

    page = text_of(browse(stranger).get("/"))
    assert "The audit log does not agree with what was signed" in page
    assert "entry 3 was changed" in page


def test_home_asks_as_often_with_three_as_with_one(model_with_go, developer, validator) -> None:
    cast.make_ready_version(model_with_go, developer=developer)
    with_one = count_queries(browse(validator), "/")
    for _number in range(2):
        cast.make_ready_version(model_with_go, developer=developer)

    assert count_queries(browse(validator), "/") == with_one
