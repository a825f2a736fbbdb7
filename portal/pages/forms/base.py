"""What the forms of all pages share: a refusal is shown like the form's own errors, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar

from django import forms
from django.forms.utils import ErrorDict

from governance.exceptions import GovernanceError, StaleReading
from governance.findings import Finding


class PageForm(forms.Form):
    """``status`` is the HTTP status of the page that shows it; ``refusal`` is why an action refused what was given, and
    ``findings`` are those it named.

    ``names`` maps the action's field names to the form's where they differ.
    """

    names: ClassVar[dict[str, str]] = {}
    status: int = 200
    refusal: GovernanceError | None = None
    findings: tuple[Finding, ...] = ()
    recorded: list[tuple[Any, Any]] | None = None

    def refuse(self, error: GovernanceError, status: int) -> None:
        """Show the refusal at its field, or above the form where it belongs to none."""
        name = self.names.get(error.field or "", error.field or "")
        self.add_error(name if name in self.fields else None, error.message)
        self.status = status
        self.refusal = error
        self.findings = tuple(getattr(error, "findings", ()))

    def reread(self, recorded: Mapping[str, Any]) -> None:
        """After an edit of an older reading was refused: keep the user's text, show beside it what is ``recorded`` now,
        and let a second save replace that knowingly. ``recorded`` holds the present ``revision``."""
        if not isinstance(self.refusal, StaleReading):
            return
        posted: Any = copy(self.data)  # of what was posted, a copy may be changed
        posted["revision"] = str(recorded["revision"])
        self.data = posted
        self.recorded = [(self.fields[name].label, text) for name, text in recorded.items() if name != "revision"]


class RowsForm(PageForm):
    """A form with repeated rows below it. ``rows`` is a formset; a button named ``add_row`` asks for one more."""

    rows: forms.BaseFormSet[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.wants_row:
            self._errors = ErrorDict()  # nobody has finished yet, so nothing is wrong yet

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.rows.is_valid()])

    @property
    def wants_row(self) -> bool:
        return "add_row" in self.data

    def filled_rows(self) -> list[dict[str, object]]:
        """What was typed, without rows left empty or marked for removal."""
        if not self.rows.is_bound:
            return []
        return [
            {name: value for name, value in row.cleaned_data.items() if name != "DELETE"}
            for row in self.rows
            if row.has_changed() and row.cleaned_data and not row.cleaned_data.get("DELETE")
        ]


NoRows = forms.formset_factory(forms.Form, extra=0)


def bind_rows(
    formset: type[forms.BaseFormSet[Any]],
    data: Any,
    *,
    initial: list[dict[str, Any]] | None = None,
    form_kwargs: dict[str, Any] | None = None,
) -> forms.BaseFormSet[Any]:
    """The formset over what is recorded, or over posted data, with one more row where ``add_row`` was pressed.

    Posted rows are not compared with what is recorded: a row left as it was is meant to stay.
    """
    if not data:
        return formset(initial=initial, form_kwargs=form_kwargs)
    if "add_row" not in data:
        return formset(data, form_kwargs=form_kwargs)
    posted = data.copy()
    total = posted.get("form-TOTAL_FORMS", "")
    number = int(total) if total.isascii() and total.isdigit() else 0
    posted["form-TOTAL_FORMS"] = str(number + 1)
    # The new row begins as the first ones did: else it would differ from them, and left empty it would count as begun.
    for name, field in formset.form.base_fields.items():
        if field.initial is not None:
            posted[f"form-{number}-{name}"] = str(field.initial)
    rows = formset(posted, form_kwargs=form_kwargs)
    for row in rows.forms:
        row._errors, row.cleaned_data = ErrorDict(), {}
    return rows
