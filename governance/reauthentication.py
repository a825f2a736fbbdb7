"""Who signs proves anew who they are, at every signature. Nothing is remembered between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from governance import one_time_codes, passkeys
from governance.auditlog import database_now
from governance.exceptions import ReauthenticationFailed
from governance.models import Authentication, FactorKind, SecondFactor, User

NOTHING_DONE = "Nothing was recorded."


@dataclass(frozen=True)
class Proof:
    """What a person gives with a signature: a password, with a one-time code if they have a generator; or a passkey's
    answer alone. ``session`` names the browser's session, which the passkey was asked in."""

    password: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    passkey: Mapping[str, Any] | None = None
    session: str = field(default="", repr=False)


def reauthenticate(user: User, proof: Proof | str, *, challenge: str) -> str:
    """Return how the proof shows that this is the user, one of ``Authentication``; raise ``ReauthenticationFailed``.

    A plain text is a password. ``challenge`` names what is signed, as ``challenge_for`` spells it: a passkey's answer
    holds for nothing else. A person with a second factor must use it. Runs inside the transaction of what is signed,
    so that a code or a passkey's answer is used up exactly when something was signed with it.
    """
    given = proof if isinstance(proof, Proof) else Proof(password=proof)
    kinds = kinds_of(user)
    if given.passkey is not None:
        return _by_passkey(user, given, challenge)
    if kinds and not given.code:
        wanted = "your passkey" if FactorKind.TOTP not in kinds else "a one-time code with the password"
        raise ReauthenticationFailed(
            f"Your account has a second factor: give {wanted}. {NOTHING_DONE}",
            code="second_factor_needed",
            field="code",
        )
    if not user.check_password(given.password):
        raise ReauthenticationFailed(f"The password is not right. {NOTHING_DONE}", field="password")
    return check_second_factor(user, given, challenge=challenge) if kinds else Authentication.PASSWORD.value


def check_second_factor(user: User, given: Proof, *, challenge: str) -> str:
    """Return how the code or the passkey in the proof shows that this is the user; raise ``ReauthenticationFailed``.

    For a door that has checked the password itself.
    """
    if given.passkey is not None:
        return _by_passkey(user, given, challenge)
    if not one_time_codes.use_code(user, given.code, now=database_now()):
        raise ReauthenticationFailed(
            f"The code is not right, too old, or used already. Wait for the next one. {NOTHING_DONE}", field="code"
        )
    return Authentication.TOTP.value


def _by_passkey(user: User, given: Proof, challenge: str) -> str:
    answer = given.passkey or {}
    if passkeys.use_answer(user, answer, purpose=challenge, session=given.session, now=database_now()):
        return Authentication.PASSKEY.value
    raise ReauthenticationFailed(
        f"The passkey's answer does not hold here, or came too late. Try again. {NOTHING_DONE}", field="passkey"
    )


def challenge_for(verb: str, thing: str | int) -> str:
    """Name what is signed: ``sign_off sha256:…``. The page that asks a passkey and the action must spell it alike."""
    return f"{verb} {thing}"


def kinds_of(user: User) -> frozenset[str]:
    """The kinds of second factor the user has now."""
    return frozenset(SecondFactor.objects.current().filter(user=user).values_list("kind", flat=True))
