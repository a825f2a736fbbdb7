"""Names and addresses that only a machine can tell apart, or that reach the same mailbox."""

from __future__ import annotations

import re
import unicodedata

WORDS = re.compile(r"[^\W\d_]+")

# Letters of other scripts that look like a Latin one (a choice from Unicode Technical Standard 39, confusables).
LOOK_ALIKES = str.maketrans(
    "авеіјкмнорстухѕԁɡһӏԛԝαερτυνικοχγıłøđ",
    "abeijkmhopctyxsdghlqwaeptuvikoxyilod",
)


def fold_letters(text: str) -> str:
    """The text as an eye takes it in: compatibility forms, case, accents and look-alike letters passed over."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(LOOK_ALIKES)
    return "".join(letter for letter in plain if not unicodedata.combining(letter) and letter.isprintable())


def find_disguise(text: str) -> str | None:
    """The first letter that stands for a Latin one inside a Latin word, or a letter of a mathematical or full-width
    alphabet; None for honest text, in whatever script."""
    for word in WORDS.findall(text):
        is_latin = any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)
        for letter in word:
            name = unicodedata.name(letter, "")
            if name.startswith(("FULLWIDTH", "MATHEMATICAL")):
                return str(letter)
            if is_latin and not name.startswith("LATIN") and ord(letter.casefold()[0]) in LOOK_ALIKES:
                return str(letter)
    return None


def fold_email(address: str) -> str:
    """The address without what mail systems and eyes pass over: case, dots and tags of the name, look-alike letters.

    Linking too much only separates duties more strictly; linking too little lets one person sign twice.
    """
    name, _at, domain = fold_letters(address).strip().rpartition("@")
    return f"{name.partition('+')[0].replace('.', '')}@{domain}"
