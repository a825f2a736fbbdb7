"""Forms about accounts."""

from __future__ import annotations

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from governance.models import User
from portal.pages.forms.base import PageForm
from portal.pages.forms.filters import FilterForm


class CreateUserForm(PageForm):
    full_name = forms.CharField(
        label=_("Full name"), max_length=200, help_text=_("As it is to be printed beside a signature.")
    )
    username = forms.CharField(
        label=_("Login"),
        max_length=150,
        help_text=_("Never given twice, not even after the account is closed."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    password = forms.CharField(
        label=_("First password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Hand it over in person or by a second channel."),
    )
    is_organisation_administrator = forms.BooleanField(
        label=_("Organisation administrator"),
        required=False,
        help_text=_("May open projects and accounts, and grant roles in every project."),
    )


class CloseUserForm(PageForm):
    reason = forms.CharField(label=_("Reason"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}))


class PeopleFilterForm(FilterForm):
    """What narrows the list."""

    q = forms.CharField(label=_("Name, login or e-mail"), required=False, max_length=200)
    account = forms.ChoiceField(
        label=_("Account"), required=False, choices=[("", _("Any")), ("open", _("Open")), ("closed", _("Closed"))]
    )

    def narrow(self, people: QuerySet[User]) -> QuerySet[User]:
        """The people who fit; none for a filter that cannot be read."""
        if not self.is_valid():
            return people.none()
        words, account = self.cleaned_data["q"], self.cleaned_data["account"]
        if words:
            people = people.filter(
                Q(full_name__icontains=words) | Q(username__icontains=words) | Q(email__icontains=words)
            )
        return people.filter(is_active=account == "open") if account else people
