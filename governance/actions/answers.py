"""Recording what no record says by itself: one fact at a time, each with its author, its time and what shows it."""

from __future__ import annotations

from collections.abc import Iterable
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
from governance.frameworks_in_force import find_fact
from governance.models import Answer, Evidence, ModelVersion, StoredFile
from governance.permissions import authorise
from governance.text import clean_name

# Whether the fact is part of the dossier -> the type of the entry. Only the first makes a contributor.
ENTRY = {True: "dossier.answered", False: "answer.recorded"}


@transaction.atomic
def record_answer(
    version: ModelVersion | None,
    *,
    fact: str,
    value: Any,
    evidence: Evidence | None = None,
    file: StoredFile | None = None,
    file_name: str = "",
    actor: Actor,
) -> Answer:
    """Record one fact about a version, or about the organisation where ``version`` is None. The newest answer counts;
    a value of None takes the former back.

    A fact about how the version was made is part of what is signed: answering it makes the person a contributor and
    earlier sign-offs stale, and a released version keeps its answers. What is observed in use may be added at any time.
    """
    return _record(version, fact, value, evidence, file, file_name, None, actor)


@transaction.atomic
def carry_over_answer(version: ModelVersion, *, fact: str, actor: Actor) -> Answer:
    """Confirm that what was answered for an earlier version of the model holds for this one too."""
    former = find_former_answer(version, fact)
    if former is None:
        raise InvalidInput(f"No earlier version answers “{fact}”.", field="fact")
    if former.artefact_digest:
        raise InvalidInput("A document showed this for the earlier version: answer anew and attach it here.")
    return _record(version, fact, former.value, None, None, "", former, actor)


def find_former_answer(version: ModelVersion, fact: str) -> Answer | None:
    """The newest standing answer of an earlier version of the same model."""
    former = Answer.objects.newest().filter(
        version__model=version.model_id, version__number__lt=version.number, fact=fact, value__isnull=False
    )
    return former.order_by("-version__number").first()


def _record(
    version: ModelVersion | None,
    fact: str,
    value: Any,
    evidence: Evidence | None,
    file: StoredFile | None,
    file_name: str,
    carried_from: Answer | None,
    actor: Actor,
) -> Answer:
    project = version.model.project if version is not None else None
    authorise(actor, "answer_fact" if version is not None else "answer_for_organisation", project)
    kind = find_fact(fact)
    if kind.is_organisation_wide is not (version is None):
        spoken = "the organisation, not of one version" if version is not None else "one version, not the organisation"
        raise InvalidInput(f"“{fact}” speaks of {spoken}.", field="fact")
    moved = _lock(version, fact)
    given = clean_answer(kind, value)
    if evidence is not None and (version is None or evidence.version_id != version.pk):
        raise InvalidInput("The evidence belongs to another version.", field="evidence")
    if file is not None and version is not None:
        raise InvalidInput("Submit the document as evidence of the version, and name it here.", field="file")
    artefact = file.digest if file is not None else evidence.digest if evidence is not None else ""
    answer = Answer.objects.create(
        version=version,
        fact=fact,
        value=given,
        digest=digest_answer(fact, given, artefact),
        evidence=evidence,
        file=file,
        file_name=clean_name(file_name, "file_name", limit=200) if file is not None else "",
        carried_from=carried_from,
        answered_by=actor.user,
        answered_at=auditlog.database_now(),
    )
    entry = auditlog.append(
        ENTRY[is_signed(fact)],
        actor=actor,
        subject=Subject("answer", answer.pk, fact, answer.digest),
        project=project,
        related=version_and_model(version) if version is not None else (),
        data={
            "fact": fact,
            "digest": answer.digest,
            "evidence": evidence.pk if evidence is not None else None,
            "file": file.digest if file is not None else "",
            "carried_from": carried_from.pk if carried_from is not None else None,
            "states": moved,
        },
    )
    auditlog.stamp(answer, entry)
    return answer


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


def keep_document(chunks: Iterable[bytes]) -> StoredFile:
    """Store a document of the organisation, to be named in an answer."""
    return store.save(chunks)
