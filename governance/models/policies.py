"""Promotion policies of a project: versioned texts, each proposed by one person and adopted by another."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.models.catalog import RiskTier
from governance.models.people import Project, User
from governance.models.signoff import PolicyText


class PromotionPolicyQuerySet(models.QuerySet["PromotionPolicy"]):
    def visible_to(self, user: User) -> PromotionPolicyQuerySet:
        return self.filter(project__in=Project.objects.visible_to(user))

    def adopted(self) -> PromotionPolicyQuerySet:
        return self.exclude(adopted_at=None)

    def open(self) -> PromotionPolicyQuerySet:
        """Proposals that nobody has adopted or withdrawn."""
        return self.filter(adopted_at=None, withdrawn_at=None)


class PromotionPolicy(models.Model):
    """One version of a project's policy for a risk tier and an environment. The newest adopted one is in force; where
    there is none, the built-in text of the tier is. It touches only dossiers submitted after its adoption."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="promotion_policies")
    risk_tier = models.CharField(max_length=10, choices=RiskTier.choices)
    environment = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    text = models.ForeignKey(PolicyText, models.PROTECT, related_name="policies")
    reason = models.TextField()
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    adopted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    adopted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = PromotionPolicyQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["project", "risk_tier", "environment", "number"], name="policy_number_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(adopted_by=None) | ~models.Q(adopted_by=models.F("proposed_by")),
                name="policy_adopted_by_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.risk_tier}, {self.environment}, version {self.number}"

    @property
    def is_open(self) -> bool:
        return self.adopted_at is None and self.withdrawn_at is None

    @property
    def status(self) -> str:
        """proposed, adopted or withdrawn. Whether what was adopted is still in force, a later version says."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "proposed" if self.adopted_at is None else "adopted"
