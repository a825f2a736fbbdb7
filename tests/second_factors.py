"""Second factors of the cast: added through the actions, used as their owners would."""

from __future__ import annotations

import pyotp

from governance import one_time_codes, passkeys
from governance.actions import authentication
from governance.auditlog import database_now
from governance.models import SecondFactor, User
from governance.reauthentication import Proof
from tests import cast
from tests.soft_passkey import SoftPasskey

SESSION = "the session of a test"


def code_of(secret: str, *, steps: int = 0) -> str:
    """What a generator with this secret shows now, or some steps of thirty seconds later."""
    step = int(database_now().timestamp()) // one_time_codes.STEP_SECONDS + steps
    return pyotp.TOTP(secret).generate_otp(step)


def add_totp(user: User, proof: Proof | str = cast.PASSWORD, *, name: str = "Telephone") -> str:
    """Give the user a code generator and return its secret. The code of this moment is left unused."""
    offer = one_time_codes.offer_secret(user)
    factor = authentication.add_totp(
        name=name,
        offer=offer.sealed,
        first_code=code_of(offer.secret, steps=-1),
        password=proof,
        actor=cast.acting(user),
    )
    SecondFactor.objects.filter(pk=factor.pk).update(last_step=0)  # as if it had been added some minutes ago
    return offer.secret


def add_passkey(user: User, *, session: str = SESSION, name: str = "Laptop") -> SoftPasskey:
    """Give the user a passkey."""
    passkey = SoftPasskey()
    asked = passkeys.ask_to_register(user, session=session)
    authentication.add_passkey(
        name=name,
        credential=passkey.register(asked),
        password=Proof(cast.PASSWORD, session=session),
        actor=cast.acting(user),
    )
    return passkey


def answer(user: User, passkey: SoftPasskey, purpose: str, *, session: str = SESSION, step: int = 1) -> Proof:
    """The passkey's answer to a question that the server asks now."""
    asked = passkeys.ask(user, purpose=purpose, session=session)
    return Proof(passkey=passkey.answer(asked, step=step), session=session)
