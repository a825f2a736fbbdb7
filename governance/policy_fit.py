"""Whether a policy fits its project: the next version, an order of environments that can be walked, enough people.

A policy that nobody could satisfy keeps the gate closed for ever. That is safe, and better said before it is adopted.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from governance.dossier_signing import read_owning_team, read_panels
from governance.exceptions import InvalidInput
from governance.models import Project, PromotionPolicy, RiskTier, Role
from governance.policies_in_force import policies_in_force
from governance.policy import Policy, check_characters, parse_policy
from governance.votes import match_slots


def check_proposal(project: Project, *, risk_tier: str, environment: str, text: str) -> Policy:
    """The policy that a text would be as the next version for a tier and an environment, or what is wrong with it."""
    if risk_tier not in RiskTier.values:
        raise InvalidInput(f"“{risk_tier[:40]}” is not a tier.", field="risk_tier")
    text = text.replace("\r\n", "\n")
    check_characters(text)
    policy = parse_policy(text)
    if policy.risk_tier != risk_tier:
        raise InvalidInput(f"“risk_tier”: the text speaks of “{policy.risk_tier}”, not of “{risk_tier}”.", field="text")
    if policy.environment != environment:
        raise InvalidInput(
            f"“environment”: the text speaks of “{policy.environment}”, not of “{environment[:40]}”.", field="text"
        )
    number = next_number(project, risk_tier, environment)
    if policy.version != number:
        raise InvalidInput(f"“version”: the next version is {number}; this text says {policy.version}.", field="text")
    check_order(policy, project)
    return policy


def next_number(project: Project, risk_tier: str, environment: str) -> int:
    """The number of the next version: one more than the last proposed, or than the built-in text where it speaks."""
    versions = PromotionPolicy.objects.filter(project=project, risk_tier=risk_tier, environment=environment)
    numbers = list(versions.values_list("number", flat=True))
    in_force = policies_in_force(project).get((risk_tier, environment))
    return max([*numbers, in_force.version if in_force else 0]) + 1


def check_order(policy: Policy, project: Project) -> None:
    """Refuse an ``after`` that names an environment without a policy, or closes a circle with the policies in force."""
    in_force = {
        environment: found
        for (tier, environment), found in policies_in_force(project).items()
        if tier == policy.risk_tier
    }
    in_force[policy.environment] = policy
    for environment in policy.after:
        if environment not in in_force:
            raise InvalidInput(
                f"“after”: no policy says what a {policy.risk_tier}-risk version needs before “{environment}”, so "
                "nothing could be released there first. Adopt one for it before this.",
                field="text",
            )
    circle = _find_circle(policy.environment, in_force)
    if circle:
        raise InvalidInput(f"“after”: this closes a circle, {' after '.join(circle)}.", field="text")


def _find_circle(start: str, policies: Mapping[str, Policy]) -> list[str]:
    """The way from an environment back to itself along ``after``; empty when there is none."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop()
        for before in policies[way[-1]].after if way[-1] in policies else ():
            if before == start:
                return [*way, start]
            if before not in seen:
                seen.add(before)
                ways.append([*way, before])
    return []


def list_lacking_people(policy: Policy, project: Project) -> list[str]:
    """What keeps the project's present people from ever filling the policy's sign-offs, as sentences.

    A project in solo mode lacks nobody: its separation of duties is suspended, and every page says so.
    """
    if project.solo_since is not None:
        return []
    panels = read_panels(project)
    team = read_owning_team(project)
    lacking, slots = [], []
    for step in policy.sign_offs:
        held = panels.get(step.role, frozenset())
        able = held - team if step.independent else held
        slots += [set(able)] * step.count
        role = str(Role(step.role).label).lower()
        if len(able) < step.count:
            words = {"count": step.count, "role": role, "held": len(able)}
            lacking.append(
                _("%(count)d as %(role)s independent of the owning team are needed, %(held)d can be.") % words
                if step.independent
                else _("%(count)d as %(role)s are needed, %(held)d hold the role.") % words
            )
        elif step.of > len(held):
            words = {"of": step.of, "role": role, "held": len(held)}
            lacking.append(_("A panel of %(of)d as %(role)s is needed, %(held)d hold the role.") % words)
    if not lacking and len(match_slots(slots)) < len(slots):
        lacking.append(_("The roles are held by too few distinct people: one person fills one slot only."))
    return lacking


def list_empty_rights(policy: Policy, project: Project) -> list[str]:
    """What the policy allows to roles that nobody holds, as sentences. It stays closed until somebody does."""
    panels = read_panels(project)
    rights = (
        (_("accept a gap"), policy.waivers.roles, 1),
        (_("overrule a refusal"), (policy.overrule_role,) if policy.overrule_role else (), 1),
        (_("promote in an emergency"), policy.emergency.roles, 2),
    )
    return [
        _("Nobody could %(what)s: too few people hold %(roles)s.") % {"what": what, "roles": _name_roles(roles)}
        for what, roles, needed in rights
        if roles and len(frozenset().union(*(panels.get(role, frozenset()) for role in roles))) < needed
    ]


def _name_roles(roles: tuple[str, ...]) -> str:
    return _(" or ").join(str(Role(role).label).lower() for role in roles)
