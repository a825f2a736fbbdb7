"""Requirements with acceptance criteria, and the proof of concept that comes before a production model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_evaluation, about_model, amend_open_versions
from governance.auditlog import Subject
from governance.exceptions import Duplicate, InvalidInput, NotPermitted
from governance.framework_requirements import MOST_AT_ONCE, name_controls, source_of, title_of
from governance.frameworks_in_force import find_framework
from governance.models import (
    AcceptanceCriterion,
    Evaluation,
    PocDecision,
    ProofOfConcept,
    RegisteredModel,
    Requirement,
    RequirementTemplate,
    SuccessCriterion,
)
from governance.permissions import authorise
from governance.requirement_template import (
    MOST_CRITERIA,
    CriterionText,
    digest_requirement,
    parse_criterion,
    parse_template,
    speak_criteria,
)
from governance.revision import check_revision
from governance.text import clean_name, clean_text


@transaction.atomic
def generate_requirements(model: RegisteredModel, *, actor: Actor) -> list[Requirement]:
    """Make a model's requirements from its project's template for its tier. Once per model."""
    authorise(actor, "write_requirement", model.project)
    moved = amend_open_versions(model)
    if Requirement.objects.filter(model=model, from_template=True).exists():
        raise Duplicate("This model has its requirements from the template already.")
    template = RequirementTemplate.objects.get(project=model.project, risk_tier=model.risk_tier)
    made, digests = [], []
    for text in parse_template(template.text):
        requirement = Requirement.objects.create(
            model=model,
            key=_next_key(model),
            title=text.title,
            statement=text.statement,
            source=text.source,
            from_template=True,
            created_by=actor.user,
        )
        _write_criteria(requirement, text.criteria)
        made.append(requirement)
        digests.append(digest_requirement(text.title, text.statement, text.source, text.criteria))
    auditlog.append(
        "requirements.generated",
        actor=actor,
        subject=about_model(model),
        project=model.project,
        related=[Subject("template", template.pk, template.risk_tier)],
        data={
            "template": template.pk,
            "revision": template.revision,
            "keys": [item.key for item in made],
            "digests": digests,
            "states": moved,
        },
    )
    return made


@transaction.atomic
def generate_requirements_from_framework(
    model: RegisteredModel, *, framework: str, controls: list[str] | None = None, actor: Actor
) -> list[Requirement]:
    """Make a requirement of each control that a team must see to, or of those named: the first hundred not there yet.

    One that somebody withdrew stays withdrawn. Refuses when every control has its requirement already.
    """
    authorise(actor, "write_requirement", model.project)
    meant = find_framework(framework)
    moved = amend_open_versions(model)
    known = set(Requirement.objects.filter(model=model).values_list("source", flat=True))
    missing = [item for item in name_controls(meant, controls) if source_of(meant, item) not in known]
    if not missing:
        raise Duplicate("Every such control of this framework has its requirement already.")
    made = [
        Requirement.objects.create(
            model=model,
            key=_next_key(model),
            title=title_of(control),
            statement=control.gist,
            source=source_of(meant, control),
            created_by=actor.user,
        )
        for control in missing[:MOST_AT_ONCE]
    ]
    auditlog.append(
        "requirements.generated",
        actor=actor,
        subject=about_model(model),
        project=model.project,
        data={
            "from": "framework",
            "framework": meant.id,
            "framework_digest": meant.digest,
            "controls": [control.id for control in missing[:MOST_AT_ONCE]],
            "keys": [item.key for item in made],
            "digests": [digest_requirement(item.title, item.statement, item.source, ()) for item in made],
            "states": moved,
        },
    )
    return made


@transaction.atomic
def write_requirement(
    model: RegisteredModel,
    *,
    title: str,
    statement: str,
    source: str = "",
    criteria: Sequence[Mapping[str, Any]] = (),
    actor: Actor,
) -> Requirement:
    """Write one requirement by hand, with its acceptance criteria."""
    authorise(actor, "write_requirement", model.project)
    moved = amend_open_versions(model)
    parsed = _parse_criteria(criteria)
    requirement = Requirement.objects.create(
        model=model,
        key=_next_key(model),
        title=clean_name(title, "title", limit=200),
        statement=clean_text(statement, "statement", required=True),
        source=clean_text(source, "source", limit=200),
        created_by=actor.user,
    )
    _write_criteria(requirement, parsed)
    auditlog.append(
        "requirement.written",
        actor=actor,
        subject=_about(requirement),
        project=model.project,
        related=[about_model(model)],
        data=_said(requirement, parsed, moved),
    )
    return requirement


@transaction.atomic
def edit_requirement(
    requirement: Requirement,
    *,
    title: str,
    statement: str,
    source: str = "",
    criteria: Sequence[Mapping[str, Any]] = (),
    seen_revision: int | None = None,
    actor: Actor,
) -> Requirement:
    """Replace a requirement's text and criteria. Sign-offs over dossiers that read it become stale."""
    model = requirement.model
    authorise(actor, "write_requirement", model.project)
    moved = amend_open_versions(model)
    requirement = Requirement.objects.select_for_update().get(pk=requirement.pk)
    if requirement.withdrawn_at is not None:
        raise InvalidInput(f"{requirement.key} is withdrawn; write a new requirement instead.")
    check_revision(requirement.revision, seen_revision)
    parsed = _parse_criteria(criteria)
    requirement.title = clean_name(title, "title", limit=200)
    requirement.statement = clean_text(statement, "statement", required=True)
    requirement.source = clean_text(source, "source", limit=200)
    requirement.revision += 1
    requirement.save()
    requirement.criteria.all().delete()
    _write_criteria(requirement, parsed)
    auditlog.append(
        "requirement.written",
        actor=actor,
        subject=_about(requirement),
        project=model.project,
        related=[about_model(model)],
        data=_said(requirement, parsed, moved),
    )
    return requirement


@transaction.atomic
def withdraw_requirement(requirement: Requirement, *, reason: str, actor: Actor) -> Requirement:
    """Take a requirement back. It stays in the record and no longer binds."""
    model = requirement.model
    authorise(actor, "write_requirement", model.project)
    moved = amend_open_versions(model)
    requirement = Requirement.objects.select_for_update().get(pk=requirement.pk)
    if requirement.withdrawn_at is not None:
        raise Duplicate("This requirement is withdrawn already.")
    requirement.withdrawn_at = auditlog.database_now()
    requirement.save(update_fields=["withdrawn_at"])
    auditlog.append(
        "requirement.withdrawn",
        actor=actor,
        subject=_about(requirement),
        project=model.project,
        related=[about_model(model)],
        data={"states": moved},
        reason=clean_text(reason, "reason", required=True),
    )
    return requirement


@transaction.atomic
def write_proof_of_concept(
    model: RegisteredModel,
    *,
    problem_statement: str,
    risks: str = "",
    open_questions: str = "",
    success_criteria: Sequence[Mapping[str, Any]] = (),
    seen_revision: int | None = None,
    actor: Actor,
) -> ProofOfConcept:
    """Write or rewrite the proof of concept. Each success criterion may name the evaluation that judged it.

    A rewritten one has no decision: a go was given for another text.
    """
    authorise(actor, "write_proof_of_concept", model.project)
    moved = amend_open_versions(model)
    found = ProofOfConcept.objects.select_for_update().filter(model=model).first()
    poc = found or ProofOfConcept(model=model, revision=0)
    check_revision(poc.revision, seen_revision)
    poc.problem_statement = clean_text(problem_statement, "problem_statement", required=True)
    poc.risks = clean_text(risks, "risks")
    poc.open_questions = clean_text(open_questions, "open_questions")
    poc.written_by = actor.user
    poc.revision += 1
    poc.decision, poc.decision_reason, poc.decided_by, poc.decided_at = "", "", None, None
    poc.save()
    judged_by = _write_success_criteria(poc, success_criteria)
    auditlog.append(
        "proof_of_concept.written",
        actor=actor,
        subject=Subject("proof_of_concept", poc.pk, model.name),
        project=model.project,
        related=[about_model(model), *map(about_evaluation, judged_by)],
        data={"revision": poc.revision, "states": moved},
    )
    return poc


@transaction.atomic
def decide_proof_of_concept(
    poc: ProofOfConcept, *, decision: str, reason: str, seen_revision: int | None = None, actor: Actor
) -> ProofOfConcept:
    """Record go or no go. Not by the person who wrote it."""
    model = poc.model
    authorise(actor, "decide_proof_of_concept", model.project)
    moved = amend_open_versions(model)
    poc = ProofOfConcept.objects.select_for_update().select_related("written_by").get(pk=poc.pk)
    check_revision(poc.revision, seen_revision)
    if decision not in PocDecision.values:
        raise InvalidInput("“decision” must be go or no_go.", field="decision")
    if poc.written_by.person_key == actor.user.person_key:
        raise NotPermitted("You wrote this proof of concept; somebody else decides on it.", code="duties_not_separate")
    poc.decision = decision
    poc.decision_reason = clean_text(reason, "reason", required=True)
    poc.decided_by = actor.user
    poc.decided_at = auditlog.database_now()
    poc.save()
    auditlog.append(
        "proof_of_concept.decided",
        actor=actor,
        subject=Subject("proof_of_concept", poc.pk, model.name),
        project=model.project,
        related=[about_model(model)],
        data={"decision": decision, "revision": poc.revision, "states": moved},
        reason=poc.decision_reason[:2_000],
    )
    return poc


def _next_key(model: RegisteredModel) -> str:
    return f"R-{Requirement.objects.filter(model=model).count() + 1}"


def _about(requirement: Requirement) -> Subject:
    return Subject("requirement", requirement.pk, f"{requirement.key} {requirement.title}")


def _said(requirement: Requirement, criteria: Sequence[CriterionText], moved: dict[str, str]) -> dict[str, Any]:
    """What the log keeps of a requirement: the criteria in words, the rest by digest."""
    return {
        "criteria": speak_criteria(criteria),
        "digest": digest_requirement(requirement.title, requirement.statement, requirement.source, criteria),
        "revision": requirement.revision,
        "states": moved,
    }


def _parse_criteria(criteria: Sequence[Mapping[str, Any]]) -> list[CriterionText]:
    if len(criteria) > MOST_CRITERIA:
        raise InvalidInput(f"A requirement may have at most {MOST_CRITERIA} criteria.", field="criteria")
    return [parse_criterion(dict(item), f"criterion {number}") for number, item in enumerate(criteria, 1)]


def _write_criteria(requirement: Requirement, criteria: Sequence[CriterionText]) -> None:
    AcceptanceCriterion.objects.bulk_create(
        AcceptanceCriterion(
            requirement=requirement,
            position=position,
            metric=item.metric,
            comparator=item.comparator,
            threshold=item.threshold,
            population=item.population,
            dataset_role=item.dataset_role,
            severity=item.severity,
        )
        for position, item in enumerate(criteria, 1)
    )


def _write_success_criteria(poc: ProofOfConcept, given: Sequence[Mapping[str, Any]]) -> list[Evaluation]:
    """Replace the success criteria and return the evaluations that judged them."""
    if len(given) > MOST_CRITERIA:
        raise InvalidInput(f"At most {MOST_CRITERIA} success criteria.", field="success_criteria")
    poc.success_criteria.all().delete()
    judged_by: dict[int, Evaluation] = {}
    for position, raw in enumerate(given, 1):
        text = parse_criterion(dict(raw), f"success criterion {position}")
        evaluation = raw.get("evaluation")
        if evaluation is not None and evaluation.version.model_id != poc.model_id:
            raise InvalidInput("An evaluation of another model is named.", field="success_criteria")
        if evaluation is not None:
            judged_by[evaluation.pk] = evaluation
        SuccessCriterion.objects.create(
            proof_of_concept=poc,
            position=position,
            evaluation=evaluation,
            metric=text.metric,
            comparator=text.comparator,
            threshold=text.threshold,
            population=text.population,
            statement=clean_name(str(raw.get("statement", "")), "success_criteria.statement", limit=300),
        )
    return list(judged_by.values())
