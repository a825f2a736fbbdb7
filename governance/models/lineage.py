"""Datasets, their frozen versions, and where they came from (W3C PROV: was derived from, used)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.people import Project, User


class PersonalData(models.TextChoices):
    NONE = "none", _("No personal data")
    PSEUDONYMOUS = "pseudonymous", _("Pseudonymous")
    PERSONAL = "personal", _("Personal")
    SPECIAL = "special", _("Special category")


class DatasetRole(models.TextChoices):
    TRAINING = "training", _("Training")
    VALIDATION = "validation", _("Validation")
    TEST = "test", _("Test")


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        return self.filter(project__in=Project.objects.visible_to(user))


class Dataset(models.Model):
    project = models.ForeignKey(Project, models.PROTECT, related_name="datasets")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    source = models.TextField(blank=True)
    licence = models.CharField(max_length=200, blank=True)
    personal_data = models.CharField(max_length=20, choices=PersonalData.choices, default=PersonalData.PERSONAL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "name"], name="dataset_name_unique_in_project"),
        ]

    def __str__(self) -> str:
        return self.name


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    def visible_to(self, user: User) -> DatasetVersionQuerySet:
        return self.filter(dataset__project__in=Project.objects.visible_to(user))


class DatasetVersion(models.Model):
    """Frozen contents, known by digest. ``schema`` is a list of {"name", "type", "description"}."""

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=71)
    row_count = models.PositiveBigIntegerField()
    schema = models.JSONField(default=list)
    sensitive_columns = models.JSONField(default=list)
    location = models.CharField(max_length=500, blank=True)
    notes = models.TextField(blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    recalled_at = models.DateTimeField(null=True, blank=True)
    recalled_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    recall_reason = models.TextField(blank=True)

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering = ("dataset", "-number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number_unique"),
            models.UniqueConstraint(fields=["dataset", "digest"], name="dataset_version_digest_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"


class Derivation(models.Model):
    """``derived`` was made from ``source`` by what ``description`` says."""

    derived = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="derivations")
    source = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="derived_versions")
    description = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["derived", "source"], name="derivation_unique"),
            models.CheckConstraint(condition=~models.Q(derived=models.F("source")), name="derivation_not_of_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.derived} from {self.source}"


class DatasetUse(models.Model):
    """A model version used a dataset version in a role."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="dataset_uses")
    dataset_version = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="uses")
    role = models.CharField(max_length=20, choices=DatasetRole.choices)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "dataset_version", "role"], name="dataset_use_unique"),
            models.CheckConstraint(condition=models.Q(role__in=DatasetRole.values), name="dataset_use_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.version} used {self.dataset_version} for {self.role}"


def versions_using(dataset_version: DatasetVersion) -> models.QuerySet[ModelVersion]:
    """Every model version that uses this data or something derived from it, however far."""
    sources: dict[int, list[int]] = {}
    project = dataset_version.dataset.project_id
    for derived, source in Derivation.objects.filter(source__dataset__project=project).values_list(
        "derived_id", "source_id"
    ):
        sources.setdefault(source, []).append(derived)
    reached, queue = set(), [dataset_version.pk]
    while queue:
        current = queue.pop()
        if current not in reached:
            reached.add(current)
            queue += sources.get(current, [])
    uses = DatasetUse.objects.filter(dataset_version__in=reached)
    return ModelVersion.objects.filter(pk__in=uses.values("version_id"))
