"""Which rows a request may see: what its user may see, and for a token bound to a project only that project's."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from governance.actors import Actor
from portal.ways_to_project import WAYS

Row = TypeVar("Row", bound=Model)


def rows_visible_to(actor: Actor, queryset: QuerySet[Row]) -> QuerySet[Row]:
    """Narrow a queryset of a table with ``visible_to`` to what the actor may see."""
    seen: Any = queryset.visible_to(actor.user)  # type: ignore[attr-defined]
    path = WAYS[queryset.model]
    if actor.token_project_id is not None and path is not None:
        seen = seen.filter(**{path or "pk": actor.token_project_id})
    narrowed: QuerySet[Row] = seen
    return narrowed
