"""Sign-offs: a person's decision in a role over a dossier digest. Waivers: an accepted gap with an end date."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.people import Project, Role, User


class Decision(models.TextChoices):
    APPROVE = "approve", _("Approve")
    REQUEST_CHANGES = "request_changes", _("Request changes")
    REJECT = "reject", _("Reject")


class DossierSnapshot(models.Model):
    """The canonical text of a dossier that somebody submitted, signed or promoted, by its digest.

    Kept so that a later reader sees exactly what was signed, and so that a stale sign-off can say which item changed.
    """

    digest = models.CharField(max_length=71, primary_key=True)
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="dossier_snapshots")
    document = models.TextField()
    taken_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest


class SignOffQuerySet(models.QuerySet["SignOff"]):
    def visible_to(self, user: User) -> SignOffQuerySet:
        return self.filter(version__model__project__in=Project.objects.visible_to(user))


class SignOff(models.Model):
    """Who, in which role, decided what, meaning what, for what reason, over which digest. Append-only."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="sign_offs")
    dossier = models.ForeignKey(DossierSnapshot, models.PROTECT, related_name="sign_offs")
    signer = models.ForeignKey(User, models.PROTECT, related_name="sign_offs")
    signer_name = models.CharField(max_length=200, help_text=_("The printed name as it was when signing."))
    role = models.CharField(max_length=20, choices=Role.choices)
    decision = models.CharField(max_length=20, choices=Decision.choices)
    meaning = models.CharField(max_length=300)
    reason = models.TextField(blank=True)
    signed_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    objects = SignOffQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["dossier", "signer", "role", "decision"], name="one_sign_off_per_person_role_decision"
            ),
            models.CheckConstraint(condition=models.Q(decision__in=Decision.values), name="sign_off_decision_known"),
        ]

    def __str__(self) -> str:
        return f"{self.signer_name}: {self.decision} as {self.role}"


class Waiver(models.Model):
    """A named gap, accepted by an entitled person until a date. Shown as WAIVED wherever the finding is shown."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="waivers")
    finding_key = models.CharField(max_length=200)
    gap = models.CharField(max_length=500, help_text=_("What was found lacking, as it was when it was accepted."))
    reason = models.TextField()
    expires_at = models.DateTimeField()
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.finding_key} until {self.expires_at:%Y-%m-%d}"
