"""Hints at personal data: what columns are called and what their cells look like. Counts, never values.

A cell counts for a kind when it has the form: an account number must pass its check digits (ISO
7064 mod 97), a card number its own (Luhn) and begin as an issuer's does. A hint is no proof either
way: a version number can look like an address, and a name in a sentence looks like any text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from audits.populations import OVERALL
from audits.quality.columns import ColumnCounts
from audits.quality.results import Quantity, about_column, count_share, exact
from audits.quality.staging import Staged

FREE_TEXT_SHARE = 0.1
"""From this share of cells with six words or more, a column counts as free text."""
OLDEST_BIRTH_YEAR = 1900
SPAN_OF_BIRTHS = 25
SHORTEST_FORM = 7

EMAIL = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
PHONES = (
    r"\+[1-9][0-9 ().\-/]{6,22}[0-9]",
    r"00[1-9][0-9]{0,2}[ ().\-/][0-9 ().\-/]{5,20}[0-9]",
    r"\(?[2-9][0-9]{2}\)?[ .\-][0-9]{3}[ .\-][0-9]{4}",
    r"\(?0[0-9]{1,5}\)?[ /\-][0-9][0-9 /\-]{3,14}[0-9]",
)
OCTET = r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
IP_4 = rf"({OCTET}\.){{3}}{OCTET}"
HEX = "[0-9A-Fa-f]{1,4}"
IP_6 = f"({HEX}:){{7}}{HEX}|(({HEX}:){{1,6}}|:):({HEX}(:{HEX}){{0,5}})?"
ISSUERS = (
    "4[0-9]{12}([0-9]{3}){0,2}|(5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|6(011|5[0-9]{2})[0-9]{12,15}"
    "|3(0[0-5]|[68][0-9])[0-9]{11}|35[0-9]{14}"
)
ACCOUNT = "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}"
UUID = "[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
US_SOCIAL_SECURITY = "[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}"


def _luhn(digits: str) -> str:
    """Return the SQL condition that the check digit of a text of digits is right."""
    digit = "(ascii(s) - 48)"
    value = f"(CASE WHEN i % 2 = 1 THEN {digit} WHEN s < '5' THEN 2 * {digit} ELSE 2 * {digit} - 9 END)"
    return f"list_sum(list_transform(string_split(reverse({digits}), ''), lambda s, i: {value})) % 10 = 0"


def _mod_97(account: str) -> str:
    """Return the SQL condition that the check digits of an international account number are right."""
    turned = f"string_split(substr({account}, 5) || substr({account}, 1, 4), '')"
    values = f"list_transform({turned}, lambda s: CASE WHEN s <= '9' THEN ascii(s) - 48 ELSE ascii(s) - 55 END)"
    return f"list_reduce({values}, lambda a, v: (a * (CASE WHEN v > 9 THEN 100 ELSE 10 END) + v) % 97, 0) = 1"


_DIGITS = "regexp_replace({c}, '[ -]', '', 'g')"
_ACCOUNT = "upper(replace({c}, ' ', ''))"


def _whole(pattern: str, text: str = "{c}") -> str:
    return f"regexp_full_match({text}, '{pattern}')"


def _guard(cheap: str, test: str) -> str:
    """Return a condition whose dear part is evaluated only where the cheap one holds."""
    return f"CASE WHEN {cheap} THEN {test} ELSE false END"


FORMAT_TESTS: Mapping[str, str] = MappingProxyType(
    {
        "email": _guard("contains({c}, '@')", _whole(EMAIL)),
        "phone": _guard(
            "length({c}) BETWEEN 7 AND 25 AND regexp_matches({c}, '^[+(0-9]')",
            " OR ".join(_whole(pattern) for pattern in PHONES),
        ),
        "iban": _guard(
            f"length({{c}}) BETWEEN 15 AND 42 AND {_whole(ACCOUNT, _ACCOUNT)}",
            _mod_97(_ACCOUNT),
        ),
        "card": _guard(f"length({{c}}) BETWEEN 13 AND 25 AND {_whole(ISSUERS, _DIGITS)}", _luhn(_DIGITS)),
        "ip": _guard(
            "length({c}) BETWEEN 2 AND 39 AND regexp_matches({c}, '[.:].*[.:]')", f"{_whole(IP_4)} OR {_whole(IP_6)}"
        ),
        "uuid": _guard("length({c}) = 36", _whole(UUID)),
        "url": _whole("https?://[^ ]+"),
    }
)
"""Format -> SQL condition over the text {c}, as declared formats are checked."""

HINT_TESTS: Mapping[str, str] = MappingProxyType(
    {
        "email": _guard("contains({c}, '@')", f"regexp_matches({{c}}, '{EMAIL}')"),
        "phone": f"NOT {_whole(US_SOCIAL_SECURITY)} AND {FORMAT_TESTS['phone']}",
        **{kind: FORMAT_TESTS[kind] for kind in ("iban", "card", "ip")},
        "social_security": _guard("length({c}) = 11", _whole(US_SOCIAL_SECURITY)),
    }
)
"""Kind of hint -> SQL condition over the text {c}. An e-mail address counts inside a longer text too."""


def write_test(test: str, text: str) -> str:
    """Return the SQL condition of a form about a column's text.

    >>> write_test(FORMAT_TESTS["url"], "c0")
    "regexp_full_match(c0, 'https?://[^ ]+')"
    """
    return test.replace("{c}", text)


KINDS: Mapping[str, str] = MappingProxyType(
    {
        "email": "e-mail address",
        "phone": "telephone number",
        "iban": "bank account (check digits right)",
        "card": "payment card (check digit right)",
        "ip": "internet address",
        "social_security": "US social security number",
        "name": "column called like a person's name",
        "contact": "column called like an address or contact",
        "identity": "column called like an official number",
        "birth": "date of birth",
        "free_text": "free text of six words or more",
    }
)


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


HEADER_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "name": _words(
            "firstname lastname surname forename fullname givenname familyname middlename nickname username",
            "vorname nachname prenom apellido apellidos nombre cognome achternaam voornaam",
        ),
        "contact": _words(
            "email mail phone telephone mobile fax address street",
            "adresse strasse telefon direccion indirizzo",
        ),
        "identity": _words("ssn passport iban nin nino taxid steuernummer licence license plate imei"),
        "birth": _words("dob birthday birthdate dateofbirth geburtsdatum geburtstag naissance nacimiento"),
    }
)
NAME_PAIRS = _words("first last full given family middle maiden customer client patient employee person")


@dataclass(frozen=True)
class PersonalHint:
    """One kind of hint in one column. `cells` is None where the column's name alone says so."""

    column: str
    kind: str
    cells: int | None
    present: int


def read_header(name: str) -> tuple[str, ...]:
    """Return the kinds of personal data a column's name hints at.

    >>> read_header("Customer_Name"), read_header("dateOfBirth"), read_header("feature_name")
    (('name',), ('birth',), ())
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)]
    joined = {"".join(pair) for pair in zip(words, words[1:], strict=False)} | {"".join(words), *words}
    found = [kind for kind, known in HEADER_WORDS.items() if joined & known]
    is_name = words == ["name"] or ("name" in words and NAME_PAIRS & set(words))
    if is_name and "name" not in found:
        found.insert(0, "name")
    return tuple(found)


def find_hints(table: Staged, counts: Mapping[str, ColumnCounts]) -> list[PersonalHint]:
    """Return every hint, column by column; no value leaves the engine.

    Parameters
    ----------
    table : Staged
    counts : mapping
        Column -> counts.
    """
    hints: list[PersonalHint] = []
    looked_at = [name for name, found in counts.items() if _can_hold_text(found)]
    seen: dict[str, dict[str, int]] = {}
    for start in range(0, len(looked_at), table.batch):
        seen |= _count_forms(table, looked_at[start : start + table.batch])
    for name, found in counts.items():
        hints += [PersonalHint(name, kind, None, found.present) for kind in read_header(name)]
        hints += [PersonalHint(name, kind, cells, found.present) for kind, cells in seen.get(name, {}).items() if cells]
        hints += _read_births(name, found, hints)
        if found.present and found.long_texts / found.present >= FREE_TEXT_SHARE:
            hints.append(PersonalHint(name, "free_text", found.long_texts, found.present))
    return hints


def _can_hold_text(counts: ColumnCounts) -> bool:
    """Tell whether a cell can have one of the forms; of plain numbers only a card's has."""
    longest = counts.longest or 0
    is_plain = counts.present == counts.numbers and (counts.integers < counts.numbers or longest < 13)
    return longest >= SHORTEST_FORM and not is_plain and counts.present > counts.moments


def _count_forms(table: Staged, names: Sequence[str]) -> dict[str, dict[str, int]]:
    parts = [
        f"count(*) FILTER ({write_test(test, table.text(name))})" for name in names for test in HINT_TESTS.values()
    ]
    row = table.engine.execute(f"SELECT {', '.join(parts)} FROM {table.rows_of(names)}").fetchall()[0]  # noqa: S608
    width = len(HINT_TESTS)
    return {
        name: dict(zip(HINT_TESTS, row[place * width : (place + 1) * width], strict=True))
        for place, name in enumerate(names)
    }


def _read_births(name: str, counts: ColumnCounts, hints: Sequence[PersonalHint]) -> list[PersonalHint]:
    """Dates that all lie in the lifetimes of living people and span many years may be births."""
    if not counts.present or counts.present != counts.moments or counts.timed:
        return []
    if any(hint.column == name and hint.kind == "birth" for hint in hints):
        return []
    first, last = counts.earliest, counts.latest
    if first is None or last is None or first.year < OLDEST_BIRTH_YEAR or last.year - first.year < SPAN_OF_BIRTHS:
        return []
    return [PersonalHint(name, "birth", counts.moments, counts.present)]


def measure_personal(hints: Sequence[PersonalHint], columns: int) -> list[Quantity]:
    """Return how many columns hint at personal data, and the share of cells of the most frequent kind."""
    names = dict.fromkeys(hint.column for hint in hints)
    found = [exact("personal_data_columns", OVERALL, len(names), columns)]
    for name in names:
        counted = [hint for hint in hints if hint.column == name and hint.cells is not None]
        if counted:
            most = max(counted, key=lambda hint: hint.cells or 0)
            found.append(count_share("personal_data_share", about_column(name), most.cells or 0, most.present))
    return found
