"""The frameworks that the organisation is held to: read, compared, loaded, added to, withdrawn."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance.actions import frameworks
from governance.frameworks.catalogue import Control, Framework, parse_framework
from governance.frameworks.vocabulary import sections
from governance.house_framework import HOUSE_KEY
from governance.models import FrameworkEdition
from governance.permissions import may
from portal.actors import actor_of
from portal.pages.forms.frameworks import HouseControlForm, LoadFrameworkForm, WithdrawFrameworkForm
from portal.pages.framework_words import FORCES, GATES, KINDS, LEVELS, OWNERS
from portal.pages.guard import require
from portal.pages.perform import perform, posted

ROWS = FrameworkEdition.objects.select_related("loaded_by", "withdrawn_by")
FILTERS = ("text", "group", "gate", "by", "level")


@dataclass(frozen=True)
class FrameworkRow:
    """A text with what it says. ``others`` are the editions that stand beside it under the same title."""

    edition: FrameworkEdition
    framework: Framework
    others: int = 0

    @property
    def is_due(self) -> bool:
        return self.framework.is_due_for_review(timezone.now().date())

    @property
    def kind(self) -> str:
        return str(KINDS.get(self.framework.kind, self.framework.kind))

    @property
    def force(self) -> str:
        return str(FORCES.get(self.framework.force, self.framework.force))


@require_safe
def list_frameworks(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = [
        FrameworkRow(row, parse_framework(row.text)) for row in ROWS.visible_to(actor.user).in_force().order_by("title")
    ]
    titles = [row.framework.title for row in rows]
    rows = [FrameworkRow(row.edition, row.framework, titles.count(row.framework.title) - 1) for row in rows]
    standing = [row.edition.pk for row in rows]
    context = {
        "rows": rows,
        "due": [row for row in rows if row.is_due],
        "former": ROWS.visible_to(actor.user).exclude(pk__in=standing).order_by("-pk")[:50],
        "may_load": may(actor, "load_framework", None),
        "may_answer": may(actor, "answer_for_organisation", None),
    }
    return render(request, "frameworks/frameworks.html", context)


def _find(request: HttpRequest, pk: int) -> FrameworkEdition:
    return get_object_or_404(ROWS.visible_to(actor_of(request).user), pk=pk)


@require_safe
def show_framework(request: HttpRequest, pk: int) -> HttpResponse:
    """One text: its controls, its dates and sources, and the editions beside it."""
    actor, edition = actor_of(request), _find(request, pk)
    row = FrameworkRow(edition, parse_framework(edition.text))
    chosen = {name: request.GET.get(name, "").strip()[:100] for name in FILTERS}
    in_force = set(FrameworkEdition.objects.in_force().values_list("pk", flat=True))
    beside = ROWS.filter(pk__in=in_force, title=edition.title).exclude(key=edition.key)
    context = {
        "row": row,
        "framework": row.framework,
        "groups": group_controls(row.framework, chosen),
        "chosen": chosen,
        "is_narrowed": any(chosen.values()),
        "is_in_force": edition.pk in in_force,
        "texts": ROWS.filter(key=edition.key).order_by("-number"),
        "beside": beside,
        "choices": list_choices(row.framework),
        "may_load": may(actor, "load_framework", None),
    }
    return render(request, "frameworks/framework.html", context)


def list_choices(framework: Framework) -> dict[str, list[tuple[str, str]]]:
    """What the controls can be narrowed by, of what this framework has."""
    controls = framework.controls
    held = {name: {getattr(control, name) for control in controls} for name in ("group", "gate", "by", "level")}
    words = {"group": framework.groups, "gate": GATES, "by": OWNERS, "level": LEVELS}
    return {name: [(key, str(word)) for key, word in words[name].items() if key in held[name]] for name in words}


def fits(control: Control, framework: Framework, chosen: dict[str, str]) -> bool:
    """Whether a control has what the filters ask for."""
    for name in ("group", "gate", "by", "level"):
        if chosen.get(name) and getattr(control, name) != chosen[name]:
            return False
    text = chosen.get("text", "").casefold()
    return not text or any(text in place.casefold() for place in (control.gist, control.ref, control.id, control.note))


@dataclass(frozen=True)
class ControlLine:
    """A control in words: what it needs, with the alternatives it leaves."""

    control: Control
    level: str
    by: str
    gate: str
    section: str
    facts: list[tuple[str, str]]


def group_controls(framework: Framework, chosen: dict[str, str]) -> list[tuple[str, list[ControlLine]]]:
    """Title of the group -> its controls that fit, in the order of the text."""
    grouped: dict[str, list[ControlLine]] = {group: [] for group in framework.groups}
    for control in framework.controls:
        if fits(control, framework, chosen):
            grouped[control.group].append(_describe(control, framework))
    return [(framework.groups[group], lines) for group, lines in grouped.items() if lines]


def _describe(control: Control, framework: Framework) -> ControlLine:
    needed = dict.fromkeys(need.fact for need in control.single_needs)
    return ControlLine(
        control,
        str(LEVELS[control.level]),
        str(OWNERS[control.by]),
        str(GATES[control.gate]),
        sections()[control.section],
        [(fact, framework.fact(fact).text) for fact in needed],
    )


@require_safe
def compare(request: HttpRequest, pk: int, other: int) -> HttpResponse:
    """Two editions side by side: what only one of them has, and what differs."""
    left, right = _find(request, pk), _find(request, other)
    one, two = parse_framework(left.text), parse_framework(right.text)
    ids = list(dict.fromkeys([control.id for control in (*one.controls, *two.controls)]))
    lines = [(one.find(id), two.find(id)) for id in ids]
    context = {
        "left": FrameworkRow(left, one),
        "right": FrameworkRow(right, two),
        "lines": [(a, b) for a, b in lines if a != b],
        "alike": sum(a == b for a, b in lines),
    }
    return render(request, "frameworks/compare.html", context)


@require_safe
def download_text(request: HttpRequest, pk: int) -> HttpResponse:
    """The exact text, byte for byte as its digest says."""
    edition = _find(request, pk)
    answer = HttpResponse(edition.text.encode(), content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{edition.key}.{edition.number}.yaml"'
    answer["ETag"] = f'"{edition.digest}"'
    return answer


@require_http_methods(["GET", "POST"])
def load(request: HttpRequest) -> HttpResponse:
    """Load a framework from a file or a pasted text; a fault is shown at its line."""
    actor = actor_of(request)
    require(actor, "load_framework", None)
    form = LoadFrameworkForm(posted(request), request.FILES or None, initial={"text": _begin(request)})
    if request.method == "POST":
        edition = perform(request, form, lambda: frameworks.load_framework(form.cleaned_data["text"], actor=actor))
        if edition is not None:
            messages.success(request, _("“%(title)s” is in force.") % {"title": edition.title})
            return redirect("pages:framework", edition.pk)
    return render(request, "frameworks/load.html", {"form": form}, status=form.status)


def _begin(request: HttpRequest) -> str:
    """The text that is to be corrected, where the address names one."""
    pk = request.GET.get("from", "")
    found = (
        ROWS.visible_to(actor_of(request).user).filter(pk=int(pk)).first() if pk.isdigit() and len(pk) < 16 else None
    )
    return found.text if found is not None else ""


@require_http_methods(["GET", "POST"])
def add_control(request: HttpRequest) -> HttpResponse:
    """Add a control of the house's own by a form; the portal writes the text and loads it."""
    actor = actor_of(request)
    require(actor, "load_framework", None)
    house = FrameworkEdition.objects.in_force().filter(key=HOUSE_KEY).first()
    form = HouseControlForm(posted(request), initial={"seen_digest": house.digest if house else ""})
    if request.method == "POST":
        edition = perform(
            request,
            form,
            lambda: frameworks.add_house_control(
                form.given(),
                issuer=str(_("This organisation")),
                seen_digest=form.cleaned_data["seen_digest"],
                actor=actor,
            ),
        )
        if edition is not None:
            messages.success(request, _("The control is part of “%(title)s”.") % {"title": edition.title})
            return redirect("pages:framework", edition.pk)
    groups = list(parse_framework(house.text).groups.values()) if house else []
    context = {"form": form, "house": house, "groups": groups}
    return render(request, "frameworks/control_new.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    actor, edition = actor_of(request), _find(request, pk)
    require(actor, "load_framework", None)
    form = WithdrawFrameworkForm(posted(request))
    if request.method == "POST":
        done = perform(request, form, lambda: frameworks.withdraw_framework(edition, **form.cleaned_data, actor=actor))
        if done is not None:
            messages.success(request, _("“%(title)s” is held against nothing any more.") % {"title": done.title})
            return redirect("pages:frameworks")
    return render(request, "frameworks/withdraw.html", {"edition": edition, "form": form}, status=form.status)
