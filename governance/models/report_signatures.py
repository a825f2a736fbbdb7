"""Reports on their way to be signed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models.reports import ComplianceReport


class ReportSignature(models.Model):
    """A rendered report on its way to be signed: the worker asks, the signer process answers.

    ``unsigned_digest`` is of the rendering as it would come out again; ``covered_digest`` of everything in the file but
    the signature itself; ``log_index`` the entry that names both; ``signature`` the CMS in hexadecimal.
    """

    report = models.ForeignKey(ComplianceReport, models.PROTECT, related_name="signatures")
    unsigned_digest = models.CharField(max_length=71)
    covered_digest = models.CharField(max_length=71)
    log_index = models.PositiveBigIntegerField(null=True, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    signature = models.TextField(blank=True)

    class Meta:
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["asked_at"], condition=models.Q(signature=""), name="report_awaits_signature")
        ]
        verbose_name = _("report signature")
        verbose_name_plural = _("report signatures")

    def __str__(self) -> str:
        return f"{self.covered_digest} of report {self.report_id}"
