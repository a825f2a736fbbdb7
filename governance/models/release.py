"""Releases: a version in an environment for a time."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.models.catalog import ModelVersion, RegisteredModel
from governance.models.people import Project, User
from governance.models.signoff import DossierSnapshot


class ReleaseQuerySet(models.QuerySet["Release"]):
    def visible_to(self, user: User) -> ReleaseQuerySet:
        return self.filter(model__project__in=Project.objects.visible_to(user))

    def live(self) -> ReleaseQuerySet:
        return self.filter(ended_at=None)


class Release(models.Model):
    """``statement`` is the in-toto statement issued with the promotion; ``envelope`` is it signed (DSSE), made by the
    signer process once a checkpoint covers the promotion's log entry. Until then the release is pending its seal."""

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="releases")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="releases")
    environment = models.CharField(max_length=40)
    dossier = models.ForeignKey(DossierSnapshot, models.PROTECT, related_name="releases")
    promoted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=300, blank=True)
    log_index = models.PositiveBigIntegerField(null=True, blank=True)
    statement = models.TextField()
    envelope = models.TextField(blank=True)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["model", "environment"],
                condition=models.Q(ended_at=None),
                name="one_live_release_per_model_and_environment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment}"
