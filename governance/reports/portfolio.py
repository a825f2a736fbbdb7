"""The portfolio: every model of a project or of the organisation on one table, with what is due and what is open.

Read in a number of queries that does not grow with the models: what stands in tables is counted, no gate is asked.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from governance import spreadsheets
from governance.auditlog import database_now
from governance.canonical import canonical_digest
from governance.lifecycle import State
from governance.models import (
    Condition,
    EmergencyRequest,
    FollowUp,
    ModelVersion,
    Project,
    RegisteredModel,
    Release,
    ReleaseKind,
    Remark,
    RiskTier,
    Waiver,
)

MOST_MODELS = 300
MOST_LISTED = 100
"""Rows that are printed; the attached table and document hold all."""
SOON = timedelta(days=30)
DAY = "%Y-%m-%d"
TIERS = (RiskTier.HIGH, RiskTier.MEDIUM, RiskTier.LOW)
OPEN_STATES = (State.DRAFT, State.IN_REVIEW, State.APPROVED, State.RELEASED)


@dataclass(frozen=True)
class Due:
    """Something that runs out or must be done by a moment."""

    model: str
    what: str
    at: str
    is_overdue: bool


@dataclass(frozen=True)
class Open:
    """Something that a person has to close: a finding of a release, a condition, a question."""

    model: str
    kind: str
    text: str
    since: str


@dataclass(frozen=True)
class Row:
    """One model. ``live`` names its version in each environment."""

    project: str
    model: str
    owner: str
    tier: str
    version: int | None
    state: str
    live: tuple[str, ...]
    due: Due | None
    open_count: int
    waiver_count: int
    is_emergency: bool


@dataclass(frozen=True)
class Portfolio:
    name: str
    is_organisation: bool
    as_of: datetime
    rows: tuple[Row, ...]
    dues: tuple[Due, ...]
    open: tuple[Open, ...]
    solo: tuple[str, ...]
    releases: Mapping[str, int]
    emergencies: tuple[str, ...]

    @cached_property
    def document(self) -> dict[str, Any]:
        parts = asdict(self) | {"format": "countersign/portfolio/1"}
        del parts["as_of"]
        plain: dict[str, Any] = json.loads(json.dumps(parts))
        return plain

    @cached_property
    def digest(self) -> str:
        return canonical_digest(self.document)

    @property
    def overdue(self) -> list[Due]:
        return [due for due in self.dues if due.is_overdue]

    @property
    def soon(self) -> list[Due]:
        """What is due within ``SOON``."""
        end = (self.as_of + SOON).strftime(DAY)
        return [due for due in self.dues if not due.is_overdue and due.at <= end]

    @property
    def by_tier(self) -> list[tuple[str, int]]:
        counts = Counter(row.tier for row in self.rows)
        return [(str(tier.label), counts[tier.value]) for tier in TIERS]

    @property
    def by_state(self) -> list[tuple[str, int]]:
        counts = Counter(row.state for row in self.rows)
        states = [(str(state.label), counts[state.value]) for state in State if counts[state.value]]
        return [*states, (str(_("No version")), counts[""])] if counts[""] else states

    @property
    def waiver_count(self) -> int:
        return sum(row.waiver_count for row in self.rows)


def read_portfolio(project: Project | None) -> Portfolio:
    """Read the portfolio of a project, or with None that of the organisation."""
    now = database_now()
    projects = Project.objects.all() if project is None else Project.objects.filter(pk=project.pk)
    models = list(
        RegisteredModel.objects.filter(project__in=projects).select_related("project", "owner").order_by("name", "pk")
    )
    newest = {version.model_id: version for version in _versions(projects)}
    releases = list(
        Release.objects.live().filter(model__project__in=projects).select_related("model", "version").order_by("pk")
    )
    live = _group(releases)
    waivers = _group(_waivers(projects, now), of="version.model_id")
    dues = _list_dues(releases, projects, waivers, now)
    found = _list_open(projects)
    rows = [
        _row(model, newest.get(model.pk), live[model.pk], dues[model.pk], found[model.pk], len(waivers[model.pk]))
        for model in models
    ]
    return Portfolio(
        project.name if project is not None else str(_("The organisation")),
        project is None,
        now,
        tuple(sorted(rows, key=_urgency)),
        tuple(sorted((due for each in dues.values() for due in each), key=lambda due: (due.at, due.model, due.what))),
        tuple(item for each in found.values() for item in each),
        tuple(item.name for item in projects.order_by("name") if item.solo_since is not None),
        dict(sorted(Counter(release.environment for release in releases).items())),
        _list_emergencies(releases, projects),
    )


def _versions(projects: QuerySet[Project]) -> QuerySet[ModelVersion]:
    """Lowest number first: the last of each model is its newest."""
    found = ModelVersion.objects.filter(model__project__in=projects).order_by("model_id", "number")
    return found.only("model_id", "number", "state")


def _waivers(projects: QuerySet[Project], now: datetime) -> QuerySet[Waiver]:
    """Those that still hold, of versions that are not over."""
    held = Waiver.objects.filter(version__model__project__in=projects, expires_at__gt=now)
    return held.filter(version__state__in=OPEN_STATES).select_related("version__model").order_by("pk")


def _group(things: Iterable[Any], of: str = "model_id") -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = defaultdict(list)
    for thing in things:
        key = thing.version.model_id if of == "version.model_id" else thing.model_id
        grouped[key].append(thing)
    return grouped


def _list_dues(
    releases: Iterable[Release], projects: QuerySet[Project], waivers: Mapping[int, list[Waiver]], now: datetime
) -> dict[int, list[Due]]:
    """Model -> what is due: the review without which a release ends, conditions, ends of waivers."""
    found: dict[int, list[Due]] = defaultdict(list)

    def add(model: RegisteredModel, what: str, at: datetime) -> None:
        found[model.pk].append(Due(model.name, what, at.strftime(DAY), at <= now))

    for release in releases:
        words = {"number": release.version.number, "environment": release.environment}
        add(release.model, _("Review of v%(number)d in %(environment)s") % words, release.expires_at)
    conditions = Condition.objects.filter(version__model__project__in=projects, fulfilled_at=None)
    for condition in conditions.select_related("version__model").order_by("pk"):
        if condition.version.state in OPEN_STATES:
            add(condition.version.model, _("Condition: %(text)s") % {"text": condition.text}, condition.due_at)
    for held in waivers.values():
        for waiver in held:
            add(waiver.version.model, _("Waiver ends: %(key)s") % {"key": waiver.finding_key}, waiver.expires_at)
    return found


def _list_open(projects: QuerySet[Project]) -> dict[int, list[Open]]:
    """Model -> findings of releases and questions that nobody has closed."""
    found: dict[int, list[Open]] = defaultdict(list)
    follow_ups = FollowUp.objects.open().filter(version__model__project__in=projects)
    for item in follow_ups.select_related("version__model").order_by("pk"):
        since = item.opened_at.strftime(DAY)
        found[item.version.model_id].append(Open(str(item.version), str(item.get_kind_display()), item.text, since))
    asked = Remark.objects.filter(version__model__project__in=projects, is_question=True, resolved_at=None)
    for remark in asked.select_related("version__model").order_by("pk"):
        if remark.version.state in OPEN_STATES:
            since = remark.written_at.strftime(DAY)
            found[remark.version.model_id].append(Open(str(remark.version), _("Open question"), remark.text, since))
    return found


def _list_emergencies(releases: Iterable[Release], projects: QuerySet[Project]) -> tuple[str, ...]:
    urgent = [release for release in releases if release.kind == ReleaseKind.EMERGENCY]
    live = [f"{release.model.name} v{release.version.number}, {release.environment}" for release in urgent]
    asked = EmergencyRequest.objects.open().filter(version__model__project__in=projects)
    asked = asked.select_related("version__model")
    waiting = [_("%(what)s (asked for, not confirmed)") % {"what": item} for item in asked.order_by("pk")]
    return (*live, *waiting)


def _row(
    model: RegisteredModel,
    newest: ModelVersion | None,
    live: list[Release],
    dues: list[Due],
    found: list[Open],
    waiver_count: int,
) -> Row:
    return Row(
        model.project.name,
        model.name,
        str(model.owner),
        model.risk_tier,
        newest.number if newest is not None else None,
        newest.state if newest is not None else "",
        tuple(f"{release.environment}: v{release.version.number}" for release in live),
        min(dues, key=lambda due: due.at, default=None),
        len(found),
        waiver_count,
        any(release.kind == ReleaseKind.EMERGENCY for release in live),
    )


def _urgency(row: Row) -> tuple[Any, ...]:
    """What needs somebody first: overdue, then open, then by tier and name."""
    is_overdue = row.due is not None and row.due.is_overdue
    return not is_overdue, not row.open_count, TIERS.index(RiskTier(row.tier)), row.model.lower(), row.project


def as_table(portfolio: Portfolio) -> spreadsheets.Table:
    """Every model as one line, for a spreadsheet."""
    column = spreadsheets.Column
    columns = (
        column(_("Project"), lambda row: row.project),
        column(_("Model"), lambda row: row.model),
        column(_("Owner"), lambda row: row.owner),
        column(_("Risk tier"), lambda row: row.tier),
        column(_("Newest version"), lambda row: row.version),
        column(_("State"), lambda row: row.state),
        column(_("In use"), lambda row: "; ".join(row.live)),
        column(_("Next due"), lambda row: row.due.at if row.due else ""),
        column(_("What is due"), lambda row: row.due.what if row.due else ""),
        column(_("Open findings"), lambda row: row.open_count),
        column(_("Waivers"), lambda row: row.waiver_count),
    )
    return spreadsheets.Table("models", _("Models"), columns, portfolio.rows)
