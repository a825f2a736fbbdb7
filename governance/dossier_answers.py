"""The answers that a dossier holds: those that speak of how the version was made."""

from __future__ import annotations

from governance.dossier_items import AnswerItem, instant
from governance.fact_areas import is_signed
from governance.models import Answer, ModelVersion


def read_answers(version: ModelVersion) -> tuple[AnswerItem, ...]:
    """The newest answer to each such question, in the order of the facts."""
    rows = Answer.objects.newest().filter(version=version, value__isnull=False)
    return tuple(
        AnswerItem(
            row.pk,
            row.fact,
            row.value,
            row.artefact_digest,
            row.digest,
            row.answered_by.get_full_name(),
            instant(row.answered_at),
        )
        for row in rows.select_related("answered_by", "evidence").order_by("fact")
        if is_signed(row.fact)
    )
