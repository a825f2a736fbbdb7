"""The developer set's SHAP cases, through documents of our own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audits.portable.attribute import ask, explain_rows, find_outputs
from audits.portable.document import PortableModel
from audits.portable.predict import predict
from countersign.export import export_model
from tests.audits.portable.samples import check
from tests.audits.samples import find_devset, needs_devset

ARTIFACTS = find_devset() / "artifacts"
pytestmark = needs_devset


def read_expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ARTIFACTS / f"{name}_shap_expected.json").read_text("utf-8"))
    return found


def compare(
    expected: dict[str, Any],
    name: str,
    model: PortableModel,
    *,
    wanted: str,
    on_margin: bool = True,
    place: int | None = None,
) -> None:
    """Compare base, values and outputs with an explanation of an expected file, to its own tolerance."""
    explanation = expected["explanations"][name]
    table = np.array(expected["rows"]).T
    background: NDArray[Any] | None = np.array(expected["background_rows"]).T
    if "path_dependent" in name:
        background = None
    question = ask(model, wanted=wanted, on_margin=on_margin, background=background)
    found = explain_rows(model, question, table)
    values, base, output = (np.array(explanation[key]) for key in ("shap_values", "base_value", "model_output"))
    if place is not None:
        values, base, output = values[..., place], base[place], output[:, place]
    tolerance = explanation["tolerance"]
    assert np.abs(found.values.T - values).max() <= tolerance
    assert abs(found.base - base) <= tolerance
    outputs = find_outputs(model, question, table, predict(model, table))
    assert np.abs(outputs - output).max() <= tolerance
    assert np.abs(found.base + found.values.sum(axis=0) - outputs).max() <= 1e-9 * max(1.0, np.abs(outputs).max())


def make_logistic(expected: dict[str, Any]) -> PortableModel:
    """Return the logistic regression that the expected file tells of.

    Its log odds are linear in the rows: the coefficients follow from rows and outputs.
    """
    rows, output = (
        np.array(expected["rows"]),
        np.array(expected["explanations"]["log_odds_interventional"]["model_output"]),
    )
    solved = np.linalg.lstsq(np.column_stack((rows, np.ones(len(rows)))), output, rcond=None)[0]
    return check(
        {
            "format": "countersign/model/1",
            "task": "classification",
            "inputs": [{"name": name, "kind": "number"} for name in expected["feature_names"]],
            "model": {"kind": "linear", "coefficients": [solved[:-1].tolist()], "intercepts": [float(solved[-1])]},
            "link": "logit",
            "classes": ["0", "1"],
        }
    )


def test_lsac_logreg_in_log_odds_and_in_probability() -> None:
    expected = read_expected("lsac_logreg")
    model = make_logistic(expected)
    compare(expected, "log_odds_interventional", model, wanted="1")
    probability = read_expected("lsac_logreg_probability")
    compare(probability, "probability_interventional", model, wanted="1", on_margin=False)


def test_hmda_xgb() -> None:
    import xgboost

    booster = xgboost.Booster(model_file=ARTIFACTS / "hmda_xgb.json")
    expected = read_expected("hmda_xgb")
    model = check(export_model(booster))
    assert [found.name for found in model.inputs] == expected["feature_names"]
    for name in ("path_dependent", "interventional"):
        compare(expected, name, model, wanted="1")


def test_lsac_lgbm() -> None:
    import lightgbm

    expected = read_expected("lsac_lgbm")
    model = check(export_model(lightgbm.Booster(model_file=ARTIFACTS / "lsac_lgbm.txt")))
    assert [found.name for found in model.inputs] == expected["feature_names"]
    assert set(expected["explanations"]) == {"path_dependent"}
    compare(expected, "path_dependent", model, wanted="1")


# The depth-3 tree that hmda_tree.skops holds, whose file is never opened: (feature, threshold) of a
# split, (applications, denied) of a leaf, from left to right.
HMDA_TREE: Any = (
    (0, 0.40995000302791595),
    (
        (3, 3.5),
        ((2, 0.9461951851844788), (1686, 90), (56, 15)),
        ((2, 0.799371063709259), (203, 24), (192, 66)),
    ),
    (
        (2, 0.8826115429401398),
        ((3, 2.5), (121, 22), (54, 26)),
        ((1, 0.3425000011920929), (48, 24), (20, 18)),
    ),
)


def make_hmda_tree(names: list[str]) -> PortableModel:
    tree: dict[str, Any] = {key: [] for key in ("left", "right", "feature", "threshold", "cover")}
    tree["values"] = [[], []]

    def add(node: Any) -> int:
        number = len(tree["left"])
        split = node[0] if len(node) == 3 else None
        for key, value in zip(("left", "right", "feature", "threshold"), (-1, -1, *(split or (-1, 0.0))), strict=True):
            tree[key].append(value)
        for output in (0, 1):
            share = 0.0 if split else abs((1 - output) - node[1] / node[0])
            tree["values"][output].append(share)
        tree["cover"].append(0 if split else node[0])
        if split:
            tree["left"][number] = add(node[1])
            tree["right"][number] = add(node[2])
            tree["cover"][number] = sum(tree["cover"][tree[side][number]] for side in ("left", "right"))
        return number

    add(HMDA_TREE)
    return check(
        {
            "format": "countersign/model/1",
            "task": "classification",
            "inputs": [{"name": name, "kind": "number"} for name in names],
            "model": {
                "kind": "trees",
                "trees": [tree],
                "base": [0.0, 0.0],
                "combine": "mean",
                "comparison": "<=",
                "input_precision": "float32",
            },
            "link": "identity",
            "classes": ["approved", "denied"],
        }
    )


@pytest.mark.parametrize("name", ["path_dependent", "interventional"])
@pytest.mark.parametrize("place", [0, 1])
def test_hmda_tree(name: str, place: int) -> None:
    expected = read_expected("hmda_tree")
    model = make_hmda_tree(expected["feature_names"])
    compare(expected, name, model, wanted=model.classes[place], place=place)
