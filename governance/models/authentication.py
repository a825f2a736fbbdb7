"""Second factors of a person, and the questions that passkeys are asked."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.people import User


class FactorKind(models.TextChoices):
    TOTP = "totp", _("One-time codes")
    PASSKEY = "passkey", _("Passkey")


class SecondFactorQuerySet(models.QuerySet["SecondFactor"]):
    def current(self) -> SecondFactorQuerySet:
        return self.filter(removed_at=None)

    def visible_to(self, user: User) -> SecondFactorQuerySet:
        """One's own; those of everybody for organisation administrators, who help out when a telephone is lost."""
        return self if user.is_organisation_administrator else self.filter(user=user)


class SecondFactor(models.Model):
    """Something a person has, besides the password they know. Rows are marked as removed, never deleted.

    ``material`` is the secret of a code generator, encrypted, or a passkey's credential with its public key.
    ``last_step`` is the last thirty seconds whose code was used, ``sign_count`` what the passkey last counted: neither
    goes back, so that nothing is used twice.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="second_factors")
    kind = models.CharField(max_length=10, choices=FactorKind.choices)
    name = models.CharField(max_length=100)
    material = models.TextField()
    credential_id = models.CharField(max_length=1400, null=True, blank=True, unique=True)  # noqa: DJ001 - unique or none
    sign_count = models.PositiveBigIntegerField(default=0)
    last_step = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = SecondFactorQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(kind__in=FactorKind.values), name="second_factor_kind_known"),
            models.CheckConstraint(
                condition=models.Q(kind=FactorKind.PASSKEY, credential_id__isnull=False)
                | models.Q(kind=FactorKind.TOTP, credential_id=None),
                name="passkeys_have_a_credential",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"


class PasskeyChallenge(models.Model):
    """A question to be answered by a passkey once, soon, by one person in one session, for one purpose.

    Only digests of the random challenge and of the session are kept. The row goes when it is answered.
    """

    digest = models.CharField(max_length=71, primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    session_digest = models.CharField(max_length=71)
    purpose = models.CharField(max_length=300)
    made_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.purpose} for {self.user}"
