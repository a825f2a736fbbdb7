"""Every table that the log can vouch for, and how it is compared with the log."""

from __future__ import annotations

from governance.projections.base import Entry, Problem, Projection
from governance.projections.catalog import Models, ProofsOfConcept, Requirements, States, Templates, Versions
from governance.projections.discussion import Remarks
from governance.projections.frameworks import Answers, ControlRulings, FactSignatures, FrameworkEditions
from governance.projections.log import LogKeys
from governance.projections.people import Accounts, Memberships, SecondFactors, Tokens
from governance.projections.policies import PolicyBindings, PolicyTexts, PromotionPolicies
from governance.projections.records import (
    Datasets,
    DatasetUses,
    DatasetVersions,
    Evaluations,
    EvidenceItems,
    Reports,
)
from governance.projections.releases import EmergencyEnds, EmergencyRequests, FollowUps, ReleaseEnds, Releases
from governance.projections.report_signatures import ReportSignatures
from governance.projections.rights import Delegations, SoloModes
from governance.projections.risk import RiskAssessments
from governance.projections.seals import Seals
from governance.projections.signing import DossierSnapshots, SignOffs, Waivers
from governance.projections.votes import Conditions, Overrules
from governance.trust import Trust

__all__ = ["Entry", "Problem", "Projection", "all_projections"]


def all_projections(trust: Trust) -> list[Projection]:
    """A fresh set for one pass over the log. ``trust`` says whose envelopes of releases count."""
    return [
        Accounts(),
        Memberships(),
        Delegations(),
        SoloModes(),
        Tokens(),
        SecondFactors(),
        Templates(),
        PromotionPolicies(),
        PolicyTexts(),
        PolicyBindings(),
        FrameworkEditions(),
        Answers(),
        FactSignatures(),
        ControlRulings(),
        Models(),
        RiskAssessments(),
        Versions(),
        States(),
        Requirements(),
        ProofsOfConcept(),
        Datasets(),
        DatasetVersions(),
        DatasetUses(),
        EvidenceItems(),
        Evaluations(),
        Waivers(),
        SignOffs(),
        Conditions(),
        Overrules(),
        Remarks(),
        DossierSnapshots(),
        Releases(trust),
        ReleaseEnds(),
        EmergencyRequests(),
        EmergencyEnds(),
        FollowUps(),
        Reports(),
        ReportSignatures(),
        LogKeys(trust),
        Seals(trust),
    ]
