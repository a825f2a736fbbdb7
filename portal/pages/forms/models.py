"""Forms about models and versions."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import (
    DatasetRole,
    DatasetVersion,
    Membership,
    ModelVersion,
    Project,
    RegisteredModel,
    Role,
    User,
)
from governance.questionnaire import Questionnaire
from portal.pages.forms.base import PageForm

LONG = {"rows": 4}


class ModelTextsForm(PageForm):
    """What is said of a model's use. ``revision`` is the reading that is being edited."""

    description = forms.CharField(label=_("What it does"), required=False, widget=forms.Textarea(attrs=LONG))
    intended_use = forms.CharField(
        label=_("Intended use"),
        required=False,
        widget=forms.Textarea(attrs=LONG),
        help_text=_("Who uses it for which decision, and what a person still does."),
    )
    out_of_scope_uses = forms.CharField(
        label=_("Out-of-scope uses"),
        required=False,
        widget=forms.Textarea(attrs=LONG),
        help_text=_("What it must not be used for."),
    )
    affected_people = forms.CharField(
        label=_("People affected"),
        required=False,
        widget=forms.Textarea(attrs=LONG),
        help_text=_("Whose lives its decisions touch, and how."),
    )


class RegisterModelForm(ModelTextsForm):
    """A new entry of the inventory. Only projects in which the actor develops are offered."""

    field_order = ("project", "name")
    project = forms.ModelChoiceField(Project.objects.none(), label=_("Project"), empty_label=None)
    name = forms.CharField(label=_("Name"), max_length=120)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        developing = Membership.objects.current().filter(user=user, role=Role.DEVELOPER).values("project_id")
        self.fields["project"].queryset = Project.objects.filter(pk__in=developing)  # type: ignore[attr-defined]


class DescribeModelForm(ModelTextsForm):
    revision = forms.IntegerField(widget=forms.HiddenInput)


class RiskForm(PageForm):
    """The questions of one questionnaire, each as a choice; the answers give the tier."""

    names: ClassVar[dict[str, str]] = {}
    revision = forms.IntegerField(widget=forms.HiddenInput)
    rationale = forms.CharField(
        label=_("What has to be known to understand the answers"), widget=forms.Textarea(attrs=LONG)
    )

    def __init__(self, *args: Any, questionnaire: Questionnaire, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questionnaire = questionnaire
        for question in questionnaire.questions:
            self.fields[f"answers.{question.key}"] = forms.ChoiceField(
                label=question.text,
                help_text=question.help,
                choices=[(answer.key, answer.text) for answer in question.answers],
                widget=forms.RadioSelect,
            )
        self.order_fields(["revision", *(f"answers.{question.key}" for question in questionnaire.questions)])

    @property
    def answers(self) -> dict[str, str]:
        return {name[8:]: value for name, value in self.cleaned_data.items() if name.startswith("answers.")}


class RegisterVersionForm(PageForm):
    """The next version of a model, by the digests of its files."""

    artifacts = forms.CharField(
        label=_("Artifact digests"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text=_("One line per file, as sha256sum prints it: 64 hexadecimal digits, blanks, file name."),
    )
    artifact_location = forms.CharField(
        label=_("Where the files are"), required=False, max_length=500, help_text=_("An address your team can open.")
    )
    source_run = forms.CharField(label=_("Training run"), required=False, max_length=500)
    training_code = forms.CharField(
        label=_("Training code"), required=False, max_length=500, help_text=_("Repository and commit.")
    )
    parent = forms.ModelChoiceField(
        ModelVersion.objects.none(), label=_("Made from version"), required=False, empty_label=_("None")
    )
    notes = forms.CharField(label=_("What changed"), required=False, widget=forms.Textarea(attrs=LONG))

    def __init__(self, *args: Any, model: RegisteredModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].queryset = model.versions.select_related("model")  # type: ignore[attr-defined]

    def clean_artifacts(self) -> list[dict[str, str]]:
        """Read sha256sum's lines; the action checks each digest and name."""
        given = []
        for number, line in enumerate(self.cleaned_data["artifacts"].splitlines(), 1):
            digits, _blank, name = line.strip().partition(" ")
            if not digits:
                continue
            name = name.strip().removeprefix("*")
            if not name:
                raise forms.ValidationError(
                    _("Line %(number)d lacks a file name after the digest."), params={"number": number}
                )
            given.append({"name": name, "digest": "sha256:" + digits.removeprefix("sha256:")})
        return given


class DatasetUseForm(PageForm):
    """Which data a version was trained, validated or tested on."""

    role = forms.ChoiceField(label=_("Used for"), choices=DatasetRole.choices, widget=forms.RadioSelect)
    dataset_version = forms.ModelChoiceField(DatasetVersion.objects.none(), label=_("Dataset version"))

    def __init__(self, *args: Any, version: ModelVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = DatasetVersion.objects.filter(dataset__project=version.model.project_id).select_related("dataset")
        self.fields["dataset_version"].queryset = known.order_by("dataset__name", "-number")  # type: ignore[attr-defined]


class ReasonForm(PageForm):
    """A step that only needs its reason."""

    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))


class ConfirmForm(PageForm):
    """A step that only needs to be meant."""
