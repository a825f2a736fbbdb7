"""Frameworks: what is recorded of a version against them, and recording what the record does not say by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countersign.answers import read_answer
from countersign.transport import Transport
from countersign.types import Coverage, Evidence, FactAnswer, Model, Requirement, Version


class FrameworkVerbs(Transport):
    """Coverage, answers, and requirements made from a framework. Rulings and signatures need a person: a browser."""

    def coverage(self, version: Version, *, framework: str | None = None, state: str | None = None) -> list[Coverage]:
        """Return what is recorded against each framework in force; with controls where one or a state is named."""
        answer = self.get(f"model-versions/{version.id}/coverage", framework=framework, state=state)
        return [read_answer(Coverage, item) for item in answer["frameworks"]]

    def answers(self, version: Version, *, fact: str | None = None) -> list[FactAnswer]:
        """Return the newest answer to each question about the version."""
        rows = self.each(f"model-versions/{version.id}/answers", fact=fact, limit=200)
        return [read_answer(FactAnswer, item) for item in rows]

    def record_answers(
        self, version: Version, facts: Mapping[str, Any], *, evidence: Evidence | None = None
    ) -> list[FactAnswer]:
        """Record facts about the version, all of them or none: text, lists, truths, numbers, days, or None to take an
        answer back. ``evidence`` shows all of them."""
        shown = evidence.id if evidence is not None else None
        body = {"answers": [{"fact": fact, "value": value, "evidence": shown} for fact, value in facts.items()]}
        answer = self.write(f"model-versions/{version.id}/answers", body)
        return [read_answer(FactAnswer, item) for item in answer["answers"]]

    def generate_requirements_from(self, model: Model, framework: str) -> list[Requirement]:
        """Make a requirement of each control that a model's team must see to and that has none yet."""
        answer = self.write(f"models/{model.id}/requirements/from-framework", {"framework": framework})
        return [read_answer(Requirement, item) for item in answer["results"]]
