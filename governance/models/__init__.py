"""All tables of the record office, one file per noun."""

from governance.models.catalog import Artifact, ModelVersion, RegisteredModel, RiskTier
from governance.models.evaluations import Evaluation, EvaluationInput, EvaluationKind, InputRole, WorkStatus
from governance.models.evidence import Evidence, EvidenceKind, StoredFile
from governance.models.idempotency import IdempotencyRecord
from governance.models.lineage import Dataset, DatasetRole, DatasetUse, DatasetVersion, Derivation
from governance.models.log import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject
from governance.models.people import ApiToken, Membership, Project, Role, User
from governance.models.release import Release
from governance.models.reports import ComplianceReport, ReportKind
from governance.models.requirements import (
    AcceptanceCriterion,
    Comparator,
    PocDecision,
    ProofOfConcept,
    Requirement,
    RequirementTemplate,
    Severity,
    SuccessCriterion,
)
from governance.models.signoff import Decision, DossierSnapshot, SignOff, Waiver

__all__ = [
    "AcceptanceCriterion",
    "ApiToken",
    "Artifact",
    "AuditLogEntry",
    "Checkpoint",
    "Comparator",
    "ComplianceReport",
    "Dataset",
    "DatasetRole",
    "DatasetUse",
    "DatasetVersion",
    "Decision",
    "Derivation",
    "DossierSnapshot",
    "Evaluation",
    "EvaluationInput",
    "EvaluationKind",
    "Evidence",
    "EvidenceKind",
    "IdempotencyRecord",
    "InputRole",
    "LogHead",
    "LogNode",
    "LogSubject",
    "Membership",
    "ModelVersion",
    "PocDecision",
    "Project",
    "ProofOfConcept",
    "RegisteredModel",
    "Release",
    "ReportKind",
    "Requirement",
    "RequirementTemplate",
    "RiskTier",
    "Role",
    "Severity",
    "SignOff",
    "StoredFile",
    "SuccessCriterion",
    "User",
    "Waiver",
    "WorkStatus",
]
