"""A second, shorter example: the tumours of the breast cancer study that comes with scikit-learn.

    python breast_cancer.py --design means       # ten mean measurements of each image
    python breast_cancer.py --design everything  # means, errors and worst values

Read ``diabetes_triage.py`` first; what is explained there is not explained again. This study records nothing about the
people behind the images, so nobody can say from it whether the model serves women of different ages or origins alike.
The audit groups the images by texture instead, and the model card says so.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from logistic_model import LogisticModel
from model_card import write_model_card
from model_checks import Subject, run_checks
from rich.console import Console
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import Origin, Table, record_table, write_csv
from threadpoolctl import threadpool_limits

from countersign import Client, CountersignError, describe_artifact, digest_file
from countersign.showing import gate_table
from countersign.types import Evaluation, Model, Project, Version

MODEL = "Breast tumour triage"
USE = {
    "description": "Estimates from a fine needle aspirate whether a breast mass is malignant.",
    "intended_use": "Order the reading list of the cytology laboratory: flagged images are read first, all are read.",
    "out_of_scope_uses": "Diagnosis, leaving an image unread, other tissue, other staining or imaging.",
    "affected_people": "Patients whose fine needle aspirates are read by the laboratory.",
}
RISK = {"state": "serious", "role": "informs", "oversight": "clinician", "site": "here"}
TIER = "It changes the order of reading only: every image is read by a cytologist on the same day."
SOURCE = Origin(
    "Wolberg, Mangasarian, Street and Street (1995), Breast Cancer Wisconsin (Diagnostic)",
    "CC BY 4.0; as distributed with scikit-learn",
    personal_data="pseudonymous",
)
TEXTURES = ("smooth", "medium", "coarse")
FLAG_AT = 0.3
DESIGNS = {
    "means": ("Ten mean measurements", slice(0, 10)),
    "everything": ("Means, standard errors and worst values: thirty measurements", slice(0, 30)),
}
REQUIREMENTS: tuple[dict[str, Any], ...] = (
    {
        "title": "Malignant masses are read first",
        "statement": "At least nine in ten malignant masses are flagged.",
        "source": "Laboratory board",
        "criteria": [{"metric": "tpr", "comparator": "at_least", "threshold": "0.9"}],
    },
    {
        "title": "Works on every texture",
        "statement": "Malignant masses are flagged whatever the texture of the image.",
        "source": "Laboratory board",
        "criteria": [
            {
                "metric": "tpr",
                "comparator": "at_least",
                "threshold": "0.8",
                "population": f"texture={texture}",
                "severity": "should",
            }
            for texture in TEXTURES
        ],
    },
)
LIMITS = (
    "The study records nothing about the people behind the images. Whether the model serves people of different age or "
    "origin alike cannot be told from it; groups are thirds of image texture.",
    "One laboratory, images of the early 1990s.",
)


@dataclass(frozen=True)
class Candidate:
    """A trained design: files on disk and claimed metrics."""

    title: str
    subject: Subject
    predictions: Path
    metrics: list[dict[str, Any]]


def read_study() -> pd.DataFrame:
    """Return the 569 images with label and texture group; malignant is 1."""
    frame = load_breast_cancer(as_frame=True).frame
    frame.insert(0, "image", [f"B{number:03d}" for number in range(1, len(frame) + 1)])
    thirds = pd.qcut(frame["mean texture"], len(TEXTURES), labels=TEXTURES)
    return frame.assign(texture=thirds.astype(str), malignant=1 - frame["target"]).drop(columns="target")


def make_candidate(design: str, images: pd.DataFrame, folder: Path) -> Candidate:
    """Train on all images; predict each by a model that was trained on the other nine tenths."""
    folder.mkdir(parents=True, exist_ok=True)
    title, chosen = DESIGNS[design]
    features = list(images.columns[1:31][chosen])
    inputs, truth = images[features].to_numpy(), images["malignant"].to_numpy()
    pipeline: Pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    tenths = StratifiedKFold(10, shuffle=True, random_state=0)
    with threadpool_limits(1):
        risk = cross_val_predict(pipeline, inputs, truth, cv=tenths, method="predict_proba")[:, 1]
        pipeline.fit(inputs, truth)
    flagged = (risk >= FLAG_AT).astype(int)
    predictions = images[["image", "texture"]].assign(y_true=truth, y_pred=flagged, y_score=risk)
    model = LogisticModel.from_pipeline(pipeline, features, flag_at=FLAG_AT)
    return Candidate(
        title=title,
        subject=Subject.load(model.save(folder / "model.json"), pipeline, images),
        predictions=write_csv(predictions, folder / "predictions.csv"),
        metrics=[
            {"name": "accuracy", "value": accuracy_score(truth, flagged)},
            {"name": "tpr", "value": recall_score(truth, flagged)},
            {"name": "precision", "value": precision_score(truth, flagged)},
            {"name": "auc", "value": roc_auc_score(truth, risk)},
        ],
    )


def describe_the_model(portal: Client, project: Project) -> Model:
    """Register the model with its use, tier and requirements."""
    model = portal.find_model(project, MODEL) or portal.register_model(project, MODEL, **USE)
    if not model.risk_tier_rationale:
        model = portal.assess_risk(model, "health", RISK, rationale=TIER)
    written = {requirement.title for requirement in portal.requirements(model)}
    if not written:
        portal.generate_requirements(model)
    for requirement in REQUIREMENTS:
        if requirement["title"] not in written:
            portal.write_requirement(model, **requirement)
    return model


def register_candidate(
    portal: Client, project: Project, model: Model, design: str, candidate: Candidate, images: Path
) -> Version:
    """Register the version and its lineage: images, and the predictions derived from them."""
    artifact = describe_artifact(candidate.subject.path)
    earlier = portal.versions(model)
    version = portal.find_version(model, digest=artifact["digest"]) or portal.register_version(
        model,
        artifacts=[artifact],
        source_run=f"breast_cancer.py --design {design}",
        training_code=f"breast_cancer.py {digest_file(__file__)}",
        parent=earlier[0] if earlier else None,
        notes=f"{candidate.title}.",
    )
    training = record_table(portal, project, Table("Breast tumour images", "569 images, measured.", images, SOURCE))
    described = "Label and prediction of every image, by a model that has not seen it."
    table = Table("Breast tumour predictions", described, candidate.predictions, SOURCE)
    how = f"tenfold cross-validated predictions of {version}"
    test = record_table(portal, project, table, derived_from=[(training, how)])
    declared = {use.role for use in portal.dataset_uses(version)}
    for role, used in (("training", training), ("test", test)):
        if role not in declared:
            portal.declare_dataset_use(version, used, role=role)
    return version


def submit_and_audit(portal: Client, version: Version, candidate: Candidate, folder: Path) -> Evaluation:
    """Submit the evidence and have the predictions audited."""
    card = write_model_card(
        folder / "model-card.md",
        title=f"{MODEL}: {candidate.title}",
        use=USE,
        design=f"Logistic regression on standardised inputs; flags from {FLAG_AT:.0%}.",
        features=candidate.subject.model.features,
        data=f"569 images of {SOURCE.source}.",
        metrics=candidate.metrics,
        limits=LIMITS,
    )
    portal.submit_document(version, card, title="Model card", once=True)
    portal.submit_metrics(version, candidate.metrics, title="Cross-validated metrics", once=True)
    report = run_checks(candidate.subject, folder / "checks.xml", name="model_file")
    portal.submit_test_report(version, report, title="Checks of the model file", once=True)
    predictions = portal.submit_predictions(
        version, candidate.predictions, title="Cross-validated predictions", once=True
    )
    asked = portal.evaluations(version)
    spec = {
        "task": "binary",
        "columns": {"id": "image", "y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"},
        "positive_label": "1",
        "sensitive": ["texture"],
        "seed": 1,
    }
    return portal.wait_for(asked[0] if asked else portal.request_bias_audit(version, predictions, spec))


def offer(portal: Client, project: Project, design: str, folder: Path) -> Version:
    """Bring one design before the gate."""
    model = describe_the_model(portal, project)
    images = read_study()
    path = write_csv(images, folder / "images.csv")
    candidate = make_candidate(design, images, folder / design)
    version = register_candidate(portal, project, model, design, candidate, path)
    audit = submit_and_audit(portal, version, candidate, folder / design)
    if portal.proof_of_concept(model) is None:
        judged = {"metric": "auc", "comparator": "at_least", "threshold": "0.9", "evaluation": audit.id}
        portal.write_proof_of_concept(
            model,
            problem_statement="Images are read in the order they arrive. Can their measurements tell which to read "
            "first?",
            risks="Readers may trust an image that is not flagged too readily.",
            open_questions="Do the measurements of our own microscope agree with the study's?",
            success_criteria=[{"statement": "It tells malignant from benign.", **judged}],
        )
    return version


def main() -> int:
    """Read the command line, offer the version, print the gate."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--design", choices=DESIGNS, default="everything")
    parser.add_argument("--project", default="Clinical decision support")
    parser.add_argument("--folder", type=Path, default=Path("breast-cancer"), help="where files are written")
    given = parser.parse_args()
    console = Console()
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
