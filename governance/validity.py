"""Until when what was approved holds: the shortest-lived of what opened the gate."""

from __future__ import annotations

from datetime import datetime, timedelta

from governance.dossier import Dossier
from governance.votes import counting_approvals


def lasts_until(dossier: Dossier) -> datetime:
    """The first moment at which something that a release stands on runs out.

    That is a waiver's end, the day on which an open condition is due, and at the latest the policy's days of validity
    for evidence from now on.
    """
    ends = [dossier.as_of + timedelta(days=dossier.policy.evidence_days)]
    ends += [datetime.fromisoformat(waiver.expires_at) for waiver in dossier.waivers]
    ends += [
        condition.due_at
        for vote in counting_approvals(dossier)
        for condition in vote.conditions
        if condition.fulfilled_at is None
    ]
    return min(end for end in ends if end > dossier.as_of)
