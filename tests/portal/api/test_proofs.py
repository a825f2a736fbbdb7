"""Signing through the API with a second factor: what a session's program sends, and what it must not send twice."""

from __future__ import annotations

from typing import Any

import pytest

from governance.dossier import collect
from governance.models import AuditLogEntry, SignOff
from governance.reauthentication import challenge_for
from tests import cast
from tests.portal.api.calling import Caller, answered, as_person, as_program, refused
from tests.second_factors import add_passkey, add_totp, code_of

pytestmark = pytest.mark.django_db


def body_for(version: Any, **proof: Any) -> dict[str, Any]:
    return {
        "role": "validator",
        "decision": "request_changes",
        "meaning": "I have read it.",
        "reason": "Say more.",
        "dossier_digest": collect(version).digest,
        **proof,
    }


def sign(caller: Caller, version: Any, **proof: Any) -> Any:
    return caller.post(f"model-versions/{version.pk}/sign-offs", body_for(version, **proof))


def ask(caller: Caller, version: Any) -> dict[str, Any]:
    purpose = challenge_for("sign_off", collect(version).digest)
    return answered(caller.post("passkey-questions", {"purpose": purpose}), 201)


def test_password_alone_is_not_enough_with_a_second_factor(ready_version, validator):
    add_totp(validator)
    problem = refused(sign(as_person(validator), ready_version, password=cast.PASSWORD), 403, "second_factor_needed")
    assert problem["field"] == "code"
    assert SignOff.objects.count() == 0


def test_code_signs_once_and_is_recorded(ready_version, validator):
    code = code_of(add_totp(validator))
    signed = answered(sign(as_person(validator), ready_version, password=cast.PASSWORD, code=code), 201)
    assert signed["authentication"] == "totp"
    entry = cast.read_body(AuditLogEntry.objects.get(type="sign_off.given"))
    assert entry["data"]["authentication"] == "totp"
    assert not any(word in str(entry) for word in (cast.PASSWORD, code))


def test_passkey_signs_without_a_password(ready_version, validator):
    passkey, caller = add_passkey(validator), as_person(validator)
    given = passkey.answer(ask(caller, ready_version))
    assert answered(sign(caller, ready_version, passkey=given), 201)["authentication"] == "passkey"


def test_passkey_asked_in_another_session_does_not_sign(ready_version, validator):
    passkey = add_passkey(validator)
    given = passkey.answer(ask(as_person(validator), ready_version))
    refused(sign(as_person(validator), ready_version, passkey=given), 403, "reauthentication_failed")
    assert SignOff.objects.count() == 0


@pytest.mark.parametrize("passkey", [{}, {"response": {}}, {"id": 1}])
def test_what_no_passkey_answers_is_refused(ready_version, validator, passkey):
    add_passkey(validator)
    refused(sign(as_person(validator), ready_version, passkey=passkey), 403, "reauthentication_failed")


@pytest.mark.parametrize("given", [{"passkey": "text"}, {"passkey": [1]}, {"code": 123456}, {"password": None}])
def test_proof_of_another_shape_is_no_body(ready_version, validator, given):
    refused(sign(as_person(validator), ready_version, **given), 400, "invalid_input")


def test_session_key_changes_with_a_signature_and_only_then(ready_version, validator):
    caller = as_person(validator)
    before = caller.client.session.session_key
    sign(caller, ready_version, password="wrong")
    assert caller.client.session.session_key == before
    answered(sign(caller, ready_version, password=cast.PASSWORD), 201)
    assert caller.client.session.session_key != before
    answered(caller.get("me"))


def test_token_asks_no_passkey(validator):
    add_passkey(validator)
    refused(as_program(validator).post("passkey-questions", {"purpose": "x"}), 403, "person_needed")


def test_question_of_whoever_has_no_passkey(validator):
    refused(as_person(validator).post("passkey-questions", {"purpose": "x"}), 400, "invalid_input")
    refused(as_person(validator).post("passkey-questions", {"purpose": "x" * 301}), 400, "invalid_input")
