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
    ("amend", State.EMERGENCY): State.EMERGENCY,  # what is missing is made good while it runs
    ("submit", State.DRAFT): State.IN_REVIEW,
    ("submit", State.RELEASED): State.IN_REVIEW,  # for a further environment; it goes on running where it runs
    ("sign", State.IN_REVIEW): State.IN_REVIEW,
    ("sign", State.APPROVED): State.APPROVED,  # a reviewer may still take an approval back
    ("sign", State.REJECTED): State.REJECTED,  # and a rejection
    ("sign", State.EMERGENCY): State.EMERGENCY,
    ("approve", State.IN_REVIEW): State.APPROVED,
    ("reconsider", State.APPROVED): State.IN_REVIEW,
    ("return", State.IN_REVIEW): State.DRAFT,
    ("return", State.APPROVED): State.DRAFT,
    ("reject", State.IN_REVIEW): State.REJECTED,
    ("reject", State.APPROVED): State.REJECTED,
    ("overrule", State.DRAFT): State.DRAFT,
    ("overrule", State.IN_REVIEW): State.IN_REVIEW,
    ("overrule", State.REJECTED): State.REJECTED,  # "reopen" follows when no rejection is left
    ("overrule", State.EMERGENCY): State.EMERGENCY,
    ("reopen", State.REJECTED): State.IN_REVIEW,
    ("promote", State.APPROVED): State.RELEASED,
    ("promote", State.EMERGENCY): State.RELEASED,
    ("promote_emergency", State.IN_REVIEW): State.EMERGENCY,
    ("promote_emergency", State.APPROVED): State.EMERGENCY,
    ("withdraw", State.EMERGENCY): State.IN_REVIEW,
    ("withdraw", State.RELEASED): State.IN_REVIEW,
    ("roll_back", State.RETIRED): State.RELEASED,
    ("roll_back", State.RELEASED): State.RELEASED,
    ("retire", State.DRAFT): State.RETIRED,
    ("retire", State.RELEASED): State.RETIRED,
    ("retire", State.EMERGENCY): State.RETIRED,
}

VERBS = sorted({verb for verb, _state in TRANSITIONS})


def starts_of(verb: str) -> tuple[State, ...]:
    """The states from which ``verb`` is possible, in their order."""
    return tuple(start for known, start in TRANSITIONS if known == verb)


def next_state(verb: str, state: str) -> State:
    """Return the state that ``verb`` leads to, or raise ``TransitionNotAllowed`` naming where it is possible."""
    try:
        return TRANSITIONS[verb, State(state)]
    except KeyError:
        allowed = [str(start.label) for start in starts_of(verb)]
        if not allowed:
            raise ValueError(f"unknown lifecycle verb {verb!r}") from None
        raise TransitionNotAllowed(
            f"This version is “{State(state).label}”; “{verb}” is possible only from “{'” or “'.join(allowed)}”."
        ) from None
