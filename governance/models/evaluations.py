"""Evaluations, and the lease by which exactly one worker at a time holds a piece of queued work."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.evidence import Evidence
from governance.models.lineage import DatasetRole, DatasetVersion
from governance.models.people import Project, User


class WorkStatus(models.TextChoices):
    QUEUED = "QUEUED", _("Queued")
    RUNNING = "RUNNING", _("Running")
    SUCCEEDED = "SUCCEEDED", _("Succeeded")
    FAILED = "FAILED", _("Failed")
    CANCELLED = "CANCELLED", _("Cancelled")


class QueuedWork(models.Model):
    """A row that is its own queue entry. Celery only rings the bell; ``governance.leases`` claims the row."""

    status = models.CharField(max_length=10, choices=WorkStatus.choices, default=WorkStatus.QUEUED)
    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    progress = models.CharField(max_length=200, blank=True)
    failure = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def is_finished(self) -> bool:
        return self.status in {WorkStatus.SUCCEEDED, WorkStatus.FAILED, WorkStatus.CANCELLED}

    @classmethod
    def waiting(cls, *, now: datetime) -> models.QuerySet[Any]:
        """Rows nobody works on: never claimed, or claimed by a worker whose lease ran out."""
        return cls._default_manager.filter(
            models.Q(status=WorkStatus.QUEUED) | models.Q(status=WorkStatus.RUNNING, lease_until__lt=now)
        )


class EvaluationKind(models.TextChoices):
    BIAS_AUDIT = "bias_audit", _("Bias audit")
    EXPLANATION = "explanation", _("Explanation")
    DATA_QUALITY = "data_quality", _("Data quality")
    REPRODUCTION = "reproduction", _("Reproduction")


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def visible_to(self, user: User) -> EvaluationQuerySet:
        return self.filter(version__model__project__in=Project.objects.visible_to(user))


class Evaluation(QueuedWork):
    """One measured run of a version on a dataset version. ``result`` is the laboratory's document as digested."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="evaluations")
    kind = models.CharField(max_length=20, choices=EvaluationKind.choices)
    dataset_version = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="evaluations")
    dataset_role = models.CharField(max_length=20, choices=DatasetRole.choices, default=DatasetRole.TEST)
    evidence = models.ForeignKey(Evidence, models.PROTECT, related_name="evaluations")
    spec = models.JSONField()
    result = models.TextField(blank=True)
    result_digest = models.CharField(max_length=71, blank=True)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["status", "lease_until"])]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(status__in=WorkStatus.values), name="evaluation_status_known"),
            models.CheckConstraint(condition=models.Q(kind__in=EvaluationKind.values), name="evaluation_kind_known"),
            models.CheckConstraint(
                condition=~models.Q(status=WorkStatus.SUCCEEDED) | ~models.Q(result_digest=""),
                name="evaluation_success_has_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class InputRole(models.TextChoices):
    """What further evidence is read for, beside the item that is evaluated."""

    PREDICTIONS = "predictions", _("Predictions the rows are matched with")
    SENSITIVE_FILE = "sensitive_file", _("Sensitive values joined by row id")
    DATA = "data", _("Rows to be explained")
    BACKGROUND = "background", _("Background rows")
    TRAINING = "training", _("Training rows")
    SOURCE = "source", _("Source to compare with")


class EvaluationInput(models.Model):
    """Further evidence an evaluation reads, one item per role."""

    evaluation = models.ForeignKey(Evaluation, models.PROTECT, related_name="inputs")
    role = models.CharField(max_length=20, choices=InputRole.choices)
    evidence = models.ForeignKey(Evidence, models.PROTECT, related_name="+")

    class Meta:
        ordering = ("role",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["evaluation", "role"], name="evaluation_input_once"),
            models.CheckConstraint(condition=models.Q(role__in=InputRole.values), name="evaluation_input_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} of {self.evaluation}"
