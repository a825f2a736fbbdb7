"""Datasets, their versions and what they were derived from; and which version used which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import Max

from governance import auditlog
from governance.actors import Actor
from governance.amendment import (
    about_dataset_version,
    about_source,
    about_version,
    lock_and_amend,
    move,
    version_and_model,
)
from governance.auditlog import Subject
from governance.exceptions import Duplicate, InvalidInput
from governance.lifecycle import State
from governance.models import (
    Dataset,
    DatasetRole,
    DatasetUse,
    DatasetVersion,
    Derivation,
    ModelVersion,
    Project,
    RegisteredModel,
)
from governance.models.lineage import PersonalData, versions_using
from governance.permissions import authorise
from governance.text import clean_digest, clean_name, clean_text

MOST_COLUMNS = 2_000


@transaction.atomic
def register_dataset(
    project: Project,
    *,
    name: str,
    description: str = "",
    source: str = "",
    licence: str = "",
    personal_data: str,
    actor: Actor,
) -> Dataset:
    """Enter a dataset by name, with where it comes from and what personal data it holds."""
    authorise(actor, "register_dataset", project)
    name = clean_name(name, "name")
    Project.objects.select_for_update().get(pk=project.pk)
    if Dataset.objects.filter(project=project, name__iexact=name).exists():
        raise Duplicate(f"{project.name} has a dataset named “{name}” already.", field="name")
    if personal_data not in PersonalData.values:
        raise InvalidInput(f"“personal_data” must be one of {', '.join(PersonalData.values)}.", field="personal_data")
    dataset = Dataset.objects.create(
        project=project,
        name=name,
        description=clean_text(description, "description"),
        source=clean_text(source, "source"),
        licence=clean_text(licence, "licence", limit=200),
        personal_data=personal_data,
    )
    auditlog.append("dataset.registered", actor=actor, subject=Subject("dataset", dataset.pk, name), project=project)
    return dataset


@transaction.atomic
def register_dataset_version(
    dataset: Dataset,
    *,
    digest: str,
    row_count: int,
    schema: Sequence[Mapping[str, str]] = (),
    sensitive_columns: Sequence[str] = (),
    location: str = "",
    notes: str = "",
    derived_from: Sequence[tuple[DatasetVersion, str]] = (),
    actor: Actor,
) -> DatasetVersion:
    """Record frozen contents by digest, and the dataset versions they were made from, each with how."""
    authorise(actor, "register_dataset", dataset.project)
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    digest = clean_digest(digest, "digest")
    if row_count < 0:
        raise InvalidInput("“row_count” cannot be negative.", field="row_count")
    if DatasetVersion.objects.filter(dataset=dataset, digest=digest).exists():
        raise Duplicate("These contents are recorded as a version of this dataset already.", field="digest")
    columns = _read_schema(schema, sensitive_columns)
    last = DatasetVersion.objects.filter(dataset=dataset).aggregate(Max("number"))["number__max"] or 0
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=last + 1,
        digest=digest,
        row_count=row_count,
        schema=columns,
        sensitive_columns=[clean_name(name, "sensitive_columns", limit=200) for name in sensitive_columns],
        location=clean_text(location, "location", limit=500),
        notes=clean_text(notes, "notes"),
        created_by=actor.user,
    )
    sources = _derive(version, derived_from)
    auditlog.append(
        "dataset_version.registered",
        actor=actor,
        subject=about_dataset_version(version),
        project=dataset.project,
        related=[Subject("dataset", dataset.pk, dataset.name), *map(about_source, sources)],
        data={"row_count": row_count, "derived_from": [source.pk for source in sources]},
    )
    return version


def _read_schema(schema: Sequence[Mapping[str, str]], sensitive: Sequence[str]) -> list[dict[str, str]]:
    if len(schema) > MOST_COLUMNS:
        raise InvalidInput(f"A schema may have at most {MOST_COLUMNS:,} columns.", field="schema")
    columns = [
        {
            "name": clean_name(column.get("name", ""), "schema.name", limit=200),
            "type": clean_text(column.get("type", ""), "schema.type", limit=100),
            "description": clean_text(column.get("description", ""), "schema.description", limit=2_000),
        }
        for column in schema
    ]
    names = [column["name"] for column in columns]
    if len(set(names)) != len(names):
        raise InvalidInput("Two columns of the schema have the same name.", field="schema")
    missing = sorted(set(sensitive) - set(names)) if columns else []
    if missing:
        raise InvalidInput(f"The schema has no column {', '.join(missing)}.", field="sensitive_columns")
    return columns


def _derive(version: DatasetVersion, derived_from: Sequence[tuple[DatasetVersion, str]]) -> list[DatasetVersion]:
    sources: list[DatasetVersion] = []
    for source, description in derived_from:
        if source.dataset.project_id != version.dataset.project_id:
            raise InvalidInput("A source belongs to another project.", field="derived_from")
        if source in sources:
            raise InvalidInput(f"“{source}” is named twice as a source.", field="derived_from")
        Derivation.objects.create(
            derived=version, source=source, description=clean_text(description, "derived_from", limit=500)
        )
        sources.append(source)
    return sources


@transaction.atomic
def declare_dataset_use(
    version: ModelVersion, *, dataset_version: DatasetVersion, role: str, actor: Actor
) -> DatasetUse:
    """Record that a model version used a dataset version for training, validation or test."""
    authorise(actor, "declare_dataset_use", version.model.project)
    version, moved = lock_and_amend(version)
    if role not in DatasetRole.values:
        raise InvalidInput(f"“role” must be one of {', '.join(DatasetRole.values)}.", field="role")
    if dataset_version.dataset.project_id != version.model.project_id:
        raise InvalidInput("This dataset version belongs to another project.", field="dataset_version")
    if DatasetUse.objects.filter(version=version, dataset_version=dataset_version, role=role).exists():
        raise Duplicate(f"{dataset_version} is declared as {role} data already.")
    use = DatasetUse.objects.create(version=version, dataset_version=dataset_version, role=role)
    auditlog.append(
        "dataset_use.declared",
        actor=actor,
        subject=Subject("dataset_use", use.pk, str(use)),
        project=version.model.project,
        related=[*version_and_model(version), about_source(dataset_version)],
        data={"role": role, "dataset_version": dataset_version.pk, "digest": dataset_version.digest, "states": moved},
    )
    return use


@transaction.atomic
def recall_dataset_version(dataset_version: DatasetVersion, *, reason: str, actor: Actor) -> DatasetVersion:
    """Say that data must not be relied on any more. It reaches every dossier that uses it, directly or through what was
    derived from it, and no other: approvals there are taken back, and releases on it show it."""
    project = dataset_version.dataset.project
    authorise(actor, "recall_dataset_version", project)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    affected = versions_using(dataset_version)
    models = affected.values_list("model_id", flat=True)
    list(RegisteredModel.objects.select_for_update().filter(pk__in=set(models)).order_by("pk"))
    moved: dict[str, str] = {}
    open_states = (State.DRAFT, State.IN_REVIEW, State.APPROVED, State.EMERGENCY)
    for version in affected.select_for_update().filter(state__in=open_states).order_by("pk"):
        moved |= move(version, "amend")
    dataset_version = (
        DatasetVersion.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=dataset_version.pk)
    )
    if dataset_version.recalled_at is not None:
        raise Duplicate("This dataset version is recalled already.")
    dataset_version.recalled_at, dataset_version.recalled_by = auditlog.database_now(), actor.user
    dataset_version.recall_reason = reason
    dataset_version.save(update_fields=["recalled_at", "recalled_by", "recall_reason"])
    auditlog.append(
        "dataset_version.recalled",
        actor=actor,
        subject=about_dataset_version(dataset_version),
        project=project,
        related=[about_version(version) for version in affected.select_related("model").order_by("pk")],
        data={"states": moved},
        reason=reason,
    )
    return dataset_version
