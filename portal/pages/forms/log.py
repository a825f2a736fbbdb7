"""The audit log's filter."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from governance.models import AuditLogEntry, Project
from portal.log_sentences import TITLES
from portal.pages.forms.filters import FilterForm


class LogFilterForm(FilterForm):
    """What narrows the list. Days are whole days in UTC, the last one included."""

    type = forms.ChoiceField(label=_("What"), required=False)
    actor = forms.CharField(label=_("Who"), required=False, max_length=150, help_text="")
    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Project"), required=False, empty_label=_("All projects")
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, projects: QuerySet[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = sorted(((key, str(title)) for key, title in TITLES.items()), key=lambda choice: choice[1])
        self.fields["type"].choices = [("", _("Everything")), *named]  # type: ignore[attr-defined]
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]

    def narrow(self, entries: QuerySet[AuditLogEntry]) -> QuerySet[AuditLogEntry]:
        """The entries that fit; none for a filter that cannot be read."""
        if not self.is_valid():
            return entries.none()
        given = self.cleaned_data
        if given["type"]:
            entries = entries.filter(type=given["type"])
        if given["project"]:
            entries = entries.filter(project=given["project"])
        if given["actor"]:
            named = Q(actor__full_name__icontains=given["actor"]) | Q(actor__username__iexact=given["actor"])
            entries = entries.filter(named)
        return self._between_days(entries)

    def _between_days(self, entries: QuerySet[AuditLogEntry]) -> QuerySet[AuditLogEntry]:
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        if since:
            entries = entries.filter(at__gte=datetime.combine(since, time.min, UTC))
        if until:
            entries = entries.filter(at__lt=datetime.combine(until + timedelta(days=1), time.min, UTC))
        return entries
