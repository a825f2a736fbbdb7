"""What is measured of groups whose names read alike settles nothing: nobody knows which rows are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from audits.bias.measures import Measure
from audits.bias.results import Note
from audits.populations import JOIN, name_comparison


def mark_look_alikes(measures: Sequence[Measure], doubts: Mapping[str, str]) -> list[Measure]:
    """Give every measure of a group of such a feature, or between its groups, its reason.

    Parameters
    ----------
    measures : sequence of Measure
    doubts : mapping
        From `group_names.find_look_alikes`.
    """
    return [_mark(measure, doubts) for measure in measures]


def _mark(measure: Measure, doubts: Mapping[str, str]) -> Measure:
    for feature, doubt in doubts.items():
        name = name_comparison([feature]).removeprefix("by ")
        parts = [part.removeprefix("by ") for part in measure.population.split(JOIN)]
        if any(part == name or part.startswith(f"{name}=") for part in parts):
            measure = replace(measure, reason=f"{measure.reason}; {doubt}" if measure.reason else doubt)
    return measure


def note_look_alikes(doubts: Mapping[str, str]) -> list[Note]:
    """Return a note for each such feature."""
    advice = "write the same group the same; until then nothing about these groups can meet a criterion"
    return [
        Note("look_alike_groups", f"{feature}: {doubt}; {advice}.", name_comparison([feature]))
        for feature, doubt in doubts.items()
    ]
