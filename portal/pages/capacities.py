"""In what capacity a person may sign a version: in a role of their own, or in one that somebody lent them.

Says early, before anybody types, what the action would refuse; the action asks everything again.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from governance.actors import Actor
from governance.dossier import Dossier
from governance.dossier_signing import is_established
from governance.lifecycle import State
from governance.models import Delegation, Membership, ModelVersion, Role, User
from governance.permissions import duties_are_separate
from governance.policy import SIGNING_ROLES
from governance.votes import counting_approvals, is_their_turn, standing_refusals


@dataclass(frozen=True)
class Capacity:
    """``obstacle`` says why it cannot be used now; ``waits`` why only an approval in it has to wait."""

    role: str
    delegation: Delegation | None
    obstacle: str
    waits: str

    @property
    def value(self) -> str:
        """How a form names it: ``validator``, or ``validator:7`` with the delegation's number."""
        return self.role if self.delegation is None else f"{self.role}:{self.delegation.pk}"

    @property
    def label(self) -> str:
        role = str(Role(self.role).label)
        if self.delegation is None:
            return role
        return _("%(role)s, for %(name)s (until %(day)s)") % {
            "role": role,
            "name": self.delegation.from_user,
            "day": f"{self.delegation.ends_at:%Y-%m-%d}",
        }


def list_capacities(version: ModelVersion, dossier: Dossier, actor: Actor) -> list[Capacity]:
    """Every role of the person that signs, and every one lent to them now, in the order of the office."""
    project = version.model.project
    lent = list(
        Delegation.objects.standing(now=dossier.as_of)
        .filter(project=project, to_user=actor.user)
        .select_related("from_user")
        .order_by("pk")
    )
    holders = {actor.user.pk, *(item.from_user_id for item in lent)}
    held = Membership.objects.current().filter(project=project, user__in=holders, role__in=SIGNING_ROLES)
    roles = {(item.user_id, item.role): item for item in held}
    asked: list[tuple[str, Delegation | None]] = [(role, None) for role in SIGNING_ROLES]
    asked = [pair for pair in asked if (actor.user.pk, pair[0]) in roles] + [(item.role, item) for item in lent]
    return [
        Capacity(
            role,
            delegation,
            _find_obstacle(version, dossier, actor.user, role, delegation, roles),
            _find_wait(dossier, role),
        )
        for role, delegation in asked
    ]


def _find_obstacle(
    version: ModelVersion,
    dossier: Dossier,
    person: User,
    role: str,
    delegation: Delegation | None,
    roles: dict[tuple[int, str], Membership],
) -> str:
    giver = person if delegation is None else delegation.from_user
    membership = roles.get((giver.pk, role))
    if membership is None or not giver.is_active:
        return _("%(name)s does not hold this role any more.") % {"name": giver}
    if not is_established(membership, version.submitted_at, dossier.as_of):
        return _("The role was granted after this version was submitted. A second administrator must confirm it first.")
    if not dossier.solo_mode and not duties_are_separate(person, dossier.contributor_person_keys):
        return _("You contributed to this dossier, so somebody else must do this.")
    if not dossier.solo_mode and not duties_are_separate(giver, dossier.contributor_person_keys):
        return _("%(name)s contributed to this dossier, so nobody signs it for them.") % {"name": giver}
    own = {(item.signer_person_key, item.role) for item in standing_refusals(dossier)}
    if dossier.state == State.REJECTED and (person.person_key, role) not in own:
        return _("This version is rejected. Only whoever rejected it can take that back.")
    return ""


def _find_wait(dossier: Dossier, role: str) -> str:
    if is_their_turn(dossier, role, before=None, approvals=counting_approvals(dossier)):
        return ""
    return _("The policy asks for its sign-offs in order, and one before yours is missing: you cannot approve yet.")
