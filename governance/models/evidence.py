"""Evidence: digest-bound items offered for requirements, with two clocks."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.people import Project, User
from governance.models.requirements import Requirement


class EvidenceKind(models.TextChoices):
    METRICS = "metrics", _("Metric set")
    PREDICTIONS = "predictions", _("Predictions")
    CELLS = "cells", _("Counted predictions (cells)")
    ATTRIBUTIONS = "attributions", _("SHAP values")
    MODEL_DOCUMENT = "model_document", _("Declarative model document")
    ONNX_MODEL = "onnx_model", _("ONNX model")
    TABLE = "table", _("Table of data")
    REPRODUCTION = "reproduction", _("Reproduction of the training")
    DOCUMENT = "document", _("Document")
    VALIDATION_REPORT = "validation_report", _("Validation report")
    TEST_REPORT = "test_report", _("Test report (JUnit)")
    LOAD_TEST = "load_test", _("Load test")
    AB_RESULT = "ab_result", _("A/B result")
    SECURITY_REVIEW = "security_review", _("Security review")
    PRIVACY_REVIEW = "privacy_review", _("Privacy review")
    FILE = "file", _("File")


class StoredFile(models.Model):
    """Bytes in the evidence store, known by their SHA-256 ("sha256:<hex>")."""

    digest = models.CharField(max_length=71, primary_key=True)
    size = models.PositiveBigIntegerField()
    stored_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def visible_to(self, user: User) -> EvidenceQuerySet:
        return self.filter(version__model__project__in=Project.objects.visible_to(user))

    def current(self) -> EvidenceQuerySet:
        """Evidence that nothing supersedes."""
        return self.filter(superseded_by=None)


class Evidence(models.Model):
    """One item. ``content`` holds a structured kind's checked values; ``file`` holds bytes; either may be absent.

    ``observed_at`` is when the thing was measured (the submitter's word), ``received_at`` when it came here.
    """

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=20, choices=EvidenceKind.choices)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    content = models.JSONField(null=True, blank=True)
    content_digest = models.CharField(max_length=71, blank=True)
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, blank=True, related_name="evidence")
    file_name = models.CharField(max_length=200, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    requirements = models.ManyToManyField(Requirement, related_name="evidence", blank=True)
    supersedes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="superseded_by")
    observed_at = models.DateTimeField()
    received_at = models.DateTimeField()
    submitted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    log_index = models.PositiveBigIntegerField(null=True, blank=True)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["version", "kind"])]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(kind__in=EvidenceKind.values), name="evidence_kind_known"),
            models.CheckConstraint(
                condition=models.Q(file__isnull=False) | models.Q(content__isnull=False),
                name="evidence_has_file_or_content",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def digest(self) -> str:
        return self.file_id or self.content_digest
