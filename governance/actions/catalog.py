"""Registering models and versions, and describing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from django.db import transaction
from django.db.models import Max

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_model, about_version, amend_open_versions
from governance.auditlog import Subject
from governance.exceptions import Duplicate, InvalidInput
from governance.look_alikes import fold_letters
from governance.models import Artifact, ModelVersion, Project, RegisteredModel, RiskAssessment, User
from governance.permissions import authorise, roles_of
from governance.questionnaire import find_questionnaire, score
from governance.revision import check_revision
from governance.text import clean_digest, clean_name, clean_text

DESCRIPTIONS = ("description", "intended_use", "out_of_scope_uses", "affected_people")


class ArtifactGiven(TypedDict, total=False):
    name: str
    digest: str
    size: int | None


@transaction.atomic
def register_model(
    project: Project,
    *,
    name: str,
    description: str = "",
    intended_use: str = "",
    out_of_scope_uses: str = "",
    affected_people: str = "",
    owner: User | None = None,
    actor: Actor,
) -> RegisteredModel:
    """Enter a model in the inventory. Until somebody records a tier it counts as high risk: closed by default."""
    authorise(actor, "register_model", project)
    name = clean_name(name, "name")
    Project.objects.select_for_update().get(pk=project.pk)
    if RegisteredModel.objects.filter(project=project, name__iexact=name).exists():
        raise Duplicate(f"{project.name} has a model named “{name}” already.", field="name")
    others = RegisteredModel.objects.filter(project=project).values_list("name", flat=True)
    if fold_letters(name) in {fold_letters(other) for other in others}:
        raise Duplicate(f"{project.name} has a model whose name looks the same.", field="name")
    owner = owner or actor.user
    if not roles_of(owner, project):
        raise InvalidInput("The owner must hold a role in the project.", field="owner")
    texts = {
        "description": description,
        "intended_use": intended_use,
        "out_of_scope_uses": out_of_scope_uses,
        "affected_people": affected_people,
    }
    cleaned = {field: clean_text(value, field) for field, value in texts.items()}
    model = RegisteredModel.objects.create(project=project, name=name, owner=owner, **cleaned)
    auditlog.append(
        "model.registered", actor=actor, subject=about_model(model), project=project, data={"owner": owner.pk}
    )
    return model


@transaction.atomic
def describe_model(
    model: RegisteredModel, *, seen_revision: int | None = None, actor: Actor, **texts: str
) -> RegisteredModel:
    """Change what is said of a model's use. Open versions are amended by it."""
    authorise(actor, "describe_model", model.project)
    unknown = sorted(set(texts) - set(DESCRIPTIONS))
    if unknown or not texts:
        raise InvalidInput(f"Say what to change: {', '.join(DESCRIPTIONS)}.", field=unknown[0] if unknown else None)
    moved = amend_open_versions(model)
    model = RegisteredModel.objects.select_for_update().select_related("project").get(pk=model.pk)
    check_revision(model.revision, seen_revision)
    for field, value in texts.items():
        setattr(model, field, clean_text(value, field))
    model.revision += 1
    model.save(update_fields=[*texts, "revision"])
    auditlog.append(
        "model.described",
        actor=actor,
        subject=about_model(model),
        project=model.project,
        data={"fields": sorted(texts), "revision": model.revision, "states": moved},
    )
    return model


@transaction.atomic
def assess_risk(
    model: RegisteredModel,
    *,
    questionnaire: str,
    answers: Mapping[str, str],
    rationale: str,
    seen_revision: int | None = None,
    actor: Actor,
) -> RegisteredModel:
    """Record the answers to a risk questionnaire; they give the model its tier.

    The tier chooses the policy, and the answers stand in the dossier: open versions are amended by either.
    """
    authorise(actor, "assess_risk", model.project)
    asked = find_questionnaire(questionnaire)
    tiering = score(asked, answers)
    moved = amend_open_versions(model)
    model = RegisteredModel.objects.select_for_update().select_related("project").get(pk=model.pk)
    check_revision(model.revision, seen_revision)
    model.risk_tier = tiering.tier
    model.risk_tier_rationale = clean_text(rationale, "rationale", required=True)
    model.revision += 1
    model.save(update_fields=["risk_tier", "risk_tier_rationale", "revision"])
    assessment = RiskAssessment.objects.create(
        model=model,
        questionnaire=asked.key,
        questionnaire_version=asked.version,
        questionnaire_digest=asked.digest,
        text=asked.text,
        answers=dict(answers),
        risk_tier=tiering.tier,
        reasons=list(tiering.reasons),
        answered_by=actor.user,
        answered_at=auditlog.database_now(),
    )
    entry = auditlog.append(
        "model.tiered",
        actor=actor,
        subject=about_model(model),
        project=model.project,
        related=[Subject("risk_assessment", assessment.pk, str(assessment), asked.digest)],
        data={
            "risk_tier": tiering.tier,
            "questionnaire": asked.key,
            "questionnaire_digest": asked.digest,
            "answers": dict(answers),
            "revision": model.revision,
            "states": moved,
        },
    )
    auditlog.stamp(assessment, entry)
    return model


@transaction.atomic
def register_version(
    model: RegisteredModel,
    *,
    artifacts: Sequence[ArtifactGiven] = (),
    artifact_location: str = "",
    source_run: str = "",
    training_code: str = "",
    parent: ModelVersion | None = None,
    notes: str = "",
    actor: Actor,
) -> ModelVersion:
    """Register the next version of a model. Its artifact digests are fixed from here on."""
    authorise(actor, "register_version", model.project)
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    if parent is not None and parent.model_id != model.pk:
        raise InvalidInput("The parent is a version of another model.", field="parent")
    last = ModelVersion.objects.filter(model=model).aggregate(Max("number"))["number__max"] or 0
    version = ModelVersion.objects.create(
        model=model,
        number=last + 1,
        parent=parent,
        created_by=actor.user,
        artifact_location=clean_text(artifact_location, "artifact_location", limit=500),
        source_run=clean_text(source_run, "source_run", limit=500),
        training_code=clean_text(training_code, "training_code", limit=500),
        notes=clean_text(notes, "notes"),
    )
    recorded = Artifact.objects.bulk_create(_read_artifacts(version, artifacts))
    auditlog.append(
        "version.registered",
        actor=actor,
        subject=about_version(version),
        project=model.project,
        related=[about_model(model)],
        data={
            "artifacts": [[item.name, item.digest] for item in recorded],
            "states": {str(version.pk): version.state},
        },
    )
    return version


def _read_artifacts(version: ModelVersion, given: Sequence[ArtifactGiven]) -> list[Artifact]:
    artifacts: dict[str, Artifact] = {}
    for item in given:
        name = clean_name(item.get("name", ""), "artifacts.name", limit=200)
        if name in artifacts:
            raise InvalidInput(f"Two artifacts are named “{name}”.", field="artifacts")
        size = item.get("size")
        if size is not None and size < 0:
            raise InvalidInput(f"“{name}” cannot have a negative size.", field="artifacts")
        digest = clean_digest(item.get("digest", ""), "artifacts.digest")
        artifacts[name] = Artifact(version=version, name=name, digest=digest, size=size)
    return list(artifacts.values())
