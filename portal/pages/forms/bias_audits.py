"""The form that asks for a bias audit of any task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import Comparator, EvaluationKind, EvidenceKind, InputRole
from portal.pages.forms.evaluations import NUMBER, PLAIN, EvaluationForm, Needed, split_names

TASKS = (
    ("binary", _("Two classes: decisions, with or without scores")),
    ("multiclass", _("Several classes")),
    ("regression", _("Numbers")),
    ("scoring", _("Scores without decisions")),
    ("ranking", _("A ranking of which the first are selected")),
)
COLUMNS = ("y_true", "y_pred", "y_score", "weight", "id", "cluster", "condition", "query")
Reading = Callable[[str], Any]


def _column(label: Any, help_text: Any = "", **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=1_024,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=help_text,
        **options,
    )


def read_lines(text: str, read: Reading) -> dict[str, Any]:
    """Lines such as ``age: 30, 45, 60`` as a mapping. Raises ``ValidationError`` naming the line."""
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, separator, values = line.partition(":")
        if not separator or not name.strip() or not values.strip():
            raise forms.ValidationError(_("Line %(number)d needs a name, a colon and values.") % {"number": number})
        try:
            found[name.strip()] = read(values)
        except ValueError:
            raise forms.ValidationError(_("Line %(number)d: expected numbers.") % {"number": number}) from None
    return found


def _read_numbers(text: str) -> list[float]:
    return [float(part) for part in split_names(text)]


def _read_number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


class LinesField(forms.CharField):
    """One ``name: values`` per line, cleaned to a mapping."""

    def __init__(self, *, read: Reading, **options: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 2, **PLAIN}), **options)
        self.read = read

    def clean(self, value: Any) -> dict[str, Any]:
        return read_lines(super().clean(value), self.read)


class CriterionForm(forms.Form):
    """One criterion that the audit itself gives a verdict on."""

    metric = forms.CharField(
        label=_("Metric"), max_length=100, widget=forms.TextInput(attrs={"list": "metric-names", "spellcheck": "false"})
    )
    population = forms.CharField(
        label=_("Population"),
        max_length=200,
        initial="overall",
        widget=forms.TextInput(attrs={"list": "population-names", "spellcheck": "false"}),
    )
    comparator = forms.ChoiceField(label=_("Must be"), choices=Comparator.choices, initial=Comparator.AT_LEAST)
    threshold = forms.FloatField(label=_("Threshold"), widget=forms.TextInput(attrs=NUMBER))


CriterionRows = forms.formset_factory(CriterionForm, extra=1, max_num=200, absolute_max=200)


class BiasAuditForm(EvaluationForm):
    kind = EvaluationKind.BIAS_AUDIT
    title = _("Ask for a bias audit")
    none_yet = _("No bias audit yet")
    icon = "chart-bar"
    subtitle = _(
        "The laboratory recomputes the rates of every group from submitted predictions, or from predictions that were "
        "counted where they live. Name the columns exactly as the file does."
    )
    needed = Needed(
        _("Predictions are needed first"),
        _("A bias audit reads a prediction file, or counted predictions, submitted as evidence."),
        EvidenceKind.PREDICTIONS,
        _("Submit predictions"),
    )
    fields_template = "evaluations/ask/_bias_audit.html"
    further: ClassVar[dict[str, tuple[Any, Any]]] = {
        InputRole.SENSITIVE_FILE: (
            _("Sensitive values from another file"),
            _("A table joined by the row id, where such values live elsewhere."),
        )
    }
    Rows = CriterionRows

    task = forms.ChoiceField(label=_("What is predicted"), choices=TASKS, initial="binary")
    y_true = _column(_("True label or value"), initial="y_true")
    y_pred = _column(_("Prediction"), initial="y_pred")
    y_score = _column(_("Score"))
    id = _column(_("Row id"))
    weight = _column(_("Weight"))
    cluster = _column(_("Cluster"), _("An id that several rows share, such as a person: intervals allow for it."))
    condition = _column(_("Condition"), _("Camera noise, season, site: what is lost under each is measured."))
    query = _column(_("Query"), _("Rankings: the list a row belongs to."))
    positive_label = _column(
        _("Positive label"), _("The value that means “selected”, exactly as the file writes it."), initial="1"
    )
    labels = _column(_("Classes"), _("In their order, separated by commas; needed for several classes."))
    top_k = forms.CharField(
        label=_("How many are selected"),
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs=NUMBER),
        help_text=_("Rankings: a number of rows, or a share such as 0.1."),
    )
    sensitive = forms.CharField(
        label=_("Sensitive features"),
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("Columns that define groups, separated by commas."),
    )
    bins = LinesField(
        read=_read_numbers,
        label=_("Bins of numeric features"),
        help_text=_("One feature per line with its limits, such as age: 30, 45, 60."),
    )
    reference = LinesField(
        read=str.strip, label=_("Reference groups"), help_text=_("One feature per line, such as sex: male.")
    )
    declared_groups = LinesField(
        read=split_names,
        label=_("Groups that must be there"),
        help_text=_("One feature per line, such as sex: female, male. A missing one leaves the question open."),
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
    sensitive_file_id = _column(_("Its row id"))
    joined = _column(_("Features read from it"), _("Those of the sensitive features, separated by commas."))
    baseline_condition = _column(_("Undisturbed condition"))
    proxies = _column(
        _("Possible proxies"), _("Columns tried as predictors of each sensitive feature, separated by commas.")
    )
    scoring = forms.BooleanField(label=_("Scoring rates (New York, Local Law 144)"), required=False)
    exclude_under_two_percent = forms.BooleanField(
        label=_("Leave groups under 2 % of the rows out of impact ratios"), required=False
    )
    advice = forms.BooleanField(label=_("Show which thresholds would meet the criteria, at what cost"), required=False)
    minimum_group_size = forms.IntegerField(
        label=_("Smallest group judged"),
        initial=20,
        min_value=1,
        help_text=_("Smaller groups are shown, never judged."),
    )
    draws = forms.IntegerField(label=_("Resamples"), initial=1_000, min_value=200)
    seed = forms.IntegerField(label=_("Seed"), initial=0, min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = {name for use in self.roles.values() for name in use.dataset_version.sensitive_columns}
        self.fields["sensitive"].initial = ", ".join(sorted(columns))

    @property
    def has_groups_given(self) -> bool:
        """Whether the page opens that part: something stands in it."""
        return self._stands("bins", "reference", "declared_groups", "sensitive_file", "sensitive_file_id", "joined")

    @property
    def has_more_given(self) -> bool:
        return self._stands("condition", "baseline_condition", "cluster", "top_k", "query", "proxies")

    def _stands(self, *names: str) -> bool:
        return any(self[name].value() or self[name].errors for name in names)

    def clean_top_k(self) -> float | None:
        text = self.cleaned_data["top_k"].strip()
        try:
            return _read_number(text) if text else None
        except (ValueError, OverflowError):
            raise forms.ValidationError(_("Give a number of rows, or a share such as 0.1.")) from None

    def spec(self) -> dict[str, Any]:
        given = self.cleaned_data
        has_labels = given["task"] in {"binary", "scoring", "ranking"} and given["y_true"]
        flags = [name for name in ("scoring", "exclude_under_two_percent", "advice") if given[name]]
        return {
            "task": given["task"],
            "columns": self.filled(*COLUMNS),
            **(self.filled("positive_label") if has_labels or given["task"] == "binary" else {}),
            **({"labels": split_names(given["labels"])} if given["labels"] else {}),
            "sensitive": self._sensitive(),
            **self._joined_file(),
            **self._filled_mappings("reference", "declared_groups"),
            **({"proxies": split_names(given["proxies"])} if given["proxies"] else {}),
            **dict.fromkeys(flags, True),
            **({"criteria": self.filled_rows()} if self.filled_rows() else {}),
            "minimum_group_size": given["minimum_group_size"],
            "intervals": {"draws": given["draws"], "level": 0.95},
            "seed": given["seed"],
            **self.filled("missing", "top_k", "baseline_condition"),
        }

    def _sensitive(self) -> list[Any]:
        given, joined = self.cleaned_data, split_names(self.cleaned_data["joined"])
        features: list[Any] = []
        for name in split_names(given["sensitive"]):
            more = {"bins": given["bins"][name]} if name in given["bins"] else {}
            more |= {"from": "sensitive_file"} if name in joined else {}
            features.append({"column": name, **more} if more else name)
        return features

    def _joined_file(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"sensitive_file": {"id": given["sensitive_file_id"] or given["id"]}} if given["joined"] else {}

    def _filled_mappings(self, *names: str) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}
