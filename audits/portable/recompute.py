"""An explanation computed by the portal itself, from a model document and a table of rows.

Nothing is believed: the document is checked whole, every row is predicted and compared with what
was submitted, and every explained row must add up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.explanations.attributions import Attributions
from audits.explanations.explain import check_attributions, read_former
from audits.explanations.extension import extend_explanation
from audits.explanations.record import to_json
from audits.explanations.results import Explanation
from audits.explanations.spec import MAXIMUM_FEATURES, ExplanationSpec
from audits.explanations.wishes import Wishes
from audits.intervals import find_z
from audits.portable import coalitions, permutations
from audits.portable.attribute import (
    Question,
    ask,
    choose_method,
    explain_rows,
    find_outputs,
)
from audits.portable.columns import transform
from audits.portable.document import PortableModel, read_document
from audits.portable.interactions import find_interactions
from audits.portable.predict import predict
from audits.portable.rows import ModelRows, read_rows
from audits.portable.sampling import Sample, explain_sample, find_smallest_share, take_rows
from audits.portable.second_opinion import find_truth, permute_players, repeat_with_other_seeds
from audits.portable.spec import RecomputeSpec, check_recompute_spec
from audits.portable.statement import describe_recomputation, describe_sample, name_reference, note_estimate
from audits.portable.submitted import Submitted, compare, list_columns, read_submitted
from audits.portable.tree_shap import Attribution
from audits.portable.trees import TreeEnsemble
from audits.tables.frames import LIMITS, Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADDITIVITY = 1e-9
"""Our own values are computed in float64 and add up to this, relative to the row's scale."""
PREDICTION_BACKGROUND = 200
"""Background rows on the scale of the prediction, where every coalition or order is computed against each."""

INTERACTION_ROWS = 1_000

Progress = Callable[[float, str], None]


def run_recomputed_explanation(
    paths: Mapping[str, Path],
    spec: Mapping[str, Any],
    progress: Progress | None = None,
    *,
    limits: Limits = LIMITS,
) -> dict[str, Any]:
    """Explain a model document; the one door for other programs.

    Parameters
    ----------
    paths : mapping
        `model` (or `evidence`): the model document. `data`: the table of rows. Optional are
        `background`: the rows that stand in for absent features, and `predictions`: the prediction
        file with what was submitted and the sensitive values, matched by id.
    spec : mapping
        The JSON document checked by `spec.check_recompute_spec`.
    progress : callable, optional
        Called with (share done, what is being done).
    limits : Limits

    Returns
    -------
    dict
        As `explanations.explain.run_explanation`, with `computed_by` "portal", `recomputation` and
        `sampling`.

    Raises
    ------
    BadInput
        For a document, a table or a specification that is not what it must be, and where the
        submitted predictions are not the model's.
    """
    checked = check_recompute_spec(dict(spec))
    tell = progress or (lambda share, what: None)
    tell(0.0, "checking the model document")
    model = read_document(_find_path(paths, "model", "evidence"))
    tell(0.05, "reading the rows")
    rows, submitted = _read_table(paths, model, checked, limits)
    question, stands_in = _ask(paths, model, checked, rows, limits)
    tell(0.15, "comparing predictions on every row")
    predictions = predict(model, rows.inputs)
    differences = compare(model, question, predictions, rows, submitted, checked)
    outputs = find_outputs(model, question, rows.inputs, predictions)

    def explain(chosen: NDArray[np.int64]) -> Attribution:
        return explain_rows(
            model, question, rows.inputs[:, chosen], lambda share: tell(0.2 + 0.5 * share, "explaining rows")
        )

    most = min(checked.rows, _count_affordable(model, question))
    z = find_z(checked.level)
    texts = {name: submitted.texts[name] for name in checked.sensitive}
    share = find_smallest_share(texts)
    sample, attribution = explain_sample(
        explain, outputs, most=most, precision=checked.precision, z=z, seed=checked.seed, smallest_share=share
    )
    tell(0.7, "summarising")
    attributions = _collect(model, question, rows, sample, attribution, outputs)
    groups = {name: [values[row] for row in sample.rows] for name, values in texts.items()}
    explanation, result = _summarise(attributions, checked, submitted, groups, rows)
    if checked.interactions and isinstance(model.model, TreeEnsemble) and question.on_margin:
        tell(0.75, "interactions")
        few = rows.inputs[:, take_rows(outputs, INTERACTION_ROWS, checked.seed)]
        result["interactions"] = _find_interactions(model, model.model, question, few, z)
    result |= describe_recomputation(model, question, stands_in, checked, differences, rows, submitted)
    note_estimate(result, model, question, attribution)
    result["sampling"] = describe_sample(question, sample, rows, most, checked)
    tell(0.85, "other seeds, second opinion")
    wishes = _ask_again(model, question, checked, rows, submitted, sample, outputs)
    former = read_former(paths.get("former"))
    _extend(result, attributions, explanation, checked, wishes, groups, name_reference(stands_in), former)
    tell(1.0, "done")
    return result


def _extend(
    result: dict[str, Any],
    attributions: Attributions,
    explanation: Explanation,
    spec: RecomputeSpec,
    wishes: Wishes,
    groups: Mapping[str, Sequence[str | None]],
    reference: str,
    former: Mapping[str, Any] | None,
) -> None:
    extend_explanation(
        result,
        attributions,
        explanation,
        wishes,
        groups=groups,
        level=spec.level,
        minimum_group_size=spec.minimum_group_size,
        random_state=spec.seed,
        threshold=spec.threshold,
        reference=reference,
        former=former,
    )


def _find_interactions(
    model: PortableModel, trees: TreeEnsemble, question: Question, inputs: Any, z: float
) -> list[dict[str, Any]]:
    """Return the exact interactions of some rows' inputs."""
    background = None if question.background is None else transform(model.columns, question.background)
    return find_interactions(trees, transform(model.columns, inputs), question, z, background)


def _find_path(paths: Mapping[str, Path], *roles: str) -> Path:
    for role in roles:
        if role in paths:
            return paths[role]
    raise BadInput(f"no {roles[0]} was given", column=roles[0])


def _read_table(
    paths: Mapping[str, Path], model: PortableModel, spec: RecomputeSpec, limits: Limits
) -> tuple[ModelRows, Submitted]:
    """Return the rows, and what was submitted about them, from their table or the prediction file."""
    # Without ids nothing can be matched; then only what stands in the table itself is compared.
    has_predictions = "predictions" in paths and "id" in spec.columns
    rows = read_rows(
        _find_path(paths, "data"),
        model,
        id_column=spec.columns.get("id"),
        further=() if has_predictions else list_columns(spec),
        delimiter=spec.delimiter,
        limits=limits,
    )
    if has_predictions and list_columns(spec):
        return rows, read_submitted(paths["predictions"], spec, rows.ids, limits=limits)
    return rows, Submitted(rows.texts, None)


def _ask(
    paths: Mapping[str, Path],
    model: PortableModel,
    spec: RecomputeSpec,
    rows: ModelRows,
    limits: Limits,
) -> tuple[Question, dict[str, Any]]:
    """Return the question, and what stands in for absent features."""
    absent = spec.absent
    has_cover = isinstance(model.model, TreeEnsemble) and model.model.has_cover and spec.explained == "margin"
    if absent is None:
        absent = "cover" if has_cover and "background" not in paths else "background"
    if absent == "cover" and not has_cover:
        raise BadInput("only margins of trees that have a cover are explained by it", column="absent")
    stands_in: dict[str, Any] = {"kind": absent, "table": None, "rows": None, "of_rows": None, "sha256": None}
    background = None
    if absent == "background":
        source = rows
        if "background" in paths:
            source = read_rows(paths["background"], model, delimiter=spec.delimiter, limits=limits)
        background = source.inputs
        if spec.explained == "prediction" and background.shape[1] > PREDICTION_BACKGROUND:
            background = background[:, _draw(background.shape[1], PREDICTION_BACKGROUND, spec.seed)]
    question = ask(
        model,
        wanted=spec.wanted,
        on_margin=spec.explained == "margin",
        by_column=spec.features == "columns",
        background=background,
        seed=spec.seed,
    )
    if len(question.names) > MAXIMUM_FEATURES:
        raise BadInput(f"{len(question.names):,} features, at most {MAXIMUM_FEATURES} are explained", column="features")
    if question.background is not None:
        stands_in |= {
            "table": "background" if "background" in paths else "the explained table itself",
            "rows": question.background.shape[1],
            "of_rows": source.inputs.shape[1],
            "sha256": source.file.sha256,
        }
    return question, stands_in


def _draw(total: int, count: int, seed: int) -> NDArray[np.int64]:
    import numpy as np

    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False))


def _count_affordable(model: PortableModel, question: Question) -> int:
    """Return how many rows the way of computing allows."""
    method = choose_method(model, question)
    if question.background is None:
        return 1 << 62
    if method == "permutations":
        return permutations.count_affordable(model, question.players, question.background.shape[1])
    if method == "all coalitions":
        return coalitions.count_affordable(question.players, question.background.shape[1], len(model.outputs))
    return 1 << 62


def _collect(
    model: PortableModel,
    question: Question,
    rows: ModelRows,
    sample: Sample,
    attribution: Attribution,
    outputs: NDArray[np.float64],
) -> Attributions:
    """Return the attributions of the sample as if they had been read from a file."""
    import numpy as np

    chosen = rows.inputs[:, sample.rows]
    by_column = len(question.names) == len(model.columns) and question.names == tuple(c.name for c in model.columns)
    if by_column:
        values = dict(zip(question.names, transform(model.columns, chosen), strict=True))
    else:
        values = {part.name: chosen[number] for number, part in enumerate(model.inputs) if part.categories is None}
    return Attributions(
        file=rows.file,
        ids=tuple(rows.ids[row] for row in sample.rows),
        has_ids=rows.has_ids,
        features=question.names,
        shap=np.ascontiguousarray(attribution.values.T),
        base=np.full(len(sample.rows), attribution.base),
        output=outputs[sample.rows],
        values=values,
        noise=attribution.noise,
    )


def _summarise(
    attributions: Attributions,
    spec: RecomputeSpec,
    submitted: Submitted,
    groups: Mapping[str, Sequence[str | None]],
    rows: ModelRows,
) -> tuple[Explanation, dict[str, Any]]:
    result = check_attributions(
        attributions,
        tolerance=ADDITIVITY,
        level=spec.level,
        threshold=spec.threshold,
        groups=groups,
        minimum_group_size=spec.minimum_group_size,
        random_state=spec.seed,
    )
    if not result.is_additive:
        raise ArithmeticError(f"our own values miss by {result.worst.error:g} on row {result.worst.id}")
    as_read = ExplanationSpec(
        columns={role: name for role, name in spec.columns.items() if role == "id"},
        tolerance=ADDITIVITY,
        threshold=spec.threshold,
        sensitive=spec.sensitive,
        minimum_group_size=spec.minimum_group_size,
        level=spec.level,
        seed=spec.seed,
    )
    return result, to_json(result, as_read, rows.file, submitted.file)


def _ask_again(
    model: PortableModel,
    question: Question,
    spec: RecomputeSpec,
    rows: ModelRows,
    submitted: Submitted,
    sample: Sample,
    outputs: NDArray[np.float64],
) -> Wishes:
    """Return the wishes with what the portal finds by other seeds and, where the truth is known, by permuting."""
    repeats = repeat_with_other_seeds(model, question, rows.inputs, outputs, sample)
    importance: dict[str, float] = {}
    if "y_true" in spec.columns:
        truth = find_truth(model, question, submitted.texts[spec.columns["y_true"]], spec.columns["y_true"])
        importance = permute_players(model, question, rows.inputs, truth)
    return replace(spec.wishes, repeats=repeats, permutation_importance=importance)
