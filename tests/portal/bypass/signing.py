"""The forms and bodies by which the cast signs, for tests that then leave something out or send it twice."""

from __future__ import annotations

from typing import Any

from governance.dossier import collect
from governance.models import ModelVersion


def vote(version: ModelVersion, **more: Any) -> dict[str, Any]:
    """A vote over the present dossier as API and page take it, without any proof."""
    return {
        "role": "validator",
        "decision": "request_changes",
        "meaning": "I have read it.",
        "reason": "Say more.",
        "dossier_digest": collect(version).digest,
        **more,
    }


def form(version: ModelVersion, **more: Any) -> dict[str, Any]:
    """The same as the page posts it: with the length of the log, and no rows of conditions."""
    rows = {"form-TOTAL_FORMS": "0", "form-INITIAL_FORMS": "0"}
    return vote(version, read_index=10_000, **rows, **more)
