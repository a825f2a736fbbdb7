"""Forms by which people speak about a dossier."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.actions.discussion import LONGEST_TEXT
from portal.pages.forms.base import PageForm

HINT = _("“@login” calls a member of the project. What is written stays.")


class AnswerForm(PageForm):
    text = forms.CharField(
        label=_("Your answer"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 4}), help_text=HINT
    )


class RemarkForm(PageForm):
    names: ClassVar[dict[str, str]] = {"item_key": "item"}

    item = forms.ChoiceField(label=_("About"))
    text = forms.CharField(
        label=_("Your remark"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 5}), help_text=HINT
    )
    is_question = forms.BooleanField(
        label=_("This is a question that has to be resolved"),
        required=False,
        help_text=_("Where the policy says so, an open question keeps the gate closed. You resolve it yourself."),
    )

    def __init__(self, *args: Any, items: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["item"].choices = list(items.items())  # type: ignore[attr-defined]


class ResolveForm(PageForm):
    """The asker needs no reason; an approver does."""

    resolution = forms.CharField(
        label=_("How it was resolved"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, is_own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["resolution"].required = not is_own
