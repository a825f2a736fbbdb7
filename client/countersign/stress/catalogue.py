"""What can be done to rows and images: every disturbance with its five severities, its parameter and its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from countersign.errors import CountersignError

Kind = Literal["image", "numbers", "texts", "cells", "rows"]
SEVERITIES = (1, 2, 3, 4, 5)
BASELINE = "none"
WRITTEN = re.compile(r"([a-z_]+)(?::([1-5])(?:-([1-5]))?)?")

IMAGENET_C = "Hendrycks and Dietterich, ICLR 2019 (ImageNet-C)"
AFTER_IMAGENET_C = "after Hendrycks and Dietterich, ICLR 2019 (ImageNet-C), with parameters of our own"
OURS = "parameters of our own"


@dataclass(frozen=True)
class Disturbance:
    """One way in which data come out worse.

    Attributes
    ----------
    name : str
        What it is asked for by; with a severity the name of the condition, ``gaussian_noise:3``.
    kind : str
        ``image``; or for rows ``numbers``, ``texts``, ``cells`` (both) column by column, or ``rows`` as a whole.
    levels : tuple of float
        The parameter at severity 1 to 5.
    parameter : str
        What the level is, with its unit.
    apply : callable
        ``(image or column or number of rows, level, stream, options)`` -> the disturbed one.
    is_fixed : bool
        A property of the device: the same for every image.
    options : tuple of str
        What may be said beside the severity.
    """

    name: str
    kind: Kind
    title: str
    parameter: str
    levels: tuple[float, ...]
    definition: str
    source: str
    apply: Callable[..., Any]
    is_fixed: bool = False
    options: tuple[str, ...] = ()


CATALOGUE: dict[str, Disturbance] = {}
"""Name -> disturbance. Filled by the modules that hold them."""


def register(
    name: str,
    kind: Kind,
    title: str,
    parameter: str,
    levels: tuple[float, ...],
    *,
    source: str = OURS,
    is_fixed: bool = False,
    options: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the catalogue; its docstring is the definition."""

    def enter(apply: Callable[..., Any]) -> Callable[..., Any]:
        text = " ".join((apply.__doc__ or "").split())
        CATALOGUE[name] = Disturbance(
            name, kind, title, parameter, levels, text, source, apply, is_fixed=is_fixed, options=options
        )
        return apply

    return enter


@dataclass(frozen=True)
class Condition:
    """A disturbance at a severity. ``options`` are its own, such as ``columns``; see the catalogue."""

    disturbance: str
    severity: int = 3
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        known = CATALOGUE.get(self.disturbance)
        if known is None:
            raise CountersignError(
                "bad_condition", None, f"There is no condition “{self.disturbance}”. Known: {list_names()}."
            )
        if self.severity not in SEVERITIES[: len(known.levels)]:
            most = len(known.levels)
            raise CountersignError("bad_condition", None, f"The severity of {self.disturbance} is 1 to {most}.")
        strange = sorted(set(self.options) - set(known.options))
        if strange:
            takes = ", ".join(known.options) or "none"
            raise CountersignError(
                "bad_condition", None, f"{self.disturbance} has no option “{strange[0]}”; it takes {takes}."
            )

    @property
    def name(self) -> str:
        """Return how the condition is called in the prediction file."""
        return self.label or f"{self.disturbance}:{self.severity}"

    @property
    def definition(self) -> Disturbance:
        """Return its entry of the catalogue."""
        return CATALOGUE[self.disturbance]

    @property
    def level(self) -> float:
        """Return the parameter at this severity."""
        return self.definition.levels[self.severity - 1]

    def to_json(self) -> dict[str, Any]:
        """Return what it is, with its parameter and source."""
        known = self.definition
        return {
            "condition": self.name,
            "title": known.title,
            "severity": self.severity,
            "parameter": known.parameter,
            "level": self.level,
            "options": {name: str(value) for name, value in self.options.items()},
            "definition": known.definition,
            "source": known.source,
        }


def list_names(*kinds: Kind) -> str:
    """Return the names of the catalogue in one line."""
    return ", ".join(name for name, item in CATALOGUE.items() if not kinds or item.kind in kinds)


def parse_conditions(texts: Iterable[str]) -> list[Condition]:
    """Return the conditions that are written ``blur``, ``blur:3`` or ``blur:1-5``; without severity all of them.

    Raises ``CountersignError`` (``bad_condition``) naming the text that cannot be read.
    """
    found: list[Condition] = []
    for text in texts:
        match = WRITTEN.fullmatch(text.strip())
        if match is None:
            raise CountersignError("bad_condition", None, f"“{text}” is no condition. Write NAME, NAME:3 or NAME:1-5.")
        name, first, last = match.groups()
        most = len(CATALOGUE[name].levels) if name in CATALOGUE else 1
        start = int(first) if first else 1
        stop = int(last) if last else (start if first else most)
        if stop < start:
            raise CountersignError("bad_condition", None, f"“{text}”: write the smaller severity first.")
        found += [Condition(name, severity) for severity in range(start, stop + 1)]
    return found
