"""What the filters of all lists share."""

from __future__ import annotations

from django import forms


class FilterForm(forms.Form):
    """A form over the address's query: a filter that cannot be read narrows a list to nothing, and says why."""

    @property
    def is_narrowing(self) -> bool:
        return not self.is_valid() or any(self.cleaned_data.values())
