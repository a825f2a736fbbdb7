"""Facts about this software itself, as far as they follow from how it is made and set up.

What hangs on the people who run it (its validation, training, proof of identity, retention) is theirs to answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source
from governance.models import Membership, SecondFactor, TimeStamp
from governance.permissions import SIGNING

HERE = Source("software", None, "How this portal works")
HOW, WHERE = "how", "where_to_check"
# True of every installation. Each says how, and where a reader can see it.
ALWAYS: dict[str, tuple[str, str]] = {
    "portal.export": (
        "the whole log, its records and files as an archive; every dossier as PDF with its JSON attached; "
        "records through the API",
        "page “Audit log”, manage.py export_log",
    ),
    "portal.access_control": (
        "sign-in by password, and by a second factor where the person has one; five failures close the door for "
        "fifteen minutes; a project is invisible to whoever holds no role in it",
        "pages “People” and of the project",
    ),
    "portal.authority_checks": (
        "every action asks for a role in the project, a wide enough token or a person present, and keeps builders from "
        "signing what they built",
        "page of the project; entries of refused signatures in the audit log",
    ),
    "portal.audit_trail": (
        "every change appends an entry in the same transaction, with actor, time, subject and what changed; rows are "
        "superseded and never overwritten; nothing in the portal edits or deletes an entry",
        "page “Audit log”, manage.py verify_log",
    ),
    "portal.audit_trail_retention": (
        "entries have no end date and the database refuses their change and deletion; they can be copied at any time",
        "page “Audit log”, manage.py export_log",
    ),
    "portal.sequence_checks": (
        "a version moves from draft to review, approval and release by a fixed table of steps, and the gate opens no "
        "release before every finding is met or waived",
        "gate on the version's page",
    ),
    "portal.input_source_checks": (
        "tokens are bound to a person, scopes and a project; browsers' commands carry a secret of their session; files "
        "are known by their SHA-256, and measured data is compared with the declared dataset",
        "evidence on the version's page",
    ),
    "portal.signature_fields": (
        "every signature keeps the signer's printed name as it was, the time in UTC, and its meaning",
        "sign-offs on the version's page",
    ),
    "portal.signature_display": (
        "name, time, role and meaning stand on the page and are printed in the report for every signature",
        "sign-offs on the version's page and in its report",
    ),
    "portal.signature_binding": (
        "a signature names the digest of the canonical dossier, in its row and in the log; a changed dossier has "
        "another digest, and the signature is shown as being about another one and counts no more",
        "sign-offs on the version's page; the verifier",
    ),
    "portal.unique_accounts": (
        "user names are unique; an account is closed and never deleted, renamed to another person or opened again; two "
        "accounts of one person count as one",
        "page “People”",
    ),
    "portal.later_signing_one": (
        "every signature asks anew for the password, the code or the passkey, however long the session",
        "the page on which a dossier is signed",
    ),
    "portal.device_testing": (
        "a code generator or passkey is added only with a valid code or answer, and each signature with it tests it "
        "again",
        "page “Your account”",
    ),
}
TWO_COMPONENTS = (
    "everybody who may sign here has a second factor, and each signature asks for it: the password with a one-time "
    "code, or a passkey that its owner unlocks"
)
ASKED_TWICE = ("portal.two_components", "portal.first_signing_full", "portal.broken_session_full")


def read(reading: Reading) -> Iterator[Recorded]:
    at = reading.dossier.as_of
    for fact, (how, where) in ALWAYS.items():
        yield reading.says(fact, {HOW: how, WHERE: where}, HERE, at=at)
    # A passkey may be unlocked by a finger or a face on its owner's device. What is checked here is a key's answer.
    yield reading.says("portal.biometrics", False, HERE, at=at)
    if settings.COUNTERSIGN_ORIGIN.startswith("https://"):
        how = "connections are encrypted (TLS); the log, releases and reports are signed digitally"
        yield reading.says("portal.open_controls", {HOW: how, WHERE: "page “Audit log”; the verifier"}, HERE, at=at)
    if _all_signers_have_two(reading):
        for fact in ASKED_TWICE:
            yield reading.says(fact, {HOW: TWO_COMPONENTS, WHERE: "sign-offs on the version's page"}, HERE, at=at)
    yield reading.says("portal.trusted_time", _tell_time(), HERE, at=at)


def _all_signers_have_two(reading: Reading) -> bool:
    """Whether everybody who may sign in the project now has a second factor."""
    current = SecondFactor.objects.current().filter(user=OuterRef("user"))
    signing = Membership.objects.current().filter(project=reading.model.project_id, role__in=SIGNING)
    held = list(
        signing.filter(user__is_active=True).annotate(has_two=Exists(current)).values_list("has_two", flat=True)
    )
    return bool(held) and all(held)


def _tell_time() -> dict[str, Any]:
    told = {
        "source": "the clock of the database, in UTC",
        "order": "by number; a clock that runs backwards is marked in the entry",
        "time_stamp_authority": settings.COUNTERSIGN_TSA_URL or "none is set",
    }
    stamped = TimeStamp.objects.order_by("-pk").values_list("authority", "stamped_at").first()
    if stamped is not None:
        told["last_time_stamp"] = f"{stamped[1]:%Y-%m-%d %H:%M:%S} UTC by {stamped[0]}"
    return told
