"""What people say to each other about a dossier."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.models.catalog import ModelVersion
from governance.models.people import Project, User


class RemarkQuerySet(models.QuerySet["Remark"]):
    def visible_to(self, user: User) -> RemarkQuerySet:
        return self.filter(version__model__project__in=Project.objects.visible_to(user))

    def open_questions(self) -> RemarkQuerySet:
        return self.filter(is_question=True, resolved_at=None)


class Remark(models.Model):
    """A remark or a question about one item of a version's dossier, or an answer to one. Append-only.

    ``item_key`` names the item as the gate's findings do ("criterion:R-1.1") or by what it is ("evidence:12"). Only a
    question that begins a thread is resolved, once.
    """

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="remarks")
    item_key = models.CharField(max_length=200)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="answers")
    text = models.CharField(max_length=2_000)
    author = models.ForeignKey(User, models.PROTECT, related_name="remarks")
    written_at = models.DateTimeField()
    is_question = models.BooleanField(default=False)
    mentions = models.ManyToManyField(User, related_name="mentioned_in", blank=True)
    resolved_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=2_000, blank=True)
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    objects = RemarkQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(is_question=False) | models.Q(parent=None), name="a_question_begins_its_thread"
            ),
            models.CheckConstraint(
                condition=models.Q(is_question=True) | models.Q(resolved_at=None), name="only_a_question_is_resolved"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author} on {self.item_key}"
