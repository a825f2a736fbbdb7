"""Damaged model documents: whatever is changed, the answer is finite numbers or BadInput, soon.

Two kinds of damage: bytes of the text, and single values of the parsed document replaced by what a
hostile or careless writer might put there.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from audits.errors import BadInput
from audits.portable.attribute import ask, explain_rows
from audits.portable.document import check_document
from audits.portable.interactions import find_interactions
from audits.portable.predict import list_needed_columns, predict
from audits.portable.recompute import run_recomputed_explanation
from audits.portable.strict_json import read_json
from audits.portable.trees import TreeEnsemble
from countersign.export import describe_additive, export_model
from tests.audits.portable.paper import make_paper
from tests.audits.portable.samples import FEATURES, fit

LONGEST = 20.0
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 7, 63, 64, 65, 10**6, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, -0.0,
    1e-320, 1e100, -1e100, 1e101, 1.7976931348623157e308, 3.5e38, "", "x", "F", "1", "__class__", "\ud800", [], {},
    [[]], [0], [-1], [1e100, -1e100], {"kind": "trees"}, [None], ["a", "a"],
]  # fmt: skip
SNIPPETS = [
    b"NaN", b"-Infinity", b"1e999", b"9" * 5_000, b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\x00", b"\xff",
    b"-", b"null", b"true", b"1e-400", b"0.1", b"64", b"[" * 18, b'"left":[1],', "\u202e".encode(), b"\\ud800", b".",
]  # fmt: skip


@lru_cache(maxsize=1)
def list_documents() -> list[dict[str, Any]]:
    """Return small documents of every kind."""
    names = list(FEATURES)
    trees = export_model(fit("LGBMClassifier classes"), feature_names=names)
    trees["model"]["trees"] = trees["model"]["trees"][:6]
    forest = export_model(fit("RandomForestClassifier"), feature_names=names)
    forest["model"]["trees"] = forest["model"]["trees"][:2]
    return [
        make_paper(),
        trees,
        forest,
        export_model(fit("LogisticRegression classes"), feature_names=names),
        describe_additive({"x": ([0.0, 1.0], [1.0, 3.0, -2.0]), "y": ([0.5], [0.0, 4.0])}, classes=["no", "yes"]),
        {
            "format": "countersign/model/1",
            "task": "regression",
            "inputs": [
                {"name": "x", "kind": "number", "allowed": [0, 1, 2], "unknown": "kept"},
                {"name": "y", "kind": "category", "categories": ["F", "M"], "unknown": "kept"},
            ],
            "columns": [
                {"name": "a", "input": 0, "steps": [{"do": "fill", "value": 1}, {"do": "divide", "value": 0.5}]},
                {"name": "b", "input": 1, "steps": [{"do": "equals", "value": "F"}, {"do": "multiply", "value": 2}]},
                {"name": "c", "input": 0, "steps": [{"do": "is_missing"}, {"do": "add", "value": -0.5}]},
            ],
            "model": {"kind": "linear", "coefficients": [[0.5, -1.0, 2.0]], "intercepts": [0.25]},
            "link": "log",
            "outputs": ["count"],
        },
    ]


def mutate_value(document: dict[str, Any], generator: random.Random) -> dict[str, Any]:
    """Return the document with one to three of its values replaced, removed or doubled."""
    changed = copy.deepcopy(document)
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        if changed:
            place, key = choose_place(changed, generator)
            damage(place, key, generator)
    return changed


def choose_place(document: Any, generator: random.Random) -> tuple[Any, Any]:
    """Return (container, key) of one value anywhere in the document, most often in its numbers."""
    if isinstance(document.get("model"), dict) and document["model"] and generator.random() < 0.7:
        document = document["model"]
    while True:
        key = generator.choice(list(document) if isinstance(document, dict) else range(len(document)))
        inner = document[key]
        if not isinstance(inner, dict | list) or not inner or generator.random() < 0.1:
            return document, key
        document = inner


def damage(place: Any, key: Any, generator: random.Random) -> None:
    action = generator.random()
    if action < 0.4 and isinstance(place[key], int | float) and abs(place[key]) < 1e300:
        place[key] += generator.choice([1, -1, 1e-3, -0.25, 1e90])
    elif action < 0.8:
        place[key] = copy.deepcopy(generator.choice(VALUES))
    elif action < 0.9:
        del place[key]
    elif isinstance(place, list):
        place.insert(key, copy.deepcopy(place[key]))


def mutate_bytes(content: bytes, generator: random.Random) -> bytes:
    """Return the text with one to three pieces cut, doubled, replaced or inserted."""
    for _ in range(generator.randint(1, 3)):
        start = generator.randrange(len(content) + 1)
        end = min(len(content), start + generator.choice([0, 1, 1, 2, 7, 60]))
        piece = generator.choice(
            [generator.choice(SNIPPETS), content[start:end] * 2, b"", b"%d" % generator.randrange(99)]
        )
        content = content[:start] + piece + content[end:]
    return content


def answer(content: bytes) -> str:
    """Return "result" or the refusal; any other error, or a number that is none, fails the test."""
    try:
        model = check_document(read_json(content))
        generator = np.random.default_rng(0)
        inputs = generator.integers(-1, 3, (len(model.inputs), 12)).astype(float) + 0.25
        if not list_needed_columns(model):
            inputs[generator.random(inputs.shape) < 0.1] = np.nan
        has_cover = isinstance(model.model, TreeEnsemble) and model.model.has_cover
        found = predict(model, inputs)
        names = model.classes or model.outputs
        for stands_in in (None, inputs[:, ::2]) if has_cover else (inputs[:, ::2],):
            question = ask(model, wanted=names[-1], background=stands_in)
            values = explain_rows(model, question, inputs)
            off = np.abs(values.base + values.values.sum(axis=0) - found.margins[question.output])
            scale = np.abs(values.base) + np.abs(values.values).sum(axis=0) + np.abs(found.margins[question.output])
            assert np.isfinite(values.values).all()
            assert (off <= 1e-6 * scale).all()
            if isinstance(model.model, TreeEnsemble):
                json.dumps(find_interactions(model.model, inputs, question, 2.0, stands_in), allow_nan=False)
    except BadInput as error:
        return str(error)
    return "result"


def make_mutants(count: int, seed: int) -> list[bytes]:
    generator = random.Random(seed)
    documents = list_documents()
    found = []
    for number in range(count):
        document = documents[number % len(documents)]
        if generator.random() < 0.3:
            found.append(mutate_bytes(json.dumps(document).encode(), generator))
        else:
            found.append(json.dumps(mutate_value(document, generator)).encode())
    return found


def try_mutants(count: int, seed: int) -> None:
    answers: Counter[str] = Counter()
    for content in make_mutants(count, seed):
        begun = monotonic()
        said = answer(content)
        assert monotonic() - begun < LONGEST
        assert 3 < len(said) < 1_500
        answers[said] += 1
    # Damage is found, in many ways, and not everything is damage.
    assert count // 20 < answers["result"] < count * 3 // 4
    assert len(answers) > count // 10


def test_the_undamaged_documents_give_results() -> None:
    assert {answer(json.dumps(document).encode()) for document in list_documents()} == {"result"}


def test_damaged_documents_are_refused_or_answered() -> None:
    try_mutants(150, 7)


@pytest.mark.soak
def test_five_thousand_damaged_documents_are_refused_or_answered() -> None:
    try_mutants(5_000, 8)


def test_damaged_documents_through_the_whole_door(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x,y\n0,F\n1,M\n2,F\n0.5,M\n1,F\n")
    outcomes = set()
    for content in make_mutants(60, 9)[::3]:
        (tmp_path / "model").write_bytes(content)
        try:
            document = run_recomputed_explanation({"evidence": tmp_path / "model", "data": tmp_path / "data"}, {})
            json.dumps(document, allow_nan=False)
            outcomes.add("result")
        except BadInput as error:
            outcomes.add(str(error))
    assert len(outcomes) > 5
