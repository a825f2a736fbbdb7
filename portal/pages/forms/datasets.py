"""Forms about datasets and their versions."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _text
from django.utils.translation import gettext_lazy as _

from governance.models import Dataset, DatasetVersion, Membership, Project, User
from governance.models.lineage import PersonalData
from governance.permissions import RULES
from portal.pages.forms.base import PageForm, RowsForm
from portal.pages.forms.filters import FilterForm

MOST_SOURCES = 20


def projects_for_datasets(user: User) -> QuerySet[Project]:
    """The projects in which this person may register datasets."""
    roles = RULES["register_dataset"].roles
    allowed = Membership.objects.current().filter(user=user, role__in=roles).values("project_id")
    return Project.objects.filter(pk__in=allowed)


class RegisterDatasetForm(PageForm):
    """A new dataset. Only projects in which the actor may register one are offered."""

    project = forms.ModelChoiceField(Project.objects.none(), label=_("Project"), empty_label=None)
    name = forms.CharField(label=_("Name"), max_length=120)
    personal_data = forms.ChoiceField(
        label=_("Personal data"),
        choices=PersonalData.choices,
        widget=forms.RadioSelect,
        help_text=_("Special category: health, origin, belief and the like (GDPR article 9)."),
    )
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    source = forms.CharField(
        label=_("Source"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Who collected it, when and how; or where it is published."),
    )
    licence = forms.CharField(
        label=_("Licence"), required=False, max_length=200, help_text=_("Or the agreement under which it may be used.")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = projects_for_datasets(user)  # type: ignore[attr-defined]


class DatasetVersionForm(RowsForm):
    """Frozen contents. The bytes stay where they are: only their digest is recorded here."""

    names: ClassVar[dict[str, str]] = {"schema.name": "schema", "schema.type": "schema", "schema.description": "schema"}
    digest = forms.CharField(
        label=_("SHA-256 of the contents"),
        max_length=71,
        help_text=_("“sha256:” and the 64 digits that sha256sum prints for the file."),
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    row_count = forms.IntegerField(label=_("Rows"), min_value=0, max_value=2**62)
    location = forms.CharField(
        label=_("Location"), required=False, max_length=500, help_text=_("Where your team keeps it. Never opened.")
    )
    schema = forms.CharField(
        label=_("Columns"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
        help_text=_(
            "One column per line: name, type, what it means. The commas separate; the last part may be left out."
        ),
    )
    sensitive_columns = forms.CharField(
        label=_("Sensitive columns"),
        required=False,
        help_text=_("The columns that define groups in a bias audit, such as: sex, age_band."),
    )
    notes = forms.CharField(label=_("Notes"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_schema(self) -> list[dict[str, str]]:
        lines = [line for line in self.cleaned_data["schema"].splitlines() if line.strip()]
        return [_read_column(number, line) for number, line in enumerate(lines, 1)]

    def clean_sensitive_columns(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["sensitive_columns"].split(",") if name.strip()]

    @property
    def sources(self) -> list[tuple[DatasetVersion, str]]:
        """The chosen sources, each with how this version was made from it."""
        return [(row["source"], row["how"]) for row in self.filled_rows() if row["source"]]  # type: ignore[misc]


def _read_column(number: int, line: str) -> dict[str, str]:
    name, _comma, rest = (part.strip() for part in line.partition(","))
    kind, _comma, meaning = (part.strip() for part in rest.partition(","))
    if not name:
        raise ValidationError(_text("Line %(number)d: a column needs a name.") % {"number": number})
    return {"name": name, "type": kind, "description": meaning}


class SourceForm(forms.Form):
    """One dataset version that the new one was made from."""

    source = forms.ModelChoiceField(
        DatasetVersion.objects.none(), label=_("Dataset version"), required=False, empty_label=_("None")
    )
    how = forms.CharField(label=_("How"), required=False, max_length=500)

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = DatasetVersion.objects.filter(dataset__project=dataset.project_id).select_related("dataset")
        self.fields["source"].queryset = known  # type: ignore[attr-defined]


SourceFormSet = forms.formset_factory(SourceForm, extra=1, max_num=MOST_SOURCES, absolute_max=MOST_SOURCES)


class DatasetFilterForm(FilterForm):
    """What narrows the list."""

    q = forms.CharField(label=_("Name"), required=False, max_length=120)
    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Project"), required=False, empty_label=_("All projects")
    )
    personal_data = forms.ChoiceField(
        label=_("Personal data"), required=False, choices=[("", _("Any")), *PersonalData.choices]
    )

    def __init__(self, *args: Any, projects: QuerySet[Project], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]

    def narrow(self, datasets: QuerySet[Dataset]) -> QuerySet[Dataset]:
        """The datasets that fit; none for a filter that cannot be read."""
        if not self.is_valid():
            return datasets.none()
        given = self.cleaned_data
        wanted = {"name__icontains": given["q"], "project": given["project"], "personal_data": given["personal_data"]}
        return datasets.filter(**{field: value for field, value in wanted.items() if value})
