"""What every reader of facts is handed, and how one says what it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from governance.dossier import Dossier
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import Membership, ModelVersion, RegisteredModel, User

OWNER = "owner"
"""The role that a model's owner holds for it, beside those of the project."""


@dataclass(frozen=True)
class Reading:
    """The dossier and the rows behind it."""

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


def open_reading(dossier: Dossier) -> Reading:
    return Reading(dossier, ModelVersion.objects.with_names().get(pk=dossier.version_id))
