"""Recorded values as lines: whole where they are short, cut and said so where they are long, numbers as people read."""

from __future__ import annotations

import pytest

from governance.frameworks.printing import LONGEST_PRINTED, MOST_PRINTED, print_value


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("Plain.", ["Plain."]),
        (True, ["Yes"]),
        (False, ["No"]),
        (12, ["12"]),
        (0.4297872340425532, ["0.4298"]),
        ([], ["None."]),
        (["one", "two"], ["one", "two"]),
        ({"why_so": "x", "rate": 0.123456}, ["why so: x", "rate: 0.1235"]),
        ({"Female": {"n": 12, "rate": None}}, ["Female: n 12; rate –"]),
        ([["a", "b"], "c"], ["a, b", "c"]),
    ],
)
def test_value_is_printed_as_people_read_it(value, lines):
    assert print_value(value) == lines


def test_what_is_too_long_is_cut_and_says_where_the_whole_is():
    (line,) = print_value("x" * (LONGEST_PRINTED + 1))
    assert line.startswith("x" * LONGEST_PRINTED)
    assert "the whole stands in the attached coverage.json" in line
    lines = print_value([str(number) for number in range(MOST_PRINTED + 3)])
    assert len(lines) == MOST_PRINTED + 1
    assert "3 more" in lines[-1]
