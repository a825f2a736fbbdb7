"""Groups that only a machine can tell apart: `F` and `F` with an invisible character behind it.

Rows picked out of a group under a name that reads the same would be judged as the group. Such
values are refused rather than joined: nobody knows which of them was meant.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from audits.errors import BadInput

INVISIBLE = ("Cc", "Cf")
"""Control and format characters: tabs, zero-width spaces, marks of direction."""
FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\ufe0e\ufe0f")
"""Letters and marks that are drawn as nothing."""


def reduce_name(name: str) -> str:
    """Return what a reader sees of a name: compatible forms made one, blanks joined, the invisible gone.

    >>> reduce_name("\\uff26\\u200b \\u00a0x ")
    'F x'
    """
    seen = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFKC", name)
        if character.isspace() or (unicodedata.category(character) not in INVISIBLE and character not in FILLERS)
    )
    return " ".join(seen.split())


def check_groups(features: Sequence[str], groups: Iterable[tuple[str, ...]]) -> None:
    """Check the groups of every feature, one value of each per group; BadInput as `check_names`."""
    known = set(groups)
    for place, feature in enumerate(features):
        check_names(feature, sorted({group[place] for group in known}))


def check_names(feature: str, names: Sequence[str]) -> None:
    """Check that the groups of a feature differ to the eye.

    Spaces around a name, and a letter with its accent written in Unicode's two ways, are not refused: files come with
    them by themselves, and results keep such groups apart.

    Raises
    ------
    BadInput
        Naming the column and the two values, or the one of which nothing can be seen.
    """
    found: dict[str, str] = {}
    for name in names:
        seen = reduce_name(name)
        if not seen:
            raise BadInput(
                f"nothing can be seen of the value {name[:40]!r}; leave the cell empty or name the group",
                column=feature,
            )
        other = found.setdefault(seen, name)
        if _tidy(other) != _tidy(name):
            raise BadInput(
                f"the values {other[:40]!r} and {name[:40]!r} read alike; write them the same", column=feature
            )


def _tidy(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip(" ")
