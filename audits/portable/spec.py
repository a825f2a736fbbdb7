"""The specification of an explanation that the portal computes itself from a model document.

    {"columns": {"id": "person", "y_score": "score"},
     "class": "1", "explained": "margin", "absent": "background"}

`columns` names, in the table of rows, the row id and what was submitted for each row: `margin`,
`y_score` (the probability of `class`, or a regression's prediction), `y_pred` (the label). Where a
prediction file is handed over they are looked up there, by id. With `y_true` the portal permutes the
features and tells how much worse the model becomes: a second opinion. Columns named like the
model's inputs are read as its inputs.

explained   margin (log odds, the raw score) or prediction (probability, expected value)
absent      what stands in for features outside a coalition: cover (the training rows, as the trees
            remember them) or background (rows of the background table, else of the table itself)
features    inputs, or columns: those the model sees after scaling and encoding
rows        at most how many rows are explained; fewer where `precision` is reached
precision   half-width of the interval of the worst feature's importance, relative to it

This module imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audits.errors import BadInput
from audits.explanations.wishes import WISH_KEYS, Wishes, check_wishes
from audits.spec import DEFAULT_MINIMUM_GROUP_SIZE, DELIMITERS, MAXIMUM_SENSITIVE
from audits.spec_values import (
    check_choice,
    check_flag,
    check_integer,
    check_intervals,
    check_number,
    check_object,
    check_part,
    check_text,
    check_texts,
)

ROLES = ("id", "margin", "y_score", "y_pred", "y_true")
DEFAULT_ROWS = 20_000
MAXIMUM_ROWS = 200_000
DEFAULT_PRECISION = 0.05
DEFAULT_TOLERANCE = 1e-6
LARGEST_TOLERANCE = 1e-3
KEYS = (
    "columns",
    "class",
    "output",
    "explained",
    "absent",
    "features",
    "rows",
    "precision",
    "tolerance",
    "interactions",
    "threshold",
    "sensitive",
    "prediction_id",
    "delimiter",
    "minimum_group_size",
    "intervals",
    "seed",
    "title",
    "format",
    "task",
    "file",
    *(key for key in WISH_KEYS if key not in ("repeats", "permutation_importance")),
)
"""What other seeds and a permutation say is computed here, so it cannot be told."""


@dataclass(frozen=True)
class RecomputeSpec:
    """A checked specification. `wanted` is the class or output explained, None for the usual one."""

    columns: Mapping[str, str] = field(default_factory=dict)
    wanted: str | None = None
    explained: str = "margin"
    absent: str | None = None
    features: str = "inputs"
    rows: int = DEFAULT_ROWS
    precision: float = DEFAULT_PRECISION
    tolerance: float = DEFAULT_TOLERANCE
    interactions: bool = True
    threshold: float | None = None
    sensitive: tuple[str, ...] = ()
    prediction_id: str | None = None
    delimiter: str | None = None
    minimum_group_size: int = DEFAULT_MINIMUM_GROUP_SIZE
    level: float = 0.95
    seed: int = 0
    wishes: Wishes = field(default_factory=Wishes)


def check_recompute_spec(document: object) -> RecomputeSpec:
    """Check the JSON document of an explanation computed by the portal.

    Raises
    ------
    BadInput
        With the key in `column` and what to write instead.
    """
    spec = check_object(document, KEYS)
    columns = check_part(spec.get("columns", {}), "columns", ROLES)
    wanted = spec.get("class", spec.get("output"))
    if "class" in spec and "output" in spec:
        raise BadInput("name the class of a classification or the output of a regression, not both", column="class")
    threshold, sensitive = spec.get("threshold"), spec.get("sensitive")
    prediction_id = spec.get("prediction_id")
    return RecomputeSpec(
        columns={role: check_text(columns[role], f"columns.{role}") for role in ROLES if role in columns},
        wanted=None if wanted is None else check_text(wanted, "class"),
        explained=check_choice(spec.get("explained"), "explained", ("margin", "prediction")) or "margin",
        absent=check_choice(spec.get("absent"), "absent", ("cover", "background")),
        features=check_choice(spec.get("features"), "features", ("inputs", "columns")) or "inputs",
        rows=check_integer(spec.get("rows", DEFAULT_ROWS), "rows", 1, MAXIMUM_ROWS),
        precision=_check_share(spec.get("precision", DEFAULT_PRECISION), "precision", 1.0),
        tolerance=_check_share(spec.get("tolerance", DEFAULT_TOLERANCE), "tolerance", LARGEST_TOLERANCE),
        interactions=check_flag(spec.get("interactions", True), "interactions"),
        threshold=None if threshold is None else check_number(threshold, "threshold"),
        sensitive=() if sensitive is None else check_texts(sensitive, "sensitive", 1, MAXIMUM_SENSITIVE),
        prediction_id=None if prediction_id is None else check_text(prediction_id, "prediction_id"),
        delimiter=check_choice(spec.get("delimiter"), "delimiter", DELIMITERS),
        minimum_group_size=check_integer(
            spec.get("minimum_group_size", DEFAULT_MINIMUM_GROUP_SIZE), "minimum_group_size", 1, 1_000_000
        ),
        level=check_intervals(spec.get("intervals"))[1],
        seed=check_integer(spec.get("seed", 0), "seed", 0, 2**32 - 1),
        wishes=check_wishes(spec),
    )


def _check_share(value: object, key: str, highest: float) -> float:
    share = check_number(value, key)
    if not 0 < share <= highest:
        raise BadInput(f"must be above 0 and at most {highest:g}", column=key)
    return share
