"""Forms about second factors and the second step of signing in."""

from __future__ import annotations

from copy import copy
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from governance.reauthentication import Proof
from portal.pages.forms.base import PageForm
from portal.pages.forms.proof import CodeField, Demand, PasskeyField, PasskeyInput, PasswordForm


class AddTotpForm(PasswordForm):
    """``offer`` brings the new secret back, sealed; ``first_code`` shows that the generator has it."""

    offer = forms.CharField(widget=forms.HiddenInput, max_length=500)
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Which device it is, such as “telephone”."))
    first_code = CodeField(label=_("The code it shows now"))

    def offer_anew(self, sealed: str) -> None:
        """After a refusal the page shows another secret, so the form must send that one."""
        posted: Any = copy(self.data)  # of what was posted, a copy may be changed
        posted["offer"], posted["first_code"] = sealed, ""
        self.data = posted


class NewPasskeyInput(forms.Widget):
    """A button that has the browser make a passkey, and a hidden field for it."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("includes/_passkey_new.html", {"name": name, "id": (attrs or {}).get("id", "")})


class AddPasskeyForm(PasswordForm):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Which device it is, such as “laptop”."))
    credential = PasskeyField(label=_("The new passkey"), widget=NewPasskeyInput())

    def clean_credential(self) -> dict[str, Any]:
        given: dict[str, Any] | None = self.cleaned_data["credential"]
        if given is None:
            raise forms.ValidationError(_t("Press the button and follow your device first."))
        return given


class RemoveFactorForm(PasswordForm):
    """One's own without a reason; somebody else's with one."""

    reason = forms.CharField(label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, is_own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = not is_own


class SecondStepForm(PageForm):
    """The second step of signing in: a code or a passkey; the password was right a moment ago."""

    def __init__(self, *args: Any, demand: Demand, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.demand = demand
        if demand.takes_passkey:
            self.fields["passkey"] = PasskeyField(
                label=_("Your passkey"), required=False, widget=PasskeyInput(demand.purpose)
            )
        if demand.wants_code:
            self.fields["code"] = CodeField(label=_("One-time code"), required=not demand.takes_passkey)

    @property
    def proof(self) -> Proof:
        given = self.cleaned_data
        return Proof(code=given.get("code") or "", passkey=given.get("passkey"), session=self.demand.session)
