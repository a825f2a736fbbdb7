"""Text from outside: what is kept, what is refused, and that the refusal names the place."""

from __future__ import annotations

import unicodedata

import pytest

from governance.exceptions import InvalidInput
from governance.text import BIDI, as_sentence, clean_digest, clean_name, clean_text, make_harmless

HIDDEN = ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800", *sorted(BIDI)]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a", "a"),
        ("  Two  words ", "Two  words"),
        ("e\u0301", "\u00e9"),
        ("مريم", "مريم"),
        ("张伟", "张伟"),
        ("O'Brien <b>", "O'Brien <b>"),
        ("x" * 120, "x" * 120),
        ("👩‍🔬"[:1], "👩"),
    ],
)
def test_clean_name_keeps_names_of_every_script(given, kept):
    assert clean_name(given, "name") == kept


@pytest.mark.parametrize("given", ["", " ", "\t", "\u00a0", "\n\n"])
def test_clean_name_refuses_nothing_as_a_name(given):
    with pytest.raises(InvalidInput, match="“title” must not be empty") as caught:
        clean_name(given, "title")
    assert caught.value.field == "title"


@pytest.mark.parametrize(("limit", "given"), [(120, "x" * 121), (1, "ab")])
def test_clean_name_refuses_more_than_its_limit(limit, given):
    with pytest.raises(InvalidInput, match=f"longer than {limit} characters"):
        clean_name(given, "name", limit=limit)


@pytest.mark.parametrize("character", [*HIDDEN, "\n", "\t", "\u200b", "\ufeff", "\u00ad"])
@pytest.mark.parametrize("place", ["a{}b", "a{}{}b"])
def test_clean_name_refuses_hidden_characters_and_names_them(character, place):
    with pytest.raises(InvalidInput, match=f"hidden character U\\+{ord(character):04X}; remove it"):
        clean_name(place.format(character, character), "name")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        (" a\r\nb\tc \n", "a\nb\tc"),
        ("e\u0301", "\u00e9"),
        ("# مرحبا\n\n- 你好", "# مرحبا\n\n- 你好"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_clean_text_keeps_lines_and_scripts(given, kept):
    assert clean_text(given, "notes") == kept


@pytest.mark.parametrize("character", [*HIDDEN, "a\rb"])
def test_clean_text_refuses_hidden_characters(character):
    with pytest.raises(InvalidInput, match=r"hidden character U\+") as caught:
        clean_text(f"a{character}b", "notes")
    assert caught.value.field == "notes"


@pytest.mark.parametrize("given", ["", "  ", "\n"])
def test_clean_text_required_is_not_empty(given):
    with pytest.raises(InvalidInput, match="“reason” must not be empty"):
        clean_text(given, "reason", required=True)


def test_clean_text_has_a_limit_after_trimming():
    assert clean_text(" " * 50 + "x" * 10, "notes", limit=10) == "x" * 10
    with pytest.raises(InvalidInput, match="longer than 10 characters"):
        clean_text("x" * 11, "notes", limit=10)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("sha256:" + "0af" * 21 + "0", "sha256:" + "0af" * 21 + "0"), (f" sha256:{'a' * 64}\n", f"sha256:{'a' * 64}")],
)
def test_clean_digest_keeps_a_digest(given, kept):
    assert clean_digest(given, "digest") == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "a" * 64,
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "SHA256:" + "a" * 64,
        "sha512:" + "a" * 64,
        "sha256:" + "a" * 63 + "\u0661",
        "sha256:" + "a" * 64 + "\n" + "b",
    ],
)
def test_clean_digest_refuses_everything_else(given):
    with pytest.raises(InvalidInput, match="64 lower-case hexadecimal digits") as caught:
        clean_digest(given, "artifacts.digest")
    assert caught.value.field == "artifacts.digest"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("column 'sex'\nrow 3", "column 'sex'\nrow 3"),
        ("a\x00b", "a\ufffdb"),
        ("a\u202eb\ud800", "a\ufffdb\ufffd"),
        ("e\u0301", "\u00e9"),
        ("x" * 30, "x" * 10),
    ],
)
def test_make_harmless_gives_text_that_every_table_and_the_log_take(given, kept):
    made = make_harmless(given, limit=10 if given == "x" * 30 else 2_000)
    assert made == kept
    assert unicodedata.is_normalized("NFC", made)


def test_make_harmless_never_grows_past_its_limit():
    """Some characters become several in NFC."""
    assert len(make_harmless("\U0001d160" * 10, limit=10)) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [("did you mean 'tpr'?", "Did you mean 'tpr'?"), ("no rows", "No rows."), ("Done.", "Done."), ("", "")],
)
def test_a_sentence_ends_once(text: str, said: str) -> None:
    assert as_sentence(text) == said
