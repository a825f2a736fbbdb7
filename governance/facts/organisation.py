"""Facts about the organisation that the portal itself keeps: its inventory, and who holds which role."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source
from governance.models import Membership, ModelVersion, RegisteredModel


def read(reading: Reading) -> Iterator[Recorded]:
    tiers = RegisteredModel.objects.order_by("risk_tier").values_list("risk_tier").annotate(number=Count("pk"))
    counts: dict[str, int] = {f"models_of_{tier}_risk": number for tier, number in tiers}
    counts |= {"models": sum(counts.values()), "versions": ModelVersion.objects.count()}
    at = reading.dossier.as_of
    yield reading.says("org.inventory", counts, Source("inventory", None, "Model inventory of the portal"), at=at)
    held: dict[str, list[str]] = {}
    rows = Membership.objects.current().filter(project=reading.model.project_id, user__is_active=True)
    for row in rows.select_related("user").order_by("role", "pk"):
        held.setdefault(row.role, []).append(row.user.get_full_name())
    held["owner_of_the_model"] = [reading.model.owner.get_full_name()]
    here = Source("project", reading.model.project_id, f"Roles held in {reading.model.project.name}")
    yield reading.says("org.roles", held, here, at=at)
