"""Facts about risk: what the answered questionnaire says of how much hangs on the system."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source, Strength


def read(reading: Reading) -> Iterator[Recorded]:
    model = reading.dossier.model
    assessed = model.risk_assessment
    if assessed is None:
        return
    told: dict[str, Any] = {"tier": model.risk_tier, "reason": model.risk_tier_rationale}
    told |= dict(assessed.answers)
    yield reading.says(
        "system.materiality",
        told,
        Source(
            "model",
            reading.model.pk,
            f"Risk questionnaire “{assessed.questionnaire}”, version {assessed.version}",
            assessed.digest,
        ),
        strength=Strength.STATEMENT,
        at=datetime.fromisoformat(assessed.answered_at),
        by=(assessed.answered_by,),
    )
