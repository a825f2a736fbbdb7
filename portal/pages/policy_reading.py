"""A promotion policy in sentences, and two of its texts side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from governance.models import DatasetRole, EvaluationKind, EvidenceKind, Role, Severity
from governance.policy import Policy, SignOffStep
from portal.templatetags.portal import metric_title

CONTEXT_LINES = 2


@dataclass(frozen=True)
class Line:
    """A line of a comparison. ``mark``: "+" in the newer text only, "-" in the older, " " in both, "…" left out."""

    mark: str
    text: str


def compare_texts(older: str, newer: str) -> list[Line]:
    """The lines that differ, each with a few that do not. Empty where nothing differs."""
    before, after = older.splitlines(), newer.splitlines()
    found: list[Line] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        if found or group[0][1]:
            found.append(Line("…", ""))
        for kind, start, end, new_start, new_end in group:
            if kind == "equal":
                found += [Line(" ", text) for text in before[start:end]]
            else:
                found += [Line("-", text) for text in before[start:end]]
                found += [Line("+", text) for text in after[new_start:new_end]]
    return found


def describe_policy(policy: Policy) -> list[tuple[str, list[str]]]:
    """What the policy says, as (subject, sentences), in the order in which a reviewer asks."""
    return [
        (_("Before it"), _describe_start(policy)),
        (_("Evidence"), [str(EvidenceKind(kind).label) for kind in policy.evidence] or [_("None is asked for.")]),
        (_("Evaluations"), _describe_evaluations(policy)),
        (_("Acceptance criteria"), list(_describe_criteria(policy))),
        (_("Sign-offs"), _describe_sign_offs(policy)),
        (_("How long they hold"), _describe_validity(policy)),
        (_("What it lets off"), list(_describe_exceptions(policy))),
    ]


def _describe_start(policy: Policy) -> list[str]:
    found = [_("Released into %(environment)s first.") % {"environment": name} for name in policy.after]
    if policy.needs_proof_of_concept:
        found.append(_("A proof of concept that ended with go."))
    if policy.lineage:
        roles = ", ".join(str(DatasetRole(role).label).lower() for role in policy.lineage)
        found.append(_("Dataset versions declared for: %(roles)s.") % {"roles": roles})
    return found or [_("Nothing is asked for.")]


def _describe_evaluations(policy: Policy) -> list[str]:
    found = [
        _("%(kind)s on %(role)s data")
        % {"kind": EvaluationKind(need.kind).label, "role": str(DatasetRole(need.dataset_role).label).lower()}
        for need in policy.evaluations
    ]
    return found or [_("None is asked for.")]


def _describe_criteria(policy: Policy) -> Iterator[str]:
    yield _("Criteria that are “%(severities)s” keep the gate closed.") % {
        "severities": _("” or “").join(str(Severity(word).label) for word in policy.blocking_severity)
    }
    for need in policy.criteria:
        yield _("A criterion on %(metric)s that is at least “%(severity)s”.") % {
            "metric": metric_title(need.metric),
            "severity": Severity(need.severity).label,
        }
    yield _("Groups of fewer than %(size)d rows settle nothing.") % {"size": policy.smallest_group}
    yield (
        _("Rows may be left out, for a missing sensitive value for example.")
        if policy.allow_excluded_missing
        else _("Results that left rows out, for a missing sensitive value for example, settle nothing.")
    )


def _describe_sign_offs(policy: Policy) -> list[str]:
    steps = [_describe_step(step) for step in policy.sign_offs]
    if policy.order == "sequential":
        steps = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    steps.append(
        _("One after the other, in this order.")
        if policy.order == "sequential"
        else _("In any order, by different people.")
    )
    return steps


def _describe_step(step: SignOffStep) -> str:
    words = _("%(count)d as %(role)s") % {"count": step.count, "role": str(Role(step.role).label).lower()}
    if step.of:
        words = _("%(words)s out of %(of)d who hold the role") % {"words": words, "of": step.of}
    return _("%(words)s, independent of the owning team") % {"words": words} if step.independent else words


def _describe_validity(policy: Policy) -> list[str]:
    return [
        ngettext("Sign-offs: %(days)d day", "Sign-offs: %(days)d days", policy.sign_off_days)
        % {"days": policy.sign_off_days},
        ngettext("Evidence: %(days)d day", "Evidence: %(days)d days", policy.evidence_days)
        % {"days": policy.evidence_days},
    ]


def _describe_exceptions(policy: Policy) -> Iterator[str]:
    if policy.conditions.allowed:
        words = (
            _("Approval with conditions, due within %(days)d days; the release may run until then.")
            if policy.conditions.run_until_due
            else _("Approval with conditions, due within %(days)d days; open ones keep the gate closed.")
        )
        yield words % {"days": policy.conditions.longest_days}
    else:
        yield _("No approval with conditions.")
    if policy.waivers.roles:
        yield _("Gaps are accepted by %(roles)s for up to %(days)d days.") % {
            "roles": name_roles(policy.waivers.roles),
            "days": policy.waivers.longest_days,
        }
    else:
        yield _("No gap is accepted.")
    if policy.overrule_role:
        yield _("A refusal is overruled by %(role)s.") % {"role": name_roles([policy.overrule_role])}
    else:
        yield _("No refusal is overruled.")
    if policy.emergency.allowed:
        yield _("Emergency promotion by two people among %(roles)s, for up to %(hours)d hours.") % {
            "roles": name_roles(policy.emergency.roles),
            "hours": policy.emergency.longest_hours,
        }
    else:
        yield _("No emergency promotion.")
    yield (
        _("Open questions keep the gate closed.") if policy.open_questions_block else _("Open questions do not block.")
    )


def name_roles(roles: Iterable[str]) -> str:
    return _(" or ").join(str(Role(role).label).lower() for role in roles)


def excerpt_around(text: str, line: int | None) -> list[tuple[int, str, bool]]:
    """(number, text, whether it is the line at fault) of the lines around one; nothing where none is named."""
    if not line:
        return []
    lines = text.replace("\r\n", "\n").split("\n")
    start, end = max(0, line - 1 - CONTEXT_LINES), min(len(lines), line + CONTEXT_LINES)
    return [(number + 1, lines[number], number + 1 == line) for number in range(start, end)]
