"""The form about one's own account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from portal.pages.forms.proof import PasswordForm

NEW = {"autocomplete": "new-password"}


class ChangePasswordForm(PasswordForm):
    """The present password, and the new one twice so that a slip of the finger locks nobody out."""

    new_password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs=NEW),
        help_text=_("At least twelve characters, and neither your name nor a common word."),
    )
    again = forms.CharField(label=_("New password, once more"), strip=False, widget=forms.PasswordInput(attrs=NEW))
    field_order = ("password", "new_password", "again")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("again") and cleaned.get("new_password") != cleaned["again"]:
            self.add_error("again", _t("The two new passwords differ."))
        return cleaned
