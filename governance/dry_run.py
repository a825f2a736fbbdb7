"""A dry run: had this policy been in force, which releases that run today would not have been allowed?

Nothing is written. Each live release is read and judged as it stands today, once by the policy that it was promoted
under and once by the other one. Its sign-offs are judged as they were for their own dossier (people, roles, number,
age): they are about another policy's digest, and calling all of them stale would say nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from governance.dossier import Dossier, collect
from governance.exceptions import GovernanceError
from governance.findings import Area, Finding, FindingStatus
from governance.gate import judge
from governance.models import Project, Release
from governance.policies_in_force import read_policy
from governance.policy import Policy, parse_policy


@dataclass(frozen=True)
class DryRun:
    """What a policy would say of one live release. ``closing`` are the findings that would keep its gate closed,
    ``new`` those among them that the release's own policy does not make today."""

    release: Release
    closing: tuple[Finding, ...]
    new: tuple[Finding, ...]

    @property
    def would_fail(self) -> bool:
        return bool(self.closing)


def dry_run(policy: Policy | str, project: Project) -> list[DryRun]:
    """Judge every live release of the policy's tier and environment in the project by it, oldest first."""
    meant = parse_policy(policy) if isinstance(policy, str) else policy
    live = Release.objects.live().filter(
        model__project=project, model__risk_tier=meant.risk_tier, environment=meant.environment
    )
    return [
        _judge(release, meant) for release in live.select_related("dossier", "version__model__project").order_by("pk")
    ]


def _judge(release: Release, policy: Policy) -> DryRun:
    """What cannot be read would not be allowed either, and does not hide what is said of the others."""
    try:
        return _compare(release, policy)
    except GovernanceError as error:
        unreadable = Finding(
            "records:unreadable", Area.RECORDS, _("What is on record"), FindingStatus.NOT_MET, error.message
        )
        return DryRun(release, (unreadable,), ())


def _compare(release: Release, policy: Policy) -> DryRun:
    dossier = _as_promoted(collect(release.version), release.dossier_id)
    own = replace(dossier, policy=_promoted_under(release))
    known = {(finding.key, finding.status) for finding in judge(own).closing}
    closing = judge(replace(dossier, policy=policy)).closing
    return DryRun(release, closing, tuple(item for item in closing if (item.key, item.status) not in known))


def _promoted_under(release: Release) -> Policy:
    """The words that the release's dossier names. Its version may be under review for a further environment by now."""
    named: str = json.loads(release.dossier.document)["policy"]["digest"]
    return read_policy(named)


def _as_promoted(dossier: Dossier, promoted_digest: str) -> Dossier:
    """The dossier with the sign-offs of its promotion taken as current, whatever its digest is by now."""
    sign_offs = tuple(
        replace(item, is_current=True, changed=()) if item.dossier_digest == promoted_digest else item
        for item in dossier.sign_offs
    )
    return replace(dossier, sign_offs=sign_offs)
