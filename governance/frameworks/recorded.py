"""A fact as it is recorded: the value, by whom, on what evidence, and how strong a word that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any


class Strength(IntEnum):
    """How a fact came here. More is stronger."""

    STATEMENT = 1
    ARTEFACT = 2
    MACHINE = 3


@dataclass(frozen=True)
class Signature:
    """A signature over a fact's record."""

    name: str
    role: str
    meaning: str
    at: datetime


@dataclass(frozen=True)
class Source:
    """Where a fact is recorded: ``kind`` and ``id`` name the row ("evidence", 12), ``text`` says it to a reader."""

    kind: str
    id: int | None
    text: str
    digest: str = ""
    log_index: int | None = None


@dataclass(frozen=True)
class Recorded:
    """One recorded fact. ``value`` is plain JSON: text, a number, a truth, a list, or a record of named parts.

    ``digest`` is that of the attached artefact, empty where none is attached. ``recorder_roles`` are the roles that the
    recorder holds for this system ("owner" for the model's owner); "independent" is judged by them.
    """

    fact: str
    value: Any
    strength: Strength
    at: datetime | None
    by: tuple[str, ...]
    source: Source
    digest: str = ""
    recorder_roles: frozenset[str] = frozenset()
    signatures: tuple[Signature, ...] = ()

    @property
    def is_filled(self) -> bool:
        """Whether there is anything in it. ``False`` and ``0`` are answers; an empty list or text is none."""
        return self.value is not None and self.value not in ("", [], {}, ())

    def part(self, key: str) -> Any:
        """One named part of a record; None where it has none."""
        return self.value.get(key) if isinstance(self.value, Mapping) else None


def values_of(recorded: Mapping[str, Recorded]) -> dict[str, Any]:
    """The bare values, as conditions read them. An empty list is a value: there are none of these."""
    return {fact: item.value for fact, item in recorded.items() if item.value not in (None, "")}
