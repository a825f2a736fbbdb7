"""Hints at personal data: found by form and check digits, counted, and never shown."""

from __future__ import annotations

import json

import pytest

from audits.quality.personal import read_header
from tests.audits.quality.samples import column, profile_text, value

# Check digits are right; numbers from the standards' own examples.
KNOWN = {
    "email": ["ana.b+c@mail.example.org", "x@y.co"],
    "phone": ["+41 44 668 18 00", "(212) 555-0187", "0044 20 7946 0958", "030/1234567"],
    "iban": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "ch9300762011623852957"],
    "card": ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"],
    "ip": ["192.168.0.254", "2001:db8::8a2e:370:7334", "fe80::1"],
    "social_security": ["078-05-1120"],
}
WRONG = [
    "GB82 WEST 1234 5698 7654 33",
    "4111 1111 1111 1112",
    "256.1.1.1",
    "2024-01-31",
    "1234567",
    "3.14159265358979",
    "a@b",
    "12:30:45",
    "550e8400-e29b-41d4-a716-446655440000",
]


def kinds_in(result, name="x"):
    return {hint["kind"]: hint["cells"] for hint in result["personal_data"] if hint["column"] == name}


@pytest.mark.parametrize("kind", KNOWN)
def test_each_kind_is_counted(tmp_path, kind):
    cells = [*KNOWN[kind], "something"]
    result = profile_text(tmp_path, "k;x\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(cells)), delimiter=";")
    assert kinds_in(result) == {kind: len(KNOWN[kind])}
    assert value(result, "personal_data_share", "column=x") == len(KNOWN[kind]) / len(cells)
    assert value(result, "personal_data_columns") == 1


@pytest.mark.parametrize("cell", WRONG)
def test_what_only_looks_similar_is_not_counted(tmp_path, cell):
    assert kinds_in(profile_text(tmp_path, f"x\n{cell}\n")) == {}


def test_mail_inside_a_sentence_and_free_text(tmp_path):
    cell = "please write to ana@example.org before noon today"
    assert kinds_in(profile_text(tmp_path, f"x\n{cell}\n")) == {"email": 1, "free_text": 1}


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        ("first_name", ("name",)),
        ("CustomerName", ("name",)),
        ("name", ("name",)),
        ("feature_name", ()),
        ("filename", ()),
        ("Geburtsdatum", ("birth",)),
        ("dateOfBirth", ("birth",)),
        ("home address", ("contact",)),
        ("SSN", ("identity",)),
        ("age", ()),
        ("native_country", ()),
    ],
)
def test_headers(header, kinds):
    assert read_header(header) == kinds


def test_dates_of_a_lifetime_are_births(tmp_path):
    rows = "".join(f"{year}-05-0{year % 9 + 1}\n" for year in range(1940, 2005))
    assert kinds_in(profile_text(tmp_path, "x\n" + rows)) == {"birth": 65}
    recent = "".join(f"2024-05-{day:02}\n" for day in range(1, 31))
    assert kinds_in(profile_text(tmp_path, "x\n" + recent)) == {}


def test_no_value_of_a_hinted_column_is_in_the_result(tmp_path):
    people = [("Zuzana", "zuzana@example.org", "4111111111111111", "1961-07-09")] * 50
    people += [("Xaver", "xaver@example.org", "378282246310005", "1990-01-17")] * 50
    lines = ["first_name,mail,number,dob,plan", *(",".join((*row, "basic")) for row in people)]
    result = profile_text(tmp_path, "\n".join(lines) + "\n", minimum_published_count=1)
    text = json.dumps(result)
    for row in people:
        for cell in row:
            assert cell not in text
    assert "4.111111" not in text
    assert "1961" not in text
    for name in ("first_name", "mail", "number", "dob"):
        shown = column(result, name)
        assert (shown["numbers"], shown["dates"], shown["categories"]) == (None, None, None)
        assert shown["withheld"].startswith("hints at personal data")
    assert column(result, "plan")["categories"]["top"] == [{"value": "basic", "count": 100}]


def test_key_is_never_shown(tmp_path):
    text = "id,x\n" + "".join(f"9090{n},1\n" for n in range(20))
    result = profile_text(tmp_path, text, key=["id"], minimum_published_count=1)
    assert "9090" not in json.dumps(result["columns"])
    assert column(result, "id")["withheld"] == "tells rows apart"


def test_hinted_columns_in_other_roles_show_no_value_either(tmp_path):
    text = "first_name,dob\n" + "Zuzana,1961-07-09\nXaver,1990-01-17\n" * 30
    result = profile_text(
        tmp_path,
        text,
        label="first_name",
        sensitive=["first_name"],
        time={"column": "dob", "observed_at": "2024-01-01"},
        minimum_published_count=1,
    )
    for cell in ("Zuzana", "Xaver", "1961", "1990"):
        assert cell not in json.dumps(result)
    assert value(result, "minority_share") == 0.5
    assert result["class_balance"]["below_minimum_count"] == {"classes": 2, "rows": 60}
