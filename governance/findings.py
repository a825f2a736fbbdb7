"""Findings: the reasons a gate gives."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class FindingStatus(TextChoices):
    MET = "MET", _("Met")
    NOT_MET = "NOT_MET", _("Not met")
    MISSING = "MISSING", _("Missing")
    STALE = "STALE", _("Stale")
    INCONCLUSIVE = "INCONCLUSIVE", _("Inconclusive")
    WAIVED = "WAIVED", _("Waived")


class Area(TextChoices):
    PROOF_OF_CONCEPT = "proof_of_concept", _("Proof of concept")
    IDENTITY = "identity", _("Identity")
    LINEAGE = "lineage", _("Lineage")
    EVIDENCE = "evidence", _("Evidence")
    EVALUATIONS = "evaluations", _("Evaluations")
    CRITERIA = "criteria", _("Acceptance criteria")
    CLAIMS = "claims", _("Claims")
    RECORDS = "records", _("Records")
    DISCUSSION = "discussion", _("Discussion")
    SIGN_OFFS = "sign_offs", _("Sign-offs")


@dataclass(frozen=True)
class Finding:
    """One reason. ``key`` is stable, so that a waiver can name it. A finding that does not block is shown all the same.

    ``demand`` says what an acceptance criterion asks for; ``evidence_ids`` and ``evaluation_id`` point at what was
    judged.
    """

    key: str
    area: str
    title: str
    status: str
    detail: str
    blocks: bool = True
    evidence_ids: tuple[int, ...] = ()
    evaluation_id: int | None = None
    demand: str = ""

    @property
    def gap(self) -> str:
        """What a waiver accepts: this status of this demand. Another threshold, or missing turned not met, is another
        gap."""
        return f"{self.status} {self.demand}".strip()

    @property
    def can_be_waived(self) -> bool:
        """Whether a waiver may accept it: no signature, no gap in the records and no open question can be waived."""
        return self.blocks and not self.opens and self.area not in {Area.RECORDS, Area.DISCUSSION, Area.SIGN_OFFS}

    @property
    def opens(self) -> bool:
        return self.status in {FindingStatus.MET, FindingStatus.WAIVED}
