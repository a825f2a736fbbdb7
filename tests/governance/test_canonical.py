from __future__ import annotations

import json
import math
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.canonical import (
    CanonicalError,
    canonical_bytes,
    canonical_digest,
    check_log_profile,
    parse_strict,
    sha256_hex,
)
from tests.vectors import load_vectors

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.floats(-9e14, 9e14)  # above, a whole float is written as an integer of too many digits
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('aé€😂"\\ /{[:,', max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


def parse(text: str | bytes):
    data = text if isinstance(text, bytes) else text.encode()
    return parse_strict(data, max_bytes=1_000_000)


def test_canonical_bytes_equals_published_files():
    files = load_vectors("jcs_rfc8785.json")["files"]
    assert len(files) == 6
    for name, row in files.items():
        value = parse(row["input_utf8"])
        assert canonical_bytes(value) == row["output_utf8"].encode(), name
        assert canonical_digest(value) == "sha256:" + row["output_sha256"], name


def test_canonical_bytes_equals_published_numbers():
    numbers = load_vectors("jcs_rfc8785.json")["numbers"]
    assert len(numbers) == 7
    for bits, expected in numbers.items():
        (number,) = struct.unpack(">d", bytes.fromhex(bits.zfill(16)))
        assert canonical_bytes(number) == expected.encode(), bits


def test_sha256_hex_of_nothing_is_the_known_digest():
    expected = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_hex(b"") == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, "\ud800", {"\ud800": 1}, {1: 2}, {1, 2}, b"x"])
def test_canonical_bytes_refuses_what_has_no_form(value):
    with pytest.raises(CanonicalError):
        canonical_bytes(value)


def test_canonical_bytes_refuses_integers_too_long_to_print():
    with pytest.raises(CanonicalError, match="no canonical form"):
        canonical_bytes(10**5000)


def test_canonical_bytes_refuses_endless_nesting():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(CanonicalError, match="nested too deeply"):
        canonical_bytes(value)


@given(JSON_VALUES)
def test_parse_strict_reads_back_canonical_bytes(value):
    data = canonical_bytes(value)
    assert canonical_bytes(parse_strict(data, max_bytes=len(data))) == data


@given(st.text(' \t\n[]{}:,"\\u0019eE+-.truefalsn' + "\u00a0é", max_size=30))
def test_parse_strict_accepts_only_what_the_plain_parser_reads_the_same(text):
    try:
        strict = parse(text)
    except CanonicalError:
        return
    assert strict == json.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        (" [ ] ", []),
        ("{}", {}),
        ('"\\u0041\\ud83d\\ude02"', "A😂"),
        ("999999999999999", 999999999999999),
        ("-999999999999999", -999999999999999),
        ("1e15", 1e15),
        ('{"a":{"a":1},"b":[1,2.5,null,true,false]}', {"a": {"a": 1}, "b": [1, 2.5, None, True, False]}),
    ],
)
def test_parse_strict_accepts_plain_json(text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("document", "message", "position"),
    [
        (b'{"a":1,"b":{"c":1,"c":2}}', "'c' is given twice", None),
        (b'{"a":1,"\\u0061":2}', "'a' is given twice", None),
        (b'{"a":1,"b":2,"b":3}', "'b' is given twice", None),
        (b'["\\uZZZZ"]', "not JSON", 3),
        (b'["a\\ud800"]', "surrogate", 1),
        (b'["\\udfff"]', "surrogate", 1),
        (b"[NaN]", "not a finite number", 1),
        (b"[-Infinity]", "not a finite number", 1),
        (b"[1, 1e999]", "not a finite number", 4),
        (b'{"n": 1234567890123456}', "more than 15 digits", 6),
        (b"9" * 100_000, "more than 15 digits", 0),
        (b'["\\ud800"]', "surrogate", 1),
        (b'["\\ude02\\ud83d"]', "surrogate", 1),
        (b'{"\\u0000": 1}', "NUL", 1),
        (b'"\x00"', "not JSON", 1),
        (b"\xef\xbb\xbf{}", "byte order mark", 0),
        (b"\xff", "not UTF-8", None),
        ('{"a": "é"}'.encode("latin-1"), "byte 7 is not UTF-8", None),
        ("{}".encode("utf-16"), "not UTF-8", None),
        (b"", "not JSON", 0),
        (b"[1,]", "not JSON", 3),
        (b"[01]", "not JSON", 2),
        (b"{'a':1}", "not JSON", 1),
        (b"[1] // note", "not JSON", 4),
        (b'["unfinished', "not JSON", 1),
        ("[1,\u00a02]".encode(), "not JSON", 3),
        ("[\u0661]".encode(), "not JSON", 1),
    ],
)
def test_parse_strict_refuses_and_says_where(document, message, position):
    with pytest.raises(CanonicalError, match=message) as caught:
        parse(document)
    assert caught.value.position == position


@pytest.mark.parametrize("opener", ["[", '{"a":', '[{"a":'])
def test_parse_strict_refuses_depth_before_recursing(opener):
    with pytest.raises(CanonicalError, match="nested deeper than 32 levels"):
        parse_strict(opener.encode() * 100_000, max_bytes=sys.maxsize)


def test_parse_strict_counts_depth_to_the_limit():
    assert parse_strict(b"[[[]]]", max_bytes=10, max_depth=3) == [[[]]]
    with pytest.raises(CanonicalError, match="deeper than 2 levels") as caught:
        parse_strict(b"[[[]]]", max_bytes=10, max_depth=2)
    assert caught.value.position == 2


def test_parse_strict_ignores_brackets_inside_strings():
    assert parse_strict(b'["[[[[\\"[[[["]', max_bytes=100, max_depth=1) == ['[[[["[[[[']


def test_parse_strict_counts_levels_and_not_brackets():
    assert len(parse_strict(b"[" + b"[]," * 40 + b"[]]", max_bytes=1_000)) == 41


def test_parse_strict_counts_texts_as_values():
    assert parse_strict(b'["a","b"]', max_bytes=100, max_nodes=3) == ["a", "b"]
    with pytest.raises(CanonicalError, match="more than 2 values"):
        parse_strict(b'["a","b"]', max_bytes=100, max_nodes=2)


def test_parse_strict_accepts_fifty_thousand_values():
    assert len(parse(b"[" + b"0," * 49_998 + b"0]")) == 49_999
    with pytest.raises(CanonicalError, match="more than 50000 values"):
        parse(b"[" + b"0," * 49_999 + b"0]")


def test_an_error_says_where_if_anywhere():
    nowhere, somewhere = CanonicalError("It is wrong"), CanonicalError("It is wrong", 3)
    assert (str(nowhere), nowhere.message, nowhere.position) == ("It is wrong", "It is wrong", None)
    assert (str(somewhere), somewhere.message) == ("It is wrong (at character 3)", "It is wrong")


def test_parse_strict_counts_values_to_the_limit():
    text = b'{"a":[1,2],"b":{}}'  # the object, the list, 1, 2, the empty object: keys do not count
    assert parse_strict(text, max_bytes=100, max_nodes=5) == {"a": [1, 2], "b": {}}
    with pytest.raises(CanonicalError, match="more than 4 values"):
        parse_strict(text, max_bytes=100, max_nodes=4)


def test_parse_strict_counts_bytes_to_the_limit():
    assert parse_strict(b'"ab"', max_bytes=4) == "ab"
    with pytest.raises(CanonicalError, match="5 bytes; at most 4"):
        parse_strict(b'"abc"', max_bytes=4)


GOOD_ENTRY = {
    "v": 1,
    "type": "evidence.submitted",
    "actor": {"id": 7, "login": "ada", "roles": ["developer"]},
    "reason": "Zeile eins\r\nZeile zwei, straße \u05e9\u05dc\u05d5\u05dd",
    "data": {"share": "0.25", "none": None, "yes": True, "list": [1, [2]]},
}


def test_check_log_profile_returns_the_canonical_bytes():
    assert check_log_profile(GOOD_ENTRY) == canonical_bytes(GOOD_ENTRY)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"data": {"share": 0.25}}, r"\$\.data\.share is a float"),
        ({"data": [1, {"n": 2**53}]}, r"\$\.data\[1\]\.n is an integer of 2\*\*53"),
        ({"data": {"n": -(2**53)}}, "integer of"),
        ({"data": {"clé": 1}}, "printable ASCII"),
        ({"data": {"a\u202eb": 1}}, "printable ASCII"),
        ({"data": {"a\nb": 1}}, "printable ASCII"),
        ({"data": {"": 1}}, "printable ASCII"),
        ({"data": {1: 1}}, "not a string"),
        ({"data": "e\u0301"}, r"\$\.data is not in Unicode NFC"),
        ({"data": "a\x00b"}, "NUL"),
        ({"data": "\ud800"}, "no canonical form"),
        ({"actor": {"login": "ada\u202e"}}, r"\$\.actor\.login holds the control character U\+202E"),
        ({"type": "a\nb"}, r"U\+000A"),
        ({"data": {1, 2}}, r"\$\.data is a set"),
        ({"data": "x" * 16_384}, "at most 16384"),
    ],
)
def test_check_log_profile_names_the_fault(fault, message):
    with pytest.raises(CanonicalError, match=message):
        check_log_profile(GOOD_ENTRY | fault)


def nest(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def test_check_log_profile_allows_eight_levels_and_no_more():
    assert check_log_profile(nest(8)) == canonical_bytes(nest(8))
    for levels in (9, 50_000):
        with pytest.raises(CanonicalError, match="nested deeper than 8"):
            check_log_profile(nest(levels))


def test_check_log_profile_allows_the_greatest_integers():
    assert check_log_profile([2**53 - 1, 1 - 2**53]) == b"[9007199254740991,-9007199254740991]"


def test_check_log_profile_allows_exactly_sixteen_kibibytes():
    assert len(check_log_profile("x" * (16 * 1024 - 2))) == 16 * 1024


@pytest.mark.parametrize("field", ["at", "digest", "id", "kind", "login", "request_id", "type"])
@pytest.mark.parametrize("mark", "\n\u0085\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_no_identifier_holds_a_control_character(field, mark):
    with pytest.raises(CanonicalError, match=rf"\.{field} holds the control character"):
        check_log_profile({"data": {field: f"a{mark}b"}})


def test_identifiers_may_hold_whatever_is_seen():
    seen = {"login": "".join(map(chr, range(32, 127))) + "é"}
    assert check_log_profile(seen) == canonical_bytes(seen)


def test_lists_are_levels_too():
    value: list[object] = []
    for _ in range(7):
        value = [value]
    assert check_log_profile(value) == canonical_bytes(value)
    with pytest.raises(CanonicalError, match="nested deeper than 8"):
        check_log_profile([value])
