from __future__ import annotations

import pytest

from audits.counting.group_names import doubt_names, find_look_alikes, reduce_name


@pytest.mark.parametrize(
    "other", ["F\u200b", "F ", " F", "\u00a0F", "F\t", "\u202eF", "\uff26", "F\u2060", "F\x07", "F\u3164", "F\ufe0f"]
)
def test_values_that_read_alike_are_named_both(other: str) -> None:
    found = find_look_alikes(("sex", "age"), [(value, "old") for value in ("F", "M", other)])
    assert set(found) == {"sex"}
    assert ascii("F") in found["sex"]
    assert ascii(other) in found["sex"]
    assert "read alike" in found["sex"]


def test_one_letter_written_in_two_ways_is_named_by_its_characters() -> None:
    assert doubt_names(["Jose\u0301", "Jos\u00e9"]) == "the values 'Jose\\u0301' and 'Jos\\xe9' read alike"


@pytest.mark.parametrize("value", ["\u200b", " ", "\u00a0", "\t", "\u3164", "\u2800"])
def test_a_value_of_which_nothing_can_be_seen_is_named(value: str) -> None:
    assert doubt_names(["F", value]).startswith("nothing can be seen of the value")


def test_values_that_differ_to_the_eye_are_kept() -> None:
    assert (
        doubt_names(["f", "F", "É", "E", "<30", "30-45", "straße", "strasse", "(missing)", "न\u094dम", "a b", "ab"])
        == ""
    )
    assert reduce_name("E\u0301") == reduce_name("É")
