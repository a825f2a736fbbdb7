"""What the reader of a profile must know beside the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audits.bias.results import Note
from audits.quality.measured import Profile
from audits.quality.results import about_column


def write_notes(profile: Profile, binding: Mapping[str, Any]) -> list[Note]:
    """Return the notes of a profile: what it is about first, then what was found odd."""
    return [
        *_note_binding(binding),
        *_note_schema(profile),
        *_note_columns(profile),
        *_note_dates(profile),
        *_note_groups(profile),
    ]


def _note_binding(binding: Mapping[str, Any]) -> Iterator[Note]:
    if binding["matches"] is False:
        yield Note("other_file", binding["statement"])


def _note_schema(profile: Profile) -> Iterator[Note]:
    words = {
        "absent": "Declared, but not in the file",
        "not_of_declared_type": "With cells that are not of the declared type",
        "not_declared": "In the file, but not declared",
    }
    for reason, names in profile.schema.items():
        if names and (reason != "not_declared" or profile.spec.is_closed):
            yield Note(f"schema_{reason}", f"{words[reason]}: {list_names(names)}.")


def _note_columns(profile: Profile) -> Iterator[Note]:
    hinted = list(dict.fromkeys(hint.column for hint in profile.hints))
    if hinted:
        yield Note(
            "personal_data",
            f"Columns that hint at personal data: {list_names(hinted)}. "
            "Their values, ranges and quantiles are withheld.",
        )
    constant = [name for name, found in profile.values.items() if found.distinct <= 1]
    if constant:
        yield Note("constant", f"Columns with one value or none: {list_names(constant)}.")
    for name, found in profile.counts.items():
        mixed = found.present - found.numbers
        if name in profile.numbers and mixed:
            text = f"{mixed:,} of {found.present:,} present cells are not numbers; they are left out of its statistics."
            yield Note("mixed_types", text, about_column(name))
        if found.padded:
            yield Note("padded", f"{found.padded:,} cells begin or end with a space.", about_column(name))
        if found.codes:
            text = f"{found.codes:,} numbers begin with 0: read as numbers, these codes would change."
            yield Note("leading_zeros", text, about_column(name))


def _note_dates(profile: Profile) -> Iterator[Note]:
    found, time = profile.timeliness, profile.spec.time
    if found is not None and time is not None and found.undated:
        text = (
            f"{found.undated:,} of {profile.rows:,} rows have no date that can be read. They may have any: the limits "
            "of timeliness, of ages and of rows from the future allow for that."
        )
        yield Note("undated", text, about_column(time.column))


def _note_groups(profile: Profile) -> Iterator[Note]:
    for found in profile.representations:
        if found.missing:
            yield Note(
                "no_group",
                f"{found.missing:,} of {profile.rows:,} rows have no {found.feature}; shares are among the others.",
            )
        absent = [part.group for part in found.groups if part.rows == 0]
        if absent:
            yield Note("absent_group", f"Groups of {found.feature} without a row: {list_names(absent)}.")
        if found.unknown:
            yield Note(
                "unknown_group", f"{found.unknown:,} rows have a {found.feature} the population does not declare."
            )


def list_names(names: Sequence[str], most: int = 5) -> str:
    """Return the first names in words, and how many more there are.

    >>> list_names(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
