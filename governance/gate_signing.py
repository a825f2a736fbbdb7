"""How the gate judges sign-offs: distinct persons in required roles, none of them a contributor, over this digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.utils.translation import gettext as _

from governance.dossier import Dossier
from governance.dossier_items import SignOffItem
from governance.findings import Area, Finding, FindingStatus
from governance.models import Decision, Role


def judge_sign_offs(dossier: Dossier) -> list[Finding]:
    """One finding per required slot, and one per refusal that still stands on this digest."""
    standing = [item for item in _latest_votes(dossier) if item.decision == Decision.APPROVE]
    valid = [item for item in standing if _is_independent(item, dossier) and not _has_expired(item, dossier)]
    candidates: dict[str, set[str]] = {}
    for item in valid:
        candidates.setdefault(item.role, set()).add(item.signer_person_key)
    slots = [step.role for step in dossier.policy.sign_offs for _slot in range(step.count)]
    filled = match_slots(slots, candidates)
    findings = [_slot_finding(dossier, number, role, filled.get(number), valid) for number, role in enumerate(slots)]
    return findings + _refusals(dossier)


def match_slots(slots: Sequence[str], candidates: Mapping[str, set[str]]) -> dict[int, str]:
    """Assign distinct persons to as many slots as possible: maximum bipartite matching by augmenting paths (Kuhn).

    ``slots`` are role names, ``candidates`` maps a role to the persons who approved in it. Returns slot -> person.
    """
    holder: dict[str, int] = {}

    def find_person(slot: int, tried: set[str]) -> bool:
        for person in sorted(candidates.get(slots[slot], ())):
            if person not in tried:
                tried.add(person)
                if person not in holder or find_person(holder[person], tried):
                    holder[person] = slot
                    return True
        return False

    for slot in range(len(slots)):
        find_person(slot, set())
    return {slot: person for person, slot in holder.items()}


def _latest_votes(dossier: Dossier) -> list[SignOffItem]:
    """Each person's last word in each role on this digest."""
    votes: dict[tuple[str, str], SignOffItem] = {}
    for item in dossier.sign_offs:
        if item.is_current:
            votes[item.signer_person_key, item.role] = item
    return list(votes.values())


def _is_independent(item: SignOffItem, dossier: Dossier) -> bool:
    return item.signer_person_key not in dossier.contributor_person_keys


def _has_expired(item: SignOffItem, dossier: Dossier) -> bool:
    return item.signed_at + timedelta(days=dossier.policy.sign_off_days) < dossier.as_of


def _slot_finding(
    dossier: Dossier, number: int, role: str, person: str | None, valid: Sequence[SignOffItem]
) -> Finding:
    title = _("Sign-off as %(role)s") % {"role": Role(role).label.lower()}
    if person is None:
        status, detail = _why_empty(dossier, role)
    else:
        status, detail = _signed_by(
            next(item for item in valid if (item.signer_person_key, item.role) == (person, role))
        )
    return Finding(f"sign_off:{role}:{number}", Area.SIGN_OFFS, title, status, detail)


def _signed_by(item: SignOffItem) -> tuple[str, str]:
    return FindingStatus.MET, _("%(name)s, %(time)s UTC: %(meaning)s") % {
        "name": item.signer,
        "time": f"{item.signed_at:%Y-%m-%d %H:%M}",
        "meaning": item.meaning,
    }


def _why_empty(dossier: Dossier, role: str) -> tuple[str, str]:
    approvals = [item for item in dossier.sign_offs if item.role == role and item.decision == Decision.APPROVE]
    for item in reversed(approvals):
        if not item.is_current:
            return FindingStatus.STALE, _("%(name)s signed before this changed: %(items)s.") % {
                "name": item.signer,
                "items": "; ".join(item.changed),
            }
        if _has_expired(item, dossier):
            return FindingStatus.STALE, _("%(name)s signed more than %(days)d days ago.") % {
                "name": item.signer,
                "days": dossier.policy.sign_off_days,
            }
        if not _is_independent(item, dossier):
            return FindingStatus.NOT_MET, _("%(name)s contributed to this dossier and cannot sign it.") % {
                "name": item.signer
            }
    return FindingStatus.MISSING, _("Nobody independent has signed in this role.")


def _refusals(dossier: Dossier) -> list[Finding]:
    """A refusal on this digest stands, whoever approves after it, until its author takes it back by a later vote."""
    return [
        Finding(
            f"refusal:{item.id}",
            Area.SIGN_OFFS,
            _("Refusal by %(name)s") % {"name": item.signer},
            FindingStatus.NOT_MET,
            item.reason or item.meaning,
        )
        for item in _latest_votes(dossier)
        if item.decision != Decision.APPROVE
    ]
