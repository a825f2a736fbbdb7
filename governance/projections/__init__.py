"""Every table that the log can vouch for, and how it is compared with the log."""

from __future__ import annotations

from collections.abc import Sequence

from governance.projections.base import Entry, Problem, Projection
from governance.projections.catalog import Models, ProofsOfConcept, Requirements, States, Templates, Versions
from governance.projections.people import Accounts, Memberships, Tokens
from governance.projections.records import (
    Datasets,
    DatasetUses,
    DatasetVersions,
    Evaluations,
    EvidenceItems,
    Reports,
)
from governance.projections.signing import DossierSnapshots, ReleaseEnds, Releases, SignOffs, Waivers

__all__ = ["Entry", "Problem", "Projection", "all_projections"]


def all_projections(vkeys: Sequence[str]) -> list[Projection]:
    """A fresh set for one pass over the log. ``vkeys`` are trusted for the envelopes of releases."""
    return [
        Accounts(),
        Memberships(),
        Tokens(),
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
        Releases(vkeys),
        ReleaseEnds(),
        Reports(),
    ]
