"""Declared protected features are found under the names encoders give them, and slips are refused."""

from __future__ import annotations

import pytest

from audits.errors import BadInput
from audits.explanations.protected import find_protected


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        ("sex", "sex"),
        ("sex_F", "sex"),
        ("sex=F", "sex"),
        ("onehotencoder__sex_F", "sex"),
        ("num__age", "age"),
        ("a__b__age", "age"),
        ("age_group", "age"),
        ("marital_status_Married", "marital_status"),
    ],
)
def test_a_feature_stands_for_the_declared_name(feature: str, name: str) -> None:
    assert find_protected([name], ["income", feature]) == ((feature,), ())


@pytest.mark.parametrize("feature", ["wage", "passage", "income_age"])
def test_a_name_inside_another_word_does_not_count(feature: str) -> None:
    assert find_protected(["age"], [feature, "x"]).features == ()


def test_an_attribute_the_model_does_not_see_is_listed() -> None:
    assert find_protected(["race", "zip"], ["income", "zip"]) == (("zip",), ("race",))


@pytest.mark.parametrize("name", ["Sex", "SEX_F", "incme"])
def test_a_slip_of_the_pen_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is not among the explained features") as caught:
        find_protected([name], ["sex_F", "income"])
    assert caught.value.column == "protected"
