"""How sign-offs are read: each with what the log, the signer's role and a delegation say of it today."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from governance.dossier_changes import changed_items
from governance.dossier_items import ConditionItem, SignOffItem
from governance.dossier_records import find_recorded_roles, read_bodies, records
from governance.exceptions import NotPermitted
from governance.models import (
    AuditLogEntry,
    Condition,
    Membership,
    ModelVersion,
    Overrule,
    Project,
    Role,
    SignOff,
    User,
)


def read_sign_offs(version: ModelVersion, *, digest: str, document: dict[str, Any]) -> tuple[SignOffItem, ...]:
    """Every sign-off ever given on the version, oldest first. The number of queries does not grow with them."""
    rows = list(
        SignOff.objects.filter(version=version)
        .select_related("dossier", "signer", "delegation__from_user")
        .prefetch_related("conditions__owner", "conditions__fulfilled_by")
        .order_by("pk")
    )
    bodies = read_bodies(row.log_index for row in rows)
    roles = _Roles(version, rows)
    overruled, fulfilled = _read_overrules(version), _read_fulfilled(rows)
    changes: dict[str, tuple[str, ...]] = {digest: ()}
    found = []
    for row in rows:
        signed = row.dossier_id
        if signed not in changes:
            changes[signed] = changed_items(json.loads(row.dossier.document), document)
        body = bodies.get(-1 if row.log_index is None else row.log_index)
        delegator = row.delegation.from_user if row.delegation else None
        unrecorded = _objection_of_the_log(row, body)
        found.append(
            SignOffItem(
                row.pk,
                row.signer_id,
                row.signer.person_key,
                row.signer_name,
                row.role,
                row.decision,
                row.meaning,
                row.reason,
                row.signed_at,
                signed,
                row.log_index,
                signed == digest,
                changes[signed],
                row.authentication,
                unrecorded or roles.objection_to(row),
                delegator.get_full_name() if delegator else "",
                delegator.person_key if delegator else "",
                overruled.get(row.pk, ""),
                tuple(_read_recorded(condition, fulfilled) for condition in row.conditions.all()),
                not unrecorded,
            )
        )
    return tuple(found)


def _objection_of_the_log(row: SignOff, body: dict[str, Any] | None) -> str:
    """A vote counts as the log recorded it. A row put into the table by hand has no entry."""
    if body is None or not records(body, "sign_off.given", "sign_off", row.pk):
        return _("no entry of the log records it")
    data = body["data"]
    said = (data.get("dossier"), data.get("role"), data.get("decision"), data.get("signer"), body["actor"]["id"])
    lent = data.get("delegation", {})
    giver = row.delegation.from_user_id if row.delegation else None
    of_row = (row.dossier_id, row.role, row.decision, row.signer_id, row.signer_id, row.delegation_id, giver)
    if (*said, lent.get("id"), lent.get("from")) != of_row:
        return _("the log recorded another vote")
    set_then = [
        (item["id"], item["text"], item["owner"], datetime.fromisoformat(item["due_at"]))
        for item in data.get("conditions", ())
    ]
    if set_then != [(item.pk, item.text, item.owner_id, item.due_at) for item in row.conditions.all()]:
        return _("the log recorded other conditions")
    return ""


def _read_fulfilled(rows: Iterable[SignOff]) -> set[int]:
    """The conditions that an entry of the log calls fulfilled. Asks nothing where none is marked so."""
    marked = [item.pk for row in rows for item in row.conditions.all() if item.fulfilled_at is not None]
    if not marked:
        return set()
    entries = AuditLogEntry.objects.filter(
        type="condition.fulfilled", subjects__kind="condition", subjects__object_id__in=marked
    )
    bodies = read_bodies(entries.values_list("pk", flat=True))
    said = {body["subject"]["id"] for body in bodies.values() if body["type"] == "condition.fulfilled"}
    return said & set(marked)


class _Roles:
    """Who held which role in the project when: read once for all signers and those they signed for."""

    def __init__(self, version: ModelVersion, rows: Iterable[SignOff]) -> None:
        self.submitted_at = version.submitted_at
        people = {row.signer_id for row in rows} | {row.delegation.from_user_id for row in rows if row.delegation}
        held = list(Membership.objects.filter(project=version.model.project_id, user__in=people).order_by("pk"))
        self.memberships: dict[tuple[int, str], list[Membership]] = {}
        self.recorded = find_recorded_roles(held)
        self.dismissed = {membership.user_id for membership in held if membership.ended_for_cause}
        for membership in held:
            self.memberships.setdefault((membership.user_id, membership.role), []).append(membership)

    def objection_to(self, row: SignOff) -> str:
        """Why the role gives this vote no weight, or nothing. A leaver's vote stands, one taken away for cause not."""
        holder = row.delegation.from_user_id if row.delegation else row.signer_id
        held = self.memberships.get((holder, row.role), [])
        then = [
            item
            for item in held
            if item.granted_at <= row.signed_at and not (item.ended_at and item.ended_at < row.signed_at)
        ]
        if not then:
            return _("the role was not held when this was signed")
        then = [item for item in then if item.pk in self.recorded]
        if not then:
            return _("the log does not record this role as it stands")
        if any(item.ended_for_cause for item in held):
            return _("the role was taken away for cause")
        if row.delegation and row.signer_id in self.dismissed:
            return _("a role of who signed for another was taken away for cause")
        if not any(is_established(item, self.submitted_at, row.signed_at) for item in then):
            return _("the role was granted after this was submitted, and no second administrator has confirmed it")
        return ""


def is_established(membership: Membership, submitted_at: Any, at: Any) -> bool:
    """Whether a role is older than the dossier it is to sign, or confirmed by a second administrator by then."""
    if submitted_at is None or membership.granted_at <= submitted_at:
        return True
    return membership.confirmed_at is not None and membership.confirmed_at <= at


def check_recorded(held: Sequence[Membership]) -> None:
    """Raise ``NotPermitted`` for roles that stand in their table and not, or not so, in the log."""
    if held and not find_recorded_roles(held) >= {item.pk for item in held}:
        raise NotPermitted(
            "The log does not record this role as it stands. An operator must run: manage.py verify_log",
            code="role_not_recorded",
        )


def find_deciding_role(version: ModelVersion, user: User, roles: Iterable[str], at: Any) -> Membership | None:
    """A role of these in which a person may decide about the version now, locked so that it cannot end meanwhile.

    None where they hold none. Raises ``NotPermitted`` where what they hold is younger than the submission and nobody
    has confirmed it: what nobody could sign in such a role, nobody sets aside or goes past in it either.
    """
    current = Membership.objects.current().select_for_update(of=("self",))
    held = list(current.filter(project=version.model.project_id, user=user, role__in=tuple(roles)).order_by("pk"))
    check_recorded(held)
    established = [item for item in held if is_established(item, version.submitted_at, at)]
    if held and not established:
        raise NotPermitted(
            "This role was granted after the version was submitted. A second administrator has to confirm it first.",
            code="role_not_confirmed",
        )
    return established[0] if established else None


def _read_overrules(version: ModelVersion) -> dict[int, str]:
    """Sign-off id -> who set the refusal aside and why, for overrules that the log records."""
    rows = list(Overrule.objects.filter(sign_off__version=version).select_related("overruled_by"))
    bodies = read_bodies(row.log_index for row in rows)
    return {
        row.sign_off_id: _("%(name)s as %(role)s: %(reason)s")
        % {"name": row.overruled_by.get_full_name(), "role": Role(row.role).label, "reason": row.reason}
        for row in rows
        if records(
            bodies.get(-1 if row.log_index is None else row.log_index),
            "sign_off.overruled",
            "sign_off",
            row.sign_off_id,
        )
    }


def _read_recorded(row: Condition, fulfilled: set[int]) -> ConditionItem:
    """The condition as the log knows it: what no entry calls fulfilled is open."""
    item = read_condition(row)
    if row.pk in fulfilled:
        return item
    return replace(item, fulfilled_at=None, fulfilled_by="", fulfilled_how="")


def read_condition(row: Condition) -> ConditionItem:
    return ConditionItem(
        row.pk,
        row.text,
        row.owner.get_full_name(),
        row.owner.person_key,
        row.due_at,
        row.fulfilled_at,
        row.fulfilled_by.get_full_name() if row.fulfilled_by else "",
        row.fulfilled_how,
    )


def read_panels(project: Project) -> dict[str, frozenset[str]]:
    """Role -> the persons who hold it in the project now."""
    panels: dict[str, set[str]] = {}
    current = Membership.objects.current().filter(project=project, user__is_active=True)
    for role, person_key in current.values_list("role", "user__person_key"):
        panels.setdefault(role, set()).add(person_key)
    return {role: frozenset(people) for role, people in panels.items()}


def read_owning_team(project: Project) -> frozenset[str]:
    """Everybody who develops or ever developed in the project: leaving the team does not make one independent of it."""
    developers = Membership.objects.filter(project=project, role=Role.DEVELOPER)
    return frozenset(developers.values_list("user__person_key", flat=True))
