"""Explain an ONNX model by asking it: shap's permutation explainer, on a budget of rows (tier 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.explanations.attributions import Attributions
from audits.explanations.explain import check_attributions, read_former
from audits.explanations.extension import extend_explanation
from audits.explanations.record import to_json
from audits.explanations.spec import ExplanationSpec
from audits.explanations.wishes import Wishes
from audits.onnx_models.model import OnnxModel, read_model
from audits.onnx_models.spec import OnnxSpec, check_onnx_spec
from audits.portable.rows import read_numbers
from audits.portable.sampling import take_rows
from audits.tables.diagnose import raise_unreadable
from audits.tables.frames import LIMITS, TableFile, check_row_count, open_table, read_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADDITIVITY = 1e-6
"""The model answers in single precision; shap sums its answers in double."""
MAXIMUM_VALUES = 20_000_000
ROUNDS = 10
"""Permutations per row: each asks the model twice for every feature."""


def run_onnx_explanation(
    paths: Mapping[str, Path], spec: Mapping[str, Any], progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Explain an ONNX model on rows; the job of the sandbox.

    Parameters
    ----------
    paths : mapping
        `evidence`: the model. `data`: the table of rows. Optional: `background`, rows that stand in for absent
        features (else rows of the table itself), and `former`.
    spec : mapping
        The JSON document checked by `spec.check_onnx_spec`.
    progress : callable

    Raises
    ------
    BadInput
        For a model, table or specification that is not what it must be, and for a submitted prediction that is not
        the model's.
    """
    checked = check_onnx_spec(dict(spec))
    if "data" not in paths:
        raise BadInput("no table of rows was given", column="data")
    progress(0.0, "checking the model")
    model = read_model(paths["evidence"], len(checked.features), checked.output, checked.output_column)
    progress(0.1, "reading the rows")
    file, table, ids, submitted = _read(paths["data"], checked, with_answers=True)
    output = model.answer(table)
    difference = None if submitted is None else _compare(output, submitted, ids, checked)
    pool = table
    if "background" in paths:
        pool = _read(paths["background"], checked, with_answers=False)[1]
    background = pool[take_rows(model.answer(pool), checked.background, checked.seed)]
    rows = take_rows(output, checked.rows, checked.seed)
    progress(0.2, "asking the model")
    shap, base = _ask(model, table[rows], background, checked.seed)
    attributions = Attributions(
        file=file,
        ids=tuple(ids[row] for row in rows),
        has_ids="id" in checked.columns,
        features=checked.features,
        shap=shap,
        base=base,
        output=output[rows],
        values={name: table[rows, place] for place, name in enumerate(checked.features)},
    )
    progress(0.8, "summarising")
    return _record(attributions, checked, model, difference, len(table), len(background), paths)


def _read(
    path: Path, spec: OnnxSpec, *, with_answers: bool
) -> tuple[TableFile, NDArray[np.float64], tuple[str, ...], NDArray[np.float64] | None]:
    """(file, table of shape (rows, features), ids, submitted answers)."""
    import duckdb
    import numpy as np

    further = tuple(spec.columns.values()) if with_answers else ()
    file = read_table(path, (*spec.features, *further), delimiter=spec.delimiter, limits=LIMITS)
    with open_table(file) as engine:
        try:
            count = engine.execute(f"SELECT count(*) FROM {file.scan()}").fetchall()[0][0]  # noqa: S608
            check_row_count(count, LIMITS)
            if count * len(spec.features) > MAXIMUM_VALUES:
                raise BadInput(f"{count:,} rows of {len(spec.features)} features are too many; give a sample")
            table = np.column_stack([read_numbers(engine, file, name) for name in spec.features])
            ids = tuple(str(number) for number in range(1, count + 1))
            if with_answers and "id" in spec.columns:
                query = f"SELECT {file.text(spec.columns['id'])} FROM {file.scan()}"  # noqa: S608
                ids = tuple(row[0] or "" for row in engine.execute(query).fetchall())
            has_score = with_answers and "y_score" in spec.columns
            submitted = read_numbers(engine, file, spec.columns["y_score"]) if has_score else None
        except duckdb.Error:
            raise_unreadable(file, LIMITS)
    _check_ids(ids, spec)
    return file, table, ids, submitted


def _check_ids(ids: tuple[str, ...], spec: OnnxSpec) -> None:
    seen: set[str] = set()
    for number, name in enumerate(ids, start=1):
        if not name or name in seen:
            raise BadInput(
                f"every row needs an id of its own; found {name[:60]!r}", column=spec.columns["id"], row=number
            )
        seen.add(name)


def _compare(
    output: NDArray[np.float64], submitted: NDArray[np.float64], ids: tuple[str, ...], spec: OnnxSpec
) -> float:
    """Return the largest difference between the model's answers and the submitted ones, none beyond the tolerance."""
    import numpy as np

    difference = np.abs(output - submitted)
    wrong = ~(difference <= spec.tolerance * np.maximum(1.0, np.abs(output)))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadInput(
            f"the submitted prediction of {ids[row][:60]!r} is {submitted[row]:.9g}, the model's is {output[row]:.9g} "
            f"(and {int(wrong.sum()) - 1:,} more rows differ)",
            column=spec.columns["y_score"],
            row=row + 1,
        )
    return float(difference.max())


def _ask(
    model: OnnxModel, table: NDArray[np.float64], background: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(SHAP values of shape (rows, features), base value per row)."""
    import numpy as np
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(model.answer, masker, seed=seed)
    found = explainer(table, max_evals=ROUNDS * (2 * table.shape[1] + 1), silent=True)
    values = np.asarray(found.values, dtype=np.float64).reshape(table.shape)
    return values, np.broadcast_to(np.asarray(found.base_values, dtype=np.float64), (len(table),)).copy()


def _record(
    attributions: Attributions,
    spec: OnnxSpec,
    model: OnnxModel,
    difference: float | None,
    rows: int,
    background: int,
    paths: Mapping[str, Path],
) -> dict[str, Any]:
    """The result document, with what was asked and how."""
    result = check_attributions(
        attributions,
        tolerance=ADDITIVITY,
        level=spec.level,
        minimum_group_size=spec.minimum_group_size,
        random_state=spec.seed,
    )
    as_read = ExplanationSpec(
        columns={role: name for role, name in spec.columns.items() if role == "id"},
        tolerance=ADDITIVITY,
        minimum_group_size=spec.minimum_group_size,
        level=spec.level,
        seed=spec.seed,
    )
    document = to_json(result, as_read, attributions.file, None)
    source = "background" if "background" in paths else "the explained table itself"
    document |= _describe(model, len(attributions.ids), spec)
    document["recomputation"] |= {
        "absent": {"kind": "background", "table": source, "rows": background},
        "rows_compared": 0 if difference is None else rows,
        "compared": {} if difference is None else {"y_score": {"largest_difference": difference}},
    }
    extend_explanation(
        document,
        attributions,
        result,
        Wishes(),
        groups={},
        level=spec.level,
        minimum_group_size=spec.minimum_group_size,
        random_state=spec.seed,
        reference=f"{background:,} rows of {source}",
        former=read_former(paths.get("former")),
    )
    return document


def _describe(model: OnnxModel, explained: int, spec: OnnxSpec) -> dict[str, Any]:
    """What was asked, and the sentence that says so."""
    return {
        "statement": f"recomputed by the portal from an ONNX model (model-agnostic, {explained:,} rows)",
        "computed_by": "portal",
        "said_by_submitter": {},
        "model": {
            "sha256": model.sha256,
            "kind": "onnx",
            "nodes": model.nodes,
            "operators": list(model.operators),
            "operator_sets": model.opsets,
        },
        "recomputation": {
            "explained": "prediction",
            "of": f"{model.output}, column {model.output_column}",
            "method": f"shap PermutationExplainer, {ROUNDS} permutations a row",
            "tolerance": spec.tolerance,
        },
    }
