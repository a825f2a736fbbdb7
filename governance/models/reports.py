"""Compliance reports: issued PDFs with their digests."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.models.catalog import ModelVersion
from governance.models.evaluations import QueuedWork
from governance.models.evidence import StoredFile
from governance.models.lineage import DatasetVersion
from governance.models.people import Project, User
from governance.models.signoff import DossierSnapshot


class ReportKind(models.TextChoices):
    RELEASE_DOSSIER = "release_dossier", _("Release dossier")
    FRAMEWORK = "framework", _("Framework report")
    PUBLIC_SUMMARY = "public_summary", _("Public bias audit summary (NYC Local Law 144)")
    DECLARATION = "declaration", _("Declaration of conformity, draft (EU AI Act, Annex V)")
    MODEL_CARD = "model_card", _("Model card")
    SIGNATURE_RECORD = "signature_record", _("Record of electronic signatures (21 CFR Part 11)")
    DATASHEET = "datasheet", _("Datasheet")
    PORTFOLIO = "portfolio", _("Portfolio report")
    AS_OF = "as_of", _("Report of a past day")


OF_VERSIONS = (
    ReportKind.RELEASE_DOSSIER,
    ReportKind.FRAMEWORK,
    ReportKind.PUBLIC_SUMMARY,
    ReportKind.DECLARATION,
    ReportKind.MODEL_CARD,
    ReportKind.SIGNATURE_RECORD,
)
OF_DATASETS = (ReportKind.DATASHEET,)
OF_PROJECTS = (ReportKind.PORTFOLIO,)
OF_THE_ORGANISATION = (ReportKind.PORTFOLIO,)
# Every kind -> what its rows are about.
SUBJECT_OF_KIND = (
    models.Q(kind__in=OF_VERSIONS, version__isnull=False, dataset_version=None, project__isnull=False, as_of=None)
    | models.Q(kind__in=OF_DATASETS, version=None, dataset_version__isnull=False, project__isnull=False, as_of=None)
    | models.Q(kind__in=OF_PROJECTS, version=None, dataset_version=None, as_of=None)
    | models.Q(kind=ReportKind.AS_OF, dataset_version=None, project__isnull=False, as_of__isnull=False)
)
ABOUT = ("version_id", "dataset_version_id", "project_id", "kind", "framework", "as_of")
"""The columns that say what a report is about: those alike in all of them replace each other."""


class ComplianceReportQuerySet(models.QuerySet["ComplianceReport"]):
    def visible_to(self, user: User) -> ComplianceReportQuerySet:
        """Those of the user's projects; of the whole organisation only for its administrators."""
        if user.is_organisation_administrator:
            return self
        return self.filter(project__in=Project.objects.visible_to(user))

    def about_the_same(self, report: ComplianceReport) -> ComplianceReportQuerySet:
        """The report itself and all others of its kind on its subject."""
        return self.filter(**{column: getattr(report, column) for column in ABOUT})


class ComplianceReport(QueuedWork):
    """What it is about is the version, the dataset version, else the project, else the whole organisation; ``project``
    is that of the subject. ``as_of`` is the past instant of a report of one.

    ``framework`` is the framework that it reads the version against and ``title`` what such a report is called, both
    empty for other kinds; ``companion`` the same as a page to post or a card to publish, attached to the PDF as well;
    ``dossier`` the reading it prints, or ``document_digest`` the digest of the attached document where that is none;
    ``checkpoint_size`` the log size it prints; ``log_index`` the entry that records the file's digest, made
    when the report is issued."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, null=True, blank=True, related_name="reports")
    dataset_version = models.ForeignKey(DatasetVersion, models.PROTECT, null=True, blank=True, related_name="reports")
    project = models.ForeignKey(Project, models.PROTECT, null=True, blank=True, related_name="reports")
    kind = models.CharField(max_length=20, choices=ReportKind.choices, default=ReportKind.RELEASE_DOSSIER)
    framework = models.CharField(max_length=80, blank=True)
    as_of = models.DateTimeField(null=True, blank=True)
    title = models.CharField(max_length=300, blank=True)
    dossier = models.ForeignKey(DossierSnapshot, models.PROTECT, null=True, blank=True, related_name="reports")
    document_digest = models.CharField(max_length=71, blank=True)
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
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=SUBJECT_OF_KIND, name="report_subject_of_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind_title} of {self.subject or _('the organisation')}"

    @property
    def kind_title(self) -> str:
        """What kind of report it is, to a reader."""
        return self.title or str(self.get_kind_display())

    @property
    def subject(self) -> ModelVersion | DatasetVersion | Project | None:
        """What it is about; None is the whole organisation."""
        return self.version or self.dataset_version or self.project
