"""The data science of the diabetes example: data, designs, training. Nothing here knows of Countersign.

The data are the 442 patients of Efron, Hastie, Johnstone and Tibshirani, "Least Angle Regression" (2004), as they come
with scikit-learn, so this runs without a network. The model flags patients whose disease will probably progress fast
within a year. Age and sex are sensitive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

SOURCE = "Efron, Hastie, Johnstone, Tibshirani (2004), Least Angle Regression, Annals of Statistics 32(2)"
FAST_FROM = 180
"""The progression score from which a patient counts as fast: about the upper third of the study."""
LIMITS = (
    "442 patients of one study, published in 2004: nothing is known about other clinics or later years.",
    "Which sex is code 1 and which is code 2 is not documented.",
    "The versions were designed one after another on the same patients, so the later ones look slightly better than "
    "they would on new patients. The intervals of the audit do not cover this.",
    "The SHAP values explain the model fitted on all patients; the predictions come from models that left the patient "
    "out. The two differ a little in each patient.",
)

COLUMNS = {
    "age": "Age at the baseline visit, in years",
    "sex_code": "Sex as coded in the study, 1 or 2; the study does not say which is which",
    "bmi": "Body mass index",
    "blood_pressure": "Average blood pressure",
    "total_cholesterol": "s1: total serum cholesterol",
    "ldl": "s2: low-density lipoproteins",
    "hdl": "s3: high-density lipoproteins",
    "cholesterol_ratio": "s4: total cholesterol / HDL",
    "triglycerides": "s5: possibly the logarithm of the serum triglycerides level",
    "glucose": "s6: blood sugar level",
    "progression": "Disease progression one year after the baseline visit",
    "sex": "The study's code of sex as a group name",
    "age_band": "Age in three bands",
    "fast_progression": f"1 where progression is at least {FAST_FROM}",
    "y_true": f"1 where progression is at least {FAST_FROM}",
    "y_pred": "1 where the patient is flagged",
    "y_score": "The estimated risk of fast progression",
}
INPUTS = list(COLUMNS)[:10]
SENSITIVE = ["sex", "age_band"]
# The study does not say which code is which sex, so neither do we.
SEXES = {1.0: "code 1", 2.0: "code 2"}
AGE_BANDS = ("under 40", "40 to 54", "55 and over")


def read_study() -> pd.DataFrame:
    """Return the 442 patients in the study's own units, one row each."""
    study = load_diabetes(scaled=False, as_frame=True).frame
    study.columns = list(COLUMNS)[: len(study.columns)]
    study.insert(0, "patient", [f"P{number:03d}" for number in range(1, len(study) + 1)])
    return study


def label_study(study: pd.DataFrame) -> pd.DataFrame:
    """Add what is to be predicted and the groups that are compared. Patients are grouped only here, never dropped."""
    bands = pd.cut(study["age"], [0, 40, 55, math.inf], right=False, labels=AGE_BANDS)
    return study.assign(
        sex=study["sex_code"].map(SEXES),
        age_band=bands.astype(str),
        fast_progression=(study["progression"] >= FAST_FROM).astype(int),
    )


@dataclass(frozen=True)
class Design:
    """One idea of a model. ``flag_at``: the estimated risk from which a patient is flagged."""

    title: str
    features: list[str]
    flag_at: float
    notes: str


DESIGNS = {
    "blind": Design(
        title="without age and sex",
        features=[name for name in INPUTS if name not in ("age", "sex_code")],
        flag_at=0.5,
        notes="Leaves out age and sex, in the hope of treating everybody alike. Flags at the usual 50 %.",
    ),
    "full": Design(
        title="all ten measurements",
        features=INPUTS,
        flag_at=0.3,
        notes="Uses age and sex: without them the same blood values mean different risks, and one sex is found less "
        "often. Flags from 30 %, because a missed patient weighs more than a needless visit.",
    ),
    "lean": Design(
        title="two blood values instead of six",
        features=["age", "sex_code", "bmi", "blood_pressure", "hdl", "triglycerides"],
        flag_at=0.3,
        notes="Asks for two blood values instead of six, so that more clinics can use it.",
    ),
}


@dataclass(frozen=True)
class Trained:
    """A design with the model fitted on all patients, and predictions for each by a model that never saw them."""

    design: Design
    pipeline: Pipeline
    predictions: pd.DataFrame


def train(design: Design, labelled: pd.DataFrame) -> Trained:
    """Fit the model, and predict every patient with a model trained on the 441 others (leave-one-out).

    442 patients are too few to set some aside. Leave-one-out uses all of them, and nothing in it is drawn by lot.
    """
    inputs, truth = labelled[design.features].to_numpy(), labelled["fast_progression"].to_numpy()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    with threadpool_limits(1):  # the matrices are small: more threads only stand in each other's way
        risk = cross_val_predict(pipeline, inputs, truth, cv=LeaveOneOut(), method="predict_proba")[:, 1]
    predictions = labelled[["patient", *SENSITIVE]].assign(
        y_true=truth, y_pred=(risk >= design.flag_at).astype(int), y_score=risk
    )
    return Trained(design, pipeline.fit(inputs, truth), predictions)


def compute_metrics(predictions: pd.DataFrame) -> list[dict[str, object]]:
    """Compute what is claimed. The portal will compute it again from the predictions and compare."""
    truth, flagged = predictions["y_true"], predictions["y_pred"]
    metrics: list[dict[str, object]] = [
        {"name": "accuracy", "value": accuracy_score(truth, flagged)},
        {"name": "tpr", "value": recall_score(truth, flagged)},
        {"name": "precision", "value": precision_score(truth, flagged)},
        {"name": "selection_rate", "value": float(flagged.mean())},
        {"name": "auc", "value": roc_auc_score(truth, predictions["y_score"])},
    ]
    for code, rows in predictions.groupby("sex"):
        found = recall_score(rows["y_true"], rows["y_pred"])
        metrics.append({"name": "tpr", "value": found, "population": f"sex={code}"})
    return metrics


def score(trained: Trained, labelled: pd.DataFrame) -> pd.DataFrame:
    """Return every patient's inputs with what the fitted model says, which the portal compares with its own answer."""
    inputs = labelled[list(trained.design.features)]
    known = labelled[["patient", *SENSITIVE]]
    return pd.concat([known, inputs], axis=1).assign(log_odds=trained.pipeline.decision_function(inputs.to_numpy()))


def explain(trained: Trained, labelled: pd.DataFrame) -> pd.DataFrame:
    """Compute SHAP values of the fitted model for every patient, in log-odds: base value + their sum = output."""
    import shap

    design, (scaler, logistic) = trained.design, (trained.pipeline[0], trained.pipeline[-1])
    scaled = scaler.transform(labelled[design.features].to_numpy())
    background = shap.maskers.Independent(scaled, max_samples=len(scaled))
    explainer = shap.LinearExplainer(logistic, background)
    values = pd.DataFrame(explainer.shap_values(scaled), columns=design.features)
    frame = pd.DataFrame({"patient": labelled["patient"], "base_value": float(explainer.expected_value)})
    frame["log_odds"] = logistic.decision_function(scaled)
    inputs = labelled[design.features].add_prefix("value:")
    return pd.concat([frame, values, inputs], axis=1)
