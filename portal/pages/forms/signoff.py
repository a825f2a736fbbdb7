"""Forms by which a person puts their name to something. A typed password is never shown again."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from governance.findings import Finding
from governance.models import Decision, Role
from portal.pages.forms.proof import PasswordForm

# What a signature says by default. The signer may say it otherwise; these are only suggestions.
MEANINGS = {
    (Role.VALIDATOR, Decision.APPROVE): _("I examined this dossier independently and its evidence supports release."),
    (Role.VALIDATOR, Decision.REQUEST_CHANGES): _("I examined this dossier and it needs changes before release."),
    (Role.VALIDATOR, Decision.REJECT): _("I examined this dossier and its evidence does not support release."),
    (Role.COMPLIANCE, Decision.APPROVE): _("I reviewed this dossier against our policies and have no objection."),
    (Role.COMPLIANCE, Decision.REQUEST_CHANGES): _("I reviewed this dossier and our policies ask for changes first."),
    (Role.COMPLIANCE, Decision.REJECT): _("I reviewed this dossier and our policies do not allow its release."),
    (Role.APPROVER, Decision.APPROVE): _("I accept the remaining risk and approve this version for release."),
    (Role.APPROVER, Decision.REQUEST_CHANGES): _("I do not approve this version until it is changed."),
    (Role.APPROVER, Decision.REJECT): _("I do not accept the risk and refuse this version."),
}


class DigestForm(PasswordForm):
    """Says which reading of the dossier is meant; ``read_index`` is the length of the log at that moment."""

    dossier_digest = forms.CharField(widget=forms.HiddenInput)
    read_index = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class SignOffForm(DigestForm):
    role = forms.ChoiceField(label=_("In the role of"))
    decision = forms.ChoiceField(label=_("Decision"), choices=Decision.choices, widget=forms.RadioSelect)
    meaning = forms.CharField(
        label=_("Meaning of the signature"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "data-meaning": ""}),
        help_text=_("Recorded word for word beside your name."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed unless you approve."),
    )
    field_order = ("dossier_digest", "read_index", "role", "decision", "meaning", "reason", "password")

    def __init__(self, *args: Any, roles: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role, Role(role).label) for role in roles]  # type: ignore[attr-defined]
        if len(roles) == 1:
            self.fields["role"].initial = roles[0]
        self.fields["decision"].initial = Decision.APPROVE
        if roles:
            self.fields["meaning"].initial = MEANINGS[Role(roles[0]), Decision.APPROVE]

    @property
    def suggestions(self) -> dict[str, str]:
        """ "role:decision" -> the suggested sentence, for the page's script."""
        return {f"{role}:{decision}": str(text) for (role, decision), text in MEANINGS.items()}

    def clean(self) -> dict[str, Any]:
        """Refuse a reason left out, and a suggested sentence that belongs to another role or decision."""
        given = super().clean() or {}
        role, decision, meaning = given.get("role"), given.get("decision"), given.get("meaning")
        if decision and decision != Decision.APPROVE and not (given.get("reason") or "").strip():
            self.add_error("reason", _t("Say why, so that the team knows what to do."))
        if role and decision and meaning:
            own = str(MEANINGS[Role(role), Decision(decision)])
            if meaning != own and meaning in self.suggestions.values():
                self.add_error(
                    "meaning", _t("This sentence belongs to another role or decision. You may mean: “%s”") % own
                )
        return given


class PromoteForm(DigestForm):
    environment = forms.CharField(widget=forms.HiddenInput)
    field_order = ("dossier_digest", "read_index", "environment", "password")


class WaiverForm(PasswordForm):
    finding_key = forms.ChoiceField(label=_("Finding"), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Why this gap is acceptable"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Shown with the finding wherever it is shown, also in the report."),
    )
    expires_at = forms.DateField(
        label=_("Until the end of"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("The gate closes again after it."),
    )
    field_order = ("finding_key", "reason", "expires_at", "password")

    def __init__(self, *args: Any, findings: list[Finding], longest_days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["finding_key"].choices = [(item.key, item.title) for item in findings]  # type: ignore[attr-defined]
        today = timezone.now().date()
        last = today + timedelta(days=max(longest_days - 1, 0))
        self.fields["expires_at"].widget.attrs |= {"min": today.isoformat(), "max": last.isoformat()}
        self.fields["expires_at"].initial = min(today + timedelta(days=30), last)

    def clean_expires_at(self) -> datetime:
        """The last moment of the named day, in UTC."""
        return timezone.make_aware(datetime.combine(self.cleaned_data["expires_at"], time(23, 59, 59)))
