"""What the portal says of itself: its log, its signers' second factors, its clock, its people, its discussions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from audits.explanations import reasons
from governance.actions import discussion
from governance.facts import explanations, read_facts_of, software
from governance.models import Checkpoint, ModelVersion, User
from governance.signer import sign_once
from tests import cast, second_factors


def test_log_is_sound_only_once_it_is_sealed(keys: Any, version: ModelVersion, validator: User):
    found = read_facts_of(version)
    assert not found.keys() & {"log.integrity", "portal.altered_record_detection"}
    sign_once()
    sealed = read_facts_of(version)["log.integrity"].value
    assert sealed["entries"] == Checkpoint.objects.get().size
    assert sealed["this_version"] == "every entry about it is covered"
    discussion.write_remark(version, text="Well done.", actor=cast.acting(validator))
    assert read_facts_of(version)["log.integrity"].value["this_version"] == "its newest entry is not covered yet"


def test_two_components_are_claimed_only_where_every_signer_has_them(
    version: ModelVersion, signers: list[tuple[User, str]]
):
    asked = {"portal.two_components", "portal.first_signing_full", "portal.broken_session_full"}
    for user, _role in signers[:-1]:
        second_factors.add_totp(user)
    assert not read_facts_of(version).keys() & asked
    second_factors.add_totp(signers[-1][0])
    assert read_facts_of(version).keys() >= asked


def test_nobody_who_signs_has_no_two_components(version: ModelVersion):
    assert "portal.two_components" not in read_facts_of(version)


def test_software_says_what_is_set_up(version: ModelVersion, settings: Any):
    found = read_facts_of(version)
    assert found["portal.trusted_time"].value["time_stamp_authority"] == "none is set"
    assert found["portal.biometrics"].value is False
    assert "portal.open_controls" not in found
    settings.COUNTERSIGN_ORIGIN = "https://countersign.example.org"
    settings.COUNTERSIGN_TSA_URL = "https://stamps.example.org"
    found = read_facts_of(version)
    assert found["portal.trusted_time"].value["time_stamp_authority"] == "https://stamps.example.org"
    assert "portal.open_controls" in found


def test_what_is_claimed_of_this_software_is_so(settings: Any):
    assert (5, timedelta(minutes=15)) == (settings.AXES_FAILURE_LIMIT, settings.AXES_COOLOFF_TIME)
    assert "five failures close the door for fifteen minutes" in software.ALWAYS["portal.access_control"][0]
    assert str(reasons.MOST_REASONS) == explanations.MOST_REASONS


def test_what_the_operators_must_see_to_is_never_claimed(version: ModelVersion):
    theirs = {
        "portal.validation",
        "portal.retention",
        "portal.user_training",
        "portal.document_control",
        "portal.open_system",
        "portal.identity_proofing",
        "portal.certification_letter",
        "portal.no_shared_use",
        "portal.credential_ageing",
        "portal.credential_loss",
        "portal.misuse_detection",
        "portal.biometric_design",
    }
    assert not read_facts_of(version).keys() & theirs


def test_inventory_and_roles_are_those_of_the_tables(version: ModelVersion, approver: User):
    found = read_facts_of(version)
    assert found["org.inventory"].value == {"models_of_high_risk": 1, "models": 1, "versions": 1}
    assert found["org.roles"].value == {
        "approver": ["Amir Rahimi"],
        "developer": ["Dana Whitfield"],
        "owner_of_the_model": ["Dana Whitfield"],
    }


def test_question_is_a_finding_until_it_is_resolved(version: ModelVersion, validator: User):
    asker = cast.acting(validator)
    question = discussion.write_remark(version, text="Why so few?", is_question=True, actor=asker)
    found = read_facts_of(version)
    assert found["validation.findings"].value == ["Question of Viktor Hahn on dossier: Why so few?"]
    assert "validation.closure" not in found
    discussion.resolve_question(question, resolution="All of a year.", actor=asker)
    closed = read_facts_of(version)["validation.closure"].value
    assert closed["Question of Viktor Hahn on dossier: Why so few?"].endswith("All of a year.")
