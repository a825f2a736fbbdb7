"""Diabetes triage, from study data to the gate: what a data scientist does with Countersign.

    export COUNTERSIGN_URL=http://127.0.0.1:8000
    export COUNTERSIGN_TOKEN=csn_...          # scopes: read and submit
    python diabetes_triage.py --design blind  # a first version; the gate says what is missing
    python diabetes_triage.py --design full   # the next one

Read it from top to bottom and put your own model where ``diabetes_study`` is imported. Every number that is submitted
is computed here and now. Started a second time, the script goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diabetes_study as study
import pandas as pd
from logistic_model import LogisticModel
from model_card import write_model_card
from model_checks import Subject, measure_load, run_checks
from rich.console import Console
from tables import Origin, Table, record_table, write_csv

from countersign import Client, CountersignError, describe_artifact, digest_file
from countersign.export import export_model
from countersign.showing import gate_table
from countersign.types import DatasetVersion, Evaluation, Evidence, Model, Project, Version

console = Console()

# --- 1. What the model is for, written down before it is judged ---------------------------------------

MODEL = "Diabetes triage"
USE = {
    "description": "Estimates which patients' diabetes will progress fast within one year of a baseline visit.",
    "intended_use": "Order the call-back list of a diabetes clinic: flagged patients are offered an early visit. "
    "A nurse sees the estimate with its reasons and decides.",
    "out_of_scope_uses": "Diagnosis, choice of medication, denial of a visit, insurance, people without diabetes.",
    "affected_people": "Adults with diabetes who had a baseline visit at the clinic.",
}
RISK = {"state": "serious", "role": "drives", "oversight": "clinician", "site": "here"}
TIER = "It decides who is called back first. A patient who is wrongly left waiting may come to harm."


def at_least(metric: str, threshold: str, population: str = "overall", severity: str = "must") -> dict[str, str]:
    """An acceptance criterion on the test data."""
    given = {"metric": metric, "threshold": threshold, "population": population, "severity": severity}
    return {"comparator": "at_least", **given}


REQUIREMENTS: tuple[dict[str, Any], ...] = (
    {
        "title": "Finds the patients who will get worse",
        "statement": "Of the patients whose disease progresses fast, at least seven in ten are flagged.",
        "source": "Clinic board: purpose of the triage",
        "criteria": [at_least("tpr", "0.7")],
    },
    {
        "title": "Early visits are worthwhile",
        "statement": "At least half of the patients who are called back early are rightly called back.",
        "source": "Clinic board: capacity of the early visits",
        "criteria": [at_least("precision", "0.5")],
    },
    {
        "title": "Serves both sexes",
        "statement": "The model finds fast progression in either sex, and calls both back about equally often.",
        "source": "Clinic board: equal treatment",
        "criteria": [
            *(at_least("tpr", "0.6", f"sex={sex}") for sex in study.SEXES.values()),
            {
                "metric": "demographic_parity_difference",
                "comparator": "at_most",
                "threshold": "0.2",
                "population": "by sex",
            },
        ],
    },
    {
        "title": "Serves all ages",
        "statement": "The model finds at least half of the fast progressions in every age band.",
        "source": "Clinic board: equal treatment",
        "criteria": [at_least("tpr", "0.5", f"age_band={band}", "should") for band in study.AGE_BANDS],
    },
)


def describe_the_model(portal: Client, project: Project) -> Model:
    """Register the model with its use, its risk tier and its requirements."""
    model = portal.find_model(project, MODEL) or portal.register_model(project, MODEL, **USE)
    if not model.risk_tier_rationale:
        model = portal.assess_risk(model, "health", RISK, rationale=TIER)
    written = {requirement.title for requirement in portal.requirements(model)}
    if not written:
        portal.generate_requirements(model)  # what the project demands of every high-risk model
    for requirement in REQUIREMENTS:
        if requirement["title"] not in written:
            portal.write_requirement(model, **requirement)
    return model


# --- 2. The data, and where they come from --------------------------------------------------------------


STUDY = Origin(study.SOURCE, "As distributed with scikit-learn (BSD-3-Clause)", personal_data="pseudonymous")


def record_data(portal: Client, project: Project, folder: Path) -> tuple[pd.DataFrame, DatasetVersion]:
    """Read and label the study, and record both tables. Returns the labelled patients and their dataset version."""
    raw = study.read_study()
    labelled = study.label_study(raw)
    raw_table = Table(
        "Diabetes study",
        "442 patients with ten baseline measurements and the progression of their disease after one year.",
        write_csv(raw, folder / "study.csv"),
        STUDY,
        study.COLUMNS,
        ["age", "sex_code"],
    )
    labelled_table = Table(
        "Diabetes study, labelled",
        "The same patients with the label to be predicted and the groups to be compared.",
        write_csv(labelled, folder / "labelled.csv"),
        STUDY,
        study.COLUMNS,
        ["age", "sex_code", *study.SENSITIVE],
    )
    recorded = record_table(portal, project, raw_table)
    how = f"label: progression of {study.FAST_FROM} or more; groups: sex by its code, age in three bands"
    return labelled, record_table(portal, project, labelled_table, derived_from=[(recorded, how)])


# --- 3. One version: the artifact, its data, its evidence -------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A trained design with everything that was written about it to disk."""

    trained: study.Trained
    metrics: list[dict[str, Any]]
    model_file: Path
    model_document: Path
    table: Path
    scored: Path
    predictions: Path
    shap_values: Path
    model_card: Path
    checks: Path
    load: dict[str, float]


def make_candidate(design: study.Design, labelled: pd.DataFrame, folder: Path) -> Candidate:
    """Train, predict, explain, check and time a design."""
    folder.mkdir(parents=True, exist_ok=True)
    trained = study.train(design, labelled)
    metrics = study.compute_metrics(trained.predictions)
    model = LogisticModel.from_pipeline(trained.pipeline, design.features, flag_at=design.flag_at)
    subject = Subject.load(model.save(folder / "model.json"), trained.pipeline, labelled)
    return Candidate(
        trained=trained,
        metrics=metrics,
        model_file=subject.path,
        model_document=_write_document(trained, folder / "numbers.json"),
        table=folder.parent / "labelled.csv",
        scored=write_csv(study.score(trained, labelled), folder / "scored.csv"),
        predictions=write_csv(trained.predictions, folder / "predictions.csv"),
        shap_values=write_csv(study.explain(trained, labelled), folder / "shap.csv"),
        model_card=write_model_card(
            folder / "model-card.md",
            title=f"{MODEL}: {design.title}",
            use=USE,
            design=f"{design.notes} Logistic regression on standardised inputs; flags from {design.flag_at:.0%}.",
            features=design.features,
            data=f"{len(labelled)} patients of {study.SOURCE}. Fast: progression of {study.FAST_FROM} or more.",
            metrics=metrics,
            limits=study.LIMITS,
        ),
        checks=run_checks(subject, folder / "checks.xml", name="model_file"),
        load=measure_load(subject),
    )


def _write_document(trained: study.Trained, path: Path) -> Path:
    """Write the model down as numbers, from which the portal computes predictions and SHAP values itself."""
    document = export_model(trained.pipeline, feature_names=list(trained.design.features))
    path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return path


def register_candidate(portal: Client, model: Model, candidate: Candidate) -> Version:
    """Register the version by the digest of its model file. An artifact that is known is gone on with."""
    artifact = describe_artifact(candidate.model_file)
    known = portal.find_version(model, digest=artifact["digest"])
    if known is not None:
        return known
    earlier = portal.versions(model)
    design = candidate.trained.design
    return portal.register_version(
        model,
        artifacts=[artifact],
        artifact_location=f"models/{candidate.model_file.parent.name}/{candidate.model_file.name}",
        source_run=f"diabetes_triage.py --design {candidate.model_file.parent.name}",
        training_code=f"diabetes_study.py {digest_file(study.__file__)}",
        parent=earlier[0] if earlier else None,
        notes=design.notes,
    )


@dataclass(frozen=True)
class Submitted:
    """What the audits read."""

    predictions: Evidence
    values: Evidence
    document: Evidence
    scored: Evidence
    table: Evidence


def submit_everything(portal: Client, version: Version, candidate: Candidate) -> Submitted:
    """Submit what a developer can show. ``once=True``: a script that is started again does not submit twice."""
    required = {requirement.title: requirement for requirement in portal.requirements(version.model)}
    tested, fast = required["Tested"], required["Fast enough to be used"]
    measured = [required[name] for name in ("Useful on unseen data", *(item["title"] for item in REQUIREMENTS))]
    portal.submit_metrics(version, candidate.metrics, title="Leave-one-out metrics", requirements=measured, once=True)
    portal.submit_document(version, candidate.model_card, title="Model card", once=True)
    portal.submit_test_report(
        version, candidate.checks, title="Checks of the model file", requirements=[tested], once=True
    )
    portal.submit_load_test(
        version,
        candidate.load,
        title="Load test in process",
        description="Single predictions one after another in the process that ran this script; no network.",
        requirements=[fast],
        once=True,
    )
    predictions = portal.submit_predictions(
        version, candidate.predictions, title="Leave-one-out predictions", requirements=measured, once=True
    )
    values = portal.submit_attributions(
        version, candidate.shap_values, title="SHAP values of the fitted model", once=True
    )
    document = portal.submit_evidence(
        version, kind="model_document", title="The model as numbers", file=candidate.model_document, once=True
    )
    scored = portal.submit_table(version, candidate.scored, title="Patients as the fitted model scores them", once=True)
    table = portal.submit_table(version, candidate.table, title="Diabetes study, labelled", once=True)
    return Submitted(predictions, values, document, scored, table)


# --- 4. The audits and the gate -----------------------------------------------------------------------------

BIAS_SPEC = {
    "task": "binary",
    "columns": {"id": "patient", "y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"},
    "positive_label": "1",
    "sensitive": study.SENSITIVE,
    "minimum_group_size": 20,
    "seed": 1,
}


QUALITY_SPEC = {
    "key": ["patient"],
    "label": "fast_progression",
    "columns": {
        "bmi": {"type": "number", "minimum": 10, "maximum": 60},
        "blood_pressure": {"type": "number", "minimum": 40, "maximum": 160},
        "sex": {"type": "text", "values": list(study.SEXES.values())},
    },
}


def request_audits(portal: Client, version: Version, candidate: Candidate, submitted: Submitted) -> list[Evaluation]:
    """Have the portal measure the predictions by group, check the SHAP values, compute them itself from the model as
    numbers, and profile the training data; wait for all of it."""
    asked = {(evaluation.kind, evaluation.evidence): evaluation for evaluation in portal.evaluations(version)}
    flag_at = candidate.trained.design.flag_at
    turns_at = math.log(flag_at / (1 - flag_at))
    explanation_spec = {
        "columns": {"id": "patient", "output": "log_odds", "base": "base_value"},
        "prediction_id": "patient",
        "sensitive": study.SENSITIVE,
        "threshold": turns_at,
        "output": "log-odds of fast progression",
        "explainer": "shap.LinearExplainer",
        "background": "all 442 patients",
    }
    recomputed_spec = {
        "columns": {"id": "patient", "margin": "log_odds"},
        "explained": "margin",
        "sensitive": study.SENSITIVE,
        "threshold": turns_at,
        "protected": ["age", "sex_code"],
    }
    wanted: list[tuple[str, Evidence, dict[str, Any], dict[str, Any]]] = [
        ("bias_audit", submitted.predictions, BIAS_SPEC, {}),
        ("explanation", submitted.values, explanation_spec, {}),
        ("explanation", submitted.document, recomputed_spec, {"inputs": {"data": submitted.scored}}),
        ("data_quality", submitted.table, QUALITY_SPEC, {"dataset_role": "training"}),
    ]
    work = [
        asked.get((kind, evidence.id)) or portal.request_evaluation(kind, version, evidence, spec, **more)
        for kind, evidence, spec, more in wanted
    ]
    finished = [portal.wait_for(item) for item in work]
    for work in finished:
        if work.failure:
            raise CountersignError("audit_failed", None, f"The {work.kind} failed: {work.failure}")
    return finished


def write_the_proof_of_concept(portal: Client, model: Model, audit: Evaluation) -> None:
    """Say what was to be shown before a production model is worth building, judged by the first version's audit."""
    if portal.proof_of_concept(model) is not None:
        return
    judged = {"comparator": "at_least", "evaluation": audit.id}
    portal.write_proof_of_concept(
        model,
        problem_statement="Early visits go to whoever calls first, while others get worse unseen. Can ten measurements "
        "of the baseline visit tell who will progress fast?",
        risks="Few patients, one study, measured decades ago. The coding of sex is not documented. A triage that finds "
        "one sex less often would shift waiting to them.",
        open_questions="Does it hold in our own clinic? Which flagging threshold fits the capacity of early visits?",
        success_criteria=[
            {"statement": "It tells fast from slow.", "metric": "auc", "threshold": "0.75", **judged},
            {"statement": "It is right more often than not.", "metric": "accuracy", "threshold": "0.65", **judged},
        ],
    )


# --- 5. All of it ---------------------------------------------------------------------------------------------


def offer(portal: Client, project: Project, design_name: str, folder: Path) -> Version:
    """Bring one design before the gate."""
    design = study.DESIGNS[design_name]
    with console.status("Describing the model"):
        model = describe_the_model(portal, project)
    with console.status("Recording the data"):
        labelled, training = record_data(portal, project, folder)
    with console.status(f"Training {design.title}, leaving one patient out at a time"):
        candidate = make_candidate(design, labelled, folder / design_name)
    with console.status("Registering the version and submitting its evidence"):
        version = register_candidate(portal, model, candidate)
        table = Table(
            "Diabetes triage predictions",
            "The label and the prediction of every patient, made by a model that has not seen that patient.",
            candidate.predictions,
            STUDY,
            study.COLUMNS,
            study.SENSITIVE,
        )
        how = f"leave-one-out predictions of {version}"
        test = record_table(portal, project, table, derived_from=[(training, how)])
        declared = {use.role for use in portal.dataset_uses(version)}
        for role, used in (("training", training), ("test", test)):
            if role not in declared:
                portal.declare_dataset_use(version, used, role=role)
        submitted = submit_everything(portal, version, candidate)
    with console.status("Waiting for the audit, the explanations and the profile of the data"):
        audit, *_others = request_audits(portal, version, candidate, submitted)
    write_the_proof_of_concept(portal, model, audit)
    return version


def main() -> int:
    """Read the command line, offer the version, print the gate."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--design", choices=study.DESIGNS, default="full")
    parser.add_argument("--project", default="Clinical decision support")
    parser.add_argument("--folder", type=Path, default=Path("diabetes-triage"), help="where files are written")
    given = parser.parse_args()
    try:
        with Client(os.environ["COUNTERSIGN_URL"], os.environ["COUNTERSIGN_TOKEN"]) as portal:
            project = portal.find_project(given.project)
            if project is None:
                raise CountersignError("no_project", None, f"You are in no project named “{given.project}”.")
            version = offer(portal, project, given.design, given.folder)
            gate = portal.gate(version)
    except CountersignError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    console.print(f"{version} is registered.", style="bold")
    console.print(gate_table(gate))
    return 0


if __name__ == "__main__":
    sys.exit(main())
