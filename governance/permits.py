"""May this artifact run here now? Answered from the release, its log entry and its seal, and from no cache.

Only a release allows. It has to stand in the log as it stands in its table, its time must not be up, and an outsider
must be able to check it: until the signer has sealed it the answer is no.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from django.db.models import Max, Q

from governance import sealing
from governance.attestations import statement_digest
from governance.auditlog import database_now
from governance.canonical import sha256_hex
from governance.dossier import collect
from governance.dossier_records import read_bodies, records
from governance.findings import Finding
from governance.gate import GateDecision, judge
from governance.models import AuditLogEntry, ModelVersion, Release, ReleaseKind
from governance.models.release import ReleaseQuerySet
from governance.releasing import ENTRY_TYPES

LONGEST_KEPT = timedelta(minutes=1)
MOST_KEPT = 256
ENDING = (*ENTRY_TYPES.values(), "version.retired", "release.withdrawn")


@dataclass(frozen=True)
class Permit:
    """``code`` is released, pending_seal, expired, not_recorded or not_released; only the first allows."""

    code: str
    reason: str
    release: Release | None

    @property
    def allowed(self) -> bool:
        return self.code == "released"


def permit_for(version: ModelVersion, environment: str) -> Permit:
    """The answer for one version. Reads a handful of rows by their keys, however much is recorded."""
    live = Release.objects.live().filter(version=version, environment=environment)
    release = live.select_related("version__model__project", "promoted_by").first()
    if release is None:
        return Permit("not_released", f"{version} is {version.state} and is not released into {environment}.", None)
    if not is_recorded(release) or has_ended_in_log(release):
        why = "The log does not record this release as it stands. An operator must run: manage.py verify_log"
        return Permit("not_recorded", why, release)
    if release.expires_at <= database_now():
        return Permit(
            "expired", f"What allowed {version} in {environment} ran out at {_say(release.expires_at)}.", release
        )
    if not sealing.is_sealed(release):
        return Permit("pending_seal", "The release waits for the signer's seal. Ask again in a moment.", release)
    return Permit("released", f"{version} is released into {environment} until {_say(release.expires_at)}.", release)


def is_recorded(release: Release) -> bool:
    """Whether the log's entry speaks of this release, version, environment and statement."""
    index = -1 if release.log_index is None else release.log_index
    body = read_bodies([index]).get(index)
    if body is None or not records(body, ENTRY_TYPES[ReleaseKind(release.kind)], "release", release.pk):
        return False
    data = body["data"]
    said = (data.get("environment"), data.get("dossier"), data.get("statement"))
    is_same = said == (release.environment, release.dossier_id, statement_digest(release.statement))
    versions = {thing["id"] for thing in body["related"] if thing["kind"] == "version"}
    return is_same and versions == {release.version_id} and _ends_as_stated(release)


def has_ended_in_log(release: Release) -> bool:
    """Whether a later entry ended this release, whatever its row says: one that somebody set live again by hand.

    What ends a release is the next one of its model in its environment, a withdrawal, or a retirement of its version.
    """
    later = AuditLogEntry.objects.about("model", release.model_id).filter(type__in=ENDING, index__gt=release.log_index)
    for body in read_bodies(later.values_list("index", flat=True)).values():
        data = body["data"]
        if release.environment in data.get("environments", [data.get("environment")]):
            return True
    return False


def _ends_as_stated(release: Release) -> bool:
    predicate = json.loads(release.statement)["predicate"]
    if "expiresAt" not in predicate:  # a statement of the first format named no end
        return True
    return datetime.fromisoformat(predicate["expiresAt"]) == release.expires_at


def judged_then(release: Release) -> GateDecision:
    """What the gate found when this was released, as far as the log vouches for the words; without them none."""
    index = -1 if release.log_index is None else release.log_index
    data = read_bodies([index]).get(index, {}).get("data", {})
    is_vouched_for = data.get("findings") == sha256_hex(release.findings.encode())
    told: list[dict[str, Any]] = json.loads(release.findings) if is_vouched_for else []
    return GateDecision(
        dossier_digest=release.dossier_id,
        policy_digest=data.get("policy", ""),
        environment=release.environment,
        judged_at=release.started_at,
        findings=tuple(Finding(**row) for row in told),
    )


def _say(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


class _Judgements:
    """Judgements of versions that are not released, kept for a minute while nothing is logged in their project.

    They explain a no and never make it a yes.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, int], tuple[datetime, GateDecision]] = OrderedDict()
        self._lock = Lock()

    def of(self, version: ModelVersion) -> GateDecision:
        key = (version.pk, *_newest_entries(version.model.project_id))
        now = database_now()
        with self._lock:
            found = self._kept.get(key)
        if found is not None and timedelta(0) <= now - found[0] < LONGEST_KEPT:
            return found[1]
        decision = judge(collect(version))
        with self._lock:
            self._kept[key] = (now, decision)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return decision


def _newest_entries(project_id: int) -> tuple[int, int]:
    """The newest entry of the project, and the newest that belongs to none (people, keys)."""
    here = AuditLogEntry.objects.filter(project=project_id).aggregate(newest=Max("index"))["newest"]
    elsewhere = AuditLogEntry.objects.filter(project=None).aggregate(newest=Max("index"))["newest"]
    return -1 if here is None else here, -1 if elsewhere is None else elsewhere


judgements = _Judgements()


def in_use_at(at: datetime) -> ReleaseQuerySet:
    """The releases that were in force at an instant: begun by then, and neither ended nor run out."""
    begun = Release.objects.filter(started_at__lte=at, expires_at__gt=at)
    return begun.filter(Q(ended_at=None) | Q(ended_at__gt=at)).order_by("model__name", "environment", "pk")
