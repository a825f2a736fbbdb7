"""Second factors at the pages: adding, using and removing them, and signing in with them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from governance.models import AuditLogEntry, PasskeyChallenge, SecondFactor
from governance.reauthentication import challenge_for
from tests import cast
from tests.portal.pages.browsing import browse, text_of
from tests.second_factors import add_passkey, add_totp, code_of
from tests.soft_passkey import SoftPasskey

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"<code data-secret>([A-Z2-7 ]+)</code>")


def read_hidden(answer: Any, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def ask(client: Client, purpose: str) -> dict[str, Any]:
    answer = client.post("/passkeys/question/", {"purpose": purpose})
    assert answer.status_code == 200, answer.content
    return answer.json()


def sign_in(client: Client, **given: str) -> Any:
    return client.post("/sign-in/", {"username": "dana", "password": cast.PASSWORD, **given})


# --- Adding and removing ----------------------------------------------------------------------------


def test_generator_is_added_with_its_first_code(developer):
    client = browse(developer)
    page = client.get("/account/codes/new/")
    secret = SECRET.search(page.content.decode())[1].replace(" ", "")
    given = {
        "offer": read_hidden(page, "offer"),
        "name": "Telephone",
        "first_code": code_of(secret),
        "password": cast.PASSWORD,
    }
    assert "<svg" in page.content.decode()
    assert page.headers["Cache-Control"] == "no-store, private"
    assert client.post("/account/codes/new/", given).status_code == 302
    account = client.get("/account/")
    assert "Telephone" in text_of(account)
    assert secret not in account.content.decode()
    assert not any(secret in bytes(entry.body).decode() for entry in AuditLogEntry.objects.all())


def test_generator_with_a_wrong_first_code_is_refused_and_offered_anew(developer):
    client = browse(developer)
    page = client.get("/account/codes/new/")
    given = {"offer": read_hidden(page, "offer"), "name": "T", "first_code": "000000", "password": cast.PASSWORD}
    answer = client.post("/account/codes/new/", given)
    again = SECRET.search(answer.content.decode())[1].replace(" ", "")
    assert answer.status_code == 400
    assert cast.PASSWORD not in answer.content.decode()
    given |= {"offer": read_hidden(answer, "offer"), "first_code": code_of(again)}
    assert client.post("/account/codes/new/", given).status_code == 302


def test_open_session_alone_adds_nothing(developer):
    client = browse(developer)
    page = client.get("/account/codes/new/")
    secret = SECRET.search(page.content.decode())[1].replace(" ", "")
    given = {"offer": read_hidden(page, "offer"), "name": "T", "first_code": code_of(secret), "password": "guess"}
    assert client.post("/account/codes/new/", given).status_code == 403
    credential = SoftPasskey().register(client.post("/passkeys/registration/").json())
    given = {"name": "K", "credential": json.dumps(credential), "password": "guess"}
    assert client.post("/account/passkeys/new/", given).status_code == 403
    assert SecondFactor.objects.count() == 0


def test_passkey_is_added_and_removes_itself(developer):
    client = browse(developer)
    passkey = SoftPasskey()
    credential = passkey.register(client.post("/passkeys/registration/").json())
    given = {"name": "Laptop", "credential": json.dumps(credential), "password": cast.PASSWORD}
    assert client.post("/account/passkeys/new/", given).status_code == 302
    factor = SecondFactor.objects.get()
    address = f"/account/second-factors/{factor.pk}/remove/"
    page = client.get(address).content.decode()
    purpose = challenge_for("remove_second_factor", factor.pk)
    assert f'data-purpose="{purpose}"' in page
    assert client.post(address, {"password": cast.PASSWORD}).status_code == 400
    answer = passkey.answer(ask(client, purpose))
    assert client.post(address, {"passkey": json.dumps(answer)}).status_code == 302
    factor.refresh_from_db()
    assert factor.removed_at is not None
    types = list(AuditLogEntry.objects.order_by("index").values_list("type", flat=True))
    assert types[-2:] == ["user.second_factor_added", "user.second_factor_removed"]


@pytest.mark.parametrize("credential", ["", "no json", "[]", "{}", '{"response": {}}', "x" * 30_000])
def test_what_is_no_passkey_is_not_added(developer, credential):
    given = {"name": "K", "credential": credential, "password": cast.PASSWORD}
    assert browse(developer).post("/account/passkeys/new/", given).status_code == 400
    assert SecondFactor.objects.count() == 0


def test_passkey_page_says_where_passkeys_work(developer, settings):
    client = browse(developer)
    settings.COUNTERSIGN_ORIGIN = "http://127.0.0.1:8000"
    assert "Open the portal at http://localhost:8000" in re.sub(
        "<[^>]+>", "", text_of(client.get("/account/passkeys/new/"))
    )
    settings.COUNTERSIGN_ORIGIN = "http://192.0.2.1"
    assert "passkeys belong to a host name" in text_of(client.get("/account/passkeys/new/"))
    assert client.post("/passkeys/registration/").status_code == 400


def test_administrator_removes_a_lost_factor_with_a_reason(developer, organisation_administrator):
    add_totp(developer)
    factor = SecondFactor.objects.get()
    client = browse(organisation_administrator)
    assert f"/people/{developer.pk}/second-factors/" in client.get("/people/").content.decode()
    assert "Telephone" in text_of(client.get(f"/people/{developer.pk}/second-factors/"))
    address = f"/account/second-factors/{factor.pk}/remove/"
    assert client.post(address, {"password": cast.PASSWORD}).status_code == 400
    given = {"password": cast.PASSWORD, "reason": "Telephone lost on the train."}
    assert client.post(address, given)["Location"] == f"/people/{developer.pk}/second-factors/"
    body = cast.read_body(AuditLogEntry.objects.latest("index"))
    assert (body["type"], body["reason"]) == ("user.second_factor_removed", "Telephone lost on the train.")
    assert client.get(address).status_code == 404


def test_others_do_not_see_somebodys_factor(developer, validator, administrator):
    add_totp(developer)
    factor = SecondFactor.objects.get()
    for user in (validator, administrator):
        client = browse(user)
        assert client.get(f"/account/second-factors/{factor.pk}/remove/").status_code == 404
        assert client.get(f"/people/{developer.pk}/second-factors/").status_code == 403


# --- The question to a passkey ----------------------------------------------------------------------


def test_question_is_asked_of_those_who_have_a_passkey(developer):
    client = browse(developer)
    assert client.post("/passkeys/question/", {"purpose": "x"}).status_code == 400
    add_passkey(developer)
    asked = ask(client, "x")["publicKey"]
    assert (asked["rpId"], asked["userVerification"], len(asked["allowCredentials"])) == ("localhost", "required", 1)
    assert client.get("/passkeys/question/").status_code == 405


def test_question_is_not_asked_of_the_anonymous(developer):
    add_passkey(developer)
    assert Client().post("/passkeys/question/", {"purpose": challenge_for("sign_in", developer.pk)}).status_code == 403
    assert PasskeyChallenge.objects.count() == 0


# --- Signing in -------------------------------------------------------------------------------------


def test_sign_in_asks_for_the_code_in_a_second_step(developer):
    secret, client = add_totp(developer), Client()
    answer = sign_in(client, next="/log/")
    assert answer["Location"] == "/sign-in/second/"
    assert client.get("/").status_code == 302
    assert "One more step" in text_of(client.get("/sign-in/second/"))
    assert client.post("/sign-in/second/", {"code": "000000"}).status_code == 403
    assert client.get("/").status_code == 302
    assert client.post("/sign-in/second/", {"code": code_of(secret)})["Location"] == "/log/"
    assert client.get("/").status_code == 200
    assert client.get("/sign-in/second/")["Location"] == "/sign-in/"


def test_sign_in_takes_password_and_code_at_once(developer):
    secret, client = add_totp(developer), Client()
    assert "not right" in text_of(sign_in(client, code="000000"))
    assert client.get("/").status_code == 302
    assert sign_in(client, code=code_of(secret))["Location"] == "/"
    assert client.get("/").status_code == 200


def test_code_of_the_sign_in_signs_nothing_else(developer):
    secret, client = add_totp(developer), Client()
    code = code_of(secret)
    sign_in(client, code=code)
    assert sign_in(Client(), code=code).status_code == 403


def test_sign_in_with_a_passkey(developer):
    passkey, client = add_passkey(developer), Client()
    sign_in(client)
    assert "one-time-code" not in client.get("/sign-in/second/").content.decode()
    answer = passkey.answer(ask(client, "whatever the page says"))
    assert client.post("/sign-in/second/", {"passkey": json.dumps(answer)})["Location"] == "/"
    assert client.get("/").status_code == 200


def test_answer_of_one_browser_does_not_sign_another_in(developer):
    passkey, client, other = add_passkey(developer), Client(), Client()
    sign_in(client)
    sign_in(other)
    answer = passkey.answer(ask(client, ""))
    assert other.post("/sign-in/second/", {"passkey": json.dumps(answer)}).status_code == 403
    assert other.get("/").status_code == 302


def test_wrong_codes_lock_the_right_one_out(developer):
    secret, client = add_totp(developer), Client()
    sign_in(client)
    answers = [client.post("/sign-in/second/", {"code": "000000"}).status_code for _guess in range(5)]
    assert answers == [403, 403, 403, 403, 429]
    assert sign_in(Client(), code=code_of(secret)).status_code == 429


def test_right_password_does_not_forgive_wrong_codes(developer):
    add_totp(developer)
    answers = [sign_in(Client(), code="000000").status_code for _guess in range(5)]
    assert answers[-1] == 429


def test_second_step_waits_five_minutes(developer):
    secret, client = add_totp(developer), Client()
    sign_in(client)
    session = client.session
    session["pending_sign_in"] = session["pending_sign_in"] | {"at": session["pending_sign_in"]["at"] - 301}
    session.save()
    assert client.post("/sign-in/second/", {"code": code_of(secret)})["Location"] == "/sign-in/"


def test_second_step_ends_with_another_password(developer):
    secret, client = add_totp(developer), Client()
    sign_in(client)
    developer.set_password("a wholly different secret")
    developer.save()
    assert client.post("/sign-in/second/", {"code": code_of(secret)})["Location"] == "/sign-in/"


def test_session_key_changes_at_each_step(developer):
    secret, client = add_totp(developer), Client()
    client.get("/sign-in/")
    keys = []
    sign_in(client)
    keys.append(client.session.session_key)
    client.post("/sign-in/second/", {"code": code_of(secret)})
    keys.append(client.session.session_key)
    assert len(set(keys)) == 2


def test_account_page_asks_few_queries(developer, django_assert_max_num_queries: DjangoAssertNumQueries):
    add_totp(developer)
    client = browse(developer)
    with django_assert_max_num_queries(12):
        client.get("/account/")
