"""Sign-offs: a person's decision in a role over a dossier digest. Waivers: an accepted gap with an end date."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.people import Delegation, Membership, Project, Role, User


class Decision(models.TextChoices):
    APPROVE = "approve", _("Approve")
    APPROVE_WITH_CONDITIONS = "approve_conditions", _("Approve with conditions")
    REQUEST_CHANGES = "request_changes", _("Request changes")
    REJECT = "reject", _("Reject")
    ABSTAIN = "abstain", _("Abstain")


APPROVALS = frozenset({Decision.APPROVE, Decision.APPROVE_WITH_CONDITIONS})
REFUSALS = frozenset({Decision.REQUEST_CHANGES, Decision.REJECT})


class Authentication(models.TextChoices):
    """How the signer proved at the signature who they are."""

    PASSWORD = "password", _("Password")
    TOTP = "totp", _("Password and one-time code")
    PASSKEY = "passkey", _("Passkey")


class PolicyText(models.Model):
    """The exact words of a promotion policy by their digest. Never changed: what a dossier names can be read again."""

    digest = models.CharField(max_length=71, primary_key=True)
    text = models.TextField()

    def __str__(self) -> str:
        return self.digest


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
    authentication = models.CharField(max_length=20, choices=Authentication.choices, default=Authentication.PASSWORD)
    membership = models.ForeignKey(Membership, models.PROTECT, null=True, blank=True, related_name="sign_offs")
    delegation = models.ForeignKey(Delegation, models.PROTECT, null=True, blank=True, related_name="sign_offs")
    signed_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    objects = SignOffQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(decision__in=Decision.values), name="sign_off_decision_known"),
        ]

    def __str__(self) -> str:
        return f"{self.signer_name}: {self.decision} as {self.role}"


class Overrule(models.Model):
    """A refusal set aside by the role that the policy names. The refusal stays on record beside it."""

    sign_off = models.OneToOneField(SignOff, models.PROTECT, related_name="overrule")
    role = models.CharField(max_length=20, choices=Role.choices)
    reason = models.TextField()
    overruled_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    overruled_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.sign_off} overruled by {self.overruled_by}"


class Condition(models.Model):
    """What an approval with conditions asks for: something to be done by ``owner`` until ``due_at``."""

    sign_off = models.ForeignKey(SignOff, models.PROTECT, related_name="conditions")
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="conditions")
    text = models.CharField(max_length=500)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    fulfilled_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    fulfilled_at = models.DateTimeField(null=True, blank=True)
    fulfilled_how = models.TextField(blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.text


class Waiver(models.Model):
    """A named gap, accepted by an entitled person until a date. Shown as WAIVED wherever the finding is shown."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="waivers")
    finding_key = models.CharField(max_length=200)
    gap = models.CharField(max_length=500, help_text=_("What was found lacking, as it was when it was accepted."))
    reason = models.TextField()
    expires_at = models.DateTimeField()
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.COMPLIANCE)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.finding_key} until {self.expires_at:%Y-%m-%d}"
