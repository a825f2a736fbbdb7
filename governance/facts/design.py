"""Facts about how it was built: which code, and whether building it again gives the same."""

from __future__ import annotations

from collections.abc import Iterator

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import EvaluationKind


def read(reading: Reading) -> Iterator[Recorded]:
    version = reading.version
    if version.training_code:
        run = f" (run {version.source_run})" if version.source_run else ""
        yield reading.says(
            "design.code_ref",
            f"{version.training_code}{run}",
            Source("version", version.pk, str(version)),
            strength=Strength.STATEMENT,
            at=version.created_at,
            by=(version.created_by.get_full_name(),),
            recorder_roles=reading.roles_of(version.created_by),
        )
    for one in reading.measured(EvaluationKind.REPRODUCTION)[:1]:
        told = {"verdict": one.result["verdict"], "runs": one.result["runs"]["count"]}
        told |= {item["name"]: item["verdict"] for item in one.result["metrics"]}
        yield reading.of_evaluation("design.reproducible", told | {"how": one.result["statement"]}, one)
