"""The inventory: models, what is required of them, and their versions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from countersign.answers import read_answer
from countersign.errors import CountersignError
from countersign.files import digest_file
from countersign.transport import Transport
from countersign.types import Model, ModelName, ProjectName, ProofOfConcept, Requirement, Version


def describe_artifact(path: str | os.PathLike[str], *, name: str = "") -> dict[str, Any]:
    """Return name, digest and size of a model file. The file itself stays with you."""
    file = Path(path)
    return {"name": name or file.name, "digest": digest_file(file), "size": file.stat().st_size}


class CatalogVerbs(Transport):
    """Models, requirements, proofs of concept, versions."""

    # --- Models -----------------------------------------------------------------------------------

    def models(self, *, project: ProjectName | None = None, name: str | None = None) -> list[Model]:
        """Return the models that may be seen."""
        chosen = project.id if project is not None else None
        return [read_answer(Model, item) for item in self.each("models", project=chosen, name=name, limit=200)]

    def find_model(self, project: ProjectName, name: str) -> Model | None:
        """Return the project's model of that name, or None."""
        return next(iter(self.models(project=project, name=name)), None)

    def register_model(
        self,
        project: ProjectName,
        name: str,
        *,
        description: str = "",
        intended_use: str = "",
        out_of_scope_uses: str = "",
        affected_people: str = "",
    ) -> Model:
        """Enter a model in the inventory. Until somebody records a tier it counts as high risk."""
        body = {
            "project": project.id,
            "name": name,
            "description": description,
            "intended_use": intended_use,
            "out_of_scope_uses": out_of_scope_uses,
            "affected_people": affected_people,
        }
        return read_answer(Model, self.write("models", body))

    def describe_model(self, model: Model, **texts: str) -> Model:
        """Change what is said of a model's use. Refused (412) when somebody changed it after you read it."""
        answer = self.write(f"models/{model.id}", texts, method="PATCH", revision=model.revision)
        return read_answer(Model, answer)

    def assess_risk(self, model: Model, questionnaire: str, answers: Mapping[str, str], *, rationale: str) -> Model:
        """Answer a risk questionnaire (credit, general, health, hiring): the answers give the model its tier."""
        body = {"questionnaire": questionnaire, "answers": dict(answers), "rationale": rationale}
        answer = self.write(f"models/{model.id}/risk-tier", body, method="PUT", revision=model.revision)
        return read_answer(Model, answer)

    # --- Requirements and the proof of concept ------------------------------------------------------

    def requirements(self, model: ModelName) -> list[Requirement]:
        """Return the model's requirements, oldest first."""
        found = [read_answer(Requirement, item) for item in self.each(f"models/{model.id}/requirements", limit=200)]
        return sorted(found, key=lambda requirement: requirement.id)

    def generate_requirements(self, model: Model) -> None:
        """Make the requirements of the project's template for the model's tier. Once per model."""
        self.write(f"models/{model.id}/requirements/generate")

    def write_requirement(
        self,
        model: Model,
        *,
        title: str,
        statement: str,
        source: str = "",
        criteria: Sequence[Mapping[str, Any]] = (),
    ) -> Requirement:
        """Write one requirement.

        A criterion is {"metric", "comparator": "at_least" or "at_most", "threshold"} and, where it differs from the
        usual, "population" ("overall"), "dataset_role" ("test"), "severity" ("must").
        """
        body = {"title": title, "statement": statement, "source": source, "criteria": [dict(item) for item in criteria]}
        return read_answer(Requirement, self.write(f"models/{model.id}/requirements", body))

    def withdraw_requirement(self, requirement: Requirement, *, reason: str) -> None:
        """Take a requirement back. It stays in the record and no longer binds."""
        self.write(f"requirements/{requirement.id}/withdraw", {"reason": reason})

    def proof_of_concept(self, model: ModelName) -> ProofOfConcept | None:
        """Return the model's proof of concept, or None before there is one."""
        try:
            return read_answer(ProofOfConcept, self.get(f"models/{model.id}/proof-of-concept"))
        except CountersignError as error:
            if error.code == "not_found":
                return None
            raise

    def write_proof_of_concept(
        self,
        model: Model,
        *,
        problem_statement: str,
        risks: str = "",
        open_questions: str = "",
        success_criteria: Sequence[Mapping[str, Any]] = (),
        seen: ProofOfConcept | None = None,
    ) -> ProofOfConcept:
        """Write or rewrite the proof of concept. A rewritten one has no decision: a go was given for another text.

        A success criterion is {"statement", "metric", "comparator", "threshold"} and, where it has been judged,
        "evaluation": the id of the evaluation that measured it.
        """
        body = {
            "problem_statement": problem_statement,
            "risks": risks,
            "open_questions": open_questions,
            "success_criteria": [dict(item) for item in success_criteria],
        }
        revision = seen.revision if seen is not None else None
        answer = self.write(f"models/{model.id}/proof-of-concept", body, method="PUT", revision=revision)
        return read_answer(ProofOfConcept, answer)

    # --- Versions -----------------------------------------------------------------------------------

    def versions(self, model: ModelName) -> list[Version]:
        """Return the model's versions, newest first."""
        return [read_answer(Version, item) for item in self.each(f"models/{model.id}/versions", limit=200)]

    def version(self, version_id: int) -> Version:
        """Return one version as it is now."""
        return read_answer(Version, self.get(f"model-versions/{version_id}"))

    def find_version(self, model: ModelName, *, digest: str) -> Version | None:
        """Return the newest version with this artifact digest, or None."""
        found = self.each("model-versions", model=model.id, digest=digest)
        return next((read_answer(Version, item) for item in found), None)

    def register_version(
        self,
        model: Model,
        *,
        artifacts: Sequence[Mapping[str, Any]],
        artifact_location: str = "",
        source_run: str = "",
        training_code: str = "",
        parent: Version | None = None,
        notes: str = "",
    ) -> Version:
        """Register the model's next version. Its artifacts (see ``describe_artifact``) are fixed from here on."""
        body = {
            "artifacts": [dict(item) for item in artifacts],
            "artifact_location": artifact_location,
            "source_run": source_run,
            "training_code": training_code,
            "parent": parent.id if parent is not None else None,
            "notes": notes,
        }
        return read_answer(Version, self.write(f"models/{model.id}/versions", body))

    def submit_version(self, version: Version, *, environment: str = "production") -> Version:
        """Put a version before its reviewers, for one environment: the policy in force there is bound to it.

        Needs a proof of concept with a recorded go.
        """
        self.write(f"model-versions/{version.id}/submit", {"environment": environment})
        return self.version(version.id)
