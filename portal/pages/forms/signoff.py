"""Forms by which a person puts their name to something. A typed password is never shown again."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from governance.actions.signoff import MOST_CONDITIONS
from governance.findings import Finding
from governance.models import Decision, Role, User
from governance.policy import ConditionRule, Policy
from portal.pages.capacities import Capacity
from portal.pages.forms.base import PageForm, RowsForm, bind_rows
from portal.pages.forms.projects import PersonChoice
from portal.pages.forms.proof import PasswordForm

# What a signature says by default. The signer may say it otherwise; these are only suggestions.
MEANINGS = {
    (Role.VALIDATOR, Decision.APPROVE): _("I examined this dossier independently and its evidence supports release."),
    (Role.VALIDATOR, Decision.APPROVE_WITH_CONDITIONS): _(
        "I examined this dossier independently and its evidence supports release if my conditions are fulfilled."
    ),
    (Role.VALIDATOR, Decision.REQUEST_CHANGES): _("I examined this dossier and it needs changes before release."),
    (Role.VALIDATOR, Decision.REJECT): _("I examined this dossier and its evidence does not support release."),
    (Role.VALIDATOR, Decision.ABSTAIN): _("I give no judgement on the evidence of this dossier."),
    (Role.COMPLIANCE, Decision.APPROVE): _("I reviewed this dossier against our policies and have no objection."),
    (Role.COMPLIANCE, Decision.APPROVE_WITH_CONDITIONS): _(
        "I reviewed this dossier against our policies and have no objection if my conditions are fulfilled."
    ),
    (Role.COMPLIANCE, Decision.REQUEST_CHANGES): _("I reviewed this dossier and our policies ask for changes first."),
    (Role.COMPLIANCE, Decision.REJECT): _("I reviewed this dossier and our policies do not allow its release."),
    (Role.COMPLIANCE, Decision.ABSTAIN): _("I take no position on whether our policies allow this release."),
    (Role.APPROVER, Decision.APPROVE): _("I accept the remaining risk and approve this version for release."),
    (Role.APPROVER, Decision.APPROVE_WITH_CONDITIONS): _(
        "I accept the remaining risk and approve this version if my conditions are fulfilled."
    ),
    (Role.APPROVER, Decision.REQUEST_CHANGES): _("I do not approve this version until it is changed."),
    (Role.APPROVER, Decision.REJECT): _("I do not accept the risk and refuse this version."),
    (Role.APPROVER, Decision.ABSTAIN): _("I neither approve nor refuse this version."),
}
NO_ROWS = {"form-TOTAL_FORMS": "0", "form-INITIAL_FORMS": "0"}


class DigestForm(PasswordForm):
    """Says which reading of the dossier is meant; ``read_index`` is the length of the log at that moment."""

    dossier_digest = forms.CharField(widget=forms.HiddenInput)
    read_index = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class DayField(forms.DateField):
    """A day that something lasts until: its last moment, in UTC."""

    def __init__(self, *, label: Any, **given: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(label=label, widget=widget, **given)

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        return day and timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


class ConditionForm(forms.Form):
    """One thing to be done by somebody until a day."""

    text = forms.CharField(
        label=_("Condition"), max_length=500, widget=forms.Textarea(attrs={"rows": 2, "maxlength": 500})
    )
    owner = PersonChoice(User.objects.none(), label=_("Who does it"), empty_label=_("Choose a person"))
    due_at = DayField(label=_("Until the end of"))

    def __init__(self, *args: Any, people: QuerySet[User], longest_days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people  # type: ignore[attr-defined]
        today = timezone.now().date()
        last = today + timedelta(days=max(longest_days - 1, 0))
        self.fields["due_at"].widget.attrs |= {"min": today.isoformat(), "max": last.isoformat()}


ConditionFormSet = forms.formset_factory(
    ConditionForm, extra=1, max_num=MOST_CONDITIONS, absolute_max=MOST_CONDITIONS, validate_max=True
)


class SignOffForm(RowsForm, DigestForm):
    """One decision in one capacity, with the conditions of an approval as rows. ``conditions`` is what the policy says
    of them; where it allows none, they are not offered."""

    role = forms.ChoiceField(label=_("In the role of"))
    decision = forms.ChoiceField(
        label=_("Decision"),
        choices=Decision.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what you decide.")},
    )
    meaning = forms.CharField(
        label=_("Meaning of the signature"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "data-meaning": ""}),
        help_text=_("Suggested once you have decided. Recorded word for word beside your name."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed unless you approve without conditions."),
    )
    field_order = ("dossier_digest", "read_index", "role", "decision", "meaning", "reason", "password")

    def __init__(
        self, *args: Any, capacities: list[Capacity], rule: ConditionRule, people: QuerySet[User], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.capacities = {item.value: item for item in capacities}
        self.rule = rule
        role, decision = self.fields["role"], self.fields["decision"]
        role.choices = [(item.value, item.label) for item in capacities]  # type: ignore[attr-defined]
        if not rule.allowed:
            left = [pair for pair in Decision.choices if pair[0] != Decision.APPROVE_WITH_CONDITIONS]
            decision.choices = left  # type: ignore[attr-defined]
        # Nothing is decided for anybody: the decision is chosen, and only then a sentence is suggested.
        if capacities:
            role.initial = capacities[0].value
        given = self.data if "form-TOTAL_FORMS" in self.data else NO_ROWS if self.is_bound else None
        self.rows = bind_rows(
            ConditionFormSet, given, form_kwargs={"people": people, "longest_days": rule.longest_days}
        )

    @property
    def suggestions(self) -> dict[str, str]:
        """ "role:decision" -> the suggested sentence, for the page's script."""
        return {
            f"{value}:{decision}": str(text)
            for value, capacity in self.capacities.items()
            for (role, decision), text in MEANINGS.items()
            if role == capacity.role
        }

    def clean(self) -> dict[str, Any]:
        """Refuse a reason left out, and a suggested sentence that belongs to another role or decision."""
        given = super().clean() or {}
        capacity = self.capacities.get(given.get("role", ""))
        decision, meaning = given.get("decision"), given.get("meaning")
        if decision and decision != Decision.APPROVE and not (given.get("reason") or "").strip():
            self.add_error("reason", _t("Say why, so that the team knows what to do."))
        if capacity and decision and meaning:
            own = str(MEANINGS[Role(capacity.role), Decision(decision)])
            if meaning != own and meaning in map(str, MEANINGS.values()):
                self.add_error(
                    "meaning", _t("This sentence belongs to another role or decision. You may mean: “%s”") % own
                )
        return given

    def given(self) -> dict[str, Any]:
        """What the action takes."""
        capacity = self.capacities[self.cleaned_data["role"]]
        named = ("decision", "meaning", "reason", "dossier_digest", "password")
        return {
            **{name: self.cleaned_data[name] for name in named},
            "role": capacity.role,
            "delegation": capacity.delegation,
            "conditions": self.filled_rows(),
        }


class OverruleForm(PasswordForm):
    """Sets a refusal aside, in the one role that the policy names."""

    reason = forms.CharField(
        label=_("Why it is set aside"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Stands beside the refusal wherever it is shown."),
    )


class FulfilForm(PasswordForm):
    how = forms.CharField(
        label=_("How it was fulfilled"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What you have seen that shows it."),
    )


class SubmitForm(PageForm):
    """For which environment a version is put before its reviewers. Each environment has its own policy."""

    environment = forms.ChoiceField(label=_("Environment"), widget=forms.RadioSelect, required=False)

    def __init__(self, *args: Any, policies: list[Policy], wanted: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [policy.environment for policy in policies]
        self.only = known[0] if len(known) == 1 else ""
        choices = [(item.environment, self._describe(item)) for item in policies]
        self.fields["environment"].choices = choices  # type: ignore[attr-defined]
        self.fields["environment"].initial = wanted if wanted in known else self.only

    @staticmethod
    def _describe(policy: Policy) -> str:
        return _t("%(environment)s: %(policy)s, version %(number)d") % {
            "environment": policy.environment,
            "policy": policy.name,
            "number": policy.version,
        }

    def clean_environment(self) -> str:
        chosen = self.cleaned_data["environment"] or self.only
        if not chosen:
            raise forms.ValidationError(_t("Say for which environment it is to be judged."))
        return str(chosen)


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
    expires_at = DayField(label=_("Until the end of"), help_text=_("The gate closes again after it."))
    field_order = ("finding_key", "reason", "expires_at", "password")

    def __init__(self, *args: Any, findings: list[Finding], longest_days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["finding_key"].choices = [(item.key, item.title) for item in findings]  # type: ignore[attr-defined]
        today = timezone.now().date()
        last = today + timedelta(days=max(longest_days - 1, 0))
        self.fields["expires_at"].widget.attrs |= {"min": today.isoformat(), "max": last.isoformat()}
        self.fields["expires_at"].initial = min(today + timedelta(days=30), last)
