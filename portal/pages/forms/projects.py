"""Forms about projects, their members and their requirement templates."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from governance.models import Role, User
from portal.pages.forms.base import PageForm


class CreateProjectForm(PageForm):
    name = forms.CharField(label=_("Name"), max_length=120)
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class PersonChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, person: User) -> str:
        return f"{person.get_full_name()} ({person.username})"


class GrantRoleForm(PageForm):
    """A role for a person with an open account."""

    user = PersonChoice(User.objects.none(), label=_("Person"), empty_label=_("Choose a person"))
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Choose a role")), *Role.choices])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True, is_system=False).order_by("full_name", "username")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]


class EndRoleForm(PageForm):
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2})
    )


class TemplateForm(PageForm):
    """The YAML text. ``revision`` is the reading that is being edited: a later one by somebody else refuses it."""

    names: ClassVar[dict[str, str]] = {"criteria": "text"}
    revision = forms.IntegerField(widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("Template"),
        max_length=100_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "class": "mono", "spellcheck": "false", "wrap": "off"}),
    )
