"""What people answered. The newest answer to each question counts, if the log vouches for it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import Answer

SOURCE = "answer"


def read(reading: Reading) -> Iterator[Recorded]:
    rows = Answer.objects.newest().filter(Q(version=reading.version.pk) | Q(version=None), value__isnull=False)
    for row in rows.select_related("answered_by", "evidence"):
        if f"answer: {row.fact}" in reading.dossier.unrecorded:
            continue
        name = row.answered_by.get_full_name()
        yield Recorded(
            row.fact,
            row.value,
            Strength.ARTEFACT if row.artefact_digest else Strength.STATEMENT,
            row.answered_at,
            (name,),
            Source(SOURCE, row.pk, f"Answered by {name}", row.digest, row.log_index),
            digest=row.artefact_digest,
            recorder_roles=reading.roles_of(row.answered_by),
        )
