"""Scenarios about models, versions, data, requirements, evidence and evaluations."""

from __future__ import annotations

from datetime import UTC, datetime

from governance.actions import (
    catalog,
    evaluations,
    evidence,
    lineage,
    requirements,
    submission,
)
from tests import cast
from tests.governance.framework_texts import load_shipped
from tests.governance.scenarios.stage import scenario

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@scenario("register_model", "developer", "model.registered")
def _(stage):
    project = stage.project
    return lambda actor: catalog.register_model(project, name="Another", actor=actor)


@scenario("describe_model", "developer", "model.described")
def _(stage):
    model = stage.model
    return lambda actor: catalog.describe_model(model, intended_use="Another.", actor=actor)


@scenario("assess_risk", "compliance", "model.tiered")
def _(stage):
    model = stage.model
    given = {"questionnaire": "general", "answers": cast.ANSWERS["medium"], "rationale": "Advice only."}
    return lambda actor: catalog.assess_risk(model, **given, actor=actor)


@scenario("register_version", "developer", "version.registered")
def _(stage):
    model = stage.model
    return lambda actor: catalog.register_version(model, actor=actor)


@scenario("register_dataset", "developer", "dataset.registered")
def _(stage):
    project = stage.project
    return lambda actor: lineage.register_dataset(project, name="Visits", personal_data="none", actor=actor)


@scenario("register_dataset_version", "developer", "dataset_version.registered")
def _(stage):
    dataset = stage.version.dataset_uses.first().dataset_version.dataset
    return lambda actor: lineage.register_dataset_version(
        dataset, digest="sha256:" + "f" * 64, row_count=3, actor=actor
    )


@scenario("declare_dataset_use", "developer", "dataset_use.declared")
def _(stage):
    version = stage.version
    used = version.dataset_uses.first().dataset_version
    return lambda actor: lineage.declare_dataset_use(version, dataset_version=used, role="validation", actor=actor)


@scenario("generate_requirements", "developer", "requirements.generated")
def _(stage):
    model = stage.model
    return lambda actor: requirements.generate_requirements(model, actor=actor)


@scenario("generate_requirements_from_framework", "validator", "requirements.generated")
def _(stage):
    load_shipped("nyc_ll144")
    model = stage.model
    return lambda actor: requirements.generate_requirements_from_framework(model, framework="nyc-ll144", actor=actor)


@scenario("write_requirement", "validator", "requirement.written")
def _(stage):
    model = stage.model
    return lambda actor: requirements.write_requirement(model, title="Calm", statement="It is calm.", actor=actor)


@scenario("edit_requirement", "validator", "requirement.written")
def _(stage):
    requirement = stage.model.requirements.first()
    return lambda actor: requirements.edit_requirement(requirement, title="T", statement="S", actor=actor)


@scenario("withdraw_requirement", "validator", "requirement.withdrawn")
def _(stage):
    requirement = stage.model.requirements.first()
    return lambda actor: requirements.withdraw_requirement(requirement, reason="Double.", actor=actor)


@scenario("write_proof_of_concept", "developer", "proof_of_concept.written")
def _(stage):
    model = stage.model
    return lambda actor: requirements.write_proof_of_concept(model, problem_statement="P", actor=actor)


@scenario("decide_proof_of_concept", "administrator", "proof_of_concept.decided")
def _(stage):
    poc = stage.model_with_go.proof_of_concept
    return lambda actor: requirements.decide_proof_of_concept(poc, decision="no_go", reason="Risky.", actor=actor)


@scenario("submit_evidence", "developer", "evidence.submitted")
def _(stage):
    version = stage.version
    return lambda actor: evidence.submit_evidence(
        version, kind="file", title="Notes", observed_at=NOW, file=[b"abc"], file_name="a.txt", actor=actor
    )


@scenario("request_evaluation", "developer", "evaluation.requested")
def _(stage):
    version = stage.version
    item = cast.submit(version, "predictions", by=stage.developer, file=[cast.make_predictions(40)], file_name="p.csv")
    return lambda actor: evaluations.request_evaluation(
        version, kind="bias_audit", evidence=item, spec=cast.PREDICTIONS_SPEC, actor=actor
    )


@scenario("cancel_evaluation", "developer", "evaluation.cancelled")
def _(stage):
    version = stage.version
    item = cast.submit(version, "predictions", by=stage.developer, file=[cast.make_predictions(40)], file_name="p.csv")
    evaluation = evaluations.request_evaluation(
        version, kind="bias_audit", evidence=item, spec=cast.PREDICTIONS_SPEC, actor=cast.acting(stage.developer)
    )
    return lambda actor: evaluations.cancel_evaluation(evaluation, actor=actor)


@scenario("submit_version", "developer", "version.submitted")
def _(stage):
    assert stage.model_with_go
    version = stage.version
    return lambda actor: submission.submit_version(version, actor=actor)
