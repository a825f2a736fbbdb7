"""What a specification of an explanation may ask for beyond the attributions themselves.

    {"protected": ["sex", "zip"], "top": 5,
     "adverse": "lower", "statements": {"income": "Income does not support the amount"},
     "repeats": [{"seed": 1, "importance": {"age": 0.2, "income": 0.4}}],
     "permutation_importance": {"age": 0.01, "income": 0.05},
     "criteria": [{"metric": "protected_in_top", "population": "top 5", "comparator": "at_most", "threshold": 0}]}

`adverse` names the direction of the output that speaks against a person; with a `threshold` it
gives reason codes. `repeats` are importances computed again with other seeds or backgrounds, and
`permutation_importance` a second opinion, both from where the model lives. The keys are the same
whoever computed the attributions. This module imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audits.errors import BadInput
from audits.spec import Criterion, check_criteria
from audits.spec_values import check_choice, check_integer, check_number, check_part, check_text, check_texts

WISH_KEYS = ("protected", "top", "adverse", "statements", "repeats", "permutation_importance", "criteria")
ADVERSE = ("lower", "higher")
DEFAULT_TOP = 5
MAXIMUM_PROTECTED = 50
MAXIMUM_REPEATS = 50
MAXIMUM_FEATURES = 200


@dataclass(frozen=True)
class Repeat:
    """The importance of every feature, computed once more."""

    name: str
    importance: Mapping[str, float]


@dataclass(frozen=True)
class Wishes:
    """Checked wishes; each is empty where nothing was asked for."""

    protected: tuple[str, ...] = ()
    top: int = DEFAULT_TOP
    adverse: str | None = None
    statements: Mapping[str, str] = field(default_factory=dict)
    repeats: tuple[Repeat, ...] = ()
    permutation_importance: Mapping[str, float] = field(default_factory=dict)
    criteria: tuple[Criterion, ...] = ()


def check_wishes(spec: Mapping[str, object]) -> Wishes:
    """Check the wishes in the JSON document of an explanation.

    Raises
    ------
    BadInput
        With the key in `column` and what to write instead.
    """
    protected = spec.get("protected")
    adverse = check_choice(spec.get("adverse"), "adverse", ADVERSE)
    if adverse is not None and spec.get("threshold") is None:
        raise BadInput("reason codes need the threshold at which a decision turns", column="threshold")
    statements = spec.get("statements", {})
    if not isinstance(statements, dict) or len(statements) > MAXIMUM_FEATURES:
        raise BadInput("must map features to the statement of a reason", column="statements")
    return Wishes(
        protected=() if protected is None else check_texts(protected, "protected", 1, MAXIMUM_PROTECTED),
        top=check_integer(spec.get("top", DEFAULT_TOP), "top", 1, MAXIMUM_FEATURES),
        adverse=adverse,
        statements={check_text(name, "statements"): check_text(statements[name], "statements") for name in statements},
        repeats=_check_repeats(spec.get("repeats", [])),
        permutation_importance=_check_importance(spec.get("permutation_importance", {}), "permutation_importance"),
        criteria=check_criteria(spec.get("criteria"), "criteria"),
    )


def _check_repeats(value: object) -> tuple[Repeat, ...]:
    if not isinstance(value, list) or len(value) > MAXIMUM_REPEATS:
        raise BadInput(f"must be a list of at most {MAXIMUM_REPEATS} importances", column="repeats")
    repeats: list[Repeat] = []
    for number, entry in enumerate(value):
        key = f"repeats[{number}]"
        given = check_part(entry, key, ("seed", "name", "importance"))
        name = given.get("name")
        seed = check_integer(given.get("seed", number), f"{key}.seed", 0, 2**32 - 1)
        importance = _check_importance(given.get("importance"), f"{key}.importance")
        if not importance:
            raise BadInput("must give the importance of every feature", column=f"{key}.importance")
        # The word in front keeps a name from passing for another population, such as the former version.
        shown = f"seed {seed}" if name is None else f"repeat {check_text(name, f'{key}.name')}"
        if shown in {repeat.name for repeat in repeats}:
            raise BadInput(f"{shown!r} is given twice", column=key)
        repeats.append(Repeat(shown, importance))
    return tuple(repeats)


def _check_importance(value: object, key: str) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > MAXIMUM_FEATURES:
        raise BadInput("must map features to numbers", column=key)
    return {check_text(name, key): check_number(value[name], f"{key}.{name}"[:100]) for name in value}
