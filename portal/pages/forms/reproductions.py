"""The form that asks for a training run again to be compared with the metrics on record."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import EvaluationKind, EvidenceKind
from portal.pages.forms.evaluations import NUMBER, PLAIN, EvaluationForm, Needed, split_names


class ReproductionForm(EvaluationForm):
    kind = EvaluationKind.REPRODUCTION
    title = _("Ask for a reproduction")
    subtitle = _(
        "Metrics of a training that was run again are compared with the metrics on record for this version, within the "
        "declared tolerance."
    )
    needed = Needed(
        _("A training run again is needed first"),
        _("A reproduction reads what “countersign reproduce” reported, submitted as evidence."),
        EvidenceKind.REPRODUCTION,
        _("Submit the report"),
    )
    none_yet = _("No training run again yet")
    icon = "refresh"
    fields_template = "evaluations/ask/_reproduction.html"
    metrics = forms.CharField(
        label=_("Metrics to be reproduced"),
        required=False,
        max_length=20_000,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("Names separated by commas; where none are given, every metric on record for this data."),
    )
    absolute = forms.FloatField(
        label=_("Absolute tolerance"), required=False, min_value=0, widget=forms.TextInput(attrs=NUMBER)
    )
    relative = forms.FloatField(
        label=_("Relative tolerance"),
        required=False,
        min_value=0,
        widget=forms.TextInput(attrs=NUMBER),
        help_text=_("0.01 is one per cent of the value on record."),
    )

    def spec(self) -> dict[str, Any]:
        names, tolerance = split_names(self.cleaned_data["metrics"]), self.filled("absolute", "relative")
        return {**({"metrics": names} if names else {}), **({"tolerance": tolerance} if tolerance else {})}
