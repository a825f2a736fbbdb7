"""Forms about frameworks: a text to load, a control of the house's own, a withdrawal."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from governance.frameworks.vocabulary import LONGEST_CATALOGUE, facts, sections
from governance.house_framework import NewControl
from governance.policy_text import PolicyFault
from portal.pages.forms.base import PageForm
from portal.pages.framework_words import GATES, LEVELS, OWNERS, TESTS, name_area
from portal.pages.policy_reading import excerpt_around

# Tests that say enough by themselves; the others take more and are written in YAML.
PLAIN_TESTS = ("filled", "linked", "listed", "is_true", "is_false")
NEEDS = (1, 2, 3)


class LoadFrameworkForm(PageForm):
    """A framework as YAML, pasted or as a file; a file counts first. ``read_text`` is what was given."""

    read_text = ""
    file = forms.FileField(label=_("File"), required=False)
    text = forms.CharField(
        label=_("Or its text (YAML)"),
        required=False,
        max_length=LONGEST_CATALOGUE,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "class": "mono", "spellcheck": "false", "wrap": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        file = given.get("file")
        if file is not None and "file" not in self.errors:
            given["text"] = self._read(file)
        elif not given.get("text", "").strip() and not self.errors:
            self.add_error("text", _("Choose a file, or paste the text."))
        else:
            # A browser ends lines otherwise; the digest is that of the text as it was written.
            given["text"] = given.get("text", "").replace("\r\n", "\n")
        self.read_text = given.get("text", "")
        return given

    def _read(self, file: UploadedFile[Any]) -> str:
        if file.size is None or file.size > 4 * LONGEST_CATALOGUE:
            self.add_error("file", _("A framework's file is at most 800,000 bytes long."))
            return ""
        try:
            text: str = file.read().decode("utf-8")
            return text.replace("\r\n", "\n")
        except UnicodeDecodeError:
            self.add_error("file", _("This is no UTF-8 text."))
            return ""

    @property
    def excerpt(self) -> list[tuple[int, str, bool]]:
        """The lines around the one at fault, where the refusal names one."""
        if not isinstance(self.refusal, PolicyFault):
            return []
        return excerpt_around(self.read_text, self.refusal.line)


class WithdrawFrameworkForm(PageForm):
    reason = forms.CharField(label=_("Reason"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}))


def _list_facts() -> list[tuple[str, Any]]:
    """Every common fact, by area."""
    grouped: dict[str, list[tuple[str, str]]] = {}
    for kind in facts().values():
        grouped.setdefault(name_area(kind.area), []).append((kind.id, f"{kind.text} ({kind.id})"))
    return [("", _("None")), *grouped.items()]


class HouseControlForm(PageForm):
    """A control in the house's own words, and what shows that it is covered."""

    names: ClassVar[dict[str, str]] = {"text": ""}
    gist = forms.CharField(
        label=_("What has to be so"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 3, "autofocus": True})
    )
    ref = forms.CharField(
        label=_("Where it is written"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": _("Model charter, 4.2")}),
    )
    group = forms.CharField(label=_("Heading it belongs under"), max_length=120)
    level = forms.ChoiceField(label=_("How strict"), choices=list(LEVELS.items()))
    by = forms.ChoiceField(label=_("Who sees to it"), choices=list(OWNERS.items()))
    gate = forms.ChoiceField(label=_("By which stage"), choices=list(GATES.items()))
    section = forms.ChoiceField(label=_("Section of a report"), initial="R20")
    question = forms.CharField(
        label=_("A question of your own that has to be answered"),
        max_length=300,
        required=False,
        help_text=_("It is asked for every model version, with author, time and evidence like any other."),
    )
    question_type = forms.ChoiceField(
        label=_("Its answer is"), choices=[("text", _("a text")), ("list", _("a list")), ("date", _("a day"))]
    )
    seen_digest = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["section"].choices = list(sections().items())  # type: ignore[attr-defined]
        choices, tests = _list_facts(), [(test, TESTS[test]) for test in PLAIN_TESTS]
        for number in NEEDS:
            self.fields[f"fact_{number}"] = forms.ChoiceField(
                label=_("Recorded fact %(number)s") % {"number": number}, choices=choices, required=False
            )
            self.fields[f"test_{number}"] = forms.ChoiceField(label=_("It is enough that"), choices=tests)

    @property
    def need_fields(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[f"fact_{number}"], self[f"test_{number}"]) for number in NEEDS]

    def given(self) -> NewControl:
        data = self.cleaned_data
        needs = [(data[f"fact_{number}"], data[f"test_{number}"]) for number in NEEDS if data[f"fact_{number}"]]
        names = ("ref", "gist", "group", "level", "by", "gate", "section", "question", "question_type")
        return NewControl(**{name: data[name] for name in names}, needs=needs)
