"""Forms about promotion policies."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import RiskTier
from governance.policy_text import LONGEST_TEXT, PolicyFault
from portal.pages.forms.base import PageForm
from portal.pages.forms.proof import PasswordForm
from portal.pages.policy_reading import excerpt_around


class ProposeForm(PageForm):
    """The YAML text of the next version. ``wants_dry_run``: the other button, which proposes nothing."""

    names: ClassVar[dict[str, str]] = {}
    risk_tier = forms.ChoiceField(label=_("Risk tier"), choices=RiskTier.choices)
    environment = forms.CharField(label=_("Environment"), max_length=40)
    text = forms.CharField(
        label=_("Policy (YAML)"),
        max_length=LONGEST_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 30, "class": "mono", "spellcheck": "false", "wrap": "off"}),
    )
    reason = forms.CharField(
        label=_("Why it changes"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Whoever adopts it reads this first."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.wants_dry_run:
            self.fields["reason"].required = False

    @property
    def wants_dry_run(self) -> bool:
        return "dry_run" in self.data

    @property
    def excerpt(self) -> list[tuple[int, str, bool]]:
        """The lines around the one at fault, where the refusal names one."""
        if not isinstance(self.refusal, PolicyFault):
            return []
        return excerpt_around(str(self.data.get("text", "")), self.refusal.line)

    def given(self) -> dict[str, Any]:
        """What names the policy, without the reason."""
        return {name: self.cleaned_data[name] for name in ("risk_tier", "environment", "text")}


class AdoptForm(PasswordForm):
    """Only the signer's proof: what is adopted is the proposal's address."""


class WithdrawForm(PageForm):
    reason = forms.CharField(label=_("Reason"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}))
