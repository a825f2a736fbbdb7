"""The form of one question, by the type of the fact it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from governance.answer_text import LONGEST_ANSWER, LONGEST_ITEM, MOST_ITEMS
from governance.frameworks.vocabulary import FactKind
from portal.pages.forms.base import PageForm

PART = "part_"
LINES = {"rows": 2}


def slug_of(fact: str) -> str:
    """A fact's id as part of an element's id."""
    return fact.replace(".", "-").replace("_", "-")


def speak_choice(choice: str) -> str:
    return choice.replace("_", " ")


class AnswerForm(PageForm):
    """The answer to one fact, what shows it, and nothing else. Left empty, it takes a former answer back.

    ``evidence`` maps ids of the version's evidence to titles; ``takes_file`` is for the organisation's documents.
    """

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        kind: FactKind,
        answer: Any = None,
        evidence: Mapping[int, str] | None = None,
        chosen: int | None = None,
        takes_file: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, files, auto_id=f"{slug_of(kind.id)}-%s", **kwargs)
        self.kind, self.answer = kind, answer
        self.fields |= self._make_fields()
        needs_document = kind.type == "file"
        if takes_file:
            self.fields["file"] = forms.FileField(label=_("Document that shows it"), required=False)
        elif evidence is not None:
            nothing = _("Choose the document") if needs_document else _("No evidence attached")
            self.fields["evidence"] = forms.ChoiceField(
                label=_("Document among the evidence") if needs_document else _("Evidence that shows it"),
                choices=[("", nothing), *((str(pk), title) for pk, title in evidence.items())],
                required=False,
                initial=str(chosen or ""),
            )

    def _make_fields(self) -> dict[str, forms.Field]:
        kind, value = self.kind, self.answer
        if kind.keys:
            parts = value if isinstance(value, Mapping) else {}
            return {PART + key: _text(speak_choice(key).capitalize(), parts.get(key)) for key in kind.keys}
        match kind.type:
            case "bool":
                return {"value": _choose_truth(value)}
            case "enum":
                return {"value": _choose(kind, value)}
            case "list":
                return _make_list(kind, value)
            case "date":
                day = forms.DateInput(attrs={"type": "date"})
                return {"value": forms.DateField(label=_("Day"), required=False, initial=value, widget=day)}
            case "num":
                widget = forms.TextInput(attrs={"inputmode": "decimal"})
                return {"value": forms.DecimalField(label=_("Number"), required=False, initial=value, widget=widget)}
            case "file":
                return {"value": _text(_("What it is, and where in it to look"), value)}
            case _:
                return {"value": _text(_("Answer"), value)}

    def given(self) -> Any:
        """The answer as ``record_answer`` takes it; None where nothing is answered."""
        data, kind = self.cleaned_data, self.kind
        if kind.keys:
            return {key: data[PART + key] for key in kind.keys if data.get(PART + key)} or None
        value = data.get("value")
        if kind.type == "list":
            return self._given_list(data)
        if kind.type == "bool":
            return {"true": True, "false": False}.get(str(value))
        if kind.type == "date":
            return value.isoformat() if value is not None else None
        if kind.type == "num":
            return str(value) if value is not None else None
        return value or None

    def _given_list(self, data: Mapping[str, Any]) -> list[str] | None:
        value = data.get("value") or []
        items = value if isinstance(value, list) else [line.strip() for line in value.splitlines() if line.strip()]
        return items or ([] if data.get("none") else None)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        if given.get("none") and given.get("value"):
            self.add_error("none", _t("Either name some, or say that there are none."))
        elif self.given() is None and self.answer is None:
            self.add_error(None, _t("Nothing is answered yet."))
        return given


def _text(label: Any, value: Any) -> forms.CharField:
    shown = value if isinstance(value, str) else ""
    widget = forms.Textarea(attrs=LINES)
    return forms.CharField(label=label, required=False, max_length=LONGEST_ANSWER, initial=shown, widget=widget)


def _choose_truth(value: Any) -> forms.ChoiceField:
    choices = [("", _("Not answered")), ("true", _("Yes")), ("false", _("No"))]
    initial = {True: "true", False: "false"}.get(value, "") if isinstance(value, bool) else ""
    return forms.ChoiceField(
        label=_("Answer"), required=False, choices=choices, initial=initial, widget=forms.RadioSelect
    )


def _choose(kind: FactKind, value: Any) -> forms.ChoiceField:
    choices = [("", _("Not answered")), *((item, speak_choice(item)) for item in kind.choices)]
    return forms.ChoiceField(label=_("Answer"), required=False, choices=choices, initial=value or "")


def _make_list(kind: FactKind, value: Any) -> dict[str, forms.Field]:
    none = forms.BooleanField(label=_("There are none"), required=False, initial=value == [])
    if kind.choices:
        choices = [(item, speak_choice(item)) for item in kind.choices]
        field: forms.Field = forms.MultipleChoiceField(
            label=_("Answer"),
            required=False,
            choices=choices,
            initial=value or [],
            widget=forms.CheckboxSelectMultiple,
        )
        return {"value": field, "none": none}
    shown = "\n".join(str(item) for item in value) if isinstance(value, list) else ""
    lines = forms.CharField(
        label=_("Answer, one item a line"),
        required=False,
        max_length=MOST_ITEMS * (LONGEST_ITEM + 2),
        initial=shown,
        widget=forms.Textarea(attrs=LINES),
    )
    return {"value": lines, "none": none}
