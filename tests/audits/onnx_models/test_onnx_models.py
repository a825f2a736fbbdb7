"""ONNX models: asked in the sandbox only, refused where they bring more than numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from audits.errors import BadInput
from audits.onnx_models.explain import run_onnx_explanation
from audits.onnx_models.model import read_model
from audits.onnx_models.spec import check_onnx_spec
from audits.sandbox.sandbox import run_job
from tests.audits.samples import find_devset, needs_devset, write

FEATURES = ["lsat", "ugpa", "zfygpa"]
WEIGHTS = [0.5, -2.0, 0.25]
SPEC: dict[str, Any] = {"columns": {"id": "id", "y_score": "score"}, "features": FEATURES, "rows": 20, "seed": 3}


def make_linear() -> onnx.ModelProto:
    """y = x W + 1, as one MatMul and one Add."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [3, 1], WEIGHTS),
            helper.make_tensor("b", TensorProto.FLOAT, [1], [1.0]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_table(folder: Path, rows: np.ndarray, scores: Any) -> Path:
    lines = ["id," + ",".join(FEATURES) + ",score"]
    lines += [
        f"r{n},{','.join(map(str, row))},{score}" for n, (row, score) in enumerate(zip(rows, scores, strict=True))
    ]
    return write(folder / "rows.csv", "\n".join(lines) + "\n")


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    rows = np.random.default_rng(1).normal(size=(60, 3)).round(3)
    table = write_table(tmp_path, rows, rows @ WEIGHTS + 1)
    return {"evidence": write(tmp_path / "model.onnx", make_linear().SerializeToString()), "data": table}


def explain(paths: dict[str, Path], **changes: Any) -> dict[str, Any]:
    return run_onnx_explanation(paths, SPEC | changes, lambda share, step: None)


@needs_devset
def test_model_of_the_developer_set_gives_its_expected_numbers_in_the_sandbox(tmp_path: Path) -> None:
    folder = find_devset() / "artifacts"
    expected = json.loads((folder / "lsac_logreg_onnx_expected.json").read_text())
    rows = np.array(expected["rows"])
    table = write_table(tmp_path, rows, expected["probability_onnx"])
    spec = SPEC | {"output": "probabilities", "output_column": 1, "rows": 40, "background": 40, "tolerance": 1e-6}
    result = run_job("onnx_explanation", {"evidence": folder / "lsac_logreg.onnx", "data": table}, spec)
    assert result["statement"] == "recomputed by the portal from an ONNX model (model-agnostic, 40 rows)"
    assert result["recomputation"]["rows_compared"] == 40
    assert result["recomputation"]["compared"]["y_score"]["largest_difference"] < 1e-6
    assert result["additive_rows"] == result["rows"] == 40
    assert result["model"]["operators"] == ["LinearClassifier", "Scaler"]


def test_values_of_a_linear_model_are_its_weights_times_the_distance(paths) -> None:
    result = explain(paths, rows=60, background=60)
    found = {item["feature"]: item["mean_abs"] for item in result["importance"]}
    rows = np.loadtxt(paths["data"], delimiter=",", skiprows=1, usecols=(1, 2, 3))
    exact = np.abs((rows - rows.mean(axis=0)) * WEIGHTS).mean(axis=0)
    for name, value in zip(FEATURES, exact, strict=True):
        number = found[name]["value"] if isinstance(found[name], dict) else found[name]
        assert number == pytest.approx(value, rel=1e-5)
    assert result["computed_by"] == "portal"


def test_same_seed_gives_the_same_numbers(paths) -> None:
    assert explain(paths)["importance"] == explain(paths)["importance"]


def test_submitted_prediction_that_is_not_the_models_is_named_with_its_row(paths) -> None:
    text = paths["data"].read_text().splitlines()
    cells = text[4].split(",")
    text[4] = ",".join([*cells[:-1], str(float(cells[-1]) + 0.01)])
    write(paths["data"], "\n".join(text) + "\n")
    with pytest.raises(BadInput, match=r"column 'score', row 4: the submitted prediction of 'r3'"):
        explain(paths)


def keep_outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def keep_attribute_outside(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["w"], value=helper.make_tensor("w", TensorProto.FLOAT, [3, 1], WEIGHTS))
    entry = node.attribute[0].t.external_data.add()
    entry.key, entry.value = "location", "/etc/shadow"
    model.graph.node.insert(0, node)
    del model.graph.initializer[0]


def add_branch(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("If", ["y"], ["z"], then_branch=model.graph, else_branch=model.graph))


def hide_graph(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("body", make_linear().graph))


def add_function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("own", "f", ["a"], ["b"], [], []))


def widen(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4


HARMS: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "tensor elsewhere": (keep_outside, "'w' is kept outside the file"),
    "attribute elsewhere": (keep_attribute_outside, "'w' is kept outside the file"),
    "branch": (add_branch, "ai.onnx.If is not allowed"),
    "graph in an attribute": (hide_graph, "holds a graph"),
    "function": (add_function, "functions or training of its own"),
    "other domain": (
        lambda m: setattr(m.graph.node[0], "domain", "com.microsoft"),
        "com.microsoft.MatMul is not allowed",
    ),
    "newer operator set": (lambda m: setattr(m.opset_import[0], "version", 999), "operator set ai.onnx 999"),
    "two inputs": (lambda m: m.graph.input.append(m.graph.input[0]), "has 2 inputs"),
    "whole numbers": (lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 7), "floating-point numbers"),
    "no operators": (lambda m: m.graph.ClearField("node"), "it has no operators"),
    "four features": (
        lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 4),
        "takes 4 features",
    ),
    "unknown name": (lambda m: m.graph.node[0].input.__setitem__(0, "nowhere"), "cannot be run"),
}


@pytest.mark.parametrize("name", HARMS)
def test_model_that_brings_more_than_numbers_is_refused(tmp_path: Path, name: str) -> None:
    harm, words = HARMS[name]
    model = make_linear()
    harm(model)
    with pytest.raises(BadInput, match=words.replace("(", r"\(")):
        read_model(write(tmp_path / "m.onnx", model.SerializeToString()), 3, None, None)


@pytest.mark.parametrize("content", [b"", b"\x80\x05N.", b"PK\x03\x04", b"\xff" * 100, b"\x08" * 1000])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadInput, match="not an ONNX model"):
        read_model(write(tmp_path / "m.onnx", content), 3, None, None)


def test_model_beyond_the_size_is_not_parsed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="larger than 32 MiB"):
        read_model(write(tmp_path / "m.onnx", b"\0" * ((32 << 20) + 1)), 3, None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": []}, "column 'features'"),
        ({"rows": 1_001}, "from 1 to 1,000"),
        ({"background": 0}, "from 1 to 200"),
        ({"tolerance": 0.1}, "at most 0.001"),
        ({"rowz": 5}, "rows"),
        ({"columns": {"who": "id"}}, "columns"),
    ],
)
def test_wrong_specification_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_onnx_spec(SPEC | change)


def test_output_that_is_not_there_is_refused(paths) -> None:
    for change, words in (({"output": "label"}, "it has y"), ({"output_column": 5}, "has 1 columns")):
        with pytest.raises(BadInput, match=words):
            explain(paths, **change)
