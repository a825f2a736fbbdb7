"""Until when what was approved holds: the shortest-lived of what opened the gate."""

from __future__ import annotations

from datetime import datetime, timedelta

from governance.dossier import Dossier
from governance.models import APPROVALS


def lasts_until(dossier: Dossier) -> datetime:
    """The first moment at which an approval, a waiver or a condition of this dossier runs out.

    The policy's number of days from now bounds it, so that there always is an end.
    """
    validity = timedelta(days=dossier.policy.sign_off_days)
    ends = [dossier.as_of + validity]
    ends += [item.signed_at + validity for item in dossier.sign_offs if item.is_current and item.decision in APPROVALS]
    ends += [datetime.fromisoformat(waiver.expires_at) for waiver in dossier.waivers]
    return max(min(ends), dossier.as_of)
