"""The cast: people by role in one project, and a model version as far along as a test needs it.

Everything is made through the actions, as the portal would, so that the log tells the whole story. Fixtures in
tests/conftest.py hand these out; after six months you still know who should see what:
developer submits, validator, compliance and approver sign, administrator decides on the proof of concept,
auditor only reads, stranger belongs to another project.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from governance import runner
from governance.actions import catalog, evaluations, evidence, lineage, people, requirements, signoff, submission
from governance.actors import COMMAND, SESSION, Actor
from governance.dossier import collect
from governance.models import Evaluation, Evidence, ModelVersion, Project, RegisteredModel, Role, SignOff, User

PASSWORD = "correct horse battery staple"
ARTIFACT = "sha256:" + "a" * 64
PREDICTIONS_SPEC = {
    "task": "binary",
    "columns": {"y_true": "y_true", "y_pred": "y_pred", "id": "row_id"},
    "positive_label": "1",
    "sensitive": ["sex"],
    "minimum_group_size": 20,
    "intervals": {"draws": 200, "level": 0.95},
    "seed": 7,
}
ATTRIBUTIONS_SPEC = {
    "columns": {"id": "row_id", "output": "output", "base": "base_value"},
    "prediction_id": "row_id",
    "explainer": "exact",
    "seed": 7,
}
JUNIT = b'<testsuites><testsuite name="serving"><testcase name="a"/><testcase name="b"/></testsuite></testsuites>'
REVIEW = {"outcome": "passed", "reviewer": "Sofia Lindgren", "summary": "Nothing found."}
SIGNERS = (("validator", Role.VALIDATOR), ("compliance", Role.COMPLIANCE), ("approver", Role.APPROVER))


def acting(user: User) -> Actor:
    """The user signed in by password."""
    return Actor(user, SESSION)


def make_organisation_administrator() -> User:
    """The first person of all, made by the operator's command: nobody was there to do it."""
    return people.create_administrator(
        username="root",
        full_name="Ruth Oduya",
        email="ruth@example.org",
        password=PASSWORD,
        actor=Actor(User.objects.system(), COMMAND),
    )


def make_person(username: str, full_name: str, *, by: User) -> User:
    return people.create_user(
        username=username, full_name=full_name, email=f"{username}@example.org", password=PASSWORD, actor=acting(by)
    )


def make_member(username: str, full_name: str, project: Project, role: str, *, by: User) -> User:
    user = make_person(username, full_name, by=by)
    people.grant_role(project, user=user, role=role, actor=acting(by))
    return user


def make_predictions(rows: int = 400, *, wrong_every: int = 20) -> bytes:
    """A prediction file of `rows` rows, half of either sex, wrong in one row of `wrong_every`."""
    lines = ["row_id,sex,y_true,y_pred"]
    for number in range(rows):
        truth = (number // 2) % 2
        guess = 1 - truth if number % wrong_every == 0 else truth
        lines.append(f"{number},{'female' if number % 2 else 'male'},{truth},{guess}")
    return "\n".join(lines).encode() + b"\n"


def make_attributions(rows: int = 100) -> bytes:
    """SHAP values of two features that add up to the output exactly."""
    lines = ["row_id,base_value,output,age,bmi"]
    for number in range(rows):
        age, bmi = (number % 7) / 8, (number % 5) / 16
        lines.append(f"{number},0.5,{0.5 + age + bmi},{age},{bmi}")
    return "\n".join(lines).encode() + b"\n"


def register_model(project: Project, developer: User, name: str = "Readmission triage") -> RegisteredModel:
    """A described model with two hand-written requirements."""
    actor = acting(developer)
    model = catalog.register_model(
        project,
        name=name,
        intended_use="Order the call-back list of a clinic.",
        out_of_scope_uses="Diagnosis.",
        affected_people="Patients of the clinic.",
        actor=actor,
    )
    requirements.write_requirement(
        model,
        title="Right often enough",
        statement="The model decides well on data it has not seen.",
        criteria=[{"metric": "accuracy", "comparator": "at_least", "threshold": "0.8"}],
        actor=actor,
    )
    requirements.write_requirement(
        model,
        title="Selects alike",
        statement="Women and men are selected alike.",
        criteria=[
            {
                "metric": "demographic_parity_difference",
                "comparator": "at_most",
                "threshold": "0.25",
                "population": "by sex",
            },
        ],
        actor=actor,
    )
    return model


_MILD = {"people": "nobody", "harm": "nuisance", "control": "person", "reach": "few", "data": "none", "undo": "easily"}
ANSWERS = {
    "low": _MILD,
    "medium": _MILD | {"people": "public", "harm": "loss"},
    "high": _MILD | {"people": "public", "harm": "serious"},
}
"""Answers to the general questionnaire that give each tier."""


def assess(
    model: RegisteredModel, tier: str, *, by: User, rationale: str = "Thought of.", **given: Any
) -> RegisteredModel:
    """Answer the general questionnaire so that it gives this tier."""
    return catalog.assess_risk(
        model, questionnaire="general", answers=ANSWERS[tier], rationale=rationale, actor=acting(by), **given
    )


def record_go(model: RegisteredModel, *, developer: User, administrator: User) -> None:
    """Write the proof of concept and decide go."""
    poc = requirements.write_proof_of_concept(
        model,
        problem_statement="Too many patients come back within a year.",
        risks="Few data.",
        actor=acting(developer),
    )
    requirements.decide_proof_of_concept(poc, decision="go", reason="Useful enough.", actor=acting(administrator))


def register_version(model: RegisteredModel, developer: User) -> ModelVersion:
    """A version with an artifact, training data and test data derived from it."""
    actor = acting(developer)
    version = catalog.register_version(
        model, artifacts=[{"name": "model.bin", "digest": ARTIFACT, "size": 1234}], actor=actor
    )
    number = version.number
    dataset = lineage.register_dataset(
        model.project, name=f"{model.name} data {number}", personal_data="pseudonymous", actor=actor
    )
    raw = lineage.register_dataset_version(dataset, digest=f"sha256:{number:064x}", row_count=800, actor=actor)
    test = lineage.register_dataset_version(
        dataset,
        digest=f"sha256:{number + 1000:064x}",
        row_count=400,
        schema=[{"name": "sex", "type": "text"}],
        sensitive_columns=["sex"],
        derived_from=[(raw, "every second row")],
        actor=actor,
    )
    lineage.declare_dataset_use(version, dataset_version=raw, role="training", actor=actor)
    lineage.declare_dataset_use(version, dataset_version=test, role="test", actor=actor)
    return version


def submit(version: ModelVersion, kind: str, *, by: User, **given: Any) -> Evidence:
    """Submit one item of evidence observed now."""
    given.setdefault("title", kind.replace("_", " ").capitalize())
    given.setdefault("observed_at", datetime.now(UTC))
    return evidence.submit_evidence(version, kind=kind, actor=acting(by), **given)


def submit_all_evidence(version: ModelVersion, *, developer: User) -> dict[str, Evidence]:
    """Everything the high-risk policy asks for, kind by kind."""
    files = {
        "predictions": ("predictions.csv", make_predictions()),
        "attributions": ("attributions.csv", make_attributions()),
        "validation_report": ("validation.md", b"# Validation\nRe-run and agreed.\n"),
        "test_report": ("junit.xml", JUNIT),
    }
    submitted = {
        kind: submit(version, kind, by=developer, file=[text], file_name=name) for kind, (name, text) in files.items()
    }
    contents: dict[str, dict[str, Any]] = {
        "metrics": {"metrics": [{"name": "accuracy", "value": 0.95}]},
        "security_review": REVIEW,
        "privacy_review": REVIEW,
    }
    submitted |= {kind: submit(version, kind, by=developer, content=content) for kind, content in contents.items()}
    return submitted


def request_evaluations(version: ModelVersion, submitted: dict[str, Evidence], *, by: User) -> list[Evaluation]:
    """Ask for the bias audit and the explanation."""
    specs = {"bias_audit": ("predictions", PREDICTIONS_SPEC), "explanation": ("attributions", ATTRIBUTIONS_SPEC)}
    return [
        evaluations.request_evaluation(
            version, kind=kind, evidence=submitted[evidence_kind], spec=spec, actor=acting(by)
        )
        for kind, (evidence_kind, spec) in specs.items()
    ]


def evaluate(version: ModelVersion, submitted: dict[str, Evidence], *, by: User) -> list[Evaluation]:
    """Have the bias audit and the explanation made, here and now."""
    made = request_evaluations(version, submitted, by=by)
    for evaluation in made:
        runner.run(evaluation.pk)
        evaluation.refresh_from_db()
        assert evaluation.status == "SUCCEEDED", evaluation.failure
    return made


def make_ready_version(model: RegisteredModel, *, developer: User) -> ModelVersion:
    """A version in review whose gate lacks nothing but sign-offs."""
    version = register_version(model, developer)
    evaluate(version, submit_all_evidence(version, developer=developer), by=developer)
    return submission.submit_version(version, actor=acting(developer))


def sign(version: ModelVersion, user: User, role: str, decision: str = "approve", **given: Any) -> SignOff:
    """Sign the dossier as it is now."""
    given.setdefault("dossier_digest", collect(version).digest)
    given.setdefault("password", PASSWORD)
    given.setdefault("meaning", "I have examined this dossier.")
    given.setdefault("reason", "" if decision == "approve" else "Because.")
    given.setdefault("actor", acting(user))
    return signoff.sign_off(version, role=role, decision=decision, **given)


def sign_by_all(version: ModelVersion, signers: Iterable[tuple[User, str]]) -> None:
    for user, role in signers:
        sign(version, user, role)


def read_body(entry: Any) -> dict[str, Any]:
    """The body of a log entry as data."""
    body: dict[str, Any] = json.loads(bytes(entry.body))
    return body
