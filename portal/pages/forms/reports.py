"""Forms about compliance reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from governance.models import ComplianceReport, RegisteredModel, ReportKind, WorkStatus
from portal.pages.forms.base import PageForm
from portal.pages.forms.filters import FilterForm


class RequestReportForm(PageForm):
    """One button for each kind; the version is in the address."""

    kind = forms.ChoiceField(choices=ReportKind.choices, required=False)
    framework = forms.CharField(required=False, max_length=80)
    as_of = forms.DateTimeField(
        label=_("Moment (UTC)"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # It is shown beside the button of one kind, and needed for no other.
        self.fields["as_of"].required = not self.is_bound or self.data.get("kind") == ReportKind.AS_OF

    def clean_as_of(self) -> datetime | None:
        given: datetime | None = self.cleaned_data["as_of"]
        return given and given.replace(tzinfo=UTC)


class ReportFilterForm(FilterForm):
    """What narrows the list."""

    model = forms.ModelChoiceField(
        RegisteredModel.objects.none(), label=_("Model"), required=False, empty_label=_("All models")
    )
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", _("Any")), *WorkStatus.choices])

    def __init__(self, *args: Any, models: QuerySet[RegisteredModel], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].queryset = models  # type: ignore[attr-defined]

    def narrow(self, reports: QuerySet[ComplianceReport]) -> QuerySet[ComplianceReport]:
        """The reports that fit; none for a filter that cannot be read."""
        if not self.is_valid():
            return reports.none()
        wanted = {"version__model": self.cleaned_data["model"], "status": self.cleaned_data["status"]}
        return reports.filter(**{field: value for field, value in wanted.items() if value})
