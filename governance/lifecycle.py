"""The life of a model version, as a table. DESIGN: a lookup or a refusal, nothing in between."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from governance.exceptions import TransitionNotAllowed


class State(TextChoices):
    DRAFT = "DRAFT", _("Draft")
    IN_REVIEW = "IN_REVIEW", _("In review")
    APPROVED = "APPROVED", _("Approved")
    RELEASED = "RELEASED", _("Released")
    EMERGENCY = "EMERGENCY", _("Emergency release")
    RETIRED = "RETIRED", _("Retired")
    REJECTED = "REJECTED", _("Rejected")


# "amend" is any change to what the dossier reads. An approved version that is amended goes back to review, because
# its sign-offs are about another digest; a released one is never amended: a correction is a new version.
TRANSITIONS: dict[tuple[str, State], State] = {
    ("amend", State.DRAFT): State.DRAFT,
    ("amend", State.IN_REVIEW): State.IN_REVIEW,
    ("amend", State.APPROVED): State.IN_REVIEW,
    ("submit", State.DRAFT): State.IN_REVIEW,
    ("sign", State.IN_REVIEW): State.IN_REVIEW,
    ("sign", State.APPROVED): State.APPROVED,  # a reviewer may still take an approval back
    ("approve", State.IN_REVIEW): State.APPROVED,
    ("return", State.IN_REVIEW): State.DRAFT,
    ("return", State.APPROVED): State.DRAFT,
    ("reject", State.IN_REVIEW): State.REJECTED,
    ("reject", State.APPROVED): State.REJECTED,
    ("promote", State.APPROVED): State.RELEASED,
    ("retire", State.DRAFT): State.RETIRED,
    ("retire", State.RELEASED): State.RETIRED,
}

VERBS = sorted({verb for verb, _state in TRANSITIONS})


def next_state(verb: str, state: str) -> State:
    """Return the state that ``verb`` leads to, or raise ``TransitionNotAllowed`` naming where it is possible."""
    try:
        return TRANSITIONS[verb, State(state)]
    except KeyError:
        allowed = [str(start.label) for known, start in TRANSITIONS if known == verb]
        if not allowed:
            raise ValueError(f"unknown lifecycle verb {verb!r}") from None
        raise TransitionNotAllowed(
            f"This version is “{State(state).label}”; “{verb}” is possible only from “{'” or “'.join(allowed)}”."
        ) from None
