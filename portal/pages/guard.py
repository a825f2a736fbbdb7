"""Pages that only some people may open at all."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from governance.actors import Actor
from governance.exceptions import NotPermitted
from governance.models import Project
from governance.permissions import authorise


def require(actor: Actor, verb: str, project: Project | None) -> None:
    """Pass silently, or answer with the page for 403 that says what is lacking. The action asks again."""
    try:
        authorise(actor, verb, project)
    except NotPermitted as refusal:
        raise PermissionDenied(refusal.message) from refusal
