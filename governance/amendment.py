"""What a change to the record does to the versions whose dossiers read it."""

from __future__ import annotations

from collections.abc import Iterable

from governance.auditlog import Subject
from governance.lifecycle import State, next_state
from governance.models import DatasetVersion, Evaluation, ModelVersion, Project, RegisteredModel


def lock_and_amend(version: ModelVersion) -> tuple[ModelVersion, dict[str, str]]:
    """Lock the version for a change of its own parts; return it and the state it moved to, for the log."""
    locked = ModelVersion.objects.select_for_update().select_related("model__project").get(pk=version.pk)
    return locked, move(locked, "amend")


def amend_open_versions(model: RegisteredModel) -> dict[str, str]:
    """A change of the model or its requirements reaches every version that is still open.

    Locks the model first and its versions then, as promotion does, so that two changes at once wait for each other.
    """
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    moved: dict[str, str] = {}
    open_states = (State.DRAFT, State.IN_REVIEW, State.APPROVED)
    for version in ModelVersion.objects.select_for_update().filter(model=model, state__in=open_states).order_by("pk"):
        moved |= move(version, "amend")
    return moved


def move(version: ModelVersion, verb: str) -> dict[str, str]:
    """Take the lifecycle step and return {version id: new state}, or nothing where the state stays as it is."""
    state = next_state(verb, version.state)
    if state == version.state:
        return {}
    version.state = state
    version.save(update_fields=["state"])
    return {str(version.pk): state.value}


def about_model(model: RegisteredModel) -> Subject:
    return Subject("model", model.pk, model.name)


def about_version(version: ModelVersion) -> Subject:
    return Subject("version", version.pk, str(version))


def about_dataset_version(dataset_version: DatasetVersion) -> Subject:
    return Subject("dataset_version", dataset_version.pk, str(dataset_version), dataset_version.digest)


def about_subject(subject: ModelVersion | DatasetVersion | Project | None) -> tuple[Subject, ...]:
    """What a report is about, besides its project, which every entry names by itself."""
    if isinstance(subject, ModelVersion):
        return about_version(subject), about_model(subject.model)
    return (about_dataset_version(subject),) if isinstance(subject, DatasetVersion) else ()


def about_source(source: DatasetVersion) -> Subject:
    """A dataset version that is used or derived from: naming it so does not make its users its authors."""
    return Subject("source_dataset_version", source.pk, str(source), source.digest)


def about_evaluation(evaluation: Evaluation) -> Subject:
    return Subject("evaluation", evaluation.pk, evaluation.get_kind_display(), evaluation.result_digest or None)


def version_and_model(version: ModelVersion) -> Iterable[Subject]:
    """The two subjects by which an entry about a part of a version is found."""
    return about_version(version), about_model(version.model)
