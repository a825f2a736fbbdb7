"""Forms that ask the laboratory for an evaluation. The laboratory checks the specification they make."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import DatasetRole, DatasetVersion, EvaluationKind, Evidence, ModelVersion
from governance.runner import EVIDENCE_FOR
from portal.pages.forms.base import PageForm

PLAIN = {"spellcheck": "false", "autocapitalize": "off"}
NUMBER = {"inputmode": "decimal"}


def split_names(text: str) -> list[str]:
    """Column names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


class EvaluationForm(PageForm):
    """Which evidence, on which data."""

    kind: ClassVar[str]
    names: ClassVar[dict[str, str]] = {"spec": ""}
    evidence = forms.ModelChoiceField(Evidence.objects.none(), label=_("Evidence"), empty_label=None)
    dataset_version = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        label=_("Dataset version"),
        empty_label=None,
        help_text=_("Declared for this version; its role decides which criteria the result can meet."),
    )

    def __init__(self, *args: Any, version: ModelVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = version.evidence.current().filter(kind__in=EVIDENCE_FOR[self.kind])
        self.fields["evidence"].queryset = usable  # type: ignore[attr-defined]
        uses = version.dataset_uses.select_related("dataset_version__dataset").order_by("role", "pk")
        self.roles = {f"{use.role}:{use.dataset_version_id}": use for use in uses}
        choices = [
            (
                key,
                _("%(dataset)s, %(role)s data")
                % {"dataset": use.dataset_version, "role": use.get_role_display().lower()},
            )
            for key, use in self.roles.items()
        ]
        preferred = next((key for key in self.roles if key.startswith(DatasetRole.TEST)), None)
        self.fields["dataset_version"] = forms.ChoiceField(
            label=_("Dataset version"),
            choices=choices,
            initial=preferred,
            help_text=_("Declared for this version; its role decides which criteria the result can meet."),
        )

    def given(self) -> dict[str, Any]:
        """The action's arguments."""
        use = self.roles[self.cleaned_data["dataset_version"]]
        return {
            "kind": self.kind,
            "evidence": self.cleaned_data["evidence"],
            "dataset_role": use.role,
            "dataset_version": use.dataset_version,
            "spec": self.spec(),
        }

    def spec(self) -> dict[str, Any]:
        raise NotImplementedError

    def filled(self, *names: str) -> dict[str, Any]:
        """The named values that were given."""
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name] not in (None, "")}


class BiasAuditForm(EvaluationForm):
    kind = EvaluationKind.BIAS_AUDIT
    y_true = forms.CharField(
        label=_("True label"), max_length=1_024, initial="y_true", widget=forms.TextInput(attrs=PLAIN)
    )
    y_pred = forms.CharField(
        label=_("Prediction"), max_length=1_024, initial="y_pred", widget=forms.TextInput(attrs=PLAIN)
    )
    y_score = forms.CharField(label=_("Score"), max_length=1_024, required=False, widget=forms.TextInput(attrs=PLAIN))
    weight = forms.CharField(label=_("Weight"), max_length=1_024, required=False, widget=forms.TextInput(attrs=PLAIN))
    id = forms.CharField(label=_("Row id"), max_length=1_024, required=False, widget=forms.TextInput(attrs=PLAIN))
    positive_label = forms.CharField(
        label=_("Positive label"),
        max_length=1_024,
        initial="1",
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("The value that means “selected”, exactly as the file writes it."),
    )
    sensitive = forms.CharField(
        label=_("Sensitive features"),
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("Columns that define groups, separated by commas."),
    )
    missing = forms.ChoiceField(
        label=_("Rows without a sensitive value"),
        required=False,
        choices=[
            ("", _("There must be none")),
            ("exclude", _("Leave out, and say how many")),
            ("own_group", _("A group of their own")),
        ],
    )
    minimum_group_size = forms.IntegerField(
        label=_("Smallest group judged"),
        initial=20,
        min_value=1,
        help_text=_("Smaller groups are shown, never judged."),
    )
    draws = forms.IntegerField(label=_("Resamples"), initial=1_000, min_value=100)
    seed = forms.IntegerField(label=_("Seed"), initial=0, min_value=0)

    COLUMNS: ClassVar[tuple[str, ...]] = ("y_true", "y_pred", "y_score", "weight", "id")

    def __init__(self, *args: Any, version: ModelVersion, **kwargs: Any) -> None:
        super().__init__(*args, version=version, **kwargs)
        columns = {name for use in self.roles.values() for name in use.dataset_version.sensitive_columns}
        self.fields["sensitive"].initial = ", ".join(sorted(columns))

    def spec(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "task": "binary",
            "columns": self.filled(*self.COLUMNS),
            "positive_label": given["positive_label"],
            "sensitive": split_names(given["sensitive"]),
            "minimum_group_size": given["minimum_group_size"],
            "intervals": {"draws": given["draws"], "level": 0.95},
            "seed": given["seed"],
            **self.filled("missing"),
        }


class ExplanationForm(EvaluationForm):
    kind = EvaluationKind.EXPLANATION
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
    background = forms.CharField(label=_("Background data"), max_length=200, required=False)

    def spec(self) -> dict[str, Any]:
        return {
            "columns": self.filled("id", "output", "base"),
            **self.filled("base_value", "threshold", "prediction_id", "explainer", "background"),
            **({"sensitive": split_names(self.cleaned_data["sensitive"])} if self.cleaned_data["sensitive"] else {}),
        }


FORMS: dict[str, type[EvaluationForm]] = {form.kind: form for form in (BiasAuditForm, ExplanationForm)}
