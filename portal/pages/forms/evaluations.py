"""What the forms that ask the laboratory for an evaluation have in common. The laboratory checks the specification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.canonical import CanonicalError, parse_strict
from governance.models import DatasetRole, DatasetVersion, Evidence, ModelVersion
from governance.runner import EVIDENCE_FOR, INPUTS_FOR
from portal.pages.forms.base import NoRows, RowsForm, bind_rows

PLAIN = {"spellcheck": "false", "autocapitalize": "off"}
NUMBER = {"inputmode": "decimal"}
LONGEST_DOCUMENT = 1_000_000
LARGEST_DOCUMENT = 4 * LONGEST_DOCUMENT
"""In bytes: a character of UTF-8 has at most four."""


def split_names(text: str) -> list[str]:
    """Column names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


class Needed(NamedTuple):
    """What the page says, and offers, while the evidence that a kind of evaluation reads is missing."""

    title: Any
    text: Any
    evidence_kind: str
    action: Any


class EvaluationForm(RowsForm):
    """Which evidence, on which data, by which specification.

    A kind's form names its page (``title``, ``subtitle``, ``fields_template``; ``none_yet`` and ``icon`` where there
    is none) and turns its fields into the specification. Whoever has the specification as a JSON document pastes it
    instead: it is the same document as at the API and at the command line.
    """

    do_not_call_in_templates: ClassVar[bool] = True
    # The browser cannot know that a pasted document takes the place of the fields; what is missing is said when sent.
    use_required_attribute = False
    kind: ClassVar[str]
    title: ClassVar[Any]
    none_yet: ClassVar[Any]
    icon: ClassVar[str]
    subtitle: ClassVar[Any]
    needed: ClassVar[Needed]
    spec: Callable[[], dict[str, Any]]
    """A method of every kind's form: the specification that its fields make."""
    fields_template: ClassVar[str]
    further: ClassVar[dict[str, tuple[Any, Any]]] = {}
    """Role of further evidence -> (label, help text)."""
    Rows: ClassVar[type[forms.BaseFormSet[Any]]] = NoRows
    names: ClassVar[dict[str, str]] = {"spec": "", "inputs": ""}
    evidence = forms.ModelChoiceField(Evidence.objects.none(), label=_("Evidence"), empty_label=None)
    dataset_version = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        label=_("Dataset version"),
        empty_label=None,
        help_text=_("Declared for this version; its role decides which criteria the result can meet."),
    )

    document = forms.CharField(
        label=_("The whole specification as JSON"),
        required=False,
        max_length=LONGEST_DOCUMENT,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "mono"}),
        help_text=_("Takes the place of the fields above: the document that the API and the command line read."),
    )

    def __init__(self, data: Any = None, *args: Any, version: ModelVersion, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        self.rows = bind_rows(self.Rows, data if data and "form-TOTAL_FORMS" in data else None)
        for role, (label, help_text) in self.further.items():
            self.fields[role] = forms.ModelChoiceField(
                version.evidence.current().filter(kind__in=INPUTS_FOR[self.kind][role]),
                label=label,
                required=False,
                empty_label=_("None"),
                help_text=help_text,
            )
        if data and data.get("document", "").strip():
            self._ask_only_for_the_document()
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

    def _ask_only_for_the_document(self) -> None:
        kept = {"document", "evidence", "dataset_version", *self.further}
        for name, field in self.fields.items():
            if name not in kept:
                field.required = False
        self.rows = bind_rows(NoRows, None)

    def is_valid(self) -> bool:
        return super().is_valid() if self.rows.is_bound else forms.Form.is_valid(self)

    def clean_document(self) -> dict[str, Any] | None:
        text = self.cleaned_data["document"].strip()
        if not text:
            return None
        try:
            found = parse_strict(text.encode("utf-8", "surrogatepass"), max_bytes=LARGEST_DOCUMENT)
        except CanonicalError as error:
            raise forms.ValidationError(_("This cannot be read: %(why)s.") % {"why": error}) from None
        if not isinstance(found, dict):
            raise forms.ValidationError(_("A specification is a JSON object: {…}."))
        return found

    def given(self) -> dict[str, Any]:
        """The action's arguments."""
        use = self.roles[self.cleaned_data["dataset_version"]]
        return {
            "kind": self.kind,
            "evidence": self.cleaned_data["evidence"],
            "dataset_role": use.role,
            "dataset_version": use.dataset_version,
            "spec": self.cleaned_data.get("document") or self.spec(),
            "inputs": {
                role: self.cleaned_data[role] for role in self.further if self.cleaned_data.get(role) is not None
            },
        }

    def filled(self, *names: str) -> dict[str, Any]:
        """The named values that were given."""
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name] not in (None, "")}
