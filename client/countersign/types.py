"""What the portal answers, as frozen dataclasses. Fields keep the names of the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Person:
    id: int
    username: str
    full_name: str


@dataclass(frozen=True)
class User(Person):
    email: str
    is_active: bool
    is_organisation_administrator: bool


@dataclass(frozen=True)
class ProjectName:
    id: int
    name: str


@dataclass(frozen=True)
class Project(ProjectName):
    slug: str
    description: str
    created_at: datetime


@dataclass(frozen=True)
class Membership:
    id: int
    project: ProjectName
    user: Person
    role: str
    granted_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class HeldRole:
    project: ProjectName
    role: str


@dataclass(frozen=True)
class Me(User):
    """Who the token or session speaks for, and the roles it may use."""

    authentication: str
    roles: tuple[HeldRole, ...]


@dataclass(frozen=True)
class Token:
    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    project: ProjectName | None
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class NewToken(Token):
    """A token with its secret, which the portal shows this once and keeps nowhere."""

    secret: str


@dataclass(frozen=True)
class ModelName:
    id: int
    name: str
    project: ProjectName


@dataclass(frozen=True)
class Model(ModelName):
    """An entry of the model inventory. ``revision`` counts edits: an edit names the one it saw."""

    owner: Person
    description: str
    intended_use: str
    out_of_scope_uses: str
    affected_people: str
    risk_tier: str
    risk_tier_rationale: str
    revision: int


@dataclass(frozen=True)
class Criterion:
    """``metric`` of ``population`` on the ``dataset_role`` data, compared with ``threshold`` (decimal text)."""

    metric: str
    comparator: str
    threshold: str
    population: str
    dataset_role: str
    severity: str


@dataclass(frozen=True)
class Requirement:
    id: int
    key: str
    title: str
    statement: str
    source: str
    criteria: tuple[Criterion, ...]
    revision: int
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class SuccessCriterion:
    statement: str
    metric: str
    comparator: str
    threshold: str
    population: str
    evaluation: int | None


@dataclass(frozen=True)
class ProofOfConcept:
    problem_statement: str
    risks: str
    open_questions: str
    success_criteria: tuple[SuccessCriterion, ...]
    written_by: Person
    revision: int
    decision: str
    decision_reason: str


@dataclass(frozen=True)
class Artifact:
    name: str
    digest: str
    size: int | None


@dataclass(frozen=True)
class Version:
    """One candidate with fixed artifact digests."""

    id: int
    number: int
    state: str
    model: ModelName
    artifacts: tuple[Artifact, ...]
    artifact_location: str
    source_run: str
    training_code: str
    parent: int | None
    notes: str
    created_by: Person
    target_environment: str = "production"
    policy_digest: str = ""

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"


@dataclass(frozen=True)
class DatasetName:
    id: int
    name: str


@dataclass(frozen=True)
class Dataset(DatasetName):
    project: ProjectName
    description: str
    source: str
    licence: str
    personal_data: str


@dataclass(frozen=True)
class DatasetVersion:
    """Frozen contents, known by digest."""

    id: int
    dataset: DatasetName
    number: int
    digest: str
    row_count: int
    recalled_at: datetime | None = None
    recall_reason: str = ""


@dataclass(frozen=True)
class DatasetUse:
    """A model version used a dataset version in a role."""

    id: int
    version: int
    dataset_version: DatasetVersion
    role: str


@dataclass(frozen=True)
class File:
    name: str
    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Evidence:
    """``digest`` is that of the file, or of the canonical content where there is no file."""

    id: int
    version: int
    kind: str
    title: str
    digest: str
    file: File | None
    content: dict[str, Any] | None
    supersedes: int | None
    superseded_by: int | None
    observed_at: datetime
    received_at: datetime
    submitted_by: Person
    log_index: int | None


@dataclass(frozen=True)
class Evaluation:
    """One measured run. ``result`` is the laboratory's document, read when one evaluation is asked for by its id."""

    id: int
    version: int
    kind: str
    status: str
    evidence: int
    dataset_role: str
    progress: str
    failure: str
    result_digest: str
    result: dict[str, Any] | None = None

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


FINISHED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(frozen=True)
class Finding:
    """One reason of the gate. It keeps the gate closed where ``blocks and not opens``."""

    key: str
    area: str
    title: str
    status: str
    detail: str
    blocks: bool
    opens: bool


@dataclass(frozen=True)
class Gate:
    """May this version be promoted into ``environment``? Every reason, over one dossier digest."""

    version: int
    state: str
    environment: str
    is_open: bool
    is_ready_to_sign: bool
    dossier_digest: str
    counts: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def closing(self) -> tuple[Finding, ...]:
        """The findings that keep the gate closed."""
        return tuple(finding for finding in self.findings if finding.blocks and not finding.opens)


@dataclass(frozen=True)
class Dossier:
    """The one reading of a version. ``digest`` is what a sign-off names; ``document`` is what it is the digest of."""

    version: int
    state: str
    digest: str
    document: dict[str, Any]


@dataclass(frozen=True)
class SignOff:
    id: int
    version: int
    signer_name: str
    role: str
    decision: str
    meaning: str
    reason: str
    dossier_digest: str
    signed_at: datetime


@dataclass(frozen=True)
class VersionName:
    id: int
    number: int
    state: str


@dataclass(frozen=True)
class Release:
    """A version in an environment for a time."""

    id: int
    model: ModelName
    version: VersionName
    environment: str
    is_live: bool
    is_sealed: bool
    dossier_digest: str
    started_at: datetime
    ended_at: datetime | None
    end_reason: str


@dataclass(frozen=True)
class PermissionToRun:
    """The answer to a pipeline that asks whether an artifact may run."""

    allowed: bool
    code: str
    reason: str
    environment: str


@dataclass(frozen=True)
class CoverageOfFramework:
    """How a version stands against a framework: state -> number of controls. ``applies`` is None while the facts in
    ``undecided`` are not recorded. Whether the text is satisfied, a person judges."""

    framework: str
    title: str
    edition: str
    applies: bool | None
    undecided: tuple[str, ...]
    counts: dict[str, int]


@dataclass(frozen=True)
class Report:
    """An issued PDF, once ``status`` is SUCCEEDED."""

    id: int
    version: int | None
    kind: str
    status: str
    progress: str
    failure: str
    file: File | None
    page_count: int | None
    log_index: int | None

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED
