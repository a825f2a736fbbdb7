"""All tables of the record office, one file per noun."""

from governance.models.authentication import FactorKind, PasskeyChallenge, SecondFactor
from governance.models.catalog import Artifact, ModelVersion, RegisteredModel, RiskTier
from governance.models.discussion import Remark
from governance.models.evaluations import Evaluation, EvaluationInput, EvaluationKind, InputRole, WorkStatus
from governance.models.evidence import Evidence, EvidenceKind, StoredFile
from governance.models.frameworks import Answer, ControlRuling, ControlRulingKind, FactSignature, FrameworkEdition
from governance.models.idempotency import IdempotencyRecord
from governance.models.lineage import Dataset, DatasetRole, DatasetUse, DatasetVersion, Derivation
from governance.models.log import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject
from governance.models.people import ApiToken, Delegation, Membership, Project, Role, User
from governance.models.policies import PromotionPolicy
from governance.models.release import EmergencyRequest, FollowUp, FollowUpKind, Release, ReleaseKind
from governance.models.report_signatures import ReportSignature
from governance.models.reports import (
    OF_DATASETS,
    OF_PROJECTS,
    OF_THE_ORGANISATION,
    OF_VERSIONS,
    ComplianceReport,
    ReportKind,
)
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
from governance.models.risk import RiskAssessment
from governance.models.seals import Cosignature, RevocationList, TimeStamp
from governance.models.signoff import (
    APPROVALS,
    REFUSALS,
    Authentication,
    Condition,
    Decision,
    DossierSnapshot,
    Overrule,
    PolicyText,
    SignOff,
    Waiver,
)

__all__ = [
    "APPROVALS",
    "OF_DATASETS",
    "OF_PROJECTS",
    "OF_THE_ORGANISATION",
    "OF_VERSIONS",
    "REFUSALS",
    "AcceptanceCriterion",
    "Answer",
    "ApiToken",
    "Artifact",
    "AuditLogEntry",
    "Authentication",
    "Checkpoint",
    "Comparator",
    "ComplianceReport",
    "Condition",
    "ControlRuling",
    "ControlRulingKind",
    "Cosignature",
    "Dataset",
    "DatasetRole",
    "DatasetUse",
    "DatasetVersion",
    "Decision",
    "Delegation",
    "Derivation",
    "DossierSnapshot",
    "EmergencyRequest",
    "Evaluation",
    "EvaluationInput",
    "EvaluationKind",
    "Evidence",
    "EvidenceKind",
    "FactSignature",
    "FactorKind",
    "FollowUp",
    "FollowUpKind",
    "FrameworkEdition",
    "IdempotencyRecord",
    "InputRole",
    "LogHead",
    "LogNode",
    "LogSubject",
    "Membership",
    "ModelVersion",
    "Overrule",
    "PasskeyChallenge",
    "PocDecision",
    "PolicyText",
    "Project",
    "PromotionPolicy",
    "ProofOfConcept",
    "RegisteredModel",
    "Release",
    "ReleaseKind",
    "Remark",
    "ReportKind",
    "ReportSignature",
    "Requirement",
    "RequirementTemplate",
    "RevocationList",
    "RiskAssessment",
    "RiskTier",
    "Role",
    "SecondFactor",
    "Severity",
    "SignOff",
    "StoredFile",
    "SuccessCriterion",
    "TimeStamp",
    "User",
    "Waiver",
    "WorkStatus",
]
