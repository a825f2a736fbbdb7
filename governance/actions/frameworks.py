"""The frameworks that the organisation is held to: loaded as dated texts, corrected by a next text, withdrawn."""

from __future__ import annotations

from django.db import transaction

from governance import auditlog
from governance.actors import COMMAND, Actor
from governance.auditlog import Subject
from governance.exceptions import Duplicate, StaleReading, TransitionNotAllowed
from governance.frameworks.catalogue import parse_framework, shipped_texts
from governance.house_framework import HOUSE_KEY, NewControl, add_control
from governance.models import AuditLogEntry, FrameworkEdition
from governance.permissions import authorise
from governance.text import clean_text


@transaction.atomic
def load_framework(text: str, *, actor: Actor) -> FrameworkEdition:
    """Put a framework's text in force for the organisation. A text with the same id corrects the former one.

    An organisation administrator does it in the portal, or an operator on the command line.
    Refuses a text that breaks the format, naming line and key, and one that stands already.
    """
    if actor.authentication != COMMAND:
        authorise(actor, "load_framework", None)
    framework = parse_framework(text)
    former = FrameworkEdition.objects.select_for_update().filter(key=framework.id).order_by("-number").first()
    if former is not None and former.digest == framework.digest and former.withdrawn_at is None:
        raise Duplicate(f"“{framework.title}” stands already with exactly this text.")
    edition = FrameworkEdition.objects.create(
        key=framework.id,
        number=former.number + 1 if former is not None else 1,
        title=framework.title,
        edition=framework.edition,
        digest=framework.digest,
        text=text,
        is_shipped=text in shipped_texts().values(),
        loaded_by=actor.user,
        loaded_at=auditlog.database_now(),
    )
    entry = _log("framework.loaded", edition, actor)
    auditlog.stamp(edition, entry)
    return edition


@transaction.atomic
def add_house_control(
    control: NewControl, *, issuer: str, seen_digest: str | None = None, actor: Actor
) -> FrameworkEdition:
    """Add a control to the house's own framework, which begins with the first one, by loading its next text.

    ``seen_digest`` is that of the text the person saw, empty for none: one who saw another text is refused.
    """
    authorise(actor, "load_framework", None)
    former = FrameworkEdition.objects.select_for_update().filter(key=HOUSE_KEY).order_by("-number").first()
    stands = former is not None and former.withdrawn_at is None
    if seen_digest is not None and seen_digest != (former.digest if former is not None and stands else ""):
        raise StaleReading("Somebody has changed the house's framework since you opened this page. Look again.")
    today = auditlog.database_now().date()
    text = add_control(former.text if former is not None and stands else None, control, issuer=issuer, today=today)
    return load_framework(text, actor=actor)


@transaction.atomic
def withdraw_framework(edition: FrameworkEdition, *, reason: str, actor: Actor) -> FrameworkEdition:
    """Hold nothing against a framework any more. Reports that were made against it keep naming it."""
    authorise(actor, "load_framework", None)
    edition = FrameworkEdition.objects.select_for_update().get(pk=edition.pk)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    if edition.withdrawn_at is not None:
        raise TransitionNotAllowed("This framework has been withdrawn already.")
    edition.withdrawn_by = actor.user
    edition.withdrawn_at = auditlog.database_now()
    edition.save(update_fields=["withdrawn_by", "withdrawn_at"])
    _log("framework.withdrawn", edition, actor, reason)
    return edition


def _log(type: str, edition: FrameworkEdition, actor: Actor, reason: str = "") -> AuditLogEntry:
    return auditlog.append(
        type,
        actor=actor,
        subject=Subject("framework", edition.pk, edition.title, edition.digest),
        project=None,
        data={"key": edition.key, "number": edition.number, "digest": edition.digest},
        reason=reason,
    )
