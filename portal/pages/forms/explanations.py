"""The form that asks for an explanation."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import EvaluationKind, EvidenceKind, InputRole
from portal.pages.forms.evaluations import NUMBER, PLAIN, EvaluationForm, Needed, split_names


class ExplanationForm(EvaluationForm):
    kind = EvaluationKind.EXPLANATION
    title = _("Ask for an explanation")
    none_yet = _("No explanation yet")
    icon = "bulb"
    subtitle = _(
        "Submitted SHAP values are checked for additivity on every row. From a declarative model document the portal "
        "recomputes them itself."
    )
    needed = Needed(
        _("SHAP values or a model document are needed first"),
        _("An explanation reads a file of SHAP values, or a declarative model document, submitted as evidence."),
        EvidenceKind.ATTRIBUTIONS,
        _("Submit SHAP values"),
    )
    fields_template = "evaluations/ask/_explanation.html"
    further: ClassVar[dict[str, tuple[Any, Any]]] = {
        InputRole.DATA: (_("Rows to be explained"), _("With a model document: the table of rows it is applied to.")),
        InputRole.BACKGROUND: (_("Background rows"), _("With a model document: rows that stand for “on average”.")),
        InputRole.PREDICTIONS: (
            _("Predictions to match"),
            _("SHAP values are matched with the newest ones on record where none are named."),
        ),
    }
    id = forms.CharField(
        label=_("Row id"), max_length=1_024, required=False, initial="row_id", widget=forms.TextInput(attrs=PLAIN)
    )
    output = forms.CharField(
        label=_("Model output"), max_length=1_024, initial="output", widget=forms.TextInput(attrs=PLAIN)
    )
    base = forms.CharField(
        label=_("Base value"),
        max_length=1_024,
        required=False,
        initial="base_value",
        widget=forms.TextInput(attrs=PLAIN),
    )
    base_value = forms.FloatField(
        label=_("or one base value for all rows"), required=False, widget=forms.TextInput(attrs=NUMBER)
    )
    threshold = forms.FloatField(
        label=_("Decision threshold"),
        required=False,
        widget=forms.TextInput(attrs=NUMBER),
        help_text=_("The output at which a decision turns; the row nearest to it is shown as borderline."),
    )
    sensitive = forms.CharField(
        label=_("Sensitive features"),
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("Columns of the submitted predictions; importance is then shown for each group."),
    )
    prediction_id = forms.CharField(
        label=_("Row id in the predictions"), max_length=1_024, required=False, widget=forms.TextInput(attrs=PLAIN)
    )
    explainer = forms.CharField(label=_("Explainer"), max_length=200, required=False)
    # Not `background`: that is the role of the rows.
    reference = forms.CharField(label=_("Background data"), max_length=200, required=False)
    y_score = forms.CharField(
        label=_("Submitted prediction"),
        max_length=1_024,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("Column of the probability or predicted number; every row must be what the model document gives."),
    )
    of_class = forms.CharField(
        label=_("Class or output explained"),
        max_length=1_024,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("The second of two classes where none is named."),
    )
    explained = forms.ChoiceField(
        label=_("Explained on the scale of"),
        choices=[("margin", _("the margin (log odds, raw score)")), ("prediction", _("the prediction itself"))],
        required=False,
    )

    def spec(self) -> dict[str, Any]:
        """The specification of the evidence that was chosen: a model document is asked other things."""
        sensitive = self.cleaned_data["sensitive"]
        shared = self.filled("threshold", "prediction_id") | (
            {"sensitive": split_names(sensitive)} if sensitive else {}
        )
        if self.cleaned_data["evidence"].kind == EvidenceKind.MODEL_DOCUMENT:
            named = self.filled("of_class")
            return {
                "columns": self.filled("id", "y_score"),
                **({"class": named["of_class"]} if named else {}),
                **self.filled("explained"),
                **shared,
            }
        said = self.filled("reference")
        return {
            "columns": self.filled("id", "output", "base"),
            **self.filled("base_value", "explainer"),
            **({"background": said["reference"]} if said else {}),
            **shared,
        }
