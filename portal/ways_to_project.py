"""The way from each table's rows to their project: for what a token may see, and for saying solo mode."""

from __future__ import annotations

from django.db.models import Model

from governance.models import (
    Answer,
    ApiToken,
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
    FrameworkEdition,
    Membership,
    ModelVersion,
    Project,
    PromotionPolicy,
    RegisteredModel,
    Release,
    Remark,
    Requirement,
    RequirementTemplate,
    SignOff,
    User,
    Waiver,
)

# Table -> the way, as queries spell it; None where a row belongs to no project.
WAYS: dict[type[Model], str | None] = {
    Answer: "version__model__project",  # a token bound to a project reads none of the organisation's
    ApiToken: "project",
    AuditLogEntry: "project",
    ComplianceReport: "project",  # nor a report on the organisation
    Condition: "version__model__project",
    Dataset: "project",
    DatasetVersion: "dataset__project",
    Delegation: "project",
    EmergencyRequest: "version__model__project",
    Evaluation: "version__model__project",
    Evidence: "version__model__project",
    FollowUp: "version__model__project",
    FrameworkEdition: None,
    Membership: "project",
    ModelVersion: "model__project",
    Project: "",  # itself
    PromotionPolicy: "project",
    RegisteredModel: "project",
    Release: "model__project",
    Remark: "version__model__project",
    Requirement: "model__project",
    RequirementTemplate: "project",
    SignOff: "version__model__project",
    User: None,
    Waiver: "version__model__project",
}
