"""What waits for a person in discussions: questions to them, answers to theirs, and mentions."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.models import Remark, User
from portal.pages.waiting import MOST_CANDIDATES, Waiting

MENTIONS_SHOWN_FOR = timedelta(days=14)


def list_discussion(user: User) -> list[Waiting]:
    """Open questions that the user is to answer or can resolve, then mentions they have not answered."""
    return [*_list_questions(user), *_list_mentions(user)]


def _list_questions(user: User) -> list[Waiting]:
    """Whoever registered the version or is named is to answer; whoever asked has the last word once somebody did."""
    last = Remark.objects.filter(Q(pk=OuterRef("pk")) | Q(parent=OuterRef("pk"))).order_by("-pk")
    questions = Remark.objects.visible_to(user).open_questions()
    questions = questions.annotate(last_author=Subquery(last.values("author_id")[:1])).exclude(last_author=user.pk)
    mine = Q(author=user) | Q(version__created_by=user) | Q(mentions=user)
    found = questions.filter(mine).distinct().select_related("version__model__project", "author")
    return [_describe_question(question, user) for question in found.order_by("pk")[:MOST_CANDIDATES]]


def _describe_question(question: Remark, user: User) -> Waiting:
    is_own = question.author_id == user.pk
    text = _("Your question was answered: %(text)s") if is_own else _("%(name)s asks: %(text)s")
    return Waiting(
        title=str(question.version),
        text=text % {"name": question.author, "text": question.text[:200]},
        url=_address(question),
        action=_("Read and resolve") if is_own else _("Answer"),
        since=question.written_at,
        icon="question-mark",
        tone="warn",
        project=question.version.model.project,
    )


def _list_mentions(user: User) -> list[Waiting]:
    """Remarks that name the user, recently, in a thread they have written nothing in since. Questions are above."""
    thread = Q(pk=OuterRef("parent")) | Q(parent=OuterRef("parent")) | Q(parent=OuterRef("pk"))
    answered = Remark.objects.filter(thread, author=user, pk__gt=OuterRef("pk"))
    recent = timezone.now() - MENTIONS_SHOWN_FOR
    found = Remark.objects.visible_to(user).filter(mentions=user, written_at__gte=recent).exclude(author=user)
    found = found.filter(~Exists(answered)).exclude(is_question=True)
    return [
        Waiting(
            title=str(remark.version),
            text=_("%(name)s mentions you: %(text)s") % {"name": remark.author, "text": remark.text[:200]},
            url=_address(remark),
            action=_("Read"),
            since=remark.written_at,
            icon="message",
            tone="info",
            project=remark.version.model.project,
        )
        for remark in found.select_related("version__model__project", "author").order_by("-pk")[:MOST_CANDIDATES]
    ]


def _address(remark: Remark) -> str:
    return f"{reverse('pages:version', args=[remark.version_id])}?tab=discussion#remark-{remark.parent_id or remark.pk}"
