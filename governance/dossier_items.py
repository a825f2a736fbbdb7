"""The parts of a dossier. Times are RFC 3339 text, thresholds decimal text, ids integers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class RiskAssessmentItem:
    """The questionnaire that gave the tier, what was answered in words, and why that makes this tier."""

    questionnaire: str
    version: int
    digest: str
    answers: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    answered_by: str
    answered_at: str


@dataclass(frozen=True)
class ModelItem:
    id: int
    name: str
    project: str
    owner: str
    description: str
    intended_use: str
    out_of_scope_uses: str
    affected_people: str
    risk_tier: str
    risk_tier_rationale: str
    risk_assessment: RiskAssessmentItem | None = None


@dataclass(frozen=True)
class ArtifactItem:
    name: str
    digest: str
    size: int | None


@dataclass(frozen=True)
class VersionItem:
    id: int
    number: int
    artifacts: tuple[ArtifactItem, ...]
    artifact_location: str
    source_run: str
    training_code: str
    parent: int | None
    notes: str
    created_by: str
    created_at: str


@dataclass(frozen=True)
class SuccessCriterionItem:
    statement: str
    metric: str
    population: str
    comparator: str
    threshold: str
    evaluation_id: int | None
    measured: float | None
    version: int | None = None


@dataclass(frozen=True)
class ProofOfConceptItem:
    problem_statement: str
    risks: str
    open_questions: str
    success_criteria: tuple[SuccessCriterionItem, ...]
    decision: str
    decision_reason: str
    decided_by: str
    decided_at: str


@dataclass(frozen=True)
class CriterionItem:
    key: str
    metric: str
    comparator: str
    threshold: str
    population: str
    dataset_role: str
    severity: str


@dataclass(frozen=True)
class RequirementItem:
    id: int
    key: str
    title: str
    statement: str
    source: str
    criteria: tuple[CriterionItem, ...]
    evidence_ids: tuple[int, ...]


@dataclass(frozen=True)
class DatasetItem:
    role: str
    dataset_version_id: int
    dataset: str
    number: int
    digest: str
    row_count: int
    source: str
    licence: str
    personal_data: str
    sensitive_columns: tuple[str, ...]
    recalled: str = ""


@dataclass(frozen=True)
class DerivationItem:
    derived_id: int
    derived: str
    source_id: int
    source: str
    source_digest: str
    description: str
    source_recalled: str = ""


@dataclass(frozen=True)
class EvidenceItem:
    id: int
    kind: str
    title: str
    digest: str
    size: int | None
    file_name: str
    content: dict[str, Any] | None
    observed_at: str
    received_at: str
    submitted_by: str
    log_index: int | None
    supersedes_id: int | None


@dataclass(frozen=True)
class Measure:
    """One measured number: ``value`` with its interval [``low``, ``high``] over ``n`` rows; ``reason`` says why it
    cannot be relied on (undefined, group too small). A share is ``part`` of ``whole`` rows, where that is known."""

    metric: str
    population: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None
    part: int | None = None
    whole: int | None = None


@dataclass(frozen=True)
class EvaluationInputItem:
    """Further evidence an evaluation read, by role."""

    role: str
    evidence_id: int
    digest: str


@dataclass(frozen=True)
class SettingItem:
    """One choice of whoever asked, in the specification's own words: ``columns.y_true`` is ``label``."""

    name: str
    value: str


@dataclass(frozen=True)
class LeftOutItem:
    """Rows that were submitted and not measured, of all ``submitted``."""

    reason: str
    rows: int
    submitted: int


@dataclass(frozen=True)
class EvaluationItem:
    """``gap`` says why its numbers do not speak of the dataset version, which has ``dataset_rows``; nothing where they
    do."""

    id: int
    kind: str
    status: str
    dataset_role: str
    dataset: str
    dataset_digest: str
    evidence_id: int
    evidence_digest: str
    result_digest: str
    failure: str
    requested_by: str
    inputs: tuple[EvaluationInputItem, ...]
    measures: tuple[Measure, ...]
    settings: tuple[SettingItem, ...] = ()
    left_out: tuple[LeftOutItem, ...] = ()
    gap: str = ""
    dataset_rows: int = 0
    minimum_group_size: int | None = None


@dataclass(frozen=True)
class WaiverItem:
    id: int
    finding_key: str
    gap: str
    reason: str
    expires_at: str
    granted_by: str


@dataclass(frozen=True)
class AnswerItem:
    """What somebody recorded of a fact. ``artefact`` is the digest of what shows it."""

    id: int
    fact: str
    value: Any
    artefact: str
    digest: str
    answered_by: str
    answered_at: str


@dataclass(frozen=True)
class ContributorItem:
    id: int
    name: str
    contributions: tuple[str, ...]


@dataclass(frozen=True)
class OpenQuestionItem:
    """A question about an item of the dossier that nobody has resolved."""

    id: int
    item_key: str
    text: str
    author: str
    written_at: datetime


@dataclass(frozen=True)
class ConditionItem:
    """What an approval with conditions asked for. ``fulfilled_at`` is None while it is open."""

    id: int
    text: str
    owner: str
    owner_person_key: str
    due_at: datetime
    fulfilled_at: datetime | None
    fulfilled_by: str
    fulfilled_how: str


@dataclass(frozen=True)
class SignOffItem:
    """``changed`` names the dossier items that differ from what was signed; empty while the sign-off is current.

    ``objection`` says why the vote gives no approval, whatever it says: no log entry records it, the role was not held,
    or it was taken away for cause. ``overruled`` says by whom and why a refusal was set aside. ``is_recorded``: the log
    holds exactly this vote; one that it does not hold takes nothing back either.
    """

    id: int
    signer_id: int
    signer_person_key: str
    signer: str
    role: str
    decision: str
    meaning: str
    reason: str
    signed_at: datetime
    dossier_digest: str
    log_index: int | None
    is_current: bool
    changed: tuple[str, ...]
    authentication: str = "password"
    objection: str = ""
    delegator: str = ""
    delegator_person_key: str = ""
    overruled: str = ""
    conditions: tuple[ConditionItem, ...] = ()
    is_recorded: bool = True


def instant(moment: datetime | None) -> str:
    """RFC 3339 in UTC with microseconds, or nothing."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment is not None else ""
