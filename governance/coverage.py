"""A version read against the frameworks that stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.auditlog import database_now
from governance.dossier import Dossier
from governance.dossier_records import read_bodies, records
from governance.facts import read_facts
from governance.frameworks import judging
from governance.frameworks.catalogue import Framework
from governance.frameworks.judging import ControlRuling, Coverage
from governance.frameworks.recorded import Recorded
from governance.frameworks_in_force import frameworks_in_force
from governance.models import ControlRuling as RulingRow
from governance.models import ControlRulingKind


def cover(dossier: Dossier, recorded: Mapping[str, Recorded] | None = None) -> list[Coverage]:
    """The version's coverage of every framework in force: those that apply first, then the undecided.

    ``recorded`` are its facts, where they have been read already. Asks the same queries however many frameworks stand.
    """
    recorded = read_facts(dossier) if recorded is None else recorded
    now, rulings = database_now(), read_all_rulings(dossier.version_id)
    found = [
        judging.cover(framework, recorded, as_of=now, rulings=rulings.get(framework.id, ()))
        for framework in frameworks_in_force().values()
    ]
    rank = {True: 0, None: 1, False: 2}
    return sorted(found, key=lambda item: rank[item.applies])


def cover_one(framework: Framework, dossier: Dossier, recorded: Mapping[str, Recorded]) -> Coverage:
    """The version's coverage of one framework."""
    return judging.cover(
        framework, recorded, as_of=database_now(), rulings=read_rulings(dossier.version_id, framework.id)
    )


def read_rulings(version_id: int, framework: str) -> list[ControlRuling]:
    """The newest ruling on each control that has not been lifted."""
    return read_all_rulings(version_id).get(framework, [])


def read_all_rulings(version_id: int) -> dict[str, list[ControlRuling]]:
    """The same for every framework, by its id."""
    rows = list(RulingRow.objects.filter(version=version_id).order_by("pk"))
    bodies = read_bodies(row.log_index for row in rows)
    newest: dict[tuple[str, str], RulingRow] = {}
    for row in rows:
        if _is_recorded(row, bodies.get(-1 if row.log_index is None else row.log_index)):
            newest[row.framework, row.control] = row
    found: dict[str, list[ControlRuling]] = {}
    for row in newest.values():
        if row.kind != ControlRulingKind.LIFTED:
            found.setdefault(row.framework, []).append(_read_ruling(row))
    return found


def _is_recorded(row: RulingRow, body: dict[str, Any] | None) -> bool:
    """Whether the log holds exactly this ruling: one that somebody wrote into the table closes no gap."""
    if body is None or not records(body, "control.ruled", "control", row.pk):
        return False
    ends = row.expires_at.isoformat() if row.expires_at is not None else ""
    said = tuple(body["data"].get(name) for name in ("framework", "control", "kind", "expires_at"))
    return said == (row.framework, row.control, row.kind, ends) and body["actor"]["id"] == row.ruled_by_id


def _read_ruling(row: RulingRow) -> ControlRuling:
    return ControlRuling(
        row.control,
        row.kind == ControlRulingKind.WAIVED,
        row.reason,
        row.ruler_name,
        row.role,
        row.ruled_at,
        row.expires_at,
        row.log_index,
    )


def facts_to_ask(coverages: list[Coverage]) -> dict[str, list[str]]:
    """Fact -> titles of the frameworks that need it, of those that apply or may: what an answer serves."""
    serves: dict[str, list[str]] = {}
    for coverage in coverages:
        if coverage.applies is False:
            continue
        needed = {fact for control in coverage.framework.controls for fact in control.facts}
        for fact in sorted(needed):
            serves.setdefault(fact, []).append(coverage.framework.title)
    return serves
