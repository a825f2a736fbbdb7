"""How a requirement says from which control of a framework it comes, and how it is found by that again."""

from __future__ import annotations

import re

from governance.exceptions import InvalidInput
from governance.frameworks.catalogue import Control, Framework

LONGEST_SOURCE = LONGEST_TITLE = 200
# What one model can be given in one go: a requirement more is a requirement somebody has to read.
MOST_AT_ONCE = 100


def source_of(framework: Framework, control: Control) -> str:
    """What a requirement made from the control names as its source. Controls that share a place also give their id."""
    shares = sum(other.ref == control.ref for other in framework.controls) > 1
    source = f"{framework.title}, {control.ref}" + (f" ({control.id})" if shares else "")
    return source if len(source) <= LONGEST_SOURCE else f"{framework.id}, {control.id}"


def title_of(control: Control) -> str:
    """The place and how the gist begins, cut at a word."""
    title = f"{control.ref}: {' '.join(control.gist.split())}"
    if len(title) <= LONGEST_TITLE:
        return title
    return title[: LONGEST_TITLE - 1].rpartition(" ")[0].rstrip(",;: ") + "…"


def choose_controls(framework: Framework) -> list[Control]:
    """The controls that a model's team must see to."""
    return [control for control in framework.controls if control.level == "must" and control.by == "team"]


def name_controls(framework: Framework, ids: list[str] | None) -> list[Control]:
    """The controls of these ids in the framework's order, or those chosen where none are named. Raises
    ``InvalidInput`` for an id that the framework does not have."""
    if ids is None:
        return choose_controls(framework)
    unknown = sorted(set(ids) - {control.id for control in framework.controls})
    if unknown:
        raise InvalidInput(f"This framework has no control “{unknown[0][:80]}”.", field="controls")
    return [control for control in framework.controls if control.id in ids]


def names_control(source: str, framework: Framework, control: Control) -> bool:
    """Whether a requirement's source names the control: as it is written above, or by the control's id anywhere."""
    if source == source_of(framework, control):
        return True
    return re.search(rf"(?<![\w.-]){re.escape(control.id)}(?![\w-])", source) is not None
