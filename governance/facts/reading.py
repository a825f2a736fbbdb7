"""What every reader of facts is handed, and how one says what it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from governance.dossier import Dossier
from governance.dossier_items import EvaluationItem, EvidenceItem
from governance.dossier_records import read_bodies, records
from governance.evaluation_reading import read_result
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import (
    AuditLogEntry,
    DatasetRole,
    Evaluation,
    Evidence,
    Membership,
    ModelVersion,
    RegisteredModel,
    Release,
    User,
    WorkStatus,
)
from governance.releasing import ENTRY_TYPES

OWNER = "owner"
"""The role that a model's owner holds for it, beside those of the project."""
ROLE_ORDER = (DatasetRole.TEST, DatasetRole.VALIDATION, DatasetRole.TRAINING)


@dataclass(frozen=True)
class Measured:
    """A finished evaluation with its result document, and the log entry that recorded the result."""

    item: EvaluationItem
    row: Evaluation
    result: Mapping[str, Any]
    log_index: int | None

    @cached_property
    def title(self) -> str:
        return f"{self.row.get_kind_display()} on {self.item.dataset} ({self.item.dataset_role} data)"


@dataclass(frozen=True)
class Reading:
    """The dossier and the rows behind it. What the log does not vouch for is left out."""

    dossier: Dossier
    version: ModelVersion

    @property
    def model(self) -> RegisteredModel:
        return self.version.model

    @cached_property
    def roles_by_user(self) -> dict[int, frozenset[str]]:
        """The roles that each person holds for this system now, ``owner`` among them."""
        held: dict[int, set[str]] = {}
        for user, role in (
            Membership.objects.current().filter(project=self.model.project_id).values_list("user", "role")
        ):
            held.setdefault(user, set()).add(role)
        held.setdefault(self.model.owner_id, set()).add(OWNER)
        return {user: frozenset(roles) for user, roles in held.items()}

    def roles_of(self, user: User) -> frozenset[str]:
        return self.roles_by_user.get(user.pk, frozenset())

    @cached_property
    def versions(self) -> list[ModelVersion]:
        """The versions of the model up to this one, oldest first."""
        found = self.model.versions.filter(number__lte=self.version.number).order_by("number")
        return list(found.select_related("created_by"))

    @cached_property
    def releases(self) -> list[Release]:
        """The releases of these versions as the log knows them, oldest first."""
        rows = Release.objects.filter(version__in=[item.pk for item in self.versions])
        found = list(rows.select_related("version__model", "promoted_by").order_by("started_at", "pk"))
        bodies = read_bodies(item.log_index for item in found)
        return [item for item in found if _is_release(bodies.get(item.log_index or -1), item)]

    @cached_property
    def _measured(self) -> tuple[Measured, ...]:
        items = {item.id: item for item in self.dossier.evaluations if self._settles(item)}
        if not items:
            return ()
        completed = AuditLogEntry.objects.filter(
            type="evaluation.completed", subjects__kind="evaluation", subjects__object_id__in=list(items)
        )
        indexes = dict(completed.values_list("subjects__object_id", "index"))
        rows = Evaluation.objects.filter(pk__in=items).select_related("requested_by")
        found = [Measured(items[row.pk], row, read_result(row), indexes.get(row.pk)) for row in rows]
        return tuple(sorted(found, key=lambda one: (ROLE_ORDER.index(one.item.dataset_role), one.item.id)))

    def _settles(self, item: EvaluationItem) -> bool:
        """Whether its numbers are those of its dataset version, by evidence that stands, as the log recorded them."""
        is_recorded = f"evaluation: {item.kind.replace('_', ' ')}" not in self.dossier.unrecorded
        is_done = item.status == WorkStatus.SUCCEEDED and not item.gap
        return is_done and is_recorded and not self.dossier.is_outdated(item)

    def measured(self, kind: str) -> list[Measured]:
        """What was evaluated of this kind: on test data first, then on validation and on training data."""
        return [one for one in self._measured if one.item.kind == kind]

    def tested(self, kind: str) -> list[Measured]:
        """The same, but for what was evaluated on the data that it was trained on: that shows nothing of use."""
        return [one for one in self.measured(kind) if one.item.dataset_role != DatasetRole.TRAINING]

    def evidence(self, *kinds: str) -> list[EvidenceItem]:
        """The evidence of these kinds that nothing supersedes, newest first."""
        found = [
            item
            for item in self.dossier.evidence
            if item.kind in kinds and f"evidence: {item.title}" not in self.dossier.unrecorded
        ]
        return sorted(found, key=lambda item: item.id, reverse=True)

    @cached_property
    def _submitters(self) -> dict[int, int]:
        """Evidence -> who submitted it."""
        return dict(Evidence.objects.filter(version=self.version.pk).values_list("pk", "submitted_by_id"))

    def of_evidence(self, fact: str, value: Any, item: EvidenceItem) -> Recorded:
        """A fact that an item of evidence shows."""
        return self.says(
            fact,
            value,
            Source("evidence", item.id, f"Evidence “{item.title}”", item.digest, item.log_index),
            strength=Strength.ARTEFACT,
            at=datetime.fromisoformat(item.received_at),
            by=(item.submitted_by,),
            digest=item.digest,
            recorder_roles=self.roles_by_user.get(self._submitters.get(item.id, 0), frozenset()),
        )

    def of_evaluation(self, fact: str, value: Any, one: Measured, *, strength: Strength = Strength.MACHINE) -> Recorded:
        """A fact that an evaluation measured."""
        return self.says(
            fact,
            value,
            Source("evaluation", one.item.id, one.title, one.item.result_digest, one.log_index),
            strength=strength,
            at=one.row.finished_at,
            by=(one.item.requested_by,),
            digest=one.item.result_digest,
            recorder_roles=self.roles_of(one.row.requested_by),
        )

    def says(
        self,
        fact: str,
        value: Any,
        source: Source,
        *,
        strength: Strength = Strength.MACHINE,
        at: datetime | None = None,
        by: Iterable[str] = (),
        digest: str = "",
        recorder_roles: frozenset[str] = frozenset(),
    ) -> Recorded:
        """One fact as the record says it."""
        return Recorded(fact, value, strength, at, tuple(by), source, digest, recorder_roles)


def _is_release(body: dict[str, Any] | None, release: Release) -> bool:
    return any(records(body, type, "release", release.pk) for type in ENTRY_TYPES.values())


def open_reading(dossier: Dossier) -> Reading:
    return Reading(dossier, ModelVersion.objects.with_names().get(pk=dossier.version_id))
