"""The specification of an explanation: attributions computed by the submitter, to be checked.

The attribution file (CSV or Parquet) has one row per explained prediction and one column per
feature with its SHAP value. In our own layout it also has a row id, the model output and the base
value::

    row_id,base_value,output,age,income,value:age,value:income
    17,-0.5,0.25,0.5,0.25,63,41000

`columns` names the id, output and base columns. Columns that start with `value:` hold the value
of the feature, for the direction of its effect. A bare matrix (feature columns only) is read too:
then `base_value` and `outputs`, in the order of the rows, stand in the specification. Arrays in
`.npy` or `.npz` files are never opened.

This module imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audits.errors import BadInput
from audits.explanations.wishes import WISH_KEYS, Wishes, check_wishes
from audits.spec import (
    DEFAULT_MINIMUM_GROUP_SIZE,
    DELIMITERS,
    MAXIMUM_SENSITIVE,
    check_choice,
    check_integer,
    check_intervals,
    check_number,
    check_object,
    check_text,
)

ROLES = ("id", "output", "base")
VALUE_PREFIX = "value:"
DEFAULT_TOLERANCE = 1e-6
LARGEST_TOLERANCE = 1e-4
MAXIMUM_FEATURES = 200
MAXIMUM_OUTPUTS = 50_000
KEYS = (
    "columns",
    "features",
    "base_value",
    "outputs",
    "tolerance",
    "threshold",
    "sensitive",
    "prediction_id",
    "prediction_output",
    "delimiter",
    "minimum_group_size",
    "intervals",
    "seed",
    # Said by the submitter, shown with the result.
    "output",
    "explainer",
    "background",
    "title",
    "file",
    "format",
    "task",
    "class",
    *WISH_KEYS,
)


@dataclass(frozen=True)
class ExplanationSpec:
    """A checked specification. `features` is None where every other column is a feature."""

    columns: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] | None = None
    base_value: float | None = None
    outputs: tuple[float, ...] | None = None
    tolerance: float = DEFAULT_TOLERANCE
    threshold: float | None = None
    sensitive: tuple[str, ...] = ()
    prediction_id: str | None = None
    prediction_output: str | None = None
    delimiter: str | None = None
    minimum_group_size: int = DEFAULT_MINIMUM_GROUP_SIZE
    level: float = 0.95
    seed: int = 0
    said: Mapping[str, str] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=Wishes)


def check_explanation_spec(document: object) -> ExplanationSpec:
    """Check the JSON document of an explanation.

    Raises
    ------
    BadInput
        With the key in `column` and what to write instead.
    """
    spec = check_object(document, KEYS)
    columns = _check_columns(spec.get("columns"))
    outputs = _check_outputs(spec.get("outputs"))
    base = spec.get("base_value")
    if ("base" in columns) == (base is not None):
        raise BadInput("give either base_value or the column of base values", column="base_value")
    if ("output" in columns) == (outputs is not None):
        raise BadInput("give either outputs or the column of model outputs", column="outputs")
    threshold = spec.get("threshold")
    size = spec.get("minimum_group_size", DEFAULT_MINIMUM_GROUP_SIZE)
    return ExplanationSpec(
        columns=columns,
        features=_check_names(spec.get("features"), "features", MAXIMUM_FEATURES) or None,
        base_value=None if base is None else check_number(base, "base_value"),
        outputs=outputs,
        tolerance=_check_tolerance(spec.get("tolerance", DEFAULT_TOLERANCE)),
        threshold=None if threshold is None else check_number(threshold, "threshold"),
        sensitive=_check_names(spec.get("sensitive"), "sensitive", MAXIMUM_SENSITIVE),
        prediction_id=_check_optional_text(spec.get("prediction_id"), "prediction_id"),
        prediction_output=_check_optional_text(spec.get("prediction_output"), "prediction_output"),
        delimiter=check_choice(spec.get("delimiter"), "delimiter", DELIMITERS),
        minimum_group_size=check_integer(size, "minimum_group_size", 1, 1_000_000),
        level=check_intervals(spec.get("intervals"))[1],
        seed=check_integer(spec.get("seed", 0), "seed", 0, 2**32 - 1),
        said={
            key: check_text(spec[key], key)
            for key in ("output", "class", "explainer", "background")
            if spec.get(key) is not None
        },
        wishes=check_wishes(spec),
    )


def _check_columns(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not set(value) <= set(ROLES):
        raise BadInput(f"must map roles to columns; roles are {', '.join(ROLES)}", column="columns")
    columns = {role: check_text(value[role], f"columns.{role}") for role in ROLES if role in value}
    if len(set(columns.values())) < len(columns):
        raise BadInput("each role needs a column of its own", column="columns")
    return columns


def _check_names(value: object, key: str, most: int) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise BadInput(f"must list 1 to {most} columns", column=key)
    names = tuple(check_text(name, key) for name in value)
    if len(set(names)) < len(names):
        raise BadInput("a column is named twice", column=key)
    return names


def _check_optional_text(value: object, key: str) -> str | None:
    return None if value is None else check_text(value, key)


def _check_outputs(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= MAXIMUM_OUTPUTS:
        raise BadInput(f"must list 1 to {MAXIMUM_OUTPUTS:,} numbers", column="outputs")
    return tuple(check_number(number, f"outputs[{place}]") for place, number in enumerate(value))


def _check_tolerance(value: object) -> float:
    tolerance = check_number(value, "tolerance")
    if not 0 < tolerance <= LARGEST_TOLERANCE:
        raise BadInput(
            f"must be above 0 and at most {LARGEST_TOLERANCE:g}; attributions that miss by more are not additive",
            column="tolerance",
        )
    return tolerance
