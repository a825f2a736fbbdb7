"""Texts of promotion policies for tests: the built-in ones with the next version number."""

from __future__ import annotations

from typing import Any

from governance.actions.policies import adopt_policy, propose_policy
from governance.models import Project, PromotionPolicy, User
from governance.policy import BUILT_IN
from governance.policy_fit import next_number
from tests import cast

HIGH = (BUILT_IN / "high.yaml").read_text(encoding="utf-8")


def next_text(number: int = 2, *changes: tuple[str, str], tier: str = "high") -> str:
    """The built-in text of a tier as version ``number``, with pieces replaced."""
    text = (BUILT_IN / f"{tier}.yaml").read_text(encoding="utf-8").replace("version: 1\n", f"version: {number}\n")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def propose(project: Project, *changes: tuple[str, str], by: User, tier: str = "high", **given: Any) -> PromotionPolicy:
    """Propose the next version for production, or for the environment named."""
    environment = given.pop("environment", "production")
    number = next_number(project, tier, environment)
    text = next_text(number, ("environment: production", f"environment: {environment}"), *changes, tier=tier)
    given = {"reason": "Lessons learned.", "actor": cast.acting(by), "text": text} | given
    return propose_policy(project, risk_tier=tier, environment=environment, **given)


def adopt(policy: PromotionPolicy, *, by: User, password: str = cast.PASSWORD) -> PromotionPolicy:
    return adopt_policy(policy, password=password, actor=cast.acting(by))
