"""The gate: may this version be promoted? A pure function of the dossier that returns every finding.

Only MET opens, and a waiver that is signed and unexpired. Whatever is undefined, too small to judge, straddles its
threshold, claimed but not recomputed, or simply absent, keeps the gate closed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from governance.dossier import Dossier
from governance.findings import Area, Finding, FindingStatus
from governance.gate_criteria import judge_claims, judge_criterion
from governance.gate_evaluations import judge_evaluations
from governance.gate_policy import judge_needed_criteria
from governance.gate_signing import judge_sign_offs
from governance.models import DatasetRole, EvidenceKind, PocDecision


@dataclass(frozen=True)
class GateDecision:
    """The judgement over one dossier digest, with all its reasons."""

    dossier_digest: str
    policy_digest: str
    environment: str
    judged_at: datetime
    findings: tuple[Finding, ...]

    @property
    def is_open(self) -> bool:
        return bool(self.findings) and all(finding.opens for finding in self.findings if finding.blocks)

    @property
    def is_ready_to_sign(self) -> bool:
        """Whether only sign-offs are lacking."""
        others = [finding for finding in self.findings if finding.area != Area.SIGN_OFFS]
        return all(finding.opens for finding in others if finding.blocks)

    @property
    def closing(self) -> tuple[Finding, ...]:
        """The findings that keep the gate closed."""
        return tuple(finding for finding in self.findings if finding.blocks and not finding.opens)

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(finding.status for finding in self.findings))


def judge(dossier: Dossier) -> GateDecision:
    """Judge the dossier by the policy it names. Raises nothing for bad content: bad content is a finding."""
    findings = [
        *_judge_identity(dossier),
        *_judge_proof_of_concept(dossier),
        *_judge_lineage(dossier),
        *_judge_evidence(dossier),
        *judge_evaluations(dossier),
        *_judge_requirements(dossier),
        *judge_needed_criteria(dossier),
        *judge_claims(dossier),
    ]
    waived = [_apply_waivers(finding, dossier) for finding in findings]
    return GateDecision(
        dossier_digest=dossier.digest,
        policy_digest=dossier.policy.digest,
        environment=dossier.policy.environment,
        judged_at=dossier.as_of,
        findings=(
            *waived,
            *_judge_records(dossier),
            *_judge_solo_mode(dossier),
            *_judge_questions(dossier),
            *judge_sign_offs(dossier),
        ),
    )


def judge_again(dossier: Dossier, environment: str) -> GateDecision:
    """Judge what may have changed about a release that was once allowed: signatures, waivers, recalls, records.

    What was measured for it was judged then; its evidence is the same by digest.
    """
    return GateDecision(
        dossier_digest=dossier.digest,
        policy_digest=dossier.policy.digest,
        environment=environment,
        judged_at=dossier.as_of,
        findings=(
            *_judge_recalls(dossier),
            *_judge_expiry(dossier),
            *_judge_records(dossier),
            *_judge_solo_mode(dossier),
            *judge_sign_offs(dossier),
        ),
    )


def _judge_expiry(dossier: Dossier) -> list[Finding]:
    return [
        Finding(
            f"waiver:{waiver.id}",
            Area.RECORDS,
            _("Waiver of %(finding)s") % {"finding": waiver.finding_key},
            FindingStatus.STALE,
            _("It ran out on %(day)s.") % {"day": waiver.expires_at[:10]},
        )
        for waiver in dossier.waivers
        if datetime.fromisoformat(waiver.expires_at) <= dossier.as_of
    ]


def _judge_records(dossier: Dossier) -> list[Finding]:
    """What stands in a table without the log opens nothing, and no waiver reaches it."""
    if not dossier.unrecorded:
        return []
    return [
        Finding(
            "records:log",
            Area.RECORDS,
            _("Vouched for by the log"),
            FindingStatus.NOT_MET,
            _("The log does not record this, or records it otherwise: %(parts)s. Ask an operator to verify the log.")
            % {"parts": "; ".join(dossier.unrecorded)},
        )
    ]


def _judge_solo_mode(dossier: Dossier) -> list[Finding]:
    """Shown for ever on what was signed in it; separation of duties was not asked for."""
    if not dossier.solo_mode:
        return []
    return [
        Finding(
            "records:solo_mode",
            Area.RECORDS,
            _("Solo mode"),
            FindingStatus.NOT_MET,
            _("This project is in solo mode: people may sign what they made, and one person may sign in every role."),
            blocks=False,
        )
    ]


def _judge_questions(dossier: Dossier) -> list[Finding]:
    """Open questions are always shown; whether they keep the gate closed, the policy says. No waiver reaches them."""
    if not dossier.open_questions:
        return []
    number = len(dossier.open_questions)
    asked = "; ".join(f"{item.author}: {item.text[:200]}" for item in dossier.open_questions[:5])
    return [
        Finding(
            "questions:open",
            Area.DISCUSSION,
            _("Open questions"),
            FindingStatus.NOT_MET,
            ngettext("%(number)d question is open. %(asked)s", "%(number)d questions are open. %(asked)s", number)
            % {"number": number, "asked": asked},
            blocks=dossier.policy.open_questions_block,
        )
    ]


def _judge_identity(dossier: Dossier) -> list[Finding]:
    artifacts = dossier.version.artifacts
    described = dossier.model.intended_use.strip() and dossier.model.affected_people.strip()
    return [
        Finding(
            "identity:artifact",
            Area.IDENTITY,
            _("Artifact digest"),
            FindingStatus.MET if artifacts else FindingStatus.MISSING,
            ngettext(
                "%(count)d artifact digest is recorded.", "%(count)d artifact digests are recorded.", len(artifacts)
            )
            % {"count": len(artifacts)}
            if artifacts
            else _("No artifact digest is recorded, so nothing says which file is meant."),
        ),
        Finding(
            "identity:intended_use",
            Area.IDENTITY,
            _("Intended use"),
            FindingStatus.MET if described else FindingStatus.MISSING,
            _("Intended use and affected people are described.")
            if described
            else _("Describe the intended use and the people affected."),
        ),
    ]


def _judge_proof_of_concept(dossier: Dossier) -> list[Finding]:
    if not dossier.policy.needs_proof_of_concept:
        return []
    recorded = dossier.proof_of_concept
    if recorded is not None and recorded.decision == PocDecision.GO:
        status = FindingStatus.MET
        detail = _("Go, decided by %(name)s.") % {"name": recorded.decided_by}
    elif recorded is not None and recorded.decision == PocDecision.NO_GO:
        status, detail = FindingStatus.NOT_MET, _("The proof of concept ended with no go.")
    else:
        status, detail = FindingStatus.MISSING, _("No go is recorded for the proof of concept.")
    return [Finding("proof_of_concept:go", Area.PROOF_OF_CONCEPT, _("Go decision"), status, detail)]


def _judge_lineage(dossier: Dossier) -> list[Finding]:
    findings = []
    for role in dossier.policy.lineage:
        status, detail = _judge_data(dossier, role)
        title = _("%(role)s data") % {"role": DatasetRole(role).label}
        findings.append(Finding(f"lineage:{role}", Area.LINEAGE, title, status, detail))
    return findings + _judge_recalls(dossier)


def _judge_recalls(dossier: Dossier) -> list[Finding]:
    """Data that was recalled, used in whatever role or somewhere behind what is used."""
    recalled = {
        item.dataset_version_id: (f"{item.dataset} v{item.number}", item.recalled)
        for item in dossier.datasets
        if item.recalled
    }
    recalled |= {
        item.source_id: (item.source, item.source_recalled) for item in dossier.derivations if item.source_recalled
    }
    return [
        Finding(
            f"lineage:recalled:{pk}",
            Area.LINEAGE,
            _("Recalled data: %(data)s") % {"data": name},
            FindingStatus.NOT_MET,
            _("It was recalled: %(why)s") % {"why": why},
        )
        for pk, (name, why) in recalled.items()
    ]


def _judge_data(dossier: Dossier, role: str) -> tuple[str, str]:
    """Data must be declared, and what a model is tested on must not be what it was trained on."""
    used = [item for item in dossier.datasets if item.role == role]
    if not used:
        return FindingStatus.MISSING, _("No dataset version is declared in this role.")
    trained_on = {item.digest for item in dossier.datasets if item.role == DatasetRole.TRAINING}
    seen_before = [item for item in used if role == DatasetRole.TEST and item.digest in trained_on]
    names = ", ".join(f"{item.dataset} v{item.number}" for item in seen_before or used)
    if seen_before:
        return FindingStatus.NOT_MET, _("%(data)s is declared as training data as well.") % {"data": names}
    return FindingStatus.MET, names


def _judge_evidence(dossier: Dossier) -> list[Finding]:
    oldest = dossier.as_of - timedelta(days=dossier.policy.evidence_days)
    findings = []
    for kind in dossier.policy.evidence:
        offered = [item for item in dossier.evidence if item.kind == kind]
        fresh = [item for item in offered if datetime.fromisoformat(item.observed_at) >= oldest]
        status, detail = FindingStatus.MET, ", ".join(item.title for item in fresh)
        if not offered:
            status, detail = FindingStatus.MISSING, _("None is submitted.")
        elif not fresh:
            status = FindingStatus.STALE
            detail = _("Observed more than %(days)d days ago.") % {"days": dossier.policy.evidence_days}
        elif kind in REVIEWS and any(_outcome(item.content) != "passed" for item in fresh):
            status, detail = FindingStatus.NOT_MET, _("A review did not end with “passed”.")
        findings.append(
            Finding(
                f"evidence:{kind}",
                Area.EVIDENCE,
                str(EvidenceKind(kind).label),
                status,
                detail,
                evidence_ids=tuple(item.id for item in offered),
            )
        )
    return findings


REVIEWS = frozenset({EvidenceKind.SECURITY_REVIEW, EvidenceKind.PRIVACY_REVIEW})


def _outcome(content: dict[str, object] | None) -> object:
    return (content or {}).get("outcome")


def _judge_requirements(dossier: Dossier) -> list[Finding]:
    if not any(requirement.criteria for requirement in dossier.requirements):
        return [
            Finding(
                "criteria:none",
                Area.CRITERIA,
                _("Requirements"),
                FindingStatus.MISSING,
                _("No requirement with an acceptance criterion is recorded."),
            )
        ]
    return [
        judge_criterion(dossier, requirement, criterion)
        for requirement in dossier.requirements
        for criterion in requirement.criteria
    ]


def _apply_waivers(finding: Finding, dossier: Dossier) -> Finding:
    """An unexpired waiver opens the gap it was granted for and never hides it."""
    if finding.opens:
        return finding
    for waiver in dossier.waivers:
        is_meant = (waiver.finding_key, waiver.gap) == (finding.key, finding.gap)
        if is_meant and datetime.fromisoformat(waiver.expires_at) > dossier.as_of:
            detail = _("%(status)s, waived by %(name)s until %(day)s: %(reason)s Found: %(detail)s") % {
                "status": FindingStatus(finding.status).label,
                "name": waiver.granted_by,
                "day": waiver.expires_at[:10],
                "reason": waiver.reason,
                "detail": finding.detail,
            }
            return replace(finding, status=FindingStatus.WAIVED, detail=detail)
    return finding
