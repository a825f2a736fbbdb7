"""Every table that the log can vouch for, and how it is compared with the log."""

from __future__ import annotations

from governance.projections.base import Entry, Problem, Projection
from governance.projections.catalog import Models, ProofsOfConcept, Requirements, States, Templates, Versions
from governance.projections.discussion import Remarks
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
from governance.projections.seals import Seals
from governance.projections.signing import DossierSnapshots, ReleaseEnds, Releases, SignOffs, Waivers
from governance.trust import Trust

__all__ = ["Entry", "Problem", "Projection", "all_projections"]


def all_projections(trust: Trust) -> list[Projection]:
    """A fresh set for one pass over the log. ``trust`` says whose envelopes of releases count."""
    return [
        Accounts(),
        Memberships(),
        Tokens(),
        SecondFactors(),
        Templates(),
        Models(),
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
        DossierSnapshots(),
        Releases(trust),
        ReleaseEnds(),
        Remarks(),
        Reports(),
        LogKeys(trust),
        Seals(trust),
    ]
