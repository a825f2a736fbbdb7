"""What the forms of all pages share: a refusal by an action is shown like the form's own errors, and nothing typed is lost."""

from __future__ import annotations

from typing import ClassVar

from django import forms

from governance.exceptions import GovernanceError
from governance.findings import Finding


class PageForm(forms.Form):
    """``status`` is the HTTP status of the page that shows it; ``findings`` are those that refused the action.

    ``names`` maps the action's field names to the form's where they differ.
    """

    names: ClassVar[dict[str, str]] = {}
    status: int = 200
    findings: tuple[Finding, ...] = ()

    def refuse(self, error: GovernanceError, status: int) -> None:
        """Show the refusal at its field, or above the form where it belongs to none."""
        name = self.names.get(error.field or "", error.field or "")
        self.add_error(name if name in self.fields else None, error.message)
        self.status = status
        self.findings = tuple(getattr(error, "findings", ()))


class RowsForm(PageForm):
    """A form with repeated rows below it. ``rows`` is a formset; a button named ``add_row`` asks for one more."""

    rows: forms.BaseFormSet[forms.Form]

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.rows.is_valid()])

    @property
    def wants_row(self) -> bool:
        return "add_row" in self.data

    def filled_rows(self) -> list[dict[str, object]]:
        """What was typed, without rows left empty or marked for removal."""
        return [
            {name: value for name, value in row.cleaned_data.items() if name != "DELETE"}
            for row in self.rows
            if row.has_changed() and row.cleaned_data and not row.cleaned_data.get("DELETE")
        ]


def bind_rows(
    formset: type[forms.BaseFormSet[forms.Form]],
    data: object,
    *,
    initial: list[dict[str, object]] | None = None,
    form_kwargs: dict[str, object] | None = None,
) -> forms.BaseFormSet[forms.Form]:
    """The formset over posted data, with one more row where ``add_row`` was pressed; or over what is recorded."""
    if not data:
        return formset(initial=initial, form_kwargs=form_kwargs)
    posted = data.copy()  # type: ignore[attr-defined]
    if "add_row" in posted:
        key = "form-TOTAL_FORMS"
        posted[key] = str(int(posted.get(key) or 0) + 1) if (posted.get(key) or "0").isdigit() else "1"
    return formset(posted, initial=initial, form_kwargs=form_kwargs)
