"""A dossier and its judgement, arranged for a page. Nothing is decided and nothing is asked of the database here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from governance.dossier import Dossier
from governance.dossier_items import CriterionItem, EvaluationItem, EvidenceItem, RequirementItem, SignOffItem
from governance.findings import Area, Finding, FindingStatus
from governance.gate import GateDecision
from governance.gate_signing import Vote, weigh_votes
from governance.models import Comparator

# The worst first; what is settled last.
ORDER = [
    FindingStatus.NOT_MET,
    FindingStatus.MISSING,
    FindingStatus.STALE,
    FindingStatus.INCONCLUSIVE,
    FindingStatus.WAIVED,
    FindingStatus.MET,
]


@dataclass(frozen=True)
class FindingRow:
    """A finding with what was judged. ``anchor`` is its id on the page."""

    finding: Finding
    evidence: tuple[EvidenceItem, ...]
    evaluation: EvaluationItem | None
    can_be_waived: bool

    @property
    def anchor(self) -> str:
        return "finding-" + "".join(c if c.isalnum() else "-" for c in self.finding.key)


@dataclass(frozen=True)
class AreaOfFindings:
    label: str
    rows: tuple[FindingRow, ...]


@dataclass(frozen=True)
class CriterionRow:
    criterion: CriterionItem
    finding: FindingRow

    @property
    def sentence(self) -> str:
        item = self.criterion
        return f"{item.metric.replace('_', ' ')} {Comparator(item.comparator).label} {item.threshold}"


@dataclass(frozen=True)
class RequirementRow:
    """A requirement traced to its criteria, the evidence offered for it and the verdicts."""

    requirement: RequirementItem
    criteria: tuple[CriterionRow, ...]
    evidence: tuple[EvidenceItem, ...]

    @property
    def status(self) -> str:
        """The worst verdict of its criteria; nothing can be said of a requirement without any."""
        found = {row.finding.finding.status for row in self.criteria}
        return next((status for status in ORDER if status in found), "")


@dataclass(frozen=True)
class Slot:
    """A sign-off the policy asks for, and the signature that fills it."""

    finding: Finding
    role: str


class Reading:
    """A dossier with its judgement, for one reader."""

    def __init__(self, dossier: Dossier, decision: GateDecision) -> None:
        self.dossier = dossier
        self.decision = decision

    @cached_property
    def evidence(self) -> dict[int, EvidenceItem]:
        return {item.id: item for item in self.dossier.evidence}

    @cached_property
    def evaluations(self) -> dict[int, EvaluationItem]:
        return {item.id: item for item in self.dossier.evaluations}

    @cached_property
    def rows(self) -> dict[str, FindingRow]:
        return {finding.key: self._row(finding) for finding in self.decision.findings}

    def _row(self, finding: Finding) -> FindingRow:
        return FindingRow(
            finding,
            tuple(self.evidence[pk] for pk in finding.evidence_ids if pk in self.evidence),
            self.evaluations.get(finding.evaluation_id or 0),
            finding.can_be_waived,
        )

    @property
    def gaps(self) -> list[AreaOfFindings]:
        """What keeps the gate closed, by area."""
        return self._by_area(finding for finding in self.decision.findings if finding.blocks and not finding.opens)

    @property
    def advice(self) -> list[AreaOfFindings]:
        """What does not hold and does not block: criteria that should be met."""
        return self._by_area(f for f in self.decision.findings if not f.blocks and not f.opens)

    @property
    def settled(self) -> list[AreaOfFindings]:
        return self._by_area(finding for finding in self.decision.findings if finding.opens)

    @property
    def waived(self) -> list[FindingRow]:
        return [row for row in self.rows.values() if row.finding.status == FindingStatus.WAIVED]

    def _by_area(self, findings: Iterable[Finding]) -> list[AreaOfFindings]:
        grouped: dict[str, list[Finding]] = {}
        for finding in findings:
            grouped.setdefault(finding.area, []).append(finding)
        return [
            AreaOfFindings(
                str(Area(area).label),
                tuple(
                    self.rows[item.key]
                    for item in sorted(found, key=lambda item: ORDER.index(FindingStatus(item.status)))
                ),
            )
            for area, found in grouped.items()
        ]

    @cached_property
    def requirements(self) -> list[RequirementRow]:
        return [
            RequirementRow(
                requirement,
                tuple(
                    CriterionRow(criterion, self.rows[f"criterion:{criterion.key}"])
                    for criterion in requirement.criteria
                ),
                tuple(self.evidence[pk] for pk in requirement.evidence_ids if pk in self.evidence),
            )
            for requirement in self.dossier.requirements
        ]

    @property
    def slots(self) -> list[Slot]:
        """The sign-offs the policy asks for, in its order."""
        return [
            Slot(finding, finding.key.split(":")[1])
            for finding in self.decision.findings
            if finding.key.startswith("sign_off:")
        ]

    @cached_property
    def votes(self) -> list[Vote]:
        """Every sign-off ever given on the version, oldest first, with its weight."""
        return weigh_votes(self.dossier)

    def requirement_keys(self, evidence_id: int) -> list[str]:
        """The requirements for which an item of evidence is offered."""
        return [item.key for item in self.dossier.requirements if evidence_id in item.evidence_ids]

    def contributions_of(self, user_id: int) -> tuple[str, ...]:
        """What the log says this person did to the dossier."""
        return next((item.contributions for item in self.dossier.contributors if item.id == user_id), ())

    def last_word_of(self, user_id: int) -> SignOffItem | None:
        """The person's latest sign-off on this version, whatever became of the dossier since."""
        return next((item for item in reversed(self.dossier.sign_offs) if item.signer_id == user_id), None)
