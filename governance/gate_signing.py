"""How the gate judges sign-offs: distinct persons in required roles, none of them a contributor, over this digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from governance.dossier import Dossier
from governance.dossier_items import ConditionItem, SignOffItem
from governance.findings import Area, Finding, FindingStatus
from governance.models import APPROVALS, Authentication, Decision, Role
from governance.policy import SignOffStep
from governance.votes import (
    counting_approvals,
    fill_slots,
    fills,
    latest_votes,
    standing_refusals,
    weakness_of,
)


@dataclass(frozen=True)
class Vote:
    """A sign-off as a reader sees it. ``weightless`` says why it counts for nothing."""

    item: SignOffItem
    is_last_word: bool
    stands_as_refusal: bool
    weightless: str

    @property
    def authentication(self) -> str:
        return str(Authentication(self.item.authentication).label)

    @property
    def decision(self) -> str:
        return str(Decision(self.item.decision).label)


def weigh_votes(dossier: Dossier) -> list[Vote]:
    """Every sign-off ever given on the version, oldest first."""
    last = {item.id for item in latest_votes(dossier.sign_offs)}
    refusing = {item.id for item in standing_refusals(dossier)}
    return [
        Vote(item, item.id in last, item.id in refusing, tell_weakness(item, dossier)) for item in dossier.sign_offs
    ]


def judge_sign_offs(dossier: Dossier) -> list[Finding]:
    """One finding per required slot, per refusal that stands, and per condition that was set."""
    approvals = counting_approvals(dossier)
    filled = fill_slots(dossier, approvals)
    steps = [step for step in dossier.policy.sign_offs for _slot in range(step.count)]
    slots = [_slot_finding(dossier, number, *pair) for number, pair in enumerate(zip(steps, filled, strict=True))]
    return [*slots, *_judge_panels(dossier), *_refusals(dossier), *_judge_conditions(dossier, approvals)]


def _slot_finding(dossier: Dossier, number: int, step: SignOffStep, vote: SignOffItem | None) -> Finding:
    title = _("Sign-off as %(role)s") % {"role": Role(step.role).label.lower()}
    if step.independent:
        title = _("%(sign_off)s, independent of the owning team") % {"sign_off": title}
    status, detail = _why_empty(dossier, step) if vote is None else _signed_by(vote)
    return Finding(f"sign_off:{step.role}:{number}", Area.SIGN_OFFS, title, status, detail)


def _signed_by(item: SignOffItem) -> tuple[str, str]:
    said = _("%(name)s, %(time)s UTC: %(meaning)s") % {
        "name": item.signer,
        "time": f"{item.signed_at:%Y-%m-%d %H:%M}",
        "meaning": item.meaning,
    }
    if item.delegator:
        said = _("%(said)s (for %(delegator)s)") % {"said": said, "delegator": item.delegator}
    return FindingStatus.MET, said


def _why_empty(dossier: Dossier, step: SignOffStep) -> tuple[str, str]:
    approvals = [item for item in dossier.sign_offs if item.role == step.role and item.decision in APPROVALS]
    for item in reversed(approvals):
        reason = _why_not(item, dossier, step)
        if reason is not None:
            return reason
    return FindingStatus.MISSING, _("Nobody independent has signed in this role.")


def _why_not(item: SignOffItem, dossier: Dossier, step: SignOffStep) -> tuple[str, str] | None:
    """Why an approval in the role does not fill the slot; None when it fills another one."""
    if not item.is_current:
        return FindingStatus.STALE, _("%(name)s signed before this changed: %(items)s.") % {
            "name": item.signer,
            "items": "; ".join(item.changed),
        }
    weakness = tell_weakness(item, dossier)
    if weakness:
        expired = weakness_of(item, dossier) == "expired"
        return FindingStatus.STALE if expired else FindingStatus.NOT_MET, weakness
    if not fills(step, item, dossier):
        return FindingStatus.NOT_MET, _("%(name)s belongs to the team that owns the model.") % {"name": item.signer}
    return None


def tell_weakness(item: SignOffItem, dossier: Dossier) -> str:
    """Why a vote on this dossier gives no weight, as a sentence; empty when it does, and for what is stale anyway."""
    if item.objection:
        return _("The vote of %(name)s does not count: %(why)s.") % {"name": item.signer, "why": item.objection}
    weakness = weakness_of(item, dossier) if item.is_current and item.decision in APPROVALS else ""
    if weakness == "expired":
        days = dossier.policy.sign_off_days
        return _("%(name)s signed more than %(days)d days ago.") % {"name": item.signer, "days": days}
    if weakness == "contributor":
        name = item.signer
        if item.delegator and item.signer_person_key not in dossier.contributor_person_keys:
            name = item.delegator
        return _("%(name)s contributed to this dossier and cannot sign it.") % {"name": name}
    if weakness == "conditions":
        return _("%(name)s set conditions, which this policy does not allow.") % {"name": item.signer}
    return ""


def _judge_panels(dossier: Dossier) -> list[Finding]:
    """A step that asks for M of N needs N people to choose from: a smaller panel cannot be satisfied."""
    findings = []
    for step in dossier.policy.sign_offs:
        panel = dossier.panels.get(step.role, frozenset()) - dossier.contributor_person_keys
        if step.of and not dossier.solo_mode and len(panel) < step.of:
            findings.append(
                Finding(
                    f"panel:{step.role}",
                    Area.SIGN_OFFS,
                    _("Panel of %(role)s") % {"role": Role(step.role).label.lower()},
                    FindingStatus.MISSING,
                    _("The policy wants %(count)d of %(of)d; only %(held)d who did not contribute hold the role.")
                    % {"count": step.count, "of": step.of, "held": len(panel)},
                )
            )
    return findings


def _refusals(dossier: Dossier) -> list[Finding]:
    """A refusal stands, whoever approves after it and whatever is changed, until its author votes again or the role
    that the policy names overrules it."""
    return [
        Finding(
            f"refusal:{item.id}",
            Area.SIGN_OFFS,
            _("Refusal by %(name)s") % {"name": item.signer},
            FindingStatus.NOT_MET,
            _tell_refusal(item),
        )
        for item in standing_refusals(dossier)
    ]


def _tell_refusal(item: SignOffItem) -> str:
    said = item.reason or item.meaning
    if item.is_current:
        return said
    return _("%(said)s (Changed since: %(items)s. Whoever refused has not voted again.)") % {
        "said": said,
        "items": "; ".join(item.changed),
    }


def _judge_conditions(dossier: Dossier, approvals: Sequence[SignOffItem]) -> list[Finding]:
    return [_condition_finding(dossier, item, condition) for item in approvals for condition in item.conditions]


def _condition_finding(dossier: Dossier, vote: SignOffItem, condition: ConditionItem) -> Finding:
    """An open condition blocks, unless the policy lets a release run until it is due. Overdue, it always does."""
    blocks = True
    if condition.fulfilled_at is not None:
        status, detail = (
            FindingStatus.MET,
            _("Fulfilled, as %(name)s found on %(day)s: %(how)s")
            % {
                "name": condition.fulfilled_by,
                "day": _day(condition.fulfilled_at),
                "how": condition.fulfilled_how,
            },
        )
    elif condition.due_at <= dossier.as_of:
        status, detail = (
            FindingStatus.NOT_MET,
            _("%(owner)s did not fulfil it by %(day)s.")
            % {
                "owner": condition.owner,
                "day": _day(condition.due_at),
            },
        )
    else:
        blocks = not dossier.policy.conditions.run_until_due
        status, detail = (
            FindingStatus.MISSING,
            _("Open: %(owner)s has until %(day)s.")
            % {
                "owner": condition.owner,
                "day": _day(condition.due_at),
            },
        )
        if not blocks:
            detail += " " + _("Until then a release may run; after that it is withdrawn.")
    title = _("Condition set by %(name)s: %(text)s") % {"name": vote.signer, "text": condition.text}
    return Finding(f"condition:{condition.id}", Area.SIGN_OFFS, title, status, detail, blocks=blocks)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
