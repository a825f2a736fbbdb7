"""Compliance reports: issued PDFs with their digests."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.evaluations import QueuedWork
from governance.models.evidence import StoredFile
from governance.models.people import Project, User
from governance.models.signoff import DossierSnapshot


class ReportKind(models.TextChoices):
    RELEASE_DOSSIER = "release_dossier", _("Release dossier")
    FRAMEWORK = "framework", _("Framework report")
    PUBLIC_SUMMARY = "public_summary", _("Public bias audit summary (NYC Local Law 144)")
    DECLARATION = "declaration", _("Declaration of conformity, draft (EU AI Act, Annex V)")
    MODEL_CARD = "model_card", _("Model card")


class ComplianceReportQuerySet(models.QuerySet["ComplianceReport"]):
    def visible_to(self, user: User) -> ComplianceReportQuerySet:
        return self.filter(version__model__project__in=Project.objects.visible_to(user))


class ComplianceReport(QueuedWork):
    """``framework`` is the framework that it reads the version against and ``title`` what such a report is called, both
    empty for other kinds; ``companion`` the same as a page to post or a card to publish, attached to the PDF as well;
    ``dossier`` the reading
    it prints; ``checkpoint_size`` the log size it prints; ``log_index`` the entry that records the file's digest, made
    when the report is issued."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="reports")
    kind = models.CharField(max_length=20, choices=ReportKind.choices, default=ReportKind.RELEASE_DOSSIER)
    framework = models.CharField(max_length=80, blank=True)
    title = models.CharField(max_length=300, blank=True)
    dossier = models.ForeignKey(DossierSnapshot, models.PROTECT, null=True, blank=True, related_name="reports")
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, blank=True, related_name="reports")
    file_name = models.CharField(max_length=200, blank=True)
    companion = models.ForeignKey(StoredFile, models.PROTECT, null=True, blank=True, related_name="companion_of")
    companion_name = models.CharField(max_length=200, blank=True)
    page_count = models.PositiveIntegerField(null=True, blank=True)
    checkpoint_size = models.PositiveBigIntegerField(null=True, blank=True)
    log_index = models.PositiveBigIntegerField(null=True, blank=True)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = ComplianceReportQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["status", "lease_until"])]

    def __str__(self) -> str:
        return f"{self.kind_title} of {self.version}"

    @property
    def kind_title(self) -> str:
        """What kind of report it is, to a reader."""
        return self.title or str(self.get_kind_display())
