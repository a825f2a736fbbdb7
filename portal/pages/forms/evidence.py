"""Forms for evidence: one per shape of content. The action checks the content; a form only gathers it."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.canonical import CanonicalError, parse_strict
from governance.evidence_content import NEEDS_FILE
from governance.models import DatasetRole, Evidence, EvidenceKind, ModelVersion, Requirement
from portal.pages.forms.base import NoRows, RowsForm, bind_rows

OUTCOMES = (
    ("passed", _("Passed")),
    ("passed_with_findings", _("Passed with findings")),
    ("failed", _("Failed")),
)
NUMBER = {"inputmode": "decimal"}

LONGEST_REPORT = 2_000_000


class MetricForm(forms.Form):
    """One claimed metric."""

    name = forms.CharField(
        label=_("Metric"), max_length=100, widget=forms.TextInput(attrs={"list": "metric-names", "spellcheck": "false"})
    )
    value = forms.FloatField(label=_("Value"), widget=forms.TextInput(attrs=NUMBER))
    population = forms.CharField(
        label=_("Population"),
        max_length=200,
        initial="overall",
        widget=forms.TextInput(attrs={"list": "population-names", "spellcheck": "false"}),
    )
    dataset_role = forms.ChoiceField(label=_("On data"), choices=DatasetRole.choices, initial=DatasetRole.TEST)


MetricRows = forms.formset_factory(MetricForm, extra=2, max_num=1_000, absolute_max=1_000)


class EvidenceForm(RowsForm):
    """What every kind asks for: a title, when it was observed, what it is offered for, what it supersedes."""

    Rows: ClassVar[type[forms.BaseFormSet[Any]]] = NoRows
    title = forms.CharField(label=_("Title"), max_length=200)
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    observed_at = forms.DateTimeField(
        label=_("Observed at (UTC)"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "60"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("When it was measured or written. When it was received is recorded by the portal."),
    )
    requirements = forms.ModelMultipleChoiceField(
        Requirement.objects.none(),
        label=_("Offered for"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    supersedes = forms.ModelChoiceField(
        Evidence.objects.none(),
        label=_("Supersedes"),
        required=False,
        empty_label=_("Nothing: it is new"),
        help_text=_("The older item stays in the record, marked as superseded."),
    )

    def __init__(self, data: Any = None, files: Any = None, *, version: ModelVersion, kind: str, **kwargs: Any) -> None:
        super().__init__(data, files, **kwargs)
        self.rows = bind_rows(self.Rows, data)
        self.fields["observed_at"].initial = timezone.now().replace(second=0, microsecond=0)
        bound = version.model.requirements.filter(withdrawn_at=None)
        self.fields["requirements"].queryset = bound  # type: ignore[attr-defined]
        older = version.evidence.current().filter(kind=kind)
        self.fields["supersedes"].queryset = older  # type: ignore[attr-defined]
        if not older.exists():
            del self.fields["supersedes"]

    def given(self) -> dict[str, Any]:
        """The action's arguments."""
        names = ("title", "description", "observed_at", "requirements", "supersedes")
        given = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        file = self.cleaned_data.get("file")
        if file is not None:
            given |= {"file": file.chunks(), "file_name": file.name}
        return given | {"content": self.content()}

    def content(self) -> dict[str, Any] | None:
        """The structured part, where the kind has one."""
        return None


class FileEvidenceForm(EvidenceForm):
    file = forms.FileField(label=_("File"))
    field_order = ("file",)


class MetricsForm(EvidenceForm):
    """Claimed metrics: each is compared with what an audit recomputes."""

    Rows = MetricRows
    names: ClassVar[dict[str, str]] = {"content.metrics": ""}

    def content(self) -> dict[str, Any]:
        return {"metrics": self.filled_rows()}


class ReviewForm(EvidenceForm):
    """A review of security or privacy, with its outcome."""

    names: ClassVar[dict[str, str]] = {
        "content.outcome": "outcome",
        "content.reviewer": "reviewer",
        "content.summary": "summary",
    }
    reviewer = forms.CharField(label=_("Reviewed by"), max_length=200)
    outcome = forms.ChoiceField(label=_("Outcome"), choices=OUTCOMES, widget=forms.RadioSelect)
    summary = forms.CharField(label=_("Summary"), widget=forms.Textarea(attrs={"rows": 4}))
    file = forms.FileField(label=_("Full review"), required=False)
    field_order = ("title", "reviewer", "outcome", "summary", "file")

    def content(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("outcome", "reviewer", "summary")}


class LoadTestForm(EvidenceForm):
    names: ClassVar[dict[str, str]] = {"content.values": ""}
    requests = forms.FloatField(label=_("Requests"), widget=forms.TextInput(attrs=NUMBER))
    p50_ms = forms.FloatField(label=_("Median answer (ms)"), widget=forms.TextInput(attrs=NUMBER))
    p95_ms = forms.FloatField(label=_("95th percentile (ms)"), widget=forms.TextInput(attrs=NUMBER))
    p99_ms = forms.FloatField(label=_("99th percentile (ms)"), widget=forms.TextInput(attrs=NUMBER))
    error_rate = forms.FloatField(
        label=_("Share of errors"), widget=forms.TextInput(attrs=NUMBER), help_text=_("Between 0 and 1.")
    )
    field_order = ("title", "requests", "p50_ms", "p95_ms", "p99_ms", "error_rate")

    def content(self) -> dict[str, Any]:
        names = ("requests", "p50_ms", "p95_ms", "p99_ms", "error_rate")
        return {"values": {name: self.cleaned_data[name] for name in names}}


class AbResultForm(EvidenceForm):
    names: ClassVar[dict[str, str]] = {"content.values": "", "content.metric": "metric"}
    metric = forms.CharField(label=_("Metric"), max_length=100)
    control_n = forms.FloatField(label=_("Subjects in control"), widget=forms.TextInput(attrs=NUMBER))
    control_mean = forms.FloatField(label=_("Mean of control"), widget=forms.TextInput(attrs=NUMBER))
    treatment_n = forms.FloatField(label=_("Subjects in treatment"), widget=forms.TextInput(attrs=NUMBER))
    treatment_mean = forms.FloatField(label=_("Mean of treatment"), widget=forms.TextInput(attrs=NUMBER))
    field_order = ("title", "metric", "control_n", "control_mean", "treatment_n", "treatment_mean")

    def content(self) -> dict[str, Any]:
        names = ("control_n", "control_mean", "treatment_n", "treatment_mean")
        return {"metric": self.cleaned_data["metric"], "values": {name: self.cleaned_data[name] for name in names}}


class ReproductionForm(EvidenceForm):
    """The document that ``countersign reproduce`` writes, as it stands."""

    names: ClassVar[dict[str, str]] = {"content": "document", "content.format": "document"}
    document = forms.CharField(
        label=_("Report of “countersign reproduce”"),
        max_length=LONGEST_REPORT,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "mono"}),
        help_text=_(
            "The JSON file that “countersign reproduce training.json --out report.json” writes. With --submit it comes "
            "here by itself."
        ),
    )
    field_order = ("title", "document")

    def clean_document(self) -> dict[str, Any]:
        try:
            text = self.cleaned_data["document"].encode("utf-8", "surrogatepass")
            found = parse_strict(text, max_bytes=4 * LONGEST_REPORT)
        except CanonicalError as error:
            raise forms.ValidationError(_("This cannot be read: %(why)s.") % {"why": error}) from None
        if not isinstance(found, dict):
            raise forms.ValidationError(_("A report is a JSON object: {…}."))
        return found

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cleaned_data["document"]
        return found


FORMS: dict[str, type[EvidenceForm]] = {
    **{str(kind): FileEvidenceForm for kind in NEEDS_FILE},
    EvidenceKind.METRICS: MetricsForm,
    EvidenceKind.LOAD_TEST: LoadTestForm,
    EvidenceKind.AB_RESULT: AbResultForm,
    EvidenceKind.SECURITY_REVIEW: ReviewForm,
    EvidenceKind.PRIVACY_REVIEW: ReviewForm,
    EvidenceKind.REPRODUCTION: ReproductionForm,
}
