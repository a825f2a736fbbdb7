"""The version page: the dossier as a reviewer reads it. Every tab reads the same dossier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from governance import runner
from governance.actions import catalog, lineage
from governance.actors import Actor
from governance.discussion import list_items
from governance.dossier import collect
from governance.gate import judge
from governance.lifecycle import TRANSITIONS
from governance.lineage_graph import draw
from governance.models import AuditLogEntry, EvaluationKind, ModelVersion, RegisteredModel
from governance.permissions import available_verbs, duties_are_separate, roles_of
from portal.actors import actor_of
from portal.log_sentences import tell, title_of
from portal.pages.capacities import Capacity, list_capacities
from portal.pages.coverage import VersionCoverage, share_out
from portal.pages.forms.evaluation_kinds import FORMS
from portal.pages.forms.models import DatasetUseForm, RegisterVersionForm
from portal.pages.perform import no_store, perform
from portal.pages.reading import Reading
from portal.pages.results import draw_charts, present
from portal.pages.threads import Thread, group_by_item, read_threads

LOG_LENGTH = 100


@dataclass
class Page:
    """One version as one reader opened it. What a tab does not ask for is not read."""

    version: ModelVersion
    actor: Actor

    @cached_property
    def reading(self) -> Reading:
        dossier = collect(self.version)
        return Reading(dossier, judge(dossier))

    @cached_property
    def verbs(self) -> frozenset[str]:
        return available_verbs(self.actor, self.version.model.project)

    @property
    def is_contributor(self) -> bool:
        """Whether history keeps this reader from signing. In solo mode there is nobody else."""
        dossier = self.reading.dossier
        return not dossier.solo_mode and not duties_are_separate(self.actor.user, dossier.contributor_person_keys)

    @cached_property
    def items(self) -> dict[str, str]:
        """Everything in the dossier that can be spoken about."""
        return list_items(self.reading.dossier, self.reading.decision)

    @cached_property
    def threads(self) -> list[Thread]:
        return read_threads(self.version, self.items)

    @cached_property
    def capacities(self) -> list[Capacity]:
        return list_capacities(self.version, self.reading.dossier, self.actor)

    @property
    def may_sign(self) -> bool:
        """Whether the reader can sign now, in a role of their own or in one lent to them."""
        is_open = ("sign", self.version.state) in TRANSITIONS
        return is_open and any(not item.obstacle for item in self.capacities)


def get_version(request: HttpRequest, pk: int) -> ModelVersion:
    """The version if this person may see it; otherwise 404, as for one that does not exist."""
    visible = ModelVersion.objects.visible_to(actor_of(request).user).with_names()
    return get_object_or_404(visible, pk=pk)


@require_GET
@no_store
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """The dossier. ``?tab=`` chooses the part; the gate comes first."""
    page = Page(get_version(request, pk), actor_of(request))
    tab = request.GET.get("tab", "gate")
    label, build = TABS.get(tab, TABS["gate"])
    context = {
        "version": page.version,
        "reading": page.reading,
        "dossier": page.reading.dossier,
        "decision": page.reading.decision,
        "verbs": page.verbs,
        "is_contributor": page.is_contributor,
        "may_sign": page.may_sign,
        "live_releases": list(page.version.releases.live()),
        "talk": group_by_item(page.threads),
        "tabs": build_tabs(page, tab),
        "tab_template": f"versions/_{tab.replace('-', '_') if tab in TABS else 'gate'}.html",
        "tab_label": label,
        **build(page),
    }
    return render(request, "versions/version.html", context)


def show_gate(page: Page) -> dict[str, Any]:
    return {}


def show_requirements(page: Page) -> dict[str, Any]:
    return {}


def show_evidence(page: Page) -> dict[str, Any]:
    rows = page.version.evidence.select_related("submitted_by", "file", "superseded_by")
    return {"evidence": rows.prefetch_related("requirements").order_by("-received_at", "-pk")}


def show_audits(page: Page) -> dict[str, Any]:
    return list_evaluations(page, EvaluationKind.BIAS_AUDIT)


def show_quality(page: Page) -> dict[str, Any]:
    return list_evaluations(page, EvaluationKind.DATA_QUALITY, EvaluationKind.REPRODUCTION)


def show_explanations(page: Page) -> dict[str, Any]:
    return list_evaluations(page, EvaluationKind.EXPLANATION)


def list_evaluations(page: Page, *kinds: str) -> dict[str, Any]:
    """The evaluations of some kinds: those the dossier counts with their results, earlier ones as a list."""
    rows = page.version.evaluations.filter(kind__in=kinds).select_related(
        "dataset_version__dataset", "evidence", "requested_by"
    )
    counted = {item.id for item in page.reading.dossier.evaluations}
    current = [row for row in rows if row.pk in counted]
    return {
        "current": [(row, present(row), draw_charts(row)) for row in current],
        "earlier": [row for row in rows if row.pk not in counted],
        "forms": [FORMS[kind] for kind in kinds if kind in FORMS],
        "chart_colours": runner.chart_colours(),
    }


def show_frameworks(page: Page) -> dict[str, Any]:
    """Each framework in force: whether it applies, and how many of its controls stand how."""
    whole = VersionCoverage(page.reading, page.verbs, page.version.pk)
    rows = [
        {
            "coverage": coverage,
            "edition": whole.editions[coverage.framework.id],
            "shares": share_out(coverage),
            "undecided": [whole.kinds[fact].text for fact in coverage.undecided],
        }
        for coverage in whole.coverages
    ]
    deciding = [(whole.say_what_to_do(fact, ""), titles) for fact, titles in whole.deciding.items()]
    return {"frameworks": rows, "deciding": deciding}


def show_lineage(page: Page) -> dict[str, Any]:
    dossier = page.reading.dossier
    contributors = [(item.name, [title_of(deed) for deed in item.contributions]) for item in dossier.contributors]
    return {"drawing": draw(dossier), "contributors": contributors}


def show_sign_offs(page: Page) -> dict[str, Any]:
    """Every vote with its weight, and what this reader may do about it: set it aside, call its conditions fulfilled."""
    dossier = page.reading.dossier
    roles = roles_of(page.actor.user, page.version.model.project)
    return {
        "votes": list(reversed(page.reading.votes)),
        "may_overrule": dossier.policy.overrule_role in roles and not page.is_contributor,
        "held_roles": roles,
    }


def show_discussion(page: Page) -> dict[str, Any]:
    return {"threads": page.threads}


def show_reports(page: Page) -> dict[str, Any]:
    reports = list(page.version.reports.select_related("requested_by"))
    return {"reports": reports, "is_making_a_report": any(not report.is_finished for report in reports)}


def show_log(page: Page) -> dict[str, Any]:
    entries = AuditLogEntry.objects.about("version", page.version.pk).select_related("actor").order_by("-index")
    return {"entries": [(entry, tell(entry)) for entry in entries[:LOG_LENGTH]], "log_length": LOG_LENGTH}


TABS: dict[str, tuple[Any, Callable[[Page], dict[str, Any]]]] = {
    "gate": (gettext_lazy("Gate"), show_gate),
    "requirements": (gettext_lazy("Requirements"), show_requirements),
    "evidence": (gettext_lazy("Evidence"), show_evidence),
    "audits": (gettext_lazy("Audits"), show_audits),
    "explanations": (gettext_lazy("Explanations"), show_explanations),
    "quality": (gettext_lazy("Quality"), show_quality),
    "lineage": (gettext_lazy("Lineage"), show_lineage),
    "frameworks": (gettext_lazy("Frameworks"), show_frameworks),
    "sign-offs": (gettext_lazy("Sign-offs"), show_sign_offs),
    "discussion": (gettext_lazy("Discussion"), show_discussion),
    "reports": (gettext_lazy("Reports"), show_reports),
    "log": (gettext_lazy("Log"), show_log),
}


def build_tabs(page: Page, current: str) -> list[dict[str, Any]]:
    """The tab bar, with what each tab holds."""
    dossier, closing = page.reading.dossier, len(page.reading.decision.closing)
    kinds = [item.kind for item in dossier.evaluations]
    counts = {
        "gate": closing or None,
        "requirements": len(dossier.requirements),
        "evidence": len(dossier.evidence),
        "audits": kinds.count(EvaluationKind.BIAS_AUDIT),
        "explanations": kinds.count(EvaluationKind.EXPLANATION),
        "quality": kinds.count(EvaluationKind.DATA_QUALITY) + kinds.count(EvaluationKind.REPRODUCTION),
        "sign-offs": len(dossier.sign_offs),
        "discussion": len(page.threads),
    }
    address = reverse("pages:version", args=[page.version.pk])
    return [
        {
            "label": label,
            "url": address if name == "gate" else f"{address}?tab={name}",
            "is_current": name == (current if current in TABS else "gate"),
            "count": counts.get(name),
            "tone": "bad" if name == "gate" and closing else "",
        }
        for name, (label, _build) in TABS.items()
    ]


def register(request: HttpRequest, pk: int) -> HttpResponse:
    """Register the next version of a model by hand."""
    model = get_object_or_404(RegisteredModel.objects.visible_to(actor_of(request).user), pk=pk)
    form = RegisterVersionForm(request.POST or None, model=model)
    if request.method == "POST":
        version = perform(
            request, form, lambda: catalog.register_version(model, **form.cleaned_data, actor=actor_of(request))
        )
        if version is not None:
            messages.success(request, _("%(version)s is registered.") % {"version": version})
            return redirect("pages:version", version.pk)
    return render(request, "versions/register.html", {"model": model, "form": form}, status=form.status)


def declare_use(request: HttpRequest, pk: int) -> HttpResponse:
    """Say which dataset version this version was trained, validated or tested on."""
    version = get_version(request, pk)
    form = DatasetUseForm(request.POST or None, version=version)
    if request.method == "POST":
        use = perform(
            request, form, lambda: lineage.declare_dataset_use(version, **form.cleaned_data, actor=actor_of(request))
        )
        if use is not None:
            messages.success(request, _("Declared: %(use)s.") % {"use": use})
            return redirect(reverse("pages:version", args=[pk]) + "?tab=lineage")
    return render(request, "versions/declare_use.html", {"version": version, "form": form}, status=form.status)
