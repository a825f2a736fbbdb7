"""Speaking about a dossier. What was said stays; nobody becomes a contributor by it."""

from __future__ import annotations

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_model, about_version
from governance.auditlog import Subject
from governance.discussion import find_mentioned, list_items, spell_mentions
from governance.dossier import collect
from governance.dossier_questions import QUESTION
from governance.exceptions import Duplicate, InvalidInput, NotPermitted
from governance.gate import judge
from governance.models import ModelVersion, Remark, Role
from governance.permissions import authorise, duties_are_separate, roles_of
from governance.text import clean_text

LONGEST_TEXT = 2_000


@transaction.atomic
def write_remark(
    version: ModelVersion,
    *,
    text: str,
    item_key: str = "dossier",
    parent: Remark | None = None,
    is_question: bool = False,
    actor: Actor,
) -> Remark:
    """Say something about an item of the dossier, ask something about it, or answer in the thread that ``parent``
    begins.

    Refuses an item that the dossier does not have now, and a question inside a thread: it begins its own. “@login”
    calls a member of the project; whoever is no member is not called.
    """
    project = version.model.project
    authorise(actor, "write_remark", project)
    version = _lock(version)
    text = clean_text(text, "text", required=True, limit=LONGEST_TEXT)
    if parent is not None:
        item_key = _join(version, parent, is_question)
    elif item_key not in _list_keys(version):
        raise InvalidInput("The dossier has no such item now.", field="item_key")
    mentioned = find_mentioned(text, project)
    remark = Remark.objects.create(
        version=version,
        item_key=item_key,
        parent=parent,
        text=text,
        author=actor.user,
        written_at=auditlog.database_now(),
        is_question=is_question,
    )
    remark.mentions.set(mentioned)
    entry = auditlog.append(
        "remark.written",
        actor=actor,
        subject=_about(remark),
        project=project,
        related=[about_version(version), about_model(version.model)],
        data={
            "kind": QUESTION if is_question else "answer" if parent else "remark",
            "item": item_key,
            "parent": parent.pk if parent else None,
            "text": text,
            "mentions": spell_mentions(mentioned),
        },
    )
    auditlog.stamp(remark, entry)
    return remark


def _join(version: ModelVersion, parent: Remark, is_question: bool) -> str:
    """The item of the thread that an answer joins."""
    if parent.version_id != version.pk:
        raise InvalidInput("This thread is about another version.", field="parent")
    if parent.parent_id is not None:
        raise InvalidInput("Answer the remark that begins the thread.", field="parent")
    if is_question:
        raise InvalidInput("A question begins a thread of its own, so that it can be resolved.", field="is_question")
    return parent.item_key


def _list_keys(version: ModelVersion) -> set[str]:
    dossier = collect(version)
    return set(list_items(dossier, judge(dossier)))


@transaction.atomic
def resolve_question(question: Remark, *, resolution: str = "", actor: Actor) -> Remark:
    """Close a question: whoever asked it, or with a reason an approver without a part in the dossier who was not asked.

    An open question can keep the gate closed, so those who wait for the gate do not close it.
    """
    project = question.version.model.project
    authorise(actor, "resolve_question", project)
    version = _lock(question.version)
    question = Remark.objects.select_for_update(of=("self",)).select_related("author").get(pk=question.pk)
    if not question.is_question:
        raise InvalidInput("Only a question is resolved.", field="question")
    if question.resolved_at is not None:
        raise Duplicate("This question is resolved already.")
    is_own = question.author.person_key == actor.user.person_key
    if not is_own:
        _check_outsider(version, question, actor)
    question.resolution = clean_text(resolution, "resolution", required=not is_own, limit=LONGEST_TEXT)
    question.resolved_by, question.resolved_at = actor.user, auditlog.database_now()
    question.save(update_fields=["resolution", "resolved_by", "resolved_at"])
    auditlog.append(
        "question.resolved",
        actor=actor,
        subject=_about(question),
        project=project,
        related=[about_version(version), about_model(version.model)],
        reason=question.resolution,
    )
    return question


def _check_outsider(version: ModelVersion, question: Remark, actor: Actor) -> None:
    """Whether somebody else than the asker may close the question."""
    if Role.APPROVER not in roles_of(actor.user, version.model.project):
        raise NotPermitted("Whoever asked resolves the question, or an approver with a reason.")
    dossier = collect(version)
    is_involved = not duties_are_separate(actor.user, dossier.contributor_person_keys) and not dossier.solo_mode
    if is_involved or question.mentions.filter(person_key=actor.user.person_key).exists():
        raise NotPermitted(
            "You were asked, or contributed to this dossier, so somebody else resolves the question.",
            code="duties_not_separate",
        )


def _lock(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_for_update(of=("self",)).select_related("model__project").get(pk=version.pk)


def _about(remark: Remark) -> Subject:
    return Subject(QUESTION if remark.is_question else "remark", remark.pk, remark.item_key)
