"""Submitting evidence. Nothing is overwritten: a correction supersedes."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from django.db import transaction

from governance import auditlog, store
from governance.actors import Actor
from governance.amendment import lock_and_amend, version_and_model
from governance.auditlog import Subject
from governance.canonical import canonical_digest
from governance.evidence_content import NEEDS_FILE, check_content, read_junit
from governance.evidence_files import check_readable
from governance.exceptions import InvalidInput
from governance.lifecycle import next_state
from governance.models import Evidence, EvidenceKind, ModelVersion, Requirement, StoredFile
from governance.permissions import authorise
from governance.text import clean_name, clean_text

CLOCK_SKEW = timedelta(minutes=5)


@transaction.atomic
def submit_evidence(
    version: ModelVersion,
    *,
    kind: str,
    title: str,
    observed_at: datetime,
    description: str = "",
    content: Mapping[str, Any] | None = None,
    file: Iterable[bytes] | None = None,
    file_name: str = "",
    requirements: Sequence[Requirement] = (),
    supersedes: Evidence | None = None,
    actor: Actor,
) -> Evidence:
    """Record one item of evidence: structured content, or a file given as chunks of bytes, by its digest.

    Everything is checked before the file is taken in, so that a refusal leaves no bytes; then again under the lock.
    """
    project = version.model.project
    authorise(actor, "submit_evidence", project)
    title = clean_name(title, "title", limit=200)
    description = clean_text(description, "description")
    name = clean_name(file_name, "file_name", limit=200) if file is not None else ""
    checked = _check_now(version, kind, content, observed_at)
    _check_links(version, kind, requirements, supersedes)
    stored, checked = _store(kind, file, checked)
    version, moved = lock_and_amend(version)
    _check_links(version, kind, requirements, supersedes)
    evidence = Evidence.objects.create(
        version=version,
        kind=kind,
        title=title,
        description=description,
        content=checked,
        content_digest=canonical_digest(checked) if checked is not None else "",
        file=stored,
        file_name=name,
        media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        supersedes=supersedes,
        observed_at=observed_at,
        received_at=auditlog.database_now(),
        submitted_by=actor.user,
    )
    evidence.requirements.set(requirements)
    entry = auditlog.append(
        "evidence.submitted",
        actor=actor,
        subject=Subject("evidence", evidence.pk, title, evidence.digest),
        project=project,
        related=version_and_model(version),
        data=_spoken(evidence, requirements) | {"states": moved},
    )
    auditlog.stamp(evidence, entry)
    return evidence


def _spoken(evidence: Evidence, requirements: Sequence[Requirement]) -> dict[str, Any]:
    """What the log says of the item."""
    return {
        "kind": evidence.kind,
        "digest": evidence.digest,
        "content_digest": evidence.content_digest,
        "size": evidence.file.size if evidence.file else 0,
        "requirements": [item.key for item in requirements],
        "supersedes": evidence.supersedes_id or 0,
        "observed_at": evidence.observed_at.isoformat(),
    }


def _check_now(
    version: ModelVersion, kind: str, content: Mapping[str, Any] | None, observed_at: datetime
) -> dict[str, Any] | None:
    """What can be refused before any byte is taken in. Returns the checked content."""
    if kind not in EvidenceKind.values:
        raise InvalidInput(f"“kind” must be one of {', '.join(EvidenceKind.values)}.", field="kind")
    checked = check_content(kind, content)
    _check_times(observed_at, auditlog.database_now())
    next_state("amend", version.state)
    return checked


def _store(
    kind: str, file: Iterable[bytes] | None, content: dict[str, Any] | None
) -> tuple[StoredFile | None, dict[str, Any] | None]:
    """Take the file in unless it is refused; a test report's content is what is counted in it."""
    if file is None:
        if kind in NEEDS_FILE:
            raise InvalidInput(f"Evidence of kind “{kind}” needs a file.", field="file")
        return None, content

    def examine(received: BinaryIO) -> None:
        nonlocal content
        if not received.read(1):
            raise InvalidInput("The file is empty.", field="file")
        received.seek(0)
        check_readable(kind, received)
        if kind == EvidenceKind.TEST_REPORT:
            received.seek(0)
            content = read_junit(received)

    return store.save(file, examine=examine), content


def _check_times(observed_at: datetime, received_at: datetime) -> None:
    if observed_at.tzinfo is None:
        raise InvalidInput("“observed_at” needs a time zone, such as 2026-11-21T09:30:00Z.", field="observed_at")
    if observed_at > received_at + CLOCK_SKEW:
        raise InvalidInput("“observed_at” lies in the future.", field="observed_at")


def _check_links(
    version: ModelVersion, kind: str, requirements: Sequence[Requirement], supersedes: Evidence | None
) -> None:
    for requirement in requirements:
        if requirement.model_id != version.model_id or requirement.withdrawn_at is not None:
            raise InvalidInput(f"{requirement.key} is no requirement of this model now.", field="requirements")
    if supersedes is None:
        return
    if supersedes.version_id != version.pk or supersedes.kind != kind:
        raise InvalidInput("Evidence supersedes only evidence of its own kind and version.", field="supersedes")
    if Evidence.objects.filter(supersedes=supersedes).exists():
        raise InvalidInput("That evidence is superseded already; supersede its successor.", field="supersedes")
