"""B18: an open session alone signs nothing. Each signature needs its own fresh proof, and guessing is locked out."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from governance.actions import people
from governance.auditlog import database_now
from governance.dossier import collect
from governance.models import AuditLogEntry, PasskeyChallenge, SignOff
from governance.reauthentication import challenge_for
from tests import cast
from tests.governance.policy_texts import propose
from tests.portal.api.calling import Caller, answered, as_person, refused
from tests.portal.bypass.signing import form, vote
from tests.portal.pages.browsing import browse
from tests.second_factors import add_passkey, add_totp, code_of

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]


def sign(caller: Caller, version: Any, **proof: Any) -> Any:
    return caller.post(f"model-versions/{version.pk}/sign-offs", vote(version, **proof))


def sign_at_page(client: Any, version: Any, **proof: Any) -> Any:
    return client.post(f"/versions/{version.pk}/sign/", form(version, **proof))


def refusals() -> list[str]:
    entries = AuditLogEntry.objects.filter(type__endswith=".refused").order_by("index")
    return [cast.read_body(entry)["data"]["code"] for entry in entries]


def test_b18_without_a_proof_nothing_is_signed(ready_version, validator):
    refused(sign(as_person(validator), ready_version), 403, "reauthentication_failed")
    assert sign_at_page(browse(validator), ready_version).status_code == 400
    assert refusals() == ["reauthentication_failed"]
    assert SignOff.objects.count() == 0


def test_b18_one_proof_signs_once(ready_version, validator):
    """Nothing is remembered: the next signature of the same session asks again."""
    caller = as_person(validator)
    answered(sign(caller, ready_version, password=cast.PASSWORD), 201)
    refused(sign(caller, ready_version), 409, "transition_not_allowed")
    client = browse(validator)
    assert sign_at_page(client, ready_version).status_code in {400, 409}
    assert SignOff.objects.count() == 1


def test_b18_five_wrong_proofs_lock_the_door(ready_version, validator):
    caller = as_person(validator)
    for _guess in range(5):
        refused(sign(caller, ready_version, password="wrong"), 403, "reauthentication_failed")
    refused(sign(caller, ready_version, password=cast.PASSWORD), 429, "locked_out")
    assert sign_at_page(browse(validator), ready_version, password=cast.PASSWORD).status_code == 429
    assert refusals() == ["reauthentication_failed"] * 5
    assert SignOff.objects.count() == 0


def test_b18_refusal_under_an_idempotency_key_is_on_record(ready_version, validator):
    """A key undoes nothing that the log says: neither the refusal, nor that nothing was signed."""
    caller, path = as_person(validator), f"model-versions/{ready_version.pk}/sign-offs"
    body = vote(ready_version, password="wrong")
    for _again in range(2):
        refused(caller.post(path, body, idempotency_key="k"), 403, "reauthentication_failed")
    assert refusals() == ["reauthentication_failed"] * 2
    assert SignOff.objects.count() == 0
    body = vote(ready_version, password=cast.PASSWORD)
    answered(caller.post(path, body, idempotency_key="l"), 201)
    answered(caller.post(path, body, idempotency_key="l"), 201)
    assert (len(refusals()), SignOff.objects.count()) == (2, 1)


def test_b18_wrong_codes_and_passkeys_count_as_well(ready_version, validator):
    add_passkey(validator)
    caller = as_person(validator)
    wrong = [{"password": cast.PASSWORD, "code": "000000"}, {"passkey": {"id": "x"}}, {"password": cast.PASSWORD}]
    for given in (*wrong, wrong[0], wrong[1]):
        assert sign(caller, ready_version, **given).status_code == 403
    refused(sign(caller, ready_version, passkey={"id": "x"}), 429, "locked_out")
    assert SignOff.objects.count() == 0


def test_b18_used_code_signs_nothing_more(ready_version, validator, model_with_go, developer):
    secret, caller = add_totp(validator), as_person(validator)
    code = code_of(secret)
    answered(sign(caller, ready_version, password=cast.PASSWORD, code=code), 201)
    other = cast.make_ready_version(model_with_go, developer=developer)
    refused(sign(caller, other, password=cast.PASSWORD, code=code), 403, "reauthentication_failed")
    assert sign_at_page(browse(validator), other, password=cast.PASSWORD, code=code).status_code == 403
    assert SignOff.objects.count() == 1


@pytest.mark.parametrize(
    ("age", "status"), [(timedelta(minutes=4, seconds=30), 201), (timedelta(minutes=5, seconds=1), 403)]
)
def test_b18_stale_passkey_is_refused(ready_version, validator, age, status):
    passkey, caller = add_passkey(validator), as_person(validator)
    purpose = challenge_for("sign_off", collect(ready_version).digest)
    given = passkey.answer(answered(caller.post("passkey-questions", {"purpose": purpose}), 201))
    PasskeyChallenge.objects.update(made_at=database_now() - age)
    assert sign(caller, ready_version, passkey=given).status_code == status


def test_b18_passkey_for_another_dossier_or_act_is_refused(ready_version, validator):
    passkey, client = add_passkey(validator), browse(validator)
    digest = collect(ready_version).digest
    for purpose in (challenge_for("promote", digest), challenge_for("sign_off", "sha256:" + "0" * 64), digest):
        asked = client.post("/passkeys/question/", {"purpose": purpose}).json()
        given = json.dumps(passkey.answer(asked))
        assert sign_at_page(client, ready_version, passkey=given).status_code == 403
    assert SignOff.objects.count() == 0


def test_b18_page_signs_with_a_passkey_and_changes_the_session(ready_version, validator):
    passkey, client = add_passkey(validator), browse(validator)
    page = client.get(f"/versions/{ready_version.pk}/sign/").content.decode()
    purpose = re.search(r'data-purpose="([^"]+)"', page)[1]
    before = client.session.session_key
    given = json.dumps(passkey.answer(client.post("/passkeys/question/", {"purpose": purpose}).json()))
    assert sign_at_page(client, ready_version, passkey=given).status_code == 302
    assert client.session.session_key != before
    assert SignOff.objects.get().authentication == "passkey"


@pytest.mark.parametrize("door", ["waivers", "promote", "adopt"])
def test_b18_other_signatures_ask_for_the_second_factor_too(door, ready_version, signers, organisation_administrator):
    """The password alone, and a wrong code beside it, do nothing for whoever has a generator."""
    project, by_role = ready_version.model.project, {role: user for user, role in signers}
    user = by_role["approver" if door == "promote" else "compliance"]
    later = (database_now() + timedelta(days=3)).isoformat()
    path, body = {
        "waivers": (
            f"model-versions/{ready_version.pk}/waivers",
            {"finding_key": "k", "reason": "r", "expires_at": later},
        ),
        "promote": (
            f"model-versions/{ready_version.pk}/promote",
            {"environment": "production", "dossier_digest": collect(ready_version).digest},
        ),
        "adopt": ("policies/{policy}/adopt", {}),
    }[door]
    if door == "promote":
        cast.sign_by_all(ready_version, signers)
    if door == "adopt":
        other = cast.make_member("other", "Otto Other", project, "compliance", by=organisation_administrator)
        path = path.format(policy=propose(project, by=other, tier="low").pk)
    add_totp(user)
    caller = as_person(user)
    refused(caller.post(path, body | {"password": cast.PASSWORD}), 403, "second_factor_needed")
    wrong = body | {"password": cast.PASSWORD, "code": "000000"}
    refused(caller.post(path, wrong), 403, "reauthentication_failed")


def test_b18_page_and_action_name_what_is_signed_alike():
    """A passkey that is asked for one thing by the page must be the one that the action takes."""
    acted = set(re.findall(r'challenge_for\("(\w+)"', read_all("governance/actions")))
    shown = set(re.findall(r'demand_of\(request, "(\w+)"', read_all("portal/pages/views")))
    assert shown == acted


def read_all(folder: str) -> str:
    return "".join(path.read_text() for path in sorted((ROOT / folder).glob("*.py")))


def test_b18_password_of_a_closed_account_signs_nothing(ready_version, validator, organisation_administrator):
    caller = as_person(validator)
    people.close_user(validator, reason="Left.", actor=cast.acting(organisation_administrator))
    assert sign(caller, ready_version, password=cast.PASSWORD).status_code in {401, 403}
    assert SignOff.objects.count() == 0
