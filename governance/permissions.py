"""Who may do what. Pages and APIs ask the same questions, and buttons come from the same answers.

Three things are asked of an actor: a role in the project, a token scope wide enough (or no token at all where a person
must be present), and separation of duties, which comes from history and not from roles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from governance.actors import API_TOKEN, Actor
from governance.exceptions import NotPermitted
from governance.models import Membership, Project, Role, User

READ, SUBMIT, REPORT, ADMINISTER = "read", "submit", "report", "administer"
SCOPES = (READ, SUBMIT, REPORT, ADMINISTER)
DEVELOPING = frozenset({Role.DEVELOPER})
EXAMINING = frozenset({Role.DEVELOPER, Role.VALIDATOR, Role.COMPLIANCE})
SIGNING = frozenset({Role.VALIDATOR, Role.COMPLIANCE, Role.APPROVER})
RULING = frozenset({Role.ADMINISTRATOR, Role.COMPLIANCE})
EVERYBODY = frozenset(Role)


@dataclass(frozen=True)
class Rule:
    """``scope`` None: no token reaches this verb; a person must be signed in."""

    roles: frozenset[Role]
    scope: str | None
    organisation_administrators: bool = False


RULES: dict[str, Rule] = {
    "create_project": Rule(frozenset(), ADMINISTER, organisation_administrators=True),
    "create_user": Rule(frozenset(), ADMINISTER, organisation_administrators=True),
    "manage_members": Rule(frozenset({Role.ADMINISTRATOR}), ADMINISTER, organisation_administrators=True),
    "write_template": Rule(frozenset({Role.ADMINISTRATOR, Role.COMPLIANCE}), ADMINISTER),
    "propose_policy": Rule(RULING, ADMINISTER),
    "adopt_policy": Rule(RULING, None),
    "withdraw_policy": Rule(RULING, ADMINISTER),
    "register_model": Rule(DEVELOPING, SUBMIT),
    "describe_model": Rule(DEVELOPING, SUBMIT),
    "assess_risk": Rule(frozenset({Role.DEVELOPER, Role.COMPLIANCE}), SUBMIT),
    "write_requirement": Rule(EXAMINING, SUBMIT),
    "write_proof_of_concept": Rule(DEVELOPING, SUBMIT),
    "decide_proof_of_concept": Rule(frozenset({Role.APPROVER, Role.ADMINISTRATOR}), None),
    "register_dataset": Rule(DEVELOPING, SUBMIT),
    "register_version": Rule(DEVELOPING, SUBMIT),
    "declare_dataset_use": Rule(DEVELOPING, SUBMIT),
    "recall_dataset_version": Rule(frozenset({Role.DEVELOPER, Role.COMPLIANCE}), SUBMIT),
    "submit_evidence": Rule(EXAMINING, SUBMIT),
    "request_evaluation": Rule(EXAMINING, SUBMIT),
    "submit_version": Rule(DEVELOPING, SUBMIT),
    "write_remark": Rule(EVERYBODY, SUBMIT),
    "resolve_question": Rule(EVERYBODY, None),
    "sign_off": Rule(SIGNING, None),
    "sign_for_another": Rule(EVERYBODY, None),
    "overrule_refusal": Rule(SIGNING | {Role.ADMINISTRATOR}, None),
    "grant_waiver": Rule(SIGNING | {Role.ADMINISTRATOR}, None),
    "promote": Rule(frozenset({Role.APPROVER}), None),
    "roll_back": Rule(frozenset({Role.APPROVER}), None),
    "ask_for_emergency": Rule(SIGNING, None),
    "confirm_emergency": Rule(SIGNING, None),
    "close_follow_up": Rule(SIGNING | {Role.ADMINISTRATOR}, None),
    "delegate": Rule(SIGNING, None),
    "confirm_role": Rule(frozenset({Role.ADMINISTRATOR}), None, organisation_administrators=True),
    "set_solo_mode": Rule(frozenset(), None, organisation_administrators=True),
    "retire": Rule(frozenset({Role.APPROVER, Role.ADMINISTRATOR}), None),
    "load_framework": Rule(frozenset(), ADMINISTER, organisation_administrators=True),
    "answer_for_organisation": Rule(frozenset(), ADMINISTER, organisation_administrators=True),
    "answer_fact": Rule(EXAMINING | {Role.ADMINISTRATOR}, SUBMIT),
    "rule_on_control": Rule(SIGNING, None),
    "sign_fact": Rule(EXAMINING | {Role.APPROVER}, None),
    "request_report": Rule(EVERYBODY, REPORT),
    "request_organisation_report": Rule(frozenset(), REPORT, organisation_administrators=True),
    "export_log": Rule(frozenset({Role.AUDITOR, Role.ADMINISTRATOR}), READ, organisation_administrators=True),
}


def roles_of(user: User, project: Project) -> frozenset[str]:
    """The roles the user holds in the project now, read from the database each time it is asked."""
    current = Membership.objects.current().filter(user=user, project=project)
    return frozenset(current.values_list("role", flat=True))


def may(actor: Actor, verb: str, project: Project | None, *, roles: frozenset[str] | None = None) -> bool:
    """Whether ``authorise`` would let the actor pass. ``roles`` saves the query where they are known already."""
    return _refusal(actor, verb, project, roles) is None


def authorise(actor: Actor, verb: str, project: Project | None) -> None:
    """Pass silently or raise ``NotPermitted`` saying what is lacking."""
    refusal = _refusal(actor, verb, project, None)
    if refusal is not None:
        raise NotPermitted(refusal[1], code=refusal[0])


def _refusal(actor: Actor, verb: str, project: Project | None, roles: frozenset[str] | None) -> tuple[str, str] | None:
    """(code, message) of what is lacking, or None."""
    rule = RULES[verb]
    spoken = verb.replace("_", " ")
    if not actor.user.is_active:
        return "account_closed", "This account is closed."
    lacking = _door_refusal(actor, rule, spoken, project)
    if lacking is not None:
        return lacking
    if rule.organisation_administrators and actor.user.is_organisation_administrator:
        return None
    if project is None:
        return "not_permitted", f"Only an organisation administrator may {spoken}."
    held = roles_of(actor.user, project) if roles is None else roles
    if held & rule.roles:
        return None
    needed = " or ".join(sorted(rule.roles))
    return "not_permitted", f"To {spoken} in {project.name} you need the role {needed}."


def _door_refusal(actor: Actor, rule: Rule, spoken: str, project: Project | None) -> tuple[str, str] | None:
    """What the way of signing in does not allow: a token never stands in for a person."""
    if rule.scope is None:
        return None if actor.is_interactive else ("person_needed", f"Only a person who is signed in can {spoken}.")
    if actor.authentication != API_TOKEN:
        return None
    if rule.scope not in (actor.scopes or ()):
        return "scope_missing", f"This token lacks the scope “{rule.scope}” that is needed to {spoken}."
    if actor.token_project_id is not None and (project is None or project.pk != actor.token_project_id):
        return "scope_missing", "This token is bound to another project."
    return None


def duties_are_separate(user: User, contributor_person_keys: Iterable[str]) -> bool:
    """Nobody signs what they contributed to. Persons are compared, not logins."""
    return user.person_key not in set(contributor_person_keys)


def available_verbs(actor: Actor, project: Project) -> frozenset[str]:
    """Every verb the actor may try in the project: what the page shows as buttons."""
    roles = roles_of(actor.user, project)
    return frozenset(verb for verb in RULES if may(actor, verb, project, roles=roles))
