"""Which explained features stand for the declared protected ones, also where an encoder made columns of them.

A declared name stands for the feature of that name and for the columns that encoders name after it:
`sex_F`, `sex=F`, `onehotencoder__sex_F`, `num__age`. Where in doubt a column counts: `age_group` is
one of `age`. Nothing here imports anything heavy.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from audits.errors import BadInput

SEPARATORS = ("_", "=", ":")
LIKENESS = 0.85
SHORT = 4
"""Names of so few letters are like too many others: age and wage."""


class Protected(NamedTuple):
    """The features that count, in the order of the model, and the declared names that none stands for."""

    features: tuple[str, ...]
    absent: tuple[str, ...]


def find_protected(declared: Sequence[str], features: Sequence[str]) -> Protected:
    """Return the features that the declared names stand for.

    Raises
    ------
    BadInput
        For a name that no feature stands for although one is spelt much like it: a slip of the pen
        must not read as "no protected feature".
    """
    found = {name: {feature for feature in features if _stands_for(feature, name)} for name in declared}
    absent = tuple(name for name in declared if not found[name])
    for name in absent:
        _refuse_a_slip(name, features)
    every = set().union(*found.values())
    return Protected(tuple(feature for feature in features if feature in every), absent)


def _stands_for(feature: str, name: str) -> bool:
    ends = (feature, feature.rpartition("__")[2], feature.partition("__")[2])
    return any(end == name or end.startswith(tuple(name + mark for mark in SEPARATORS)) for end in ends if end)


def _refuse_a_slip(name: str, features: Sequence[str]) -> None:
    folded = {feature.casefold(): feature for feature in features}
    cutoff = LIKENESS if len(name) > SHORT else 1.0
    like = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    slip = folded[like[0]] if like else next((f for f in features if _stands_for(f.casefold(), name.casefold())), None)
    if slip is not None:
        raise BadInput(f"{name!r} is not among the explained features; {slip!r} is", column="protected")
