"""What the reader of a bias audit must know beside the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from audits.bias.clustering import FEWEST_CLUSTERS, has_only_single_rows
from audits.bias.results import BiasAudit, Group, Grouping, Note
from audits.bias.tallies import Settings
from audits.counting.cells import Cells
from audits.populations import OVERALL, name_class, name_comparison, name_group

SHOWN = 5
READ_AS_ONE = ("1", "1.0", "true")
"""Positive labels that programs read as the number 1, which fairlearn counts."""


def write_notes(cells: Cells, overall: Group, groupings: Sequence[Grouping], settings: Settings) -> tuple[Note, ...]:
    """Return the notes of an audit: rows left out first, then what cannot be judged."""
    notes = _note_rows(cells)
    if "selection_rate" in settings.metrics:
        notes += _note_everybody(overall, groupings)
        notes += _note_word_labels(cells, groupings)
    notes += _note_single(groupings) + _note_scores(cells, settings) + _note_clusters(cells)
    for grouping in groupings:
        notes += _note_grouping(grouping, settings)
    return tuple(notes)


def note_classes(audits: Mapping[str, BiasAudit]) -> list[Note]:
    """Return what must be known of single classes: undefined rates, and how fairlearn reads them."""
    return [
        note._replace(population=name_class(label, note.population or OVERALL))
        for label, audit in audits.items()
        for note in audit.notes
        if note.code in ("undefined_rates", "fairlearn_reading", "fairlearn_word_labels", "nobody_selected")
    ]


def _note_rows(cells: Cells) -> list[Note]:
    notes = [
        Note("rows_left_out", f"{part.rows:,} of {cells.rows_read:,} rows left out: {part.reason}.")
        for part in cells.left_out
    ]
    if cells.rows_missing and not cells.left_out:
        notes.append(
            Note(
                "missing_group",
                f"{cells.rows_missing:,} rows lack a sensitive value and form groups of their own.",
            )
        )
    if cells.rows_missing:
        notes.append(
            Note(
                "fairlearn_missing",
                "fairlearn refuses missing sensitive values with an error; such rows are counted here as the "
                "specification says.",
            )
        )
    if cells.weighted:
        notes.append(
            Note(
                "weighted",
                "Rates are weighted; counts are plain rows. Intervals use the effective number "
                "of rows the weights are worth (Kish).",
            )
        )
    return notes


def _note_everybody(overall: Group, groupings: Sequence[Grouping]) -> list[Note]:
    notes = []
    selected = overall.counts.tp + overall.counts.fp
    if selected == 0:
        notes.append(
            Note(
                "nobody_selected",
                "Nobody is selected. Differences of 0 then say nothing about fairness, and ratios are undefined: "
                "precision has no rows. fairlearn gives demographic parity and equalized odds differences of 0 without "
                "a word.",
            )
        )
    if selected == overall.n:
        notes.append(
            Note(
                "everybody_selected",
                "Everybody is selected. Differences of 0 then say nothing about fairness.",
            )
        )
    return notes


def _note_single(groupings: Sequence[Grouping]) -> list[Note]:
    return [
        Note("one_group", "There is only one group; nothing can be compared.", name_comparison(grouping.features))
        for grouping in groupings
        if len(grouping.groups) == 1
    ]


def _note_word_labels(cells: Cells, groupings: Sequence[Grouping]) -> list[Note]:
    """Say what fairlearn makes of labels that are words: it counts the label 1 and finds none."""
    if cells.positive_label.lower() in READ_AS_ONE or not cells.positive_label:
        return []
    found = []
    for grouping in groupings:
        estimate = grouping.disparities.get("demographic_parity_difference")
        if estimate is not None and estimate.value:
            text = (
                f"fairlearn counts the label 1: on the labels as they stand its demographic parity difference is 0 and "
                f"its ratio undefined, without an error. With {cells.positive_label!r} as the positive label the "
                f"difference is {_show(estimate.value)}."
            )
            found.append(Note("fairlearn_word_labels", text, name_comparison(grouping.features)))
    return found


def _note_scores(cells: Cells, settings: Settings) -> list[Note]:
    """Say where scores are no probabilities, or were counted in bins."""
    if cells.scores is None:
        return []
    notes = []
    if not cells.scores.are_probabilities and "log_loss" in settings.metrics:
        text = "Some score lies outside 0 to 1: log loss, Brier score and calibration are undefined, AUC is not."
        notes.append(Note("no_probabilities", text))
    if cells.scores.resolution:
        text = (
            f"There are too many distinct scores to count them one by one; they were put into bins of width "
            f"{cells.scores.resolution:.3g}. A mean score is off by at most half of that; the bound of the AUC "
            "stands under scores."
        )
        notes.append(Note("binned_scores", text))
    return notes


def _note_clusters(cells: Cells) -> list[Note]:
    if cells.clusters is None:
        return []
    number = f"{len(cells.clusters.names):,} clusters"
    if has_only_single_rows(cells):
        return [
            Note("clusters", f"Each of the {number} is one row: intervals and tests are those of independent rows.")
        ]
    text = (
        f"Rows belong together in {number}: intervals of rates and of what compares them resample whole clusters, and "
        f"settle nothing where fewer than {FEWEST_CLUSTERS} clusters stand behind them. Numbers of scores and errors "
        "take rows as independent and settle nothing either. Tests of difference are left out."
    )
    return [Note("clusters", text)]


def _note_grouping(grouping: Grouping, settings: Settings) -> list[Note]:
    population = name_comparison(grouping.features)
    notes = []
    small = [group for group in grouping.groups if group.is_small]
    if small:
        listed = _list_groups(grouping, small, lambda group: f"{group.n:,} rows")
        notes.append(
            Note(
                "small_groups",
                f"{_count_groups(small)} below the minimum size of "
                f"{settings.minimum_group_size}: {listed}. They are reported and cannot meet a "
                "criterion.",
                population,
            )
        )
    undefined = [group for group in grouping.groups if group.undefined]
    if undefined:
        listed = _list_groups(grouping, undefined, lambda group: ", ".join(group.undefined))
        notes.append(
            Note(
                "undefined_rates",
                f"{_count_groups(undefined)} with undefined rates: {listed}. Such a group takes "
                "no part in that rate's difference or ratio.",
                population,
            )
        )
    if grouping.fairlearn_reading is not None:
        notes.append(_note_fairlearn(grouping, population))
    return notes + _note_empty(grouping, population)


def _note_fairlearn(grouping: Grouping, population: str) -> Note:
    """Show the numbers that fairlearn's own functions would give, where they differ."""
    parts = []
    for name, reading in (grouping.fairlearn_reading or {}).items():
        ours = grouping.disparities[name].value
        if reading != ours and (reading is None or ours is None or abs(reading - ours) > 1e-12):
            parts.append(f"{name} {_show(reading)} instead of {_show(ours)}")
    return Note(
        "fairlearn_reading",
        "fairlearn takes an undefined rate as 0 and would give "
        f"{', '.join(parts[:SHOWN])}{' and others' if len(parts) > SHOWN else ''}.",
        population,
    )


def _note_empty(grouping: Grouping, population: str) -> list[Note]:
    """Say how many combinations of values that occur have no row at all."""
    if len(grouping.features) == 1:
        return []
    possible = 1
    for place in range(len(grouping.features)):
        possible *= len({group.values[place] for group in grouping.groups})
    empty = possible - len(grouping.groups)
    if not empty:
        return []
    text = (
        f"{empty} of {possible} possible combinations have no rows and are not compared. "
        f"fairlearn passes over {'it' if empty == 1 else 'them'} without a word."
    )
    return [Note("empty_combinations", text, population)]


def _count_groups(groups: Sequence[Group]) -> str:
    return "1 group" if len(groups) == 1 else f"{len(groups)} groups"


def _list_groups(grouping: Grouping, groups: Sequence[Group], describe: Callable[[Group], str]) -> str:
    listed = [f"{name_group(grouping.features, group.values)} ({describe(group)})" for group in groups[:SHOWN]]
    more = f" and {len(groups) - SHOWN} more" if len(groups) > SHOWN else ""
    return "; ".join(listed) + more


def _show(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
