"""How the log knows an answer."""

from __future__ import annotations

from typing import Any

from governance.canonical import canonical_digest


def digest_answer(fact: str, value: Any, artefact: str) -> str:
    """The digest of one answer: the fact, what was said of it, and the digest of what shows it."""
    return canonical_digest({"fact": fact, "value": value, "artefact": artefact})
