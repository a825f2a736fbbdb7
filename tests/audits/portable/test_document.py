"""The strict check of model documents: whole ones pass, every fault is named with its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audits.errors import BadInput
from audits.portable.document import AdditiveModel, check_document, read_document
from audits.portable.strict_json import read_json
from tests.audits.portable.paper import PAPER_TREE, make_paper
from tests.audits.portable.samples import get_trees


def test_a_whole_document_is_read_with_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_text(json.dumps(make_paper()))
    model = read_document(path)
    assert (model.kind, model.outputs, model.link) == ("trees", ("points",), "identity")
    assert get_trees(model).trees[0].depth == 2
    assert model.sha256 is not None
    assert len(model.sha256) == 64


def refuse_tree(**changes: Any) -> str:
    with pytest.raises(BadInput) as caught:
        check_document(make_paper(**changes))
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"left": [1, -1, 1, -1, -1]}, "tree 0, node 2: its left child does not come after it"),
        ({"left": [1, -1, 2, -1, -1]}, "tree 0, node 2: its left child does not come after it"),
        ({"left": [1, -1, 5, -1, -1]}, "tree 0, left[2]: must be a whole number between -1 and 4"),
        ({"left": [1, -1, 4, -1, -1]}, "tree 0, node 3: must be the child of exactly one node"),
        ({"right": [2, -1, -1, -1, -1]}, "tree 0, node 2: has one child; a node has two or none"),
        ({"right": [2, -1, 4.0, -1, -1]}, "tree 0, right[2]: must be a whole number"),
        ({"left": [True, -1, 3, -1, -1]}, "tree 0, left[0]: must be a whole number"),
        ({"feature": [0, -1, 2, -1, -1]}, "tree 0, feature[2]: must be a whole number between -1 and 1"),
        ({"feature": [0, -1, -1, -1, -1]}, "tree 0, node 2: a split has a feature, a leaf has the feature -1"),
        ({"threshold": [0.5, 0, "2", 0, 0]}, "tree 0, threshold[2]: must be a number"),
        ({"threshold": [0.5, 0, 10**400, 0, 0]}, "tree 0, threshold[2]: must be a finite number"),
        ({"threshold": [0.5, 1, 2, 0, 0]}, "tree 0, node 1: a leaf has the threshold 0"),
        ({"values": [[0, 1, 0, 3, 1e101]]}, "tree 0, values[0][4]: must be a finite number of at most 1e+100"),
        ({"values": [[0, 1, 5, 3, 7]]}, "tree 0, node 2: a split has the value 0"),
        ({"values": [[0, 1, 0, 3, 7]] * 2}, "tree 0, values: must have 1 entries, has 2"),
        ({"cover": [4, 1, 3, 2, 0]}, "tree 0, node 4: its cover must be above 0"),
        ({"cover": [4, 1, 3, 2, 1.00001]}, "tree 0, node 2: the covers of its children do not add up"),
        ({"cover": [4, 1, 3, 2]}, "tree 0, cover: must have 5 entries, has 4"),
        ({"missing_left": [1, 0, 0, 0, 0]}, "tree 0, missing_left[0]: must be true or false"),
        ({"output": 1}, "tree 0, output: must be between 0 and 0"),
        ({"output": None}, "tree 0, output: must be a whole number"),
        ({"colour": 1}, "tree 0: unknown key 'colour'"),
        ({"left": []}, "tree 0, left: must have 1 to 200,000 entries, has 0"),
    ],
)
def test_a_fault_in_a_tree_is_named_with_tree_and_node(changes: dict[str, Any], said: str) -> None:
    assert refuse_tree(**changes).startswith(said)


def test_covers_may_miss_by_rounding_only() -> None:
    check_document(make_paper(cover=[4, 1, 3, 2, 1.000001]))


def make_chain(depth: int) -> dict[str, Any]:
    """Return a tree in which every split has a leaf on its left."""
    nodes = 2 * depth + 1
    splits = list(range(0, nodes - 1, 2))
    left = [node + 1 if node in splits else -1 for node in range(nodes)]
    right = [node + 2 if node in splits else -1 for node in range(nodes)]
    feature = [0 if node in splits else -1 for node in range(nodes)]
    return {"left": left, "right": right, "feature": feature, "threshold": [0.0] * nodes, "values": [[0.0] * nodes]}


def test_trees_are_at_most_64_levels_deep_and_5000_in_number() -> None:
    document = make_paper()
    document["model"]["trees"] = [make_chain(64)]
    assert get_trees(check_document(document)).trees[0].depth == 64
    document["model"]["trees"] = [make_chain(65)]
    with pytest.raises(BadInput, match="tree 0: is more than 64 levels deep"):
        check_document(document)
    document["model"]["trees"] = [make_chain(0)] * 5_001
    with pytest.raises(BadInput, match="model.trees: must have 1 to 5,000 entries, has 5,001"):
        check_document(document)
    document["model"]["trees"] = [make_chain(50)] * 1_981
    with pytest.raises(BadInput, match="tree 1980: the trees have more than 200,000 nodes together"):
        check_document(document)


def test_either_every_tree_has_a_cover_or_none() -> None:
    document = make_paper()
    bare = {key: value for key, value in PAPER_TREE.items() if key != "cover"}
    document["model"]["trees"].append(bare)
    with pytest.raises(BadInput, match="tree 1: either every tree has a cover or none"):
        check_document(document)


LINEAR: dict[str, Any] = {
    "format": "countersign/model/1",
    "task": "classification",
    "inputs": [
        {"name": "age", "kind": "number"},
        {"name": "sex", "kind": "category", "categories": ["F", "M"], "unknown": "kept"},
    ],
    "columns": [
        {"name": "age", "input": 0, "steps": [{"do": "fill", "value": 40}, {"do": "divide", "value": 13.6}]},
        {"name": "sex=F", "input": 1, "steps": [{"do": "equals", "value": "F"}]},
    ],
    "model": {"kind": "linear", "coefficients": [[0.7, -0.1]], "intercepts": [0.2]},
    "link": "logit",
    "classes": ["0", "1"],
}


def change(place: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a function that puts a value at a place such as "columns.0.input"."""

    def apply(document: Any) -> None:
        *path, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        for key in path:
            document = document[key]
        document[last] = value

    return apply


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("format", "countersign/model/2", "format: must be one of 'countersign/model/1'"),
        ("code", "import os", "unknown key 'code'"),
        ("task", "ranking", "task: must be one of"),
        ("link", "log", "link: must be 'identity', 'logit' or 'softmax' for a classification"),
        ("classes", ["0", "1", "2"], "link: 'logit' has two classes; use 'softmax' for more"),
        ("classes", ["0", "0"], "classes: a name is given twice"),
        ("inputs", [], "inputs: must have 1 to 200 entries, has 0"),
        ("inputs.1.name", "age", "inputs: a name is given twice"),
        ("inputs.0.name", "a\u0007", "inputs[0].name: holds a control character"),
        ("inputs.0.name", "\ud800", "inputs[0].name: holds a control character"),
        ("inputs.1.kind", "number", "inputs[1]: a number has no categories"),
        ("columns.0.input", 2, "columns[0].input: must be between 0 and 1"),
        ("columns.0.input", True, "columns[0].input: must be a whole number"),
        ("columns.1.name", "age", "columns: a name is given twice"),
        ("columns.0.steps.1.value", 0, "columns[0].steps[1].value: must not be 0"),
        ("columns.0.steps.1.do", "eval", "columns[0].steps[1].do: must be one of"),
        ("columns.1.steps.0.value", "X", "columns[1].steps[0].value: is not one of the categories of 'sex'"),
        ("model.kind", "network", "model.kind: must be one of 'linear', 'additive', 'trees'"),
        ("model.coefficients", [[0.7]], "model.coefficients[0]: must have 2 entries, has 1"),
        ("model.coefficients.0.1", 1e101, "model.coefficients[0][1]: must be a finite number"),
        ("model.intercepts", [], "model.intercepts: must have 1 entries, has 0"),
        ("model", [], "model: must be an object"),
        ("made_by", {"library": 3}, "made_by.library: must be a text"),
    ],
)
def test_a_fault_elsewhere_is_named_with_its_place(place: str, value: Any, said: str) -> None:
    document = copy.deepcopy(LINEAR)
    check_document(document)
    change(place, value)(document)
    with pytest.raises(BadInput) as caught:
        check_document(document)
    assert str(caught.value).startswith(said)


def test_additive_shapes_ascend_and_belong_to_one_column_each() -> None:
    shape = {"column": 0, "edges": [1, 2], "values": [[0, 1, 2]]}
    document = {**LINEAR, "columns": None, "model": {"kind": "additive", "shapes": [shape], "intercepts": [0]}}
    model = check_document(document).model
    assert isinstance(model, AdditiveModel)
    assert len(model.shapes[0].edges) == 2
    document["model"]["shapes"] = [shape, shape]
    with pytest.raises(BadInput, match="model.shapes: a column has two shapes"):
        check_document(document)
    document["model"]["shapes"] = [{**shape, "edges": [2, 2]}]
    with pytest.raises(BadInput, match=r"model.shapes\[0\].edges\[1\]: must be above the one before"):
        check_document(document)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1, "a": 2}', "the document: the key 'a' is given twice"),
        (b'{"a": NaN}', "the document: NaN is not a number"),
        (b'{"a": [-Infinity]}', "the document: -Infinity is not a number"),
        (b'{"a": 1e999}', "the document: the number 1e999 is too large"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "the document: holds a whole number of thousands of digits"),
        (b"[" * 17 + b"]" * 17, "the document: is nested more than 16 deep"),
        (b"[" * 100_000 + b"]" * 100_000, "the document: is nested more than 16 deep"),
        (b"[" * 300_000, "the document: has more than 200,000 lists"),
        (b'{"a": "\xff"}', "the document: is not UTF-8 text (byte 7)"),
        (b'{"a": }', "the document: is not JSON: Expecting value (line 1, character 7)"),
        (b"", "the document: is not JSON"),
        (b"\x80\x04\x95", "the document: is not UTF-8 text (byte 0)"),
    ],
)
def test_text_that_python_would_read_in_a_loose_way_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_json(text)
    assert str(caught.value).startswith(said)


def test_a_file_of_more_than_32_mib_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate((32 << 20) + 1)
    with pytest.raises(BadInput, match="the document: is larger than 32 MiB"):
        read_document(path)
