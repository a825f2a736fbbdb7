"""Which project a page is about, so that every page of a project in solo mode says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from governance.models import Project
from portal.ways_to_project import WAYS


def find_solo_project(things: Iterable[Any]) -> Project | None:
    """The first project in solo mode among those that a page's things belong to."""
    for thing in things:
        project = _follow(thing, WAYS.get(type(thing)))
        if project is not None and project.solo_since is not None:
            return project
    return None


def _follow(thing: Any, way: str | None) -> Project | None:
    """The project at the end of a way; None where a row leaves the way, as an answer of the organisation does."""
    if way is None:
        return None
    for step in filter(None, way.split("__")):
        thing = getattr(thing, step) if thing is not None else None
    found: Project | None = thing
    return found
