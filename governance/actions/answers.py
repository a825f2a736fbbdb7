"""Recording what no record says by itself: one fact at a time, each with its author, its time and what shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from governance import auditlog, store
from governance.actors import Actor
from governance.amendment import lock_and_amend, version_and_model
from governance.answer_digest import digest_answer
from governance.answer_text import clean_answer
from governance.auditlog import Subject
from governance.exceptions import InvalidInput, TransitionNotAllowed
from governance.fact_areas import is_signed
from governance.facts.answers import find_former_answer
from governance.frameworks.vocabulary import FactKind
from governance.frameworks_in_force import find_fact
from governance.models import Answer, Evidence, ModelVersion
from governance.permissions import authorise
from governance.text import clean_name

# Whether the fact is part of the dossier -> the type of the entry. Only the first makes a contributor.
ENTRY = {True: "dossier.answered", False: "answer.recorded"}


@dataclass(frozen=True)
class Given:
    """What somebody answers, and what shows it: evidence of the version, or a document of the organisation."""

    fact: str
    value: Any
    evidence: Evidence | None = None
    document: Iterable[bytes] | None = None
    file_name: str = ""
    carried_from: Answer | None = None


@transaction.atomic
def record_answer(
    version: ModelVersion | None,
    *,
    fact: str,
    value: Any,
    evidence: Evidence | None = None,
    document: Iterable[bytes] | None = None,
    file_name: str = "",
    actor: Actor,
) -> Answer:
    """Record one fact about a version, or about the organisation where ``version`` is None. The newest answer counts;
    a value of None takes the former back.

    A fact about how the version was made is part of what is signed: answering it makes the person a contributor and
    earlier sign-offs stale, and a released version keeps its answers. What is observed in use may be added at any time.
    """
    return _record(version, Given(fact, value, evidence, document, file_name), actor)


@transaction.atomic
def carry_over_answer(version: ModelVersion, *, fact: str, actor: Actor) -> Answer:
    """Confirm that what was answered for an earlier version of the model holds for this one too."""
    former = find_former_answer(version, fact)
    if former is None:
        raise InvalidInput(f"No earlier version answers “{fact}”.", field="fact")
    if former.artefact_digest:
        raise InvalidInput("A document showed this for the earlier version: answer anew and attach it here.")
    return _record(version, Given(fact, former.value, carried_from=former), actor)


def _record(version: ModelVersion | None, given: Given, actor: Actor) -> Answer:
    project = version.model.project if version is not None else None
    authorise(actor, "answer_fact" if version is not None else "answer_for_organisation", project)
    kind = find_fact(given.fact)
    _check_place(version, kind, given)
    moved = _lock(version, given.fact)
    value = clean_answer(kind, given.value)
    name = clean_name(given.file_name, "file_name", limit=200) if given.document is not None else ""
    file = store.save(given.document) if given.document is not None else None
    artefact = file.digest if file is not None else given.evidence.digest if given.evidence is not None else ""
    answer = Answer.objects.create(
        version=version,
        fact=given.fact,
        value=value,
        digest=digest_answer(given.fact, value, artefact),
        evidence=given.evidence,
        file=file,
        file_name=name,
        carried_from=given.carried_from,
        answered_by=actor.user,
        answered_at=auditlog.database_now(),
    )
    entry = auditlog.append(
        ENTRY[is_signed(given.fact)],
        actor=actor,
        subject=Subject("answer", answer.pk, given.fact, answer.digest),
        project=project,
        related=version_and_model(version) if version is not None else (),
        data={
            "fact": given.fact,
            "digest": answer.digest,
            "evidence": answer.evidence_id,
            "file": answer.file_id or "",
            "carried_from": answer.carried_from_id,
            "states": moved,
        },
    )
    auditlog.stamp(answer, entry)
    return answer


def _check_place(version: ModelVersion | None, kind: FactKind, given: Given) -> None:
    """Refuse a fact that is asked elsewhere, and what cannot show it here."""
    if kind.is_organisation_wide is not (version is None):
        spoken = "the organisation, not of one version" if version is not None else "one version, not the organisation"
        raise InvalidInput(f"“{kind.id}” speaks of {spoken}.", field="fact")
    if given.evidence is not None and (version is None or given.evidence.version_id != version.pk):
        raise InvalidInput("The evidence belongs to another version.", field="evidence")
    if given.document is not None and version is not None:
        raise InvalidInput("Submit the document as evidence of the version, and name it here.", field="document")


def _lock(version: ModelVersion | None, fact: str) -> dict[str, str]:
    """Lock the version; where the fact is signed, move it as an amendment does and return its new state."""
    if version is None:
        return {}
    if not is_signed(fact):
        ModelVersion.objects.select_for_update().get(pk=version.pk)
        return {}
    try:
        return lock_and_amend(version)[1]
    except TransitionNotAllowed as refusal:
        raise TransitionNotAllowed(
            f"“{fact}” is part of what was signed for this version. Register the next version and answer it there. "
            f"{refusal.message}",
            code=refusal.code,
        ) from None
