"""Facts about use: where which version runs or ran, and every change from version to version."""

from __future__ import annotations

from collections.abc import Iterator

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source
from governance.lifecycle import State
from governance.models import Release, ReleaseKind

IN_USE = "production"
"""The environment in which outputs count. Before it there may be others for trying things out."""


def read(reading: Reading) -> Iterator[Recorded]:
    own = [item for item in reading.releases if item.version_id == reading.version.pk]
    if own:
        yield from _read_releases(reading, own)
    for item in reading.releases:
        if item.kind == ReleaseKind.ROLLBACK:
            told = {"gone_back_to": str(item.version), "in": item.environment, "on": str(item.started_at.date())}
            by = (item.promoted_by.get_full_name(),)
            yield reading.says("deployment.rollback", told, _source_of(item), at=item.started_at, by=by)
            break
    changes = sorted(_tell_changes(reading))
    yield reading.says(
        "change.log",
        [f"{day}: {what}" for day, what in changes],
        Source("model", reading.model.pk, "Versions and releases of the model"),
        at=reading.dossier.as_of,
    )


def _source_of(item: Release) -> Source:
    return Source("release", item.pk, f"Release {item}", item.dossier_id, item.log_index)


def _read_releases(reading: Reading, own: list[Release]) -> Iterator[Recorded]:
    last = own[-1]
    artifacts = reading.dossier.version.artifacts
    digest = artifacts[0].digest if artifacts else ""
    by = tuple(dict.fromkeys(item.promoted_by.get_full_name() for item in own))
    told = {f"{item.environment}, {item.started_at.date()}": _say(item) for item in own}
    yield reading.says(
        "deployment.record", told | {"artefact": digest}, _source_of(last), at=last.started_at, by=by, digest=digest
    )
    for item in own:
        # Whether it is used anywhere else, or was recalled, is for people to say.
        if item.ended_at is None and item.environment == IN_USE:
            yield reading.says("system.market_status", "in_use", _source_of(item), at=item.started_at, by=by)
    if reading.version.state == State.RETIRED:
        ended = {f"{item.environment}, {item.ended_at.date()}": item.end_reason for item in own if item.ended_at}
        yield reading.says("system.decommission", ended, _source_of(last), at=last.ended_at)


def _say(item: Release) -> str:
    end = f", ended {item.ended_at.date()}: {item.end_reason}" if item.ended_at else ", running"
    return f"{item.get_kind_display()} release by {item.promoted_by.get_full_name()}{end}"


def _tell_changes(reading: Reading) -> Iterator[tuple[str, str]]:
    """(day, what happened), for the versions up to this one and their releases."""
    for version in reading.versions:
        notes = f": {version.notes}" if version.notes else ""
        yield (
            version.created_at.date().isoformat(),
            f"v{version.number} registered by {version.created_by.get_full_name()}{notes}",
        )
    for item in reading.releases:
        yield item.started_at.date().isoformat(), f"v{item.version.number} into {item.environment}, {item.kind}"
        if item.ended_at is not None:
            yield (
                item.ended_at.date().isoformat(),
                f"v{item.version.number} out of {item.environment}: {item.end_reason}",
            )
