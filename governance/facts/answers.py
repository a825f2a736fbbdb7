"""What people answered. The newest answer to each question counts, if the log vouches for it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import Answer

SOURCE = "answer"
# A full version has hundreds of answers: only what is needed of each, and of its evidence, is read.
COLUMNS = ("pk", "fact", "value", "digest", "log_index", "answered_at", "answered_by")
NAMES = ("answered_by__full_name", "answered_by__username")
ARTEFACTS = ("file", "evidence__file", "evidence__content_digest")


def read(reading: Reading) -> Iterator[Recorded]:
    rows = Answer.objects.newest().filter(Q(version=reading.version.pk) | Q(version=None), value__isnull=False)
    found = rows.order_by("pk").values_list(*COLUMNS, *NAMES, *ARTEFACTS)
    for pk, fact, value, digest, log_index, at, user, full_name, username, *artefacts in found:
        if f"answer: {fact}" in reading.dossier.unrecorded:
            continue
        name = full_name or username
        artefact = next(filter(None, artefacts), "")
        yield Recorded(
            fact,
            value,
            Strength.ARTEFACT if artefact else Strength.STATEMENT,
            at,
            (name,),
            Source(SOURCE, pk, f"Answered by {name}", digest, log_index),
            digest=artefact,
            recorder_roles=reading.roles_by_user.get(user, frozenset()),
        )
