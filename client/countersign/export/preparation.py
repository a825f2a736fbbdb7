"""The steps before an estimator: scaling, imputing, one-hot encoding, passing on.

A *lane* is one column on its way from an input to the estimator: which input it comes from and
what was done to it. Every transformer turns lanes into lanes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from countersign.export.parts import find_class, name_plainly, refuse

Step = dict[str, Any]


@dataclass(frozen=True)
class Lane:
    """One column: its name, the number of its input, the steps so far."""

    name: str
    input: int
    steps: tuple[Step, ...] = ()

    def then(self, *steps: Step, name: str | None = None) -> Lane:
        """Return the lane with further steps."""
        return replace(self, steps=(*self.steps, *steps), name=name or self.name)


@dataclass
class Lanes:
    """All lanes, with what the encoders said of the inputs."""

    names: list[str]
    lanes: list[Lane]
    categories: dict[int, list[str]] = field(default_factory=dict)
    allowed: dict[int, list[float]] = field(default_factory=dict)
    keeps_unknown: set[int] = field(default_factory=set)

    @classmethod
    def start(cls, names: list[str]) -> Lanes:
        """Return one lane per input."""
        return cls(names, [Lane(name, number) for number, name in enumerate(names)])

    def carry(self, lanes: list[Lane]) -> Lanes:
        """Return the same inputs with other lanes."""
        return Lanes(self.names, lanes, self.categories, self.allowed, self.keeps_unknown)

    def write_inputs(self) -> list[dict[str, Any]]:
        """Return the `inputs` of the document."""
        written: list[dict[str, Any]] = []
        for number, name in enumerate(self.names):
            unknown = "kept" if number in self.keeps_unknown else "refused"
            if number in self.categories:
                categories = self.categories[number]
                written.append({"name": name, "kind": "category", "categories": categories, "unknown": unknown})
            elif number in self.allowed and unknown == "refused":
                written.append({"name": name, "kind": "number", "allowed": self.allowed[number]})
            else:
                written.append({"name": name, "kind": "number"})
        return written

    def write_columns(self) -> list[dict[str, Any]]:
        """Return the `columns` of the document, each name once."""
        names = [lane.name for lane in self.lanes]
        unique = [name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names, 1)]
        return [
            {"name": name, "input": lane.input, "steps": [self._write_step(lane, step) for step in lane.steps]}
            for name, lane in zip(unique, self.lanes, strict=True)
        ]

    def _write_step(self, lane: Lane, step: Step) -> Step:
        """Return the step; a text filled in that no training row had counts as an unknown category, -1."""
        value = step.get("value")
        if step["do"] == "fill" and isinstance(value, str):
            if lane.input not in self.categories:
                refuse(f"{lane.name} is filled with the text {value!r} and never encoded")
            if value not in self.categories[lane.input]:
                return {**step, "value": -1}
        return dict(step)


def apply_transformer(transformer: Any, lanes: Lanes) -> Lanes:
    """Return the lanes behind a fitted transformer."""
    if transformer is None or transformer == "passthrough":
        return lanes
    kind = find_class(transformer, APPLIERS)
    if kind is None:
        refuse(f"there is no exporter for the step {type(transformer).__name__}")
    return APPLIERS[kind](transformer, lanes)


def _apply_pipeline(pipeline: Any, lanes: Lanes) -> Lanes:
    for _, step in pipeline.steps:
        lanes = apply_transformer(step, lanes)
    return lanes


def _apply_columns(transformer: Any, lanes: Lanes) -> Lanes:
    """Apply a ColumnTransformer: every part to the lanes it names, side by side."""
    found: list[Lane] = []
    names = getattr(transformer, "feature_names_in_", None)
    names = [lane.name for lane in lanes.lanes] if names is None else [str(name) for name in names]
    for _, part, columns in transformer.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        chosen = [lanes.lanes[place] for place in _find_places(columns, names)]
        found += apply_transformer(part, lanes.carry(chosen)).lanes if chosen else []
    return lanes.carry(found)


def _find_places(columns: Any, names: Sequence[str]) -> list[int]:
    """Return the places that a column selection of a ColumnTransformer stands for."""
    if isinstance(columns, slice):
        ends = [names.index(end) if isinstance(end, str) else end for end in (columns.start, columns.stop)]
        if isinstance(columns.stop, str):
            ends[1] += 1
        return list(range(len(names)))[slice(ends[0], ends[1], columns.step)]
    listed = [columns] if isinstance(columns, str | int) else list(columns)
    if listed and all(isinstance(item, bool) or type(item).__name__ == "bool" for item in listed):
        return [place for place, item in enumerate(listed) if item]
    return [names.index(item) if isinstance(item, str) else int(item) % len(names) for item in listed]


def _scale(lanes: Lanes, *parts: tuple[str, Any]) -> Lanes:
    """Return the lanes after arithmetic, each part (operation, one operand per lane or None)."""
    done = []
    for place, lane in enumerate(lanes.lanes):
        steps = [{"do": operation, "value": float(values[place])} for operation, values in parts if values is not None]
        done.append(lane.then(*steps))
    return lanes.carry(done)


def _apply_standard(scaler: Any, lanes: Lanes) -> Lanes:
    mean = scaler.mean_ if scaler.with_mean else None
    return _scale(lanes, ("subtract", mean), ("divide", scaler.scale_ if scaler.with_std else None))


def _apply_min_max(scaler: Any, lanes: Lanes) -> Lanes:
    if scaler.clip:
        refuse("MinMaxScaler(clip=True) cuts values off, which the document has no step for")
    return _scale(lanes, ("multiply", scaler.scale_), ("add", scaler.min_))


def _apply_max_abs(scaler: Any, lanes: Lanes) -> Lanes:
    if getattr(scaler, "clip", False):
        refuse("MaxAbsScaler(clip=True) cuts values off, which the document has no step for")
    return _scale(lanes, ("divide", scaler.scale_))


def _apply_robust(scaler: Any, lanes: Lanes) -> Lanes:
    center = scaler.center_ if scaler.with_centering else None
    return _scale(lanes, ("subtract", center), ("divide", scaler.scale_ if scaler.with_scaling else None))


def _apply_imputer(imputer: Any, lanes: Lanes) -> Lanes:
    mark = imputer.missing_values
    if not (isinstance(mark, float) and math.isnan(mark)) and mark is not None and type(mark).__name__ != "NAType":
        refuse(f"SimpleImputer(missing_values={mark!r}): only empty values count as missing")
    done = []
    for place, lane in enumerate(lanes.lanes):
        value = imputer.statistics_[place]
        if _is_missing(value):
            if getattr(imputer, "keep_empty_features", False):
                refuse(f"SimpleImputer keeps {lane.name}, which was empty in training")
            continue
        done.append(lane.then({"do": "fill", "value": value if isinstance(value, str) else float(value)}))
    indicator = getattr(imputer, "indicator_", None)
    if indicator is not None:
        done += [
            lanes.lanes[int(place)].then({"do": "is_missing"}, name=f"{lanes.lanes[int(place)].name} is missing")
            for place in indicator.features_
        ]
    return lanes.carry(done)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _apply_one_hot(encoder: Any, lanes: Lanes) -> Lanes:
    if getattr(encoder, "_infrequent_enabled", False):
        refuse("OneHotEncoder puts infrequent categories together, which the document has no step for")
    drop = encoder.drop_idx_
    done = []
    for place, lane in enumerate(lanes.lanes):
        categories = [_plain(value) for value in encoder.categories_[place]]
        _note_categories(lanes, lane, categories, keeps_unknown=encoder.handle_unknown != "error")
        for number, value in enumerate(categories):
            if drop is not None and drop[place] is not None and number == drop[place]:
                continue
            if _is_missing(value):
                done.append(lane.then({"do": "is_missing"}, name=f"{lane.name} is missing"))
            else:
                done.append(lane.then({"do": "equals", "value": value}, name=f"{lane.name}={name_plainly(value)}"))
    return lanes.carry(done)


def _apply_ordinal(encoder: Any, lanes: Lanes) -> Lanes:
    if getattr(encoder, "_infrequent_enabled", False):
        refuse("OrdinalEncoder puts infrequent categories together, which the document has no step for")
    keeps = encoder.handle_unknown != "error"
    if keeps and encoder.unknown_value != -1:
        refuse("OrdinalEncoder must give unknown categories the value -1")
    if not _is_missing(encoder.encoded_missing_value):
        refuse("OrdinalEncoder must leave missing values missing")
    for place, lane in enumerate(lanes.lanes):
        categories = [_plain(value) for value in encoder.categories_[place] if not _is_missing(_plain(value))]
        if not all(isinstance(value, str) for value in categories):
            refuse(f"OrdinalEncoder numbers the numbers of {lane.name}; encode texts, or use the numbers as they are")
        _note_categories(lanes, lane, categories, keeps_unknown=keeps)
    return lanes


def _plain(value: Any) -> Any:
    """Return a category as a text, a float or None; True and False as a table writes them."""
    item = value.item() if hasattr(value, "item") else value
    if item is None or isinstance(item, str):
        return item
    if isinstance(item, int | float) and not isinstance(item, bool):
        return float(item)
    return None if type(item).__name__ == "NAType" else str(item)


def _note_categories(lanes: Lanes, lane: Lane, categories: list[Any], *, keeps_unknown: bool) -> None:
    """Write down what an encoder said of an input; two encoders must say the same."""
    known = [value for value in categories if not _is_missing(value)]
    if any(step["do"] != "fill" for step in lane.steps):
        refuse(f"{lane.name} is computed before it is encoded")
    texts = [value for value in known if isinstance(value, str)]
    if texts and len(texts) < len(known):
        refuse(f"{lane.name} has texts and numbers among its categories")
    target: dict[int, Any] = lanes.categories if texts else lanes.allowed
    if target.setdefault(lane.input, known) != known:
        refuse(f"two encoders know different categories of {lane.name}")
    if keeps_unknown:
        lanes.keeps_unknown.add(lane.input)


def _apply_function(transformer: Any, lanes: Lanes) -> Lanes:
    if transformer.func is not None:
        refuse("a FunctionTransformer holds code")
    return lanes


APPLIERS: dict[str, Callable[[Any, Lanes], Lanes]] = {
    "Pipeline": _apply_pipeline,
    "ColumnTransformer": _apply_columns,
    "StandardScaler": _apply_standard,
    "MinMaxScaler": _apply_min_max,
    "MaxAbsScaler": _apply_max_abs,
    "RobustScaler": _apply_robust,
    "SimpleImputer": _apply_imputer,
    "OneHotEncoder": _apply_one_hot,
    "OrdinalEncoder": _apply_ordinal,
    "FunctionTransformer": _apply_function,
}
