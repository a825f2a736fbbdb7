"""Forms about API tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.actions.people import LONGEST_TOKEN_DAYS
from governance.models import Membership, Project, User
from governance.permissions import ADMINISTER, READ, REPORT, SUBMIT
from portal.pages.forms.base import PageForm

SCOPE_CHOICES = (
    (READ, _("Read: everything you may see")),
    (SUBMIT, _("Submit: register versions, submit evidence, ask for evaluations")),
    (REPORT, _("Report: ask for reports and download them")),
    (ADMINISTER, _("Administer: projects, people, roles and templates")),
)


class CreateTokenForm(PageForm):
    """A token narrows its owner's rights and never widens them; it cannot sign, waive or promote."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What will use it, such as “training pipeline”.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("May"), choices=SCOPE_CHOICES, widget=forms.CheckboxSelectMultiple, initial=[READ, SUBMIT]
    )
    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Project"), required=False, empty_label=_("All my projects")
    )
    days = forms.IntegerField(
        label=_("Days until it expires"),
        min_value=1,
        max_value=LONGEST_TOKEN_DAYS,
        initial=30,
        help_text=_("At most 90. A new one takes a minute."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Membership.objects.current().filter(user=user).values("project_id")
        self.fields["project"].queryset = Project.objects.filter(pk__in=mine)  # type: ignore[attr-defined]


class RevokeTokenForm(PageForm):
    """Nothing to fill in: the page asks whether it is meant."""
