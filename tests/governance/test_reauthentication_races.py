"""One code and one passkey's answer, used by several requests in the same moment: one of them gets through."""

from __future__ import annotations

import pytest
from django.db import transaction

from governance.models import User
from governance.reauthentication import Proof, challenge_for, reauthenticate
from tests import cast
from tests.governance.actions.races import race
from tests.second_factors import add_passkey, add_totp, answer, code_of

pytestmark = pytest.mark.django_db(transaction=True)
THING = challenge_for("sign_off", "sha256:" + "1" * 64)


@pytest.fixture
def signer() -> User:
    return cast.make_person("sita", "Sita Rao", by=cast.make_organisation_administrator())


def sign(signer: User, proof: Proof) -> None:
    with transaction.atomic():
        reauthenticate(User.objects.get(pk=signer.pk), proof, challenge=THING)


@pytest.mark.parametrize("kind", ["code", "passkey"])
def test_one_proof_is_used_once_however_many_use_it_at_once(signer, kind):
    if kind == "code":
        proof = Proof(cast.PASSWORD, code_of(add_totp(signer)))
    else:
        proof = answer(signer, add_passkey(signer), THING)
    assert race(lambda: sign(signer, proof), times=8) == ["done", *["reauthentication_failed"] * 7]
