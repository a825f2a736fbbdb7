"""Facts about the system itself: what it is called, what it is for, whom it touches."""

from __future__ import annotations

from collections.abc import Iterator

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models.lineage import PersonalData


def read(reading: Reading) -> Iterator[Recorded]:
    yield from _read_identity(reading)
    yield from _read_descriptions(reading)
    yield from _read_data(reading)


def _read_identity(reading: Reading) -> Iterator[Recorded]:
    version, model = reading.version, reading.model
    here = Source("version", version.pk, str(version))
    yield reading.says("system.name", model.name, Source("model", model.pk, "Model inventory"), at=model.created_at)
    yield reading.says("system.identifier", str(version), here, at=version.created_at)
    artifacts = reading.dossier.version.artifacts
    if artifacts:
        digests = ", ".join(f"{item.name} {item.digest}" for item in artifacts)
        yield reading.says(
            "system.version", f"{version.number}: {digests}", here, at=version.created_at, digest=artifacts[0].digest
        )
    owner = model.owner.get_full_name()
    yield reading.says(
        "system.owner",
        {"name": owner, "contact": model.owner.email, "role": "owner"},
        Source("model", model.pk, "Model inventory"),
        at=model.created_at,
    )
    built = [person.name for person in reading.dossier.contributors]
    if built:
        yield reading.says("system.developers", built, Source("version", version.pk, "Contributors, from the log"))
    earlier = [item for item in reading.versions if item.number < version.number]
    lineage = {f"v{item.number}": item.notes or item.get_state_display() for item in earlier}
    yield reading.says("system.version_lineage", lineage or {"v1": "The first version."}, here, at=version.created_at)


def _read_descriptions(reading: Reading) -> Iterator[Recorded]:
    model = reading.model
    here = Source("model", model.pk, "Model description")
    texts = {
        "system.intended_purpose": model.intended_use,
        "system.out_of_scope_uses": _lines(model.out_of_scope_uses),
        "system.affected_groups": _lines(model.affected_people),
    }
    for fact, value in texts.items():
        if value:
            yield reading.says(fact, value, here, strength=Strength.STATEMENT, at=model.created_at)


def _read_data(reading: Reading) -> Iterator[Recorded]:
    """Whether people's data is used follows from the datasets; that none is declared says nothing."""
    kinds = {item.personal_data for item in reading.dossier.datasets}
    if kinds:
        here = Source("version", reading.version.pk, "Datasets declared for the version")
        yield reading.says(
            "system.personal_data", kinds != {PersonalData.NONE.value}, here, strength=Strength.STATEMENT
        )
        yield reading.says(
            "system.special_category_data", PersonalData.SPECIAL.value in kinds, here, strength=Strength.STATEMENT
        )


def _lines(text: str) -> list[str]:
    return [line.strip(" -*•") for line in text.splitlines() if line.strip(" -*•")]
