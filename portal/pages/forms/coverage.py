"""Forms about what a framework asks of a version: a ruling on a control, a signature on a record."""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models import ControlRulingKind
from portal.pages.forms.base import PageForm
from portal.pages.forms.proof import PasswordForm

RULINGS = (
    (ControlRulingKind.NOT_APPLICABLE, _("It does not apply to this version")),
    (ControlRulingKind.WAIVED, _("Its gap is accepted until a day")),
    (ControlRulingKind.LIFTED, _("What was ruled before is lifted")),
)


class RuleForm(PasswordForm):
    """What is ruled, why, and until when. A gap is accepted until the end of the day, in UTC."""

    names: ClassVar[dict[str, str]] = {"expires_at": "until"}
    kind = forms.ChoiceField(label=_("What you sign"), choices=RULINGS, widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Why"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 4}))
    until = forms.DateField(
        label=_("Accepted until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("For an accepted gap only: a year from now at most."),
    )

    def __init__(self, *args: Any, has_ruling: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [item for item in RULINGS if has_ruling or item[0] != ControlRulingKind.LIFTED]
        self.fields["kind"].choices = offered  # type: ignore[attr-defined]
        self.fields["until"].widget.attrs["max"] = (timezone.now() + timedelta(days=365)).date().isoformat()

    def given(self) -> dict[str, Any]:
        data = self.cleaned_data
        until = data["until"]
        ends = datetime.combine(until, time(23, 59, 59), tzinfo=UTC) if until is not None else None
        expires_at = ends if data["kind"] == ControlRulingKind.WAIVED else None
        return {name: data[name] for name in ("kind", "reason", "password")} | {"expires_at": expires_at}


class SignFactForm(PasswordForm):
    """A signature on exactly what the page shows: its digest is posted back."""

    names: ClassVar[dict[str, str]] = {"seen_digest": ""}
    meaning = forms.CharField(
        label=_("What your signature means"),
        max_length=300,
        help_text=_("It is shown with your name and the time wherever the record is."),
    )
    seen_digest = forms.CharField(widget=forms.HiddenInput, required=False)

    def show_anew(self, digest: str) -> None:
        """After what was shown has changed: the page shows what is recorded now, and a second post signs that."""
        posted: Any = copy(self.data)  # of what was posted, a copy may be changed
        posted["seen_digest"] = digest
        self.data = posted


class GenerateForm(PageForm):
    """Requirements from a framework: the button is the whole form."""
