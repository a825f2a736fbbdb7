"""The inventory: registered models and their versions."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.lifecycle import State
from governance.models.people import Project, User


class RiskTier(models.TextChoices):
    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def visible_to(self, user: User) -> RegisteredModelQuerySet:
        return self.filter(project__in=Project.objects.visible_to(user))


class RegisteredModel(models.Model):
    """An entry of the model inventory."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="registered_models")
    name = models.CharField(max_length=120)
    owner = models.ForeignKey(User, models.PROTECT, related_name="owned_models")
    description = models.TextField(blank=True)
    intended_use = models.TextField(blank=True)
    out_of_scope_uses = models.TextField(blank=True)
    affected_people = models.TextField(blank=True)
    risk_tier = models.CharField(max_length=10, choices=RiskTier.choices, default=RiskTier.HIGH)
    risk_tier_rationale = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=1, help_text=_("Counts edits; an edit names the one it saw."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "name"], name="model_name_unique_in_project"),
            models.CheckConstraint(condition=models.Q(risk_tier__in=RiskTier.values), name="model_risk_tier_known"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def visible_to(self, user: User) -> ModelVersionQuerySet:
        return self.filter(model__project__in=Project.objects.visible_to(user))

    def with_names(self) -> ModelVersionQuerySet:
        return self.select_related("model", "model__project", "model__owner", "created_by")


class ModelVersion(models.Model):
    """One candidate with fixed artifact digests: the unit of governance."""

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    artifact_location = models.CharField(max_length=500, blank=True)
    source_run = models.CharField(max_length=500, blank=True)
    training_code = models.CharField(max_length=500, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    notes = models.TextField(blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    target_environment = models.CharField(max_length=40, default="production")
    policy_digest = models.CharField(
        max_length=71, blank=True, help_text=_("The policy in force when this was submitted; empty before that.")
    )

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["model", "number"], name="version_number_unique_in_model"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="version_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"


class Artifact(models.Model):
    """One file of a version, known by its digest. The bytes stay where the team keeps them."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="artifacts")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=71, db_index=True)
    size = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "name"], name="artifact_name_unique_in_version"),
        ]

    def __str__(self) -> str:
        return self.name
