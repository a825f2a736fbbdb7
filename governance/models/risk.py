"""Recorded answers to a risk questionnaire. The newest gives the model its tier."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.models.catalog import RegisteredModel, RiskTier
from governance.models.people import User


class RiskAssessment(models.Model):
    """``text`` is the questionnaire as it was, ``answers`` question key -> answer key, ``reasons`` why this tier."""

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="risk_assessments")
    questionnaire = models.CharField(max_length=40)
    questionnaire_version = models.PositiveIntegerField()
    questionnaire_digest = models.CharField(max_length=71)
    text = models.TextField()
    answers = models.JSONField()
    risk_tier = models.CharField(max_length=10, choices=RiskTier.choices)
    reasons = models.JSONField(default=list)
    answered_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[tuple[str, ...]] = ("-pk",)

    def __str__(self) -> str:
        return f"{self.model}: {self.risk_tier} by {self.questionnaire} version {self.questionnaire_version}"
