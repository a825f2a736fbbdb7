"""Groups that only a machine can tell apart: `F`, and `F` with an invisible character behind it.

Rows picked out of a group under a name that reads the same would be judged as the group. They are
measured as they stand, since nobody knows which name was meant; but what is said of such groups
settles nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

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


def find_look_alikes(features: Sequence[str], groups: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Return feature -> what is wrong with the names of its groups, for those with such names."""
    known = set(groups)
    found = {}
    for place, feature in enumerate(features):
        doubt = doubt_names(sorted({group[place] for group in known}))
        if doubt:
            found[feature] = doubt
    return found


def doubt_names(names: Sequence[str]) -> str:
    """Return which names cannot be told apart, or cannot be seen; the empty text where all can."""
    found: dict[str, str] = {}
    for name in names:
        seen = reduce_name(name)
        if not seen:
            return f"nothing can be seen of the value {name[:40]!a}"
        other = found.setdefault(seen, name)
        if other != name:
            return f"the values {other[:40]!a} and {name[:40]!a} read alike"
    return ""
