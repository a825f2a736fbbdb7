"""B10: what somebody types into `manage.py shell` is refused, or opens no gate and is named by verify_log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from governance.actions import promotion
from governance.dossier import collect, keep
from governance.exceptions import GovernanceError
from governance.gate import judge
from governance.lifecycle import State
from governance.models import DossierSnapshot, ModelVersion, Release, SignOff, User, Waiver
from tests import cast
from tests.governance.tampering import check

pytestmark = pytest.mark.django_db
Signers = list[tuple[User, str]]


@pytest.fixture
def waiting(keys: Path, ready_version: ModelVersion, signers: Signers) -> ModelVersion:
    """A version that lacks nothing but sign-offs; the log is whole."""
    assert judge(collect(ready_version)).is_ready_to_sign
    assert check().problems == ()
    return ready_version


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def forged(version: ModelVersion, signers: Signers, **given: Any) -> list[SignOff]:
    """Approvals in every role over the very dossier, as rows."""
    dossier = keep(collect(version))
    return [
        SignOff(
            version=version,
            dossier=dossier,
            signer=user,
            signer_name=user.get_full_name(),
            role=role,
            decision="approve",
            meaning="Approved.",
            signed_at=timezone.now(),
            membership=user.memberships.filter(role=role).first(),
            **given,
        )
        for user, role in signers
    ]


# --- What is typed ----------------------------------------------------------------------------------


def update_the_state(version: ModelVersion, signers: Signers) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(state=State.APPROVED)


def bulk_update_the_state(version: ModelVersion, signers: Signers) -> None:
    version.state = State.APPROVED
    ModelVersion.objects.bulk_update([version], ["state"])


def save_the_state(version: ModelVersion, signers: Signers) -> None:
    version.state = State.RELEASED
    version.save()


def set_the_state_by_sql(version: ModelVersion, signers: Signers) -> None:
    execute("UPDATE governance_modelversion SET state = 'RELEASED' WHERE id = %s", version.pk)


def create_sign_offs(version: ModelVersion, signers: Signers) -> None:
    for row in forged(version, signers):
        row.save()
    update_the_state(version, signers)


def bulk_create_sign_offs(version: ModelVersion, signers: Signers) -> None:
    SignOff.objects.bulk_create(forged(version, signers))
    update_the_state(version, signers)


def create_sign_offs_that_name_an_entry(version: ModelVersion, signers: Signers) -> None:
    SignOff.objects.bulk_create(forged(version, signers, log_index=3))
    update_the_state(version, signers)


def borrow_the_entry_of_a_rejection(version: ModelVersion, signers: Signers) -> None:
    """One real vote, against; its entry then stands for three approvals."""
    user, role = signers[0]
    against = cast.sign(version, user, role, decision="request_changes", reason="Not yet.")
    SignOff.objects.bulk_create(forged(version, signers, log_index=against.log_index))
    update_the_state(version, signers)


def insert_sign_offs_by_sql(version: ModelVersion, signers: Signers) -> None:
    columns = "version_id, dossier_id, signer_id, signer_name, role, decision, meaning, reason, authentication"
    dossier = keep(collect(version)).pk
    for user, role in signers:
        values = (version.pk, dossier, user.pk, "x", role, "approve", "x", "", "password", timezone.now())
        places = ", ".join(["%s"] * len(values))
        execute(f"INSERT INTO governance_signoff ({columns}, signed_at) VALUES ({places})", *values)  # noqa: S608


def turn_a_rejection(version: ModelVersion, signers: Signers) -> None:
    user, role = signers[0]
    against = cast.sign(version, user, role, decision="request_changes", reason="Not yet.")
    SignOff.objects.filter(pk=against.pk).update(decision="approve")


def bulk_update_a_rejection(version: ModelVersion, signers: Signers) -> None:
    user, role = signers[0]
    against = cast.sign(version, user, role, decision="request_changes", reason="Not yet.")
    against.decision = "approve"
    SignOff.objects.bulk_update([against], ["decision"])


def waive_everything(version: ModelVersion, signers: Signers) -> None:
    now = timezone.now()
    for finding in judge(collect(version)).closing:
        Waiver.objects.create(
            version=version,
            finding_key=finding.key,
            gap="",
            reason="Because.",
            expires_at=now + timedelta(days=30),
            granted_by=signers[1][0],
            granted_at=now,
            log_index=2,
        )
    update_the_state(version, signers)


def create_a_release(version: ModelVersion, signers: Signers) -> None:
    now = timezone.now()
    Release.objects.create(
        model=version.model,
        version=version,
        environment="production",
        dossier=keep(collect(version)),
        promoted_by=signers[2][0],
        started_at=now,
        expires_at=now + timedelta(days=90),
        statement="{}",
        envelope="{}",
        log_index=5,
    )


def forge_the_dossier(version: ModelVersion, signers: Signers) -> None:
    keep(collect(version))
    DossierSnapshot.objects.filter(version=version).update(document="{}")


ATTEMPTS: list[Callable[[ModelVersion, Signers], None]] = [
    update_the_state,
    bulk_update_the_state,
    save_the_state,
    set_the_state_by_sql,
    create_sign_offs,
    bulk_create_sign_offs,
    create_sign_offs_that_name_an_entry,
    borrow_the_entry_of_a_rejection,
    insert_sign_offs_by_sql,
    waive_everything,
    create_a_release,
    turn_a_rejection,
    bulk_update_a_rejection,
    forge_the_dossier,
]


@pytest.mark.parametrize("attempt", ATTEMPTS[:-3], ids=lambda attempt: attempt.__name__)
def test_b10_opens_no_gate_and_is_named(
    waiting: ModelVersion, signers: Signers, attempt: Callable[[ModelVersion, Signers], None]
) -> None:
    with transaction.atomic():
        attempt(waiting, signers)
    version = ModelVersion.objects.get(pk=waiting.pk)
    assert not judge(collect(version)).is_open
    with pytest.raises(GovernanceError):
        promote(version, signers)
    assert check().problems != ()


@pytest.mark.parametrize("attempt", ATTEMPTS[-3:], ids=lambda attempt: attempt.__name__)
def test_b10_is_refused_by_the_database(
    waiting: ModelVersion, signers: Signers, attempt: Callable[[ModelVersion, Signers], None]
) -> None:
    with pytest.raises(IntegrityError, match="Countersign: UPDATE of "), transaction.atomic():
        attempt(waiting, signers)
    assert not judge(collect(ModelVersion.objects.get(pk=waiting.pk))).is_open
    assert check().problems == ()


def promote(version: ModelVersion, signers: Signers) -> Release:
    dossier = collect(version)
    return promotion.promote(
        version,
        environment="production",
        dossier_digest=dossier.digest,
        password=cast.PASSWORD,
        actor=cast.acting(signers[2][0]),
    )
