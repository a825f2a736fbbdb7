"""What every action is tried on: lazily made things, and one scenario for each action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from governance.actors import COMMAND, SYSTEM, Actor
from governance.models import User
from tests import cast


class Stage:
    """Lazily made things that the scenarios act on."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request = request

    def __getattr__(self, name: str) -> Any:
        return self.request.getfixturevalue(name)

    def actor(self, who: str) -> Actor:
        """A person at the browser, or the operator at the command line."""
        if who == "operator":
            return Actor(User.objects.system(), COMMAND)
        if who == "portal_itself":
            return Actor(User.objects.system(), SYSTEM)
        return cast.acting(getattr(self, who))


# name -> (who may, type of the entry, prepare(stage) -> act(actor)): a stranger can try the same act.
SCENARIOS: dict[str, tuple[str, str, Callable[[Stage], Callable[[Any], Any]]]] = {}


def scenario(name: str, who: str, type: str) -> Callable[[Callable[[Stage], Any]], None]:
    def keep(prepare: Callable[[Stage], Any]) -> None:
        SCENARIOS[name] = (who, type, prepare)

    return keep
