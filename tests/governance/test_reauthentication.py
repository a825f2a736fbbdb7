"""Proving anew who one is: passwords, one-time codes and passkeys, honest and not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest

from governance import one_time_codes, passkeys
from governance.actions import authentication
from governance.auditlog import database_now
from governance.exceptions import Duplicate, InvalidInput, ReauthenticationFailed
from governance.models import AuditLogEntry, PasskeyChallenge, SecondFactor
from governance.reauthentication import Proof, challenge_for, reauthenticate
from tests import cast
from tests.second_factors import SESSION, add_passkey, add_totp, answer, code_of
from tests.soft_passkey import PRESENT, SoftPasskey

pytestmark = pytest.mark.django_db
THING = challenge_for("sign_off", "sha256:" + "1" * 64)
OTHER_THING = challenge_for("sign_off", "sha256:" + "2" * 64)


def refusal(user, proof, challenge: str = THING) -> tuple[str, str | None]:
    """Code and field of the refusal that this proof must meet."""
    with pytest.raises(ReauthenticationFailed) as caught:
        reauthenticate(user, proof, challenge=challenge)
    return caught.value.code, caught.value.field


# --- Passwords --------------------------------------------------------------------------------------


def test_password_alone_is_enough_for_whoever_has_nothing_else(developer):
    assert reauthenticate(developer, cast.PASSWORD, challenge=THING) == "password"
    assert reauthenticate(developer, Proof(password=cast.PASSWORD), challenge=THING) == "password"


@pytest.mark.parametrize("given", ["", "wrong", Proof(), Proof(password="wrong"), Proof(code="123456")])
def test_wrong_password_is_refused(developer, given):
    assert refusal(developer, given) == ("reauthentication_failed", "password")


def test_proof_says_no_secret_when_it_is_printed():
    printed = repr(Proof(password="river", code="246810", session="stone"))
    assert not any(secret in printed for secret in ("river", "246810", "stone"))


# --- One-time codes ---------------------------------------------------------------------------------


def test_code_is_needed_with_the_password_and_shows_who_signs(developer):
    secret = add_totp(developer)
    proof = Proof(password=cast.PASSWORD, code=code_of(secret))
    assert refusal(developer, cast.PASSWORD) == ("second_factor_needed", "code")
    assert refusal(developer, Proof(code=proof.code)) == ("reauthentication_failed", "password")
    assert reauthenticate(developer, proof, challenge=THING) == "totp"


def test_missing_code_is_told_alike_for_a_right_and_a_wrong_password(developer):
    add_totp(developer)
    assert refusal(developer, cast.PASSWORD) == refusal(developer, "wrong")


def test_code_is_good_once(developer):
    proof = Proof(password=cast.PASSWORD, code=code_of(add_totp(developer)))
    reauthenticate(developer, proof, challenge=THING)
    assert refusal(developer, proof) == ("reauthentication_failed", "code")
    assert refusal(developer, proof, OTHER_THING) == ("reauthentication_failed", "code")


def test_code_before_one_that_was_used_is_used_up_as_well(developer):
    secret = add_totp(developer)
    reauthenticate(developer, Proof(cast.PASSWORD, code_of(secret, steps=1)), challenge=THING)
    assert refusal(developer, Proof(cast.PASSWORD, code_of(secret))) == ("reauthentication_failed", "code")


@pytest.mark.parametrize("steps", [-3, -2, 2, 3, 100])
def test_code_outside_its_window_is_refused(developer, steps):
    secret = add_totp(developer)
    assert refusal(developer, Proof(cast.PASSWORD, code_of(secret, steps=steps)))[1] == "code"


@pytest.mark.parametrize(
    "code", ["000000", "12345", "1234567", "abcdef", "１２３４５６", "-12345", "12 34 5", "\x00" * 6]
)
def test_what_is_no_code_of_theirs_is_refused(developer, code):
    secret = add_totp(developer)
    if code != code_of(secret):
        assert refusal(developer, Proof(cast.PASSWORD, code))[1] == "code"


def test_code_may_be_typed_in_two_halves(developer):
    code = code_of(add_totp(developer))
    assert reauthenticate(developer, Proof(cast.PASSWORD, f"{code[:3]} {code[3:]}"), challenge=THING) == "totp"


def test_code_of_somebody_else_and_of_a_removed_generator_are_refused(developer, validator):
    own, foreign = add_totp(developer), add_totp(validator)
    assert refusal(developer, Proof(cast.PASSWORD, code_of(foreign)))[1] == "code"
    SecondFactor.objects.filter(user=developer).update(removed_at=datetime.now(UTC))
    assert refusal(developer, Proof("wrong", code_of(own)))[1] == "password"
    assert reauthenticate(developer, cast.PASSWORD, challenge=THING) == "password"


def test_codes_are_those_of_rfc_6238():
    """The published vectors for SHA-1, cut to six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, digits in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        step = one_time_codes.find_step(secret, digits, now=datetime.fromtimestamp(seconds, UTC))
        assert step == seconds // 30


def test_secret_is_encrypted_at_rest_and_lost_with_the_secret_key(developer, settings):
    secret = add_totp(developer)
    factor = SecondFactor.objects.get(user=developer)
    assert secret not in factor.material
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another key than before, and long enough"
    assert refusal(developer, Proof(cast.PASSWORD, code_of(secret)))[1] == "code"
    settings.SECRET_KEY_FALLBACKS = [former]
    assert reauthenticate(developer, Proof(cast.PASSWORD, code_of(secret)), challenge=THING) == "totp"


def test_offer_is_for_its_person_and_for_a_while(developer, validator, time_machine):
    offer = one_time_codes.offer_secret(developer)
    assert one_time_codes.read_offer(developer, offer.sealed) == offer.secret
    assert pyotp.parse_uri(offer.address).secret == offer.secret
    for user, sealed in ((validator, offer.sealed), (developer, "nonsense"), (developer, "")):
        with pytest.raises(InvalidInput):
            one_time_codes.read_offer(user, sealed)
    time_machine.move_to(datetime.now(UTC) + one_time_codes.ENROLMENT_LASTS + timedelta(seconds=2))
    with pytest.raises(InvalidInput):
        one_time_codes.read_offer(developer, offer.sealed)


# --- Passkeys ---------------------------------------------------------------------------------------


def test_passkey_alone_shows_who_signs(developer):
    passkey = add_passkey(developer)
    assert reauthenticate(developer, answer(developer, passkey, THING), challenge=THING) == "passkey"


def test_password_does_not_stand_in_for_a_passkey(developer):
    add_passkey(developer)
    assert refusal(developer, cast.PASSWORD) == ("second_factor_needed", "code")
    assert refusal(developer, Proof(cast.PASSWORD, "123456")) == ("reauthentication_failed", "code")


def test_answer_is_good_once(developer):
    proof = answer(developer, add_passkey(developer), THING)
    reauthenticate(developer, proof, challenge=THING)
    assert refusal(developer, proof) == ("reauthentication_failed", "passkey")
    assert PasskeyChallenge.objects.count() == 0


def test_answer_is_good_for_what_it_was_asked_for(developer):
    passkey = add_passkey(developer)
    assert refusal(developer, answer(developer, passkey, THING), OTHER_THING)[1] == "passkey"
    assert refusal(developer, answer(developer, passkey, passkeys.REGISTER))[1] == "passkey"


def test_answer_of_another_session_is_refused(developer):
    proof = answer(developer, add_passkey(developer), THING)
    assert refusal(developer, Proof(passkey=proof.passkey, session="elsewhere"))[1] == "passkey"
    assert refusal(developer, Proof(passkey=proof.passkey))[1] == "passkey"


def test_answer_to_somebody_elses_question_is_refused(developer, validator):
    own, foreign = add_passkey(developer), add_passkey(validator)
    asked = passkeys.ask(validator, purpose=THING, session=SESSION)
    assert refusal(developer, Proof(passkey=own.answer(asked), session=SESSION))[1] == "passkey"
    assert refusal(developer, answer(validator, foreign, THING))[1] == "passkey"


@pytest.mark.parametrize(
    ("age", "holds"), [(timedelta(minutes=4, seconds=50), True), (timedelta(minutes=5, seconds=1), False)]
)
def test_question_waits_five_minutes(developer, age, holds):
    proof = answer(developer, add_passkey(developer), THING)
    PasskeyChallenge.objects.update(made_at=database_now() - age)
    if holds:
        assert reauthenticate(developer, proof, challenge=THING) == "passkey"
    else:
        assert refusal(developer, proof)[1] == "passkey"


@pytest.mark.parametrize(
    "given",
    [
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "http://localhost:8001"},
        {"origin": "https://localhost:8000"},
        {"origin": "http://localhost:8000.evil.example"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": 0},
    ],
)
def test_answer_of_another_page_or_of_nobody_is_refused(developer, given):
    passkey = add_passkey(developer)
    for name, value in given.items():
        setattr(passkey, name, value)
    assert refusal(developer, answer(developer, passkey, THING))[1] == "passkey"


def test_answer_from_within_a_foreign_frame_is_refused(developer):
    passkey = add_passkey(developer)
    asked = passkeys.ask(developer, purpose=THING, session=SESSION)
    assert refusal(developer, Proof(passkey=passkey.answer(asked, cross_origin=True), session=SESSION))[1] == "passkey"


def test_passkey_that_counts_back_is_a_copy(developer):
    passkey = add_passkey(developer)
    reauthenticate(developer, answer(developer, passkey, THING, step=10), challenge=THING)
    for step in (0, -1, -9):
        assert refusal(developer, answer(developer, passkey, THING, step=step))[1] == "passkey"
        passkey.count = 10
    passkey.count = 0
    assert refusal(developer, answer(developer, passkey, THING, step=0))[1] == "passkey"


def test_passkey_that_never_counts_goes_on_being_good(developer):
    passkey = add_passkey(developer)
    for _time in range(2):
        assert reauthenticate(developer, answer(developer, passkey, THING, step=0), challenge=THING) == "passkey"


def test_answer_with_another_key_is_refused(developer):
    passkey = add_passkey(developer)
    forged = SoftPasskey(id=passkey.id)
    assert refusal(developer, answer(developer, forged, THING))[1] == "passkey"


DAMAGES: list[Callable[[Any], Any]] = [
    lambda whole: whole.clear(),
    lambda whole: whole.update(rawId="%%"),
    lambda whole: whole.update(id="x" * 30_000),
    lambda whole: whole.update(response=[]),
    lambda whole: whole["response"].update(clientDataJSON="W1tbW1s"),
    lambda whole: whole["response"].update(authenticatorData="AA"),
    lambda whole: whole["response"].update(signature=None),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_malformed_answer_is_refused(developer, damage):
    proof = answer(developer, add_passkey(developer), THING)
    damage(proof.passkey)
    assert refusal(developer, proof)[1] == "passkey"


def test_passkey_of_an_account_without_one_is_refused(developer):
    foreign = SoftPasskey()
    asked = {"publicKey": {"challenge": "AAAA"}}
    assert refusal(developer, Proof(cast.PASSWORD, passkey=foreign.answer(asked), session=SESSION))[1] == "passkey"
    with pytest.raises(InvalidInput):
        passkeys.ask(developer, purpose=THING, session=SESSION)


@pytest.mark.parametrize(
    ("origin", "home"),
    [
        ("https://governance.example.org", "https://governance.example.org"),
        ("http://127.0.0.1:8123", "http://localhost:8123"),
        ("http://localhost:8123", "http://localhost:8123"),
        ("http://192.0.2.7:8000", None),
    ],
)
def test_passkeys_need_a_name(settings, developer, origin, home):
    settings.COUNTERSIGN_ORIGIN = origin
    assert passkeys.home() == home
    if home is None:
        with pytest.raises(InvalidInput):
            passkeys.ask_to_register(developer, session=SESSION)


# --- Adding and removing ----------------------------------------------------------------------------


def test_registration_asks_for_a_checked_person_and_is_good_once(developer):
    asked = passkeys.ask_to_register(developer, session=SESSION)
    passkey = SoftPasskey(flags=PRESENT)
    given = {"name": "Key", "password": Proof(cast.PASSWORD, session=SESSION), "actor": cast.acting(developer)}
    with pytest.raises(InvalidInput):
        authentication.add_passkey(credential=passkey.register(asked), **given)
    made = SoftPasskey().register(asked)
    authentication.add_passkey(credential=made, **given)
    with pytest.raises(ReauthenticationFailed):
        authentication.add_passkey(credential=made, **given)
    assert asked["publicKey"]["authenticatorSelection"]["userVerification"] == "required"


@pytest.mark.parametrize("given", [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}])
def test_registration_on_another_page_is_refused(developer, given):
    asked = passkeys.ask_to_register(developer, session=SESSION)
    with pytest.raises(InvalidInput):
        passkeys.read_new(developer, SoftPasskey(**given).register(asked), session=SESSION)


def test_registration_in_another_session_is_refused(developer):
    asked = passkeys.ask_to_register(developer, session=SESSION)
    with pytest.raises(InvalidInput):
        passkeys.read_new(developer, SoftPasskey().register(asked), session="elsewhere")


def test_log_holds_no_secret(developer):
    secret = add_totp(developer)
    body = cast.read_body(AuditLogEntry.objects.get(type="user.second_factor_added"))
    assert secret not in str(body)
    assert body["data"]["material"] == one_time_codes.digest_material(SecondFactor.objects.get())


def test_further_factor_needs_the_present_one(developer):
    secret = add_totp(developer)
    with pytest.raises(ReauthenticationFailed):
        add_totp(developer, Proof(cast.PASSWORD))
    add_totp(developer, Proof(cast.PASSWORD, code_of(secret)))
    assert developer.second_factors.current().count() == 2


def test_b18_generator_added_twice_would_make_each_code_good_twice(validator):
    offer, now = one_time_codes.offer_secret(validator), database_now()
    given = {"offer": offer.sealed, "first_code": code_of(offer.secret, steps=-1), "actor": cast.acting(validator)}
    authentication.add_totp(name="Telephone", password=cast.PASSWORD, **given)
    with pytest.raises(Duplicate):
        authentication.add_totp(name="Tablet", password=Proof(cast.PASSWORD, code_of(offer.secret)), **given)
    code = code_of(offer.secret, steps=1)
    assert [one_time_codes.use_code(validator, code, now=now) for _time in range(2)] == [True, False]
