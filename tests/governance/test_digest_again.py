"""The digest that verify_log works out quickly is the one of RFC 8785, for every value a JSON column can hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.canonical import CanonicalError, canonical_digest
from governance.projections.base import digest_again

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(0, 1)
    | st.decimals(-1000, 1000, places=3).map(float)
    | st.text()
    | st.text("0123456789abcdef.eE+-", max_size=24)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def slowly(value: Any) -> str:
    try:
        return canonical_digest(value)
    except CanonicalError:
        return ""


@given(VALUES)
@settings(max_examples=1_500, deadline=None)
def test_quick_digest_is_the_canonical_one(value: Any) -> None:
    assert digest_again(value) == slowly(value)


@pytest.mark.parametrize(
    "text",
    [
        *("1.0", "-0.0", "1e-7", "1e-05", "0.0001", "0.00001", "1e16", "1e21", "123456789012345680000.0", "1e300"),
        *("9007199254740991", "9007199254740992", "-9007199254740993", "999999999999999", "1000000000000000"),
        *(
            "0.1234567890123456",
            "0.30000000000000004",
            "5e-324",
            "100.0",
            "10.05",
            "0.05",
            '"a.0"',
            '"1e5"',
            '"\\u007f"',
        ),
        *(
            '{"b":1,"a":2}',
            '{"\\u20ac":1,"\\ufb33":2,"\\ud83d\\ude00":3}',
            '"\\u2028"',
            '"\\b\\t\\n\\f\\r\\u001f"',
            "NaN",
            "-Infinity",
        ),
    ],
)
def test_quick_digest_at_the_edges(text: str) -> None:
    value = json.loads(text)
    assert digest_again(value) == slowly(value)
    assert digest_again([value, {"x": value}]) == slowly([value, {"x": value}])
