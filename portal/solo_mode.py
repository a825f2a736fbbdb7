"""Which project a page is about, so that every page of a project in solo mode says so."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from django.db.models import Model

from governance.models import (
    AuditLogEntry,
    ComplianceReport,
    Condition,
    Dataset,
    DatasetVersion,
    Delegation,
    EmergencyRequest,
    Evaluation,
    Evidence,
    FollowUp,
    Membership,
    ModelVersion,
    Project,
    PromotionPolicy,
    RegisteredModel,
    Release,
    Requirement,
    RequirementTemplate,
    SignOff,
    Waiver,
)

OF_VERSION = ("version", "model", "project")
# Table -> the way from its row to the project.
WAYS: dict[type[Model], tuple[str, ...]] = {
    Project: (),
    AuditLogEntry: ("project",),
    ComplianceReport: OF_VERSION,
    Condition: OF_VERSION,
    Dataset: ("project",),
    DatasetVersion: ("dataset", "project"),
    Delegation: ("project",),
    EmergencyRequest: OF_VERSION,
    Evaluation: OF_VERSION,
    Evidence: OF_VERSION,
    FollowUp: OF_VERSION,
    Membership: ("project",),
    ModelVersion: ("model", "project"),
    PromotionPolicy: ("project",),
    RegisteredModel: ("project",),
    Release: ("model", "project"),
    Requirement: ("model", "project"),
    RequirementTemplate: ("project",),
    SignOff: OF_VERSION,
    Waiver: OF_VERSION,
}


def find_solo_project(things: Iterable[Any]) -> Project | None:
    """The first project in solo mode among those that a page's things belong to."""
    for thing in things:
        way = WAYS.get(type(thing))
        project: Project | None = None if way is None else reduce(getattr, way, thing)
        if project is not None and project.solo_since is not None:
            return project
    return None
