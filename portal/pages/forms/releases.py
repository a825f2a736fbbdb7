"""Forms about releases: going back to the former one, emergencies, and asking what was in use when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.pages.forms.filters import FilterForm
from portal.pages.forms.proof import PasswordForm
from portal.pages.forms.signoff import DigestForm


class RollBackForm(PasswordForm):
    reason = forms.CharField(
        label=_("Reason"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Recorded with the rollback and shown with both releases."),
    )
    field_order = ("reason",)


class EmergencyForm(DigestForm):
    reason = forms.CharField(
        label=_("Why this cannot wait for the gate"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Shown on every page and report of this release, and on the home page while it runs."),
    )
    hours = forms.IntegerField(label=_("For how many hours"), min_value=1)
    field_order = ("dossier_digest", "read_index", "reason", "hours")

    def __init__(self, *args: Any, longest_hours: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours = self.fields["hours"]
        hours.max_value = longest_hours  # type: ignore[attr-defined]
        hours.widget.attrs |= {"max": str(longest_hours)}
        hours.help_text = _("At most %(hours)d. Then it is withdrawn, whatever happens.") % {"hours": longest_hours}


class InUseForm(FilterForm):
    """``at`` is read as UTC: the page says so beside the field."""

    at = forms.DateTimeField(
        label=_("At this moment (UTC)"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )
    environment = forms.CharField(label=_("Environment"), required=False, max_length=40)

    def clean_at(self) -> datetime | None:
        given: datetime | None = self.cleaned_data["at"]
        return given and given.replace(tzinfo=UTC)
