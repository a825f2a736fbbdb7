"""Checks that every piece of text from outside passes before it is recorded."""

from __future__ import annotations

import re
import unicodedata

from governance.exceptions import InvalidInput
from governance.look_alikes import find_disguise

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def clean_name(value: str, field: str, *, limit: int = 120) -> str:
    """A one-line name: trimmed, NFC, not empty, no control or direction-changing characters."""
    name = unicodedata.normalize("NFC", value).strip()
    if not name:
        raise InvalidInput(f"“{field}” must not be empty.", field=field)
    if len(name) > limit:
        raise InvalidInput(f"“{field}” is longer than {limit} characters.", field=field)
    for character in name:
        if unicodedata.category(character).startswith("C") or character in BIDI:
            raise InvalidInput(
                f"“{field}” contains the hidden character U+{ord(character):04X}; remove it.", field=field
            )
    disguised = find_disguise(name)
    if disguised is not None:
        raise InvalidInput(
            f"“{field}” contains U+{ord(disguised):04X}, which looks like another letter; write it plainly.",
            field=field,
        )
    return name


def clean_text(value: str, field: str, *, limit: int = 20_000, required: bool = False) -> str:
    """Running text: NFC, line breaks kept, no other control characters."""
    text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    if required and not text:
        raise InvalidInput(f"“{field}” must not be empty.", field=field)
    if len(text) > limit:
        raise InvalidInput(f"“{field}” is longer than {limit:,} characters.", field=field)
    for character in text:
        hidden = unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"
        if hidden or character in BIDI:
            raise InvalidInput(
                f"“{field}” contains the hidden character U+{ord(character):04X}; remove it.", field=field
            )
    return text


def make_harmless(text: str, *, limit: int) -> str:
    """Text that quotes what a file holds, in a form that can be recorded: NFC, at most ``limit`` characters, whatever
    is hidden in it replaced by U+FFFD."""
    visible = "".join(
        "\ufffd"
        if character in BIDI or (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t")
        else character
        for character in text[:limit]
    )
    return unicodedata.normalize("NFC", visible)[:limit]


def with_end(text: str) -> str:
    """The text with a full stop behind it, unless it ends already: no “?.”."""
    return text if text.endswith((".", "?", "!", "…")) or not text else f"{text}."


def as_sentence(text: str) -> str:
    """The text with a capital letter and an end."""
    return with_end(f"{text[:1].upper()}{text[1:]}")


def clean_digest(value: str, field: str) -> str:
    digest = value.strip()
    if not DIGEST.fullmatch(digest):
        raise InvalidInput(
            f"“{field}” must be “sha256:” and 64 lower-case hexadecimal digits, as sha256sum prints them.", field=field
        )
    return digest
