"""Which rows a request may see: what its user may see, and for a token bound to a project only that project's."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from governance.actors import Actor
from governance.models import (
    Answer,
    ApiToken,
    AuditLogEntry,
    ComplianceReport,
    Dataset,
    DatasetVersion,
    Delegation,
    EmergencyRequest,
    Evaluation,
    Evidence,
    FollowUp,
    FrameworkEdition,
    Membership,
    ModelVersion,
    Project,
    PromotionPolicy,
    RegisteredModel,
    Release,
    Remark,
    Requirement,
    SignOff,
    User,
)

Row = TypeVar("Row", bound=Model)

# How each table's rows name their project; None where a row belongs to no project.
PROJECT_OF: dict[type[Model], str | None] = {
    Answer: "version__model__project",  # a token bound to a project reads none of the organisation's
    ApiToken: "project",
    AuditLogEntry: "project",
    ComplianceReport: "version__model__project",
    Dataset: "project",
    Delegation: "project",
    DatasetVersion: "dataset__project",
    EmergencyRequest: "version__model__project",
    Evaluation: "version__model__project",
    Evidence: "version__model__project",
    FollowUp: "version__model__project",
    FrameworkEdition: None,
    Membership: "project",
    ModelVersion: "model__project",
    Project: "pk",
    PromotionPolicy: "project",
    RegisteredModel: "project",
    Release: "model__project",
    Remark: "version__model__project",
    Requirement: "model__project",
    SignOff: "version__model__project",
    User: None,
}


def rows_visible_to(actor: Actor, queryset: QuerySet[Row]) -> QuerySet[Row]:
    """Narrow a queryset of a table with ``visible_to`` to what the actor may see."""
    seen: Any = queryset.visible_to(actor.user)  # type: ignore[attr-defined]
    path = PROJECT_OF[queryset.model]
    if actor.token_project_id is not None and path is not None:
        seen = seen.filter(**{path: actor.token_project_id})
    narrowed: QuerySet[Row] = seen
    return narrowed
