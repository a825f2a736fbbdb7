"""Releases: a version in an environment for a time."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion, RegisteredModel
from governance.models.people import Project, User
from governance.models.signoff import DossierSnapshot


class ReleaseQuerySet(models.QuerySet["Release"]):
    def visible_to(self, user: User) -> ReleaseQuerySet:
        return self.filter(model__project__in=Project.objects.visible_to(user))

    def live(self) -> ReleaseQuerySet:
        return self.filter(ended_at=None)


class ReleaseKind(models.TextChoices):
    REGULAR = "regular", _("Regular")
    EMERGENCY = "emergency", _("Emergency")
    ROLLBACK = "rollback", _("Rollback")


class Release(models.Model):
    """A version in an environment from an instant until it ends or ``expires_at``, whichever comes first.

    ``statement`` is the in-toto statement issued with the promotion; ``envelope`` is it signed (DSSE), made by the
    signer process once a checkpoint covers the promotion's log entry. Until then the release is pending its seal.
    """

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="releases")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="releases")
    environment = models.CharField(max_length=40)
    kind = models.CharField(max_length=10, choices=ReleaseKind.choices, default=ReleaseKind.REGULAR)
    dossier = models.ForeignKey(DossierSnapshot, models.PROTECT, related_name="releases")
    promoted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text=_("When what allows this release runs out."))
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=300, blank=True)
    log_index = models.PositiveBigIntegerField(null=True, blank=True)
    findings = models.TextField(blank=True, help_text=_("What the gate found, as canonical JSON."))
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
            models.CheckConstraint(condition=models.Q(kind__in=ReleaseKind.values), name="release_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment}"


class EmergencyRequestQuerySet(models.QuerySet["EmergencyRequest"]):
    def visible_to(self, user: User) -> EmergencyRequestQuerySet:
        return self.filter(version__model__project__in=Project.objects.visible_to(user))

    def open(self) -> EmergencyRequestQuerySet:
        return self.filter(confirmed_at=None, withdrawn_at=None)


class EmergencyRequest(models.Model):
    """One person asks for an emergency promotion past a closed gate, another one confirms it: then it is released."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="emergency_requests")
    environment = models.CharField(max_length=40)
    dossier = models.ForeignKey(DossierSnapshot, models.PROTECT, related_name="+")
    reason = models.TextField()
    hours = models.PositiveSmallIntegerField()
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    release = models.OneToOneField(Release, models.PROTECT, null=True, blank=True, related_name="emergency_request")

    objects = EmergencyRequestQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "environment"],
                condition=models.Q(confirmed_at=None, withdrawn_at=None),
                name="one_open_emergency_request",
            ),
            models.CheckConstraint(
                condition=models.Q(hours__gte=1, hours__lte=72), name="emergency_lasts_at_most_72_hours"
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by=None) | ~models.Q(confirmed_by=models.F("requested_by")),
                name="emergency_confirmed_by_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} into {self.environment} for {self.hours} h"


class FollowUpQuerySet(models.QuerySet["FollowUp"]):
    def visible_to(self, user: User) -> FollowUpQuerySet:
        return self.filter(version__model__project__in=Project.objects.visible_to(user))

    def open(self) -> FollowUpQuerySet:
        return self.filter(closed_at=None)


class FollowUpKind(models.TextChoices):
    EMERGENCY = "emergency", _("Emergency release to be regularised")
    CONDITION_OVERDUE = "condition_overdue", _("Condition not fulfilled in time")
    EXPIRED = "expired", _("Release withdrawn: what allowed it ran out")


class FollowUp(models.Model):
    """Something that was opened by what happened to a release and that a person has to close with a reason."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="follow_ups")
    release = models.ForeignKey(Release, models.PROTECT, related_name="follow_ups")
    kind = models.CharField(max_length=20, choices=FollowUpKind.choices)
    text = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closing_reason = models.TextField(blank=True)

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(kind__in=FollowUpKind.values), name="follow_up_kind_known"),
        ]

    def __str__(self) -> str:
        return self.text
