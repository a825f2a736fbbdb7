"""One-time codes (RFC 6238): secrets that are encrypted at rest, and codes of which each is good once.

The key that encrypts them is derived from the portal's secret key, so a copy of the database alone makes no codes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from governance.canonical import sha256_hex
from governance.exceptions import InvalidInput
from governance.models import FactorKind, SecondFactor, User

STEP_SECONDS = 30
# A clock may be one step off, either way: a code lives a minute and a half at most.
STEPS_OFF = 1
ENROLMENT_LASTS = timedelta(minutes=15)
ISSUER = "Countersign"


@dataclass(frozen=True)
class Enrolment:
    """A secret that is offered to a code generator. ``sealed`` brings it back with the first code; nothing is kept."""

    secret: str
    address: str
    sealed: str


def offer_secret(user: User) -> Enrolment:
    """Draw a secret for the user's code generator: 160 random bits."""
    secret = pyotp.random_base32()
    address = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER)
    return Enrolment(secret, address, _seal(f"{user.pk}:{secret}"))


def read_offer(user: User, sealed: str) -> str:
    """The secret in an offer that was made to this user not long ago. Raises ``InvalidInput``."""
    try:
        text = _ring().decrypt(sealed.encode(), ttl=int(ENROLMENT_LASTS.total_seconds())).decode()
    except (InvalidToken, UnicodeError):
        text = ""
    owner, _colon, secret = text.partition(":")
    if owner != str(user.pk):
        raise InvalidInput("This offer has expired. Open the page again and scan the new picture.", field="code")
    return secret


def keep_secret(secret: str) -> str:
    """The secret as it is stored."""
    return _seal(secret)


def is_known(user: User, secret: str) -> bool:
    """Whether one of the user's generators has this secret or had it: two with one would make each code good twice."""
    return any(_open(factor) == secret for factor in SecondFactor.objects.filter(user=user, kind=FactorKind.TOTP))


def find_step(secret: str, code: str, *, now: datetime, after: int = 0) -> int | None:
    """The step, later than ``after``, whose code this is, among those a clock may show now; None for any other code."""
    digits = "".join(code.split())
    if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
        return None
    generator, present = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    steps = range(present - STEPS_OFF, present + STEPS_OFF + 1)
    # All of them are compared, so that the time taken does not tell how far off the clock is.
    found = [step for step in steps if pyotp.utils.strings_equal(digits, generator.generate_otp(step))]
    return next((step for step in found if step > after), None)


def use_code(user: User, code: str, *, now: datetime) -> bool:
    """Take a code of one of the user's generators, which uses it up together with the running transaction."""
    for factor in SecondFactor.objects.current().filter(user=user, kind=FactorKind.TOTP):
        secret = _open(factor)
        if secret is None:
            continue  # kept under another secret key: an administrator removes it, the person enrols again
        step = find_step(secret, code, now=now, after=factor.last_step)
        if step is not None and _use_up(factor, step, now):
            return True
    return False


def _open(factor: SecondFactor) -> str | None:
    """The secret as it was kept; None when it was kept under another key."""
    try:
        return _ring().decrypt(factor.material.encode()).decode()
    except InvalidToken:
        return None


def _use_up(factor: SecondFactor, step: int, now: datetime) -> bool:
    """Two requests with one code: the condition is judged by the database, so one of them comes too late."""
    unused = SecondFactor.objects.current().filter(pk=factor.pk, last_step__lt=step)
    return unused.update(last_step=step, last_used_at=now) == 1


def digest_material(factor: SecondFactor) -> str:
    """What the log keeps of a factor: the digest of what is stored, which tells nothing of the secret in it."""
    return sha256_hex(factor.material.encode())


def _seal(text: str) -> str:
    return _ring().encrypt(text.encode()).decode()


def _ring() -> MultiFernet:
    """Encrypts with the present secret key; reads what former ones (SECRET_KEY_FALLBACKS) encrypted."""
    return MultiFernet([Fernet(_derive_key(str(key))) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derive_key(secret_key: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"countersign second factors").derive(secret_key.encode())
    return base64.urlsafe_b64encode(derived)
