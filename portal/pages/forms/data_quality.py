"""The form that asks for a profile of the quality of a table."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import DatasetVersion, EvaluationKind, EvidenceKind, InputRole
from portal.pages.forms.bias_audits import CriterionRows
from portal.pages.forms.evaluations import PLAIN, EvaluationForm, Needed, split_names
from portal.pages.forms.quality_lines import QualityLinesField, guess_type, read_column, read_rule, read_shares


def _names(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=20_000,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=help_text,
    )


class DataQualityForm(EvaluationForm):
    kind = EvaluationKind.DATA_QUALITY
    title = _("Ask for a data-quality profile")
    none_yet = _("No data-quality profile yet")
    icon = "database"
    subtitle = _(
        "Every column of a submitted table is profiled and every dimension becomes a number. What is declared about "
        "the table is checked; no value that hints at a person is shown."
    )
    needed = Needed(
        _("A table is needed first"),
        _("A data-quality profile reads the rows of a dataset version, submitted as evidence of the kind “table”."),
        EvidenceKind.TABLE,
        _("Submit a table"),
    )
    fields_template = "evaluations/ask/_data_quality.html"
    further: ClassVar[dict[str, tuple[Any, Any]]] = {
        InputRole.TRAINING: (_("Training data"), _("Rows that stand in it too are counted as leakage.")),
        InputRole.SOURCE: (_("Source to compare with"), _("A table whose values are taken as true.")),
    }
    Rows = CriterionRows

    columns = QualityLinesField(
        label=_("Declared columns"),
        read=read_column,
        rows=6,
        help_text=_(
            "One per line: name, type, and if you like “required” and a range: age, integer, required, 18 to 120. "
            "Filled in from the dataset version."
        ),
    )
    key = _names(_("Key"), _("Columns that tell rows apart, separated by commas."))
    label = _names(_("Label"), _("The column with the true label: its classes are counted."))
    missing = _names(_("Texts that mean “missing”"), _("Beside the empty cell, separated by commas, such as: NA, ?"))
    sensitive = _names(_("Sensitive features"), _("Columns that define groups, separated by commas."))
    population = QualityLinesField(
        label=_("Shares of the population"),
        read=read_shares,
        rows=2,
        help_text=_("One feature per line: sex: female 0.51, male 0.49. The rows' shares are compared with them."),
    )
    rules = QualityLinesField(
        label=_("Rules across columns"),
        read=read_rule,
        help_text=_("One per line: start <= end, zip -> city (one city per zip), spouse present if married = yes."),
    )
    time_column = _names(_("Date column"))
    observed_at = forms.DateField(
        label=_("Ages are counted on"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    maximum_age_days = forms.IntegerField(label=_("Oldest, in days"), required=False, min_value=0)
    training_columns = _names(
        _("Columns that make two rows the same"), _("All that both tables have, but the key, where none are named.")
    )
    source_key = _names(_("Key of the source"), _("Columns both tables have."))
    source_columns = _names(_("Columns to compare"), _("Those of the same name in both tables."))
    minimum_published_count = forms.IntegerField(
        label=_("Smallest count shown"),
        initial=10,
        min_value=1,
        help_text=_("Values that fewer rows have are counted, never listed."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        preferred = self.roles.get(self.fields["dataset_version"].initial or next(iter(self.roles), ""))
        if preferred is not None:
            self._fill_in(preferred.dataset_version)

    def _fill_in(self, dataset_version: DatasetVersion) -> None:
        """What the dataset version declares is what a profile of it would check first."""
        declared = [
            (item["name"], guess_type(item.get("type", "")))
            for item in dataset_version.schema
            if "," not in item["name"]
        ]
        self.fields["columns"].initial = "\n".join(f"{name}, {kind}" if kind else name for name, kind in declared)
        self.fields["sensitive"].initial = ", ".join(dataset_version.sensitive_columns)

    @property
    def has_comparison_given(self) -> bool:
        """Whether the page opens that part: something stands in it."""
        return self._stands("training", "training_columns", "source", "source_key", "source_columns")

    @property
    def has_time_given(self) -> bool:
        return self._stands("time_column", "observed_at", "maximum_age_days")

    def _stands(self, *names: str) -> bool:
        return any(self[name].value() or self[name].errors for name in names)

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or self.cleaned_data
        if given.get("time_column") and not given.get("observed_at") and not given.get("document"):
            self.add_error("observed_at", _("Say on which day the ages are counted."))
        if given.get(InputRole.SOURCE) and not given.get("document"):
            for name in ("source_key", "source_columns"):
                if not given.get(name):
                    self.add_error(name, _("The source is joined by its key and compared column by column."))
        return given

    def spec(self) -> dict[str, Any]:
        given = self.cleaned_data
        lists = {name: split_names(given[name]) for name in ("key", "missing", "sensitive") if given[name]}
        return {
            **({"columns": dict(given["columns"])} if given["columns"] else {}),
            **lists,
            **self.filled("label"),
            **({"population": dict(given["population"])} if given["population"] else {}),
            **({"rules": given["rules"]} if given["rules"] else {}),
            **self._time(),
            **self._further(),
            **({"expectations": self.filled_rows()} if self.filled_rows() else {}),
            "minimum_published_count": given["minimum_published_count"],
        }

    def _time(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not given["time_column"]:
            return {}
        time = {"column": given["time_column"], "observed_at": given["observed_at"].isoformat()}
        return {"time": time | self.filled("maximum_age_days")}

    def _further(self) -> dict[str, Any]:
        """What is compared with the training data and the source, where they were named."""
        given, found = self.cleaned_data, {}
        if given[InputRole.TRAINING] and given["training_columns"]:
            found["training"] = {"columns": split_names(given["training_columns"])}
        if given[InputRole.SOURCE]:
            columns = {name: split_names(given[f"source_{name}"]) for name in ("key", "columns")}
            found["source"] = columns
        return found
