"""What people answered. The newest answer to each question counts, if the log vouches for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import Q

from governance.answer_digest import digest_answer
from governance.dossier_records import read_bodies, records
from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import Answer, ModelVersion

SOURCE = "answer"
# What is about how the version was made is part of the dossier, and recorded as such.
ENTRIES = ("answer.recorded", "dossier.answered")
NO_ENTRY = -1


class Row(NamedTuple):
    """A full version has hundreds of answers: only what is needed of each, and of its evidence, is read."""

    pk: int
    version: int | None
    fact: str
    value: Any
    digest: str
    log_index: int | None
    answered_at: Any
    answered_by: int
    answered_by__full_name: str
    answered_by__username: str
    file: str | None
    evidence__file: str | None
    evidence__content_digest: str | None

    @property
    def name(self) -> str:
        return self.answered_by__full_name or self.answered_by__username

    @property
    def artefact(self) -> str:
        """The digest of what is attached, by whichever way it is."""
        return self.file or self.evidence__file or self.evidence__content_digest or ""


def read(reading: Reading) -> Iterator[Recorded]:
    standing = Answer.objects.newest().filter(Q(version=reading.version.pk) | Q(version=None), value__isnull=False)
    rows = [Row(*row) for row in standing.order_by("pk").values_list(*Row._fields)]
    bodies = read_bodies(row.log_index for row in rows)
    for row in rows:
        if not _is_recorded(row, bodies.get(NO_ENTRY if row.log_index is None else row.log_index)):
            continue
        yield Recorded(
            row.fact,
            row.value,
            Strength.ARTEFACT if row.artefact else Strength.STATEMENT,
            row.answered_at,
            (row.name,),
            Source(SOURCE, row.pk, f"Answered by {row.name}", row.digest, row.log_index),
            digest=row.artefact,
            recorder_roles=reading.roles_by_user.get(row.answered_by, frozenset()),
        )


def _is_recorded(row: Row, body: dict[str, Any] | None) -> bool:
    """Whether the log holds exactly this answer, by this person, about this version."""
    if body is None or not any(records(body, type, "answer", row.pk) for type in ENTRIES):
        return False
    about = [thing["id"] for thing in body["related"] if thing["kind"] == "version"]
    said = (body["data"].get("fact"), body["data"].get("digest"), body["actor"]["id"], about)
    told = digest_answer(row.fact, row.value, row.artefact)
    return said == (row.fact, told, row.answered_by, [row.version] if row.version else []) and row.digest == told


def find_former_answer(version: ModelVersion, fact: str) -> Answer | None:
    """The newest standing answer of an earlier version of the same model."""
    former = Answer.objects.newest().filter(
        version__model=version.model_id, version__number__lt=version.number, fact=fact, value__isnull=False
    )
    return former.order_by("-version__number").first()
