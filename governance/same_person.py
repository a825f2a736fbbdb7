"""When two accounts are one human: addresses that reach the same mailbox, or that only a machine can tell apart."""

from __future__ import annotations

import unicodedata

# Letters of other scripts that look like a Latin one (a choice from Unicode Technical Standard 39, confusables).
LOOK_ALIKES = str.maketrans(
    "авеіјкмнорстухѕԁɡһӏԛԝαερτυνικοχγıłøđ",
    "abeijkmhopctyxsdghlqwaeptuvikoxyilod",
)


def fold_email(address: str) -> str:
    """The address without what mail systems and eyes pass over: case, dots and tags of the name, look-alike letters.

    Linking too much only separates duties more strictly; linking too little lets one person sign twice.
    """
    text = unicodedata.normalize("NFKD", address).casefold().translate(LOOK_ALIKES)
    plain = "".join(letter for letter in text if not unicodedata.combining(letter) and letter.isprintable())
    name, _at, domain = plain.strip().rpartition("@")
    return f"{name.partition('+')[0].replace('.', '')}@{domain}"
