"""The end of every form that signs something: the person proves anew who they are. Nothing given is shown again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from governance.models import FactorKind, User
from governance.reauthentication import Proof, challenge_for, kinds_of
from portal.actors import session_of
from portal.pages.forms.base import PageForm

LONGEST_ANSWER = 20_000


@dataclass(frozen=True)
class Demand:
    """What one person has to prove for one thing, in one session. ``kinds`` are their kinds of second factor."""

    kinds: frozenset[str]
    purpose: str
    session: str

    @property
    def wants_code(self) -> bool:
        return FactorKind.TOTP in self.kinds

    @property
    def takes_passkey(self) -> bool:
        return FactorKind.PASSKEY in self.kinds


def demand_of(request: HttpRequest, verb: str, thing: str | int) -> Demand:
    """What the person at this request has to prove to do ``verb`` to ``thing``: both as the action spells them."""
    assert isinstance(request.user, User)  # noqa: S101 - pages are for people who are signed in
    return Demand(kinds_of(request.user), challenge_for(verb, thing), session_of(request))


class CodeField(forms.CharField):
    """Six digits, perhaps typed in two halves."""

    def __init__(self, **given: Any) -> None:
        widget = forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "pattern": "[0-9 ]{6,7}", "size": "8"}
        )
        super().__init__(max_length=10, widget=widget, **given)


class PasskeyInput(forms.Widget):
    """A button that asks the passkey and a hidden field for its answer. What it answered is never drawn again."""

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        context = {"name": name, "id": (attrs or {}).get("id", ""), "purpose": self.purpose}
        return render_to_string("includes/_passkey_input.html", context)


class PasskeyField(forms.Field):
    """What a passkey answered, as the page's script spells it."""

    def to_python(self, value: Any) -> dict[str, Any] | None:
        if not value:
            return None
        try:
            answer = json.loads(value) if len(value) <= LONGEST_ANSWER else None
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise forms.ValidationError(_("This is not what a passkey answers. Try again."))
        return answer


class PasswordForm(PageForm):
    """Ends in the signer's own password, with a code or replaced by a passkey where they have one: a signature needs
    the person, not only an open browser.

    ``cleaned_data["password"]`` is the whole proof. Without ``demand`` only a password is asked for.
    """

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, demand: Demand | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.demand = demand or Demand(frozenset(), "", "")
        if self.demand.takes_passkey:
            self.fields["password"].required = False
            self.fields["passkey"] = PasskeyField(
                label=_("Your passkey"), required=False, widget=PasskeyInput(self.demand.purpose)
            )
        if self.demand.wants_code:
            self.fields["code"] = CodeField(
                label=_("One-time code"),
                required=not self.demand.takes_passkey,
                help_text=_("What your code generator shows now. Each code is good once."),
            )
        self.order_fields(self._proof_last())

    def _proof_last(self) -> list[str]:
        """The form's own fields first, then what proves who signs."""
        asked = ["passkey", "password", "code"]
        return [name for name in self.fields if name not in asked] + [name for name in asked if name in self.fields]

    @property
    def proof_fields(self) -> Iterable[BoundField]:
        """What proves who signs, for pages that draw their fields one by one."""
        return [self[name] for name in ("passkey", "password", "code") if name in self.fields]

    def clean(self) -> dict[str, Any]:
        """Fold password, code and passkey into one ``Proof``; refuse none at all."""
        given = super().clean() or self.cleaned_data
        code, passkey = given.pop("code", "") or "", given.pop("passkey", None)
        password = given.get("password") or ""
        if self.demand.takes_passkey and passkey is None and "passkey" not in self.errors:
            self._require_instead(password, code)
        given["password"] = Proof(password, code, passkey, self.demand.session)
        return given

    def _require_instead(self, password: str, code: str) -> None:
        if not self.demand.wants_code:
            self.add_error("passkey", _t("Use your passkey: press its button and follow your device."))
        elif not (password and code):
            self.add_error("password", _t("Use your passkey, or give both your password and a code."))
