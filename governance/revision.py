"""Edits that can collide name the revision their author saw."""

from __future__ import annotations

from governance.exceptions import StaleReading


def check_revision(current: int, seen: int | None) -> None:
    """Refuse an edit made from an older reading. None: the caller does not mind."""
    if seen is not None and seen != current:
        raise StaleReading(
            f"Somebody changed this since you read it (revision {current}, you saw {seen}). Read it again, then edit."
        )
