"""The one door: a fitted model in, a model document out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from countersign.export.additive import FORMAT
from countersign.export.boosters import read_lightgbm, read_xgboost
from countersign.export.parts import Exported, name_plainly, refuse
from countersign.export.preparation import Lanes, apply_transformer
from countersign.export.scikit_learn import READERS, read_estimator


def export_model(
    model: Any,
    *,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    title: str | None = None,
) -> dict[str, Any]:
    """Return a fitted model as a model document ("countersign/model/1"), ready for `json.dumps`.

    Parameters
    ----------
    model : estimator, pipeline or booster
        Fitted; scikit-learn, XGBoost or LightGBM.
    feature_names : sequence of str, optional
        The columns the model is given, in order. Needed where it was fitted on a bare array.
    class_names : sequence of str, optional
        How the classes are called, in the model's order. Needed for a bare booster; otherwise the
        model's own classes are used.
    output_names : sequence of str, optional
        What a regression predicts.
    title : str, optional

    Raises
    ------
    CountersignError
        With the code "not_exportable" and the reason.
    """
    steps, estimator = _split_pipeline(model)
    found = _read(estimator)
    first = steps[0] if steps else estimator
    names = _find_names(model, first, found, feature_names, has_steps=bool(steps))
    lanes = Lanes.start(names)
    for step in steps:
        lanes = apply_transformer(step, lanes)
    if len(lanes.lanes) != found.columns:
        refuse(f"the estimator sees {found.columns} columns, the steps before it give {len(lanes.lanes)}")
    document: dict[str, Any] = {
        "format": FORMAT,
        "task": found.task,
        "inputs": lanes.write_inputs(),
        "model": found.model,
        "link": found.link,
        "made_by": {"library": found.library, "version": _find_version(found.library), "estimator": found.estimator},
    }
    if steps:
        document["columns"] = lanes.write_columns()
    document |= _name_outputs(found, class_names, output_names)
    if title is not None:
        document["title"] = title
    return document


def _split_pipeline(model: Any) -> tuple[list[Any], Any]:
    """Return (transformers, estimator); a pipeline inside a pipeline is opened too."""
    if not _is_pipeline(model):
        return [], model
    steps = [step for _, step in model.steps if step is not None and step != "passthrough"]
    if not steps:
        refuse("the pipeline is empty")
    inner, estimator = _split_pipeline(steps[-1])
    return [*steps[:-1], *inner], estimator


def _is_pipeline(model: Any) -> bool:
    return any(kind.__name__ == "Pipeline" for kind in type(model).__mro__)


def _read(estimator: Any) -> Exported:
    module = type(estimator).__module__.split(".")[0]
    if module == "xgboost":
        return read_xgboost(estimator)
    if module == "lightgbm":
        return read_lightgbm(estimator)
    if any(kind.__name__ in READERS for kind in type(estimator).__mro__):
        return read_estimator(estimator)
    return refuse(f"there is no exporter for {type(estimator).__name__}")


def _find_names(model: Any, first: Any, found: Exported, given: Sequence[str] | None, *, has_steps: bool) -> list[str]:
    if given is not None:
        names = [str(name) for name in given]
    else:
        known = next((getattr(part, "feature_names_in_", None) for part in (model, first)), None)
        if known is None and not has_steps:
            known = found.names
        if known is None:
            refuse("it does not know the names of its columns; give feature_names")
        names = [str(name) for name in known]
    if len(set(names)) < len(names):
        refuse("two columns have the same name")
    wanted = getattr(first, "n_features_in_", None if has_steps else found.columns)
    if wanted is not None and len(names) != wanted:
        refuse(f"{len(names)} feature names for {wanted} columns")
    return names


def _name_outputs(
    found: Exported, class_names: Sequence[str] | None, output_names: Sequence[str] | None
) -> dict[str, list[str]]:
    if found.task == "regression":
        names = [str(name) for name in output_names or _number_outputs(found.outputs)]
        if len(names) != found.outputs:
            refuse(f"{len(names)} output names for {found.outputs} outputs")
        return {"outputs": names}
    count = 2 if found.link == "logit" else found.outputs
    classes = class_names or found.classes or range(count)
    names = [name_plainly(name) for name in classes]
    if len(names) != count:
        refuse(f"{len(names)} class names for {count} classes")
    return {"classes": names}


def _number_outputs(count: int) -> list[str]:
    return ["output"] if count == 1 else [f"output {number}" for number in range(1, count + 1)]


def _find_version(library: str) -> str:
    for name in (library, f"{library}-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
