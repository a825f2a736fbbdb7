"""Frameworks: what is recorded of a version against them, and the facts that no record says by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countersign.answers import read_answer
from countersign.transport import Transport
from countersign.types import CoverageOfFramework, Model, Requirement, Version


class FrameworkVerbs(Transport):
    """What an auditor reads and a team answers."""

    def coverage(self, version: Version) -> list[CoverageOfFramework]:
        """Return how the version stands against every framework in force: how many controls in which state."""
        told = self.get(f"model-versions/{version.id}/coverage")
        return [read_answer(CoverageOfFramework, row) for row in told["frameworks"]]

    def answered_facts(self, version: Version) -> dict[str, Any]:
        """Return fact -> what somebody answered. What was taken back is not among them."""
        rows = self.each(f"model-versions/{version.id}/answers")
        return {row["fact"]: row["value"] for row in rows if row["value"] is not None}

    def answer_facts(self, version: Version, answers: Mapping[str, Any]) -> None:
        """Record facts about a version: all of them, or none. A value of None takes the former answer back.

        Whoever answers how the version was made contributes to it and cannot sign it.
        """
        given = [{"fact": fact, "value": value} for fact, value in answers.items()]
        self.write(f"model-versions/{version.id}/answers", {"answers": given})

    def carry_over_answer(self, version: Version, fact: str) -> None:
        """Confirm for this version what an earlier one of the model answered."""
        self.write(f"model-versions/{version.id}/answers/carry-over", {"fact": fact})

    def answer_for_organisation(self, fact: str, value: Any) -> None:
        """Record a fact that holds for all models. Takes an organisation administrator."""
        self.write("organisation/answers", {"fact": fact, "value": value})

    def generate_requirements_from(self, model: Model, framework: str) -> list[Requirement]:
        """Make a requirement of each control that a model's team must see to and that has none yet."""
        answer = self.write(f"models/{model.id}/requirements/from-framework", {"framework": framework})
        return [read_answer(Requirement, item) for item in answer["results"]]
