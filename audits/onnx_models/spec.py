"""The specification of an explanation that the portal makes by asking an ONNX model (tier 2).

    {"columns": {"id": "person", "y_score": "score"}, "features": ["lsat", "ugpa", "zfygpa"],
     "output": "probabilities", "output_column": 1, "rows": 100, "background": 100, "seed": 0}

`features` names the columns of the table of rows in the order of the model's only input; `output` and
`output_column` say which number of the model's answer is explained (default: the last output's last column). Where
`y_score` is named, every row's answer must be the submitted one within `tolerance` (the model computes in single
precision). `rows` is the budget: the model-agnostic explainer asks the model many times for each.

This module imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audits.errors import BadInput
from audits.spec_values import (
    check_integer,
    check_intervals,
    check_number,
    check_object,
    check_part,
    check_text,
    check_texts,
)

ROLES = ("id", "y_score")
KEYS = (
    *("columns", "features", "output", "output_column", "rows", "background", "tolerance", "seed", "intervals"),
    *("minimum_group_size", "delimiter", "title", "file", "format"),
)
MAXIMUM_FEATURES = 200
DEFAULT_ROWS, MAXIMUM_ROWS = 100, 1_000
DEFAULT_BACKGROUND, MAXIMUM_BACKGROUND = 100, 200
DEFAULT_TOLERANCE, LARGEST_TOLERANCE = 1e-5, 1e-3


@dataclass(frozen=True)
class OnnxSpec:
    """A checked specification; `output_column` counts from 0, None for the last."""

    columns: Mapping[str, str]
    features: tuple[str, ...]
    output: str | None = None
    output_column: int | None = None
    rows: int = DEFAULT_ROWS
    background: int = DEFAULT_BACKGROUND
    tolerance: float = DEFAULT_TOLERANCE
    seed: int = 0
    level: float = 0.95
    minimum_group_size: int = 20
    delimiter: str | None = None


def check_onnx_spec(document: object) -> OnnxSpec:
    """Check the JSON document of an explanation of an ONNX model.

    Raises
    ------
    BadInput
        With the key in `column` and what to write instead.
    """
    spec = check_object(document, KEYS)
    columns = check_part(spec.get("columns", {}), "columns", ROLES)
    column = spec.get("output_column")
    tolerance = check_number(spec.get("tolerance", DEFAULT_TOLERANCE), "tolerance")
    if not 0 < tolerance <= LARGEST_TOLERANCE:
        raise BadInput(f"must be above 0 and at most {LARGEST_TOLERANCE:g}", column="tolerance")
    return OnnxSpec(
        columns={role: check_text(name, f"columns.{role}") for role, name in columns.items()},
        features=check_texts(spec.get("features"), "features", 1, MAXIMUM_FEATURES),
        output=check_text(spec["output"], "output") if "output" in spec else None,
        output_column=None if column is None else check_integer(column, "output_column", 0, 10_000),
        rows=check_integer(spec.get("rows", DEFAULT_ROWS), "rows", 1, MAXIMUM_ROWS),
        background=check_integer(spec.get("background", DEFAULT_BACKGROUND), "background", 1, MAXIMUM_BACKGROUND),
        tolerance=tolerance,
        seed=check_integer(spec.get("seed", 0), "seed", 0, 2**31 - 1),
        level=check_intervals(spec.get("intervals"))[1],
        minimum_group_size=check_integer(spec.get("minimum_group_size", 20), "minimum_group_size", 1, 10**9),
        delimiter=check_text(spec["delimiter"], "delimiter") if "delimiter" in spec else None,
    )
