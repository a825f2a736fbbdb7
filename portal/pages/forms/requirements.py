"""Forms about requirements and the proof of concept."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import Comparator, DatasetRole, Evaluation, PocDecision, Severity
from portal.pages.forms.base import PageForm, RowsForm, bind_rows

METRIC = {"list": "metric-names", "spellcheck": "false"}
POPULATION = {"list": "population-names", "spellcheck": "false"}


class CriterionForm(forms.Form):
    """One acceptance criterion. An untouched row counts for nothing."""

    metric = forms.CharField(label=_("Metric"), max_length=100, widget=forms.TextInput(attrs=METRIC))
    population = forms.CharField(
        label=_("Population"), max_length=200, initial="overall", widget=forms.TextInput(attrs=POPULATION)
    )
    comparator = forms.ChoiceField(label=_("Must be"), choices=Comparator.choices, initial=Comparator.AT_LEAST)
    threshold = forms.CharField(
        label=_("Threshold"), max_length=30, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    dataset_role = forms.ChoiceField(label=_("On data"), choices=DatasetRole.choices, initial=DatasetRole.TEST)
    severity = forms.ChoiceField(label=_("Severity"), choices=Severity.choices, initial=Severity.MUST)


class SuccessCriterionForm(forms.Form):
    """One success criterion of a proof of concept, with the evaluation that judged it."""

    statement = forms.CharField(label=_("In words"), max_length=300)
    metric = forms.CharField(label=_("Metric"), max_length=100, widget=forms.TextInput(attrs=METRIC))
    population = forms.CharField(
        label=_("Population"), max_length=200, initial="overall", widget=forms.TextInput(attrs=POPULATION)
    )
    comparator = forms.ChoiceField(label=_("Must be"), choices=Comparator.choices, initial=Comparator.AT_LEAST)
    threshold = forms.CharField(
        label=_("Threshold"), max_length=30, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    evaluation = forms.ModelChoiceField(
        Evaluation.objects.none(), label=_("Judged by"), required=False, empty_label=_("Not judged yet")
    )

    def __init__(self, *args: Any, evaluations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["evaluation"].queryset = evaluations  # type: ignore[attr-defined]
        self.fields["evaluation"].label_from_instance = describe_evaluation  # type: ignore[attr-defined]


def describe_evaluation(evaluation: Evaluation) -> str:
    return _("%(evaluation)s of %(version)s") % {"evaluation": evaluation, "version": evaluation.version}


CriterionRows = forms.formset_factory(
    CriterionForm, extra=1, max_num=50, absolute_max=60, can_delete=True, can_delete_extra=False
)
SuccessCriterionRows = forms.formset_factory(
    SuccessCriterionForm, extra=1, max_num=50, absolute_max=60, can_delete=True, can_delete_extra=False
)


class RequirementForm(RowsForm):
    """A requirement with its acceptance criteria."""

    names: ClassVar[dict[str, str]] = {"criteria": ""}
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    title = forms.CharField(label=_("Title"), max_length=200)
    statement = forms.CharField(
        label=_("Statement"), widget=forms.Textarea(attrs={"rows": 3}), help_text=_("What must hold, in plain words.")
    )
    source = forms.CharField(
        label=_("Source"),
        max_length=200,
        required=False,
        help_text=_("Where the demand comes from: a law, a policy, a person."),
    )

    def __init__(self, data: Any = None, *, criteria: list[dict[str, Any]] | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.rows = bind_rows(CriterionRows, data, initial=criteria)


class ProofOfConceptForm(RowsForm):
    """The problem, what would count as success, what could go wrong."""

    names: ClassVar[dict[str, str]] = {"criteria": "", "success_criteria": ""}
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    problem_statement = forms.CharField(label=_("Problem"), widget=forms.Textarea(attrs={"rows": 4}))
    risks = forms.CharField(label=_("Risks"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    open_questions = forms.CharField(
        label=_("Open questions"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(
        self, data: Any = None, *, evaluations: Any, criteria: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.rows = bind_rows(SuccessCriterionRows, data, initial=criteria, form_kwargs={"evaluations": evaluations})


class ProofOfConceptDecisionForm(PageForm):
    revision = forms.IntegerField(widget=forms.HiddenInput)
    decision = forms.ChoiceField(label=_("Decision"), choices=PocDecision.choices, widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
