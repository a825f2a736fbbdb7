from __future__ import annotations

from pathlib import Path

import pytest

from audits.counting.group_names import check_names, reduce_name
from audits.errors import BadInput
from tests.audits.samples import reduce_text


@pytest.mark.parametrize(
    "other", ["F\u200b", "F\u2003", "\u00a0F", "F\t", "\u202eF", "\uff26", "F\u2060", "F\x07", "F\u3164", "F\ufe0f"]
)
def test_values_that_read_alike_are_refused_by_both_names(other: str) -> None:
    with pytest.raises(BadInput, match="read alike") as caught:
        check_names("sex", sorted(["F", "M", other]))
    assert caught.value.column == "sex"
    assert repr("F") in str(caught.value)
    assert repr(other) in str(caught.value)


@pytest.mark.parametrize("value", ["\u200b", " ", "\u00a0", "\t", "\u3164", "\u2800"])
def test_a_value_of_which_nothing_can_be_seen_is_refused(value: str) -> None:
    with pytest.raises(BadInput, match="nothing can be seen of the value"):
        check_names("sex", ["F", value])


def test_values_that_differ_to_the_eye_are_kept() -> None:
    check_names("sex", ["f", "F", "É", "E", "<30", "30-45", "straße", "strasse", "(missing)", "न\u094dम", "a b", "ab"])
    assert reduce_name("E\u0301") == reduce_name("É")


def test_padding_and_the_two_spellings_of_an_accent_make_groups_of_their_own() -> None:
    """The developer set has them: what a careless reader would join stays apart."""
    check_names("name", ["Jose\u0301", "Jos\u00e9", " lead", "lead", "trail ", "trail"])


def test_rows_picked_under_a_name_that_reads_the_same_are_refused(tmp_path: Path) -> None:
    content = "group,y_true,y_pred\na,1,1\na\u200b,0,1\nb,0,0\n"
    with pytest.raises(BadInput, match=r"the values 'a' and 'a\\u200b' read alike"):
        reduce_text(tmp_path, content)
