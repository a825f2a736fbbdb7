"""Second factors: a person adds and removes their own; a lost one is removed by an organisation administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from governance import auditlog, one_time_codes, passkeys
from governance.actors import Actor
from governance.auditlog import Subject
from governance.exceptions import Duplicate, InvalidInput, NotPermitted
from governance.models import FactorKind, SecondFactor, User
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.text import clean_name, clean_text

MOST_FACTORS = 10


@transaction.atomic
def add_totp(*, name: str, offer: str, first_code: str, password: str | Proof, actor: Actor) -> SecondFactor:
    """Add a code generator to the actor's account. ``offer`` is from ``one_time_codes.offer_secret``.

    Needs the proof that the account asks for now, and the generator's first code: it works before it is needed.
    """
    user = _lock(actor)
    name = clean_name(name, "name", limit=100)
    secret = one_time_codes.read_offer(user, offer)
    reauthenticate(user, password, challenge=challenge_for("add_totp", user.pk))
    if one_time_codes.is_known(user, secret):
        raise Duplicate("You have this generator already. Open the page again and scan the new picture.")
    now = auditlog.database_now()
    step = one_time_codes.find_step(secret, first_code, now=now)
    if step is None:
        raise InvalidInput("This is not the code that the new generator shows now.", field="first_code")
    return _add(SecondFactor(user=user, kind=FactorKind.TOTP, name=name, last_step=step), secret=secret, actor=actor)


@transaction.atomic
def add_passkey(*, name: str, credential: Mapping[str, Any], password: str | Proof, actor: Actor) -> SecondFactor:
    """Add a passkey to the actor's account. ``credential`` answers ``passkeys.ask_to_register`` in the proof's session.

    Needs the proof that the account asks for now: a session that was left open adds nothing.
    """
    user = _lock(actor)
    name = clean_name(name, "name", limit=100)
    proof = password if isinstance(password, Proof) else Proof(password=password)
    reauthenticate(user, proof, challenge=challenge_for("add_passkey", user.pk))
    made = passkeys.read_new(user, credential, session=proof.session)
    factor = SecondFactor(
        user=user,
        kind=FactorKind.PASSKEY,
        name=name,
        material=made.material,
        credential_id=made.id,
        sign_count=made.sign_count,
    )
    return _add(factor, actor=actor)


def _add(factor: SecondFactor, *, actor: Actor, secret: str = "") -> SecondFactor:
    if factor.user.second_factors.current().count() >= MOST_FACTORS:
        raise Duplicate(f"You have {MOST_FACTORS} second factors; remove one first.")
    if secret:
        factor.material = one_time_codes.keep_secret(secret)
    try:
        with transaction.atomic():
            factor.save()
    except IntegrityError:
        raise Duplicate("This passkey is in use already.", field="credential") from None
    auditlog.append(
        "user.second_factor_added",
        actor=actor,
        subject=_about(factor),
        project=None,
        related=[_about_user(factor.user)],
        data={"kind": factor.kind, "material": one_time_codes.digest_material(factor)},
    )
    return factor


@transaction.atomic
def remove_second_factor(
    factor: SecondFactor, *, reason: str = "", password: str | Proof, actor: Actor
) -> SecondFactor:
    """Take a second factor away: one's own, or for an organisation administrator, with a reason, anybody's.

    Either way whoever does it proves anew who they are.
    """
    _refuse_programs(actor)
    is_own = factor.user_id == actor.user.pk
    if not is_own and not (actor.user.is_organisation_administrator and actor.user.is_active):
        raise NotPermitted("This second factor is not yours.")
    reason = clean_text(reason, "reason", required=not is_own, limit=2_000)
    factor = SecondFactor.objects.select_for_update(of=("self",)).select_related("user").get(pk=factor.pk)
    if factor.removed_at is not None:
        raise Duplicate("This second factor is removed already.")
    reauthenticate(actor.user, password, challenge=challenge_for("remove_second_factor", factor.pk))
    factor.removed_at = auditlog.database_now()
    factor.save(update_fields=["removed_at"])
    auditlog.append(
        "user.second_factor_removed",
        actor=actor,
        subject=_about(factor),
        project=None,
        related=[_about_user(factor.user)],
        data={"kind": factor.kind},
        reason=reason,
    )
    return factor


def _lock(actor: Actor) -> User:
    """The actor's own row, so that two additions at once count each other."""
    _refuse_programs(actor)
    user = User.objects.select_for_update().get(pk=actor.user.pk)
    if not user.is_active:
        raise NotPermitted("This account is closed.", code="account_closed")
    return user


def _refuse_programs(actor: Actor) -> None:
    if not actor.is_interactive:
        raise NotPermitted("Only a person who is signed in changes how they prove who they are.", code="person_needed")


def _about(factor: SecondFactor) -> Subject:
    return Subject("second_factor", factor.pk, factor.name)


def _about_user(user: User) -> Subject:
    return Subject("user", user.pk, user.get_full_name())
