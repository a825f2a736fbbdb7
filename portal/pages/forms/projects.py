"""Forms about projects, their members and their requirement templates."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models import Role, User
from portal.pages.forms.base import PageForm
from portal.pages.forms.proof import PasswordForm


class CreateProjectForm(PageForm):
    name = forms.CharField(label=_("Name"), max_length=120)
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class PersonChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, person: User) -> str:
        return f"{person.get_full_name()} ({person.username})"


class GrantRoleForm(PageForm):
    """A role for a person with an open account."""

    user = PersonChoice(User.objects.none(), label=_("Person"), empty_label=_("Choose a person"))
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Choose a role")), *Role.choices])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True, is_system=False).order_by("full_name", "username")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]


class EndRoleForm(PageForm):
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2})
    )
    for_cause = forms.BooleanField(
        label=_("For cause: what they signed in this role counts no more"),
        required=False,
        help_text=_("For misconduct, not for a leaver. Needs the reason; their approvals then count for nothing."),
    )


class ConfirmRoleForm(PasswordForm):
    """Only the confirming person's proof: the role is in the address."""


class DelegateForm(PasswordForm):
    """A right to sign, lent to another member from one day until another, both in UTC."""

    names: ClassVar[dict[str, str]] = {"starts_at": "starts_on", "ends_at": "ends_on"}
    role = forms.ChoiceField(label=_("In the role of"))
    to_user = PersonChoice(User.objects.none(), label=_("To"), empty_label=_("Choose a person"))
    starts_on = forms.DateField(
        label=_("From the beginning of"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    ends_on = forms.DateField(
        label=_("Until the end of"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    reason = forms.CharField(label=_("Reason"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, roles: list[str], people: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role, Role(role).label) for role in roles]  # type: ignore[attr-defined]
        self.fields["to_user"].queryset = people  # type: ignore[attr-defined]
        today = timezone.now().date()
        self.fields["starts_on"].initial = today
        self.fields["ends_on"].initial = today + timedelta(days=14)

    def given(self) -> dict[str, Any]:
        """What the action takes: two instants instead of two days."""
        given = dict(self.cleaned_data)
        starts, ends = given.pop("starts_on"), given.pop("ends_on")
        given["starts_at"] = timezone.make_aware(datetime.combine(starts, time(0, 0)))
        given["ends_at"] = timezone.make_aware(datetime.combine(ends, time(23, 59, 59)))
        return given


class EndDelegationForm(PageForm):
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2})
    )


class SoloModeForm(PasswordForm):
    """Switches to the other state than the one in which the page was drawn: ``on`` says to which."""

    on = forms.BooleanField(required=False, widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Shown to everybody beside the warning."),
    )


class TemplateForm(PageForm):
    """The YAML text. ``revision`` is the reading that is being edited: a later one by somebody else refuses it."""

    names: ClassVar[dict[str, str]] = {"criteria": "text"}
    revision = forms.IntegerField(widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("Template"),
        max_length=100_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "class": "mono", "spellcheck": "false", "wrap": "off"}),
    )
