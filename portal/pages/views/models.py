"""The inventory, and one model: what it is for, what it must meet, its proof of concept, its versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from governance.actions import catalog
from governance.dossier import collect
from governance.dossier_reading import read_proof_of_concept, read_risk_assessment
from governance.gate import judge
from governance.lifecycle import State
from governance.models import ModelVersion, Project, ProofOfConcept, RegisteredModel, Release, RiskAssessment, RiskTier
from governance.permissions import available_verbs, duties_are_separate
from governance.questionnaire import questionnaires
from portal.actors import actor_of
from portal.pages.forms.models import DescribeModelForm, RegisterModelForm, RiskForm
from portal.pages.perform import perform

PAGE_LENGTH = 50
UNDER_WAY = {State.DRAFT, State.IN_REVIEW, State.APPROVED}


def get_model(request: HttpRequest, pk: int) -> RegisteredModel:
    """The model if this person may see it; otherwise 404, as for one that does not exist."""
    visible = RegisteredModel.objects.visible_to(actor_of(request).user).select_related("project", "owner")
    return get_object_or_404(visible, pk=pk)


@require_GET
def show_list(request: HttpRequest) -> HttpResponse:
    """The inventory by name, narrowed by project, tier, state of the latest version, and text."""
    user = actor_of(request).user
    projects = list(Project.objects.visible_to(user))
    chosen = {name: request.GET.get(name, "") for name in ("project", "tier", "state", "text", "after")}
    models = narrow(RegisteredModel.objects.visible_to(user), chosen)
    page = list(models[: PAGE_LENGTH + 1])
    query = request.GET.copy()
    query.pop("after", None)
    address, first = reverse("pages:models"), query.urlencode()
    if len(page) > PAGE_LENGTH:
        query["after"] = f"{page[PAGE_LENGTH - 1].name}\n{page[PAGE_LENGTH - 1].pk}"
    context = {
        "models": page[:PAGE_LENGTH],
        "projects": projects,
        "tiers": RiskTier.choices,
        "states": State.choices,
        "chosen": chosen,
        "is_narrowed": any(chosen[name] for name in ("project", "tier", "state", "text")),
        "next_url": f"{address}?{query.urlencode()}" if len(page) > PAGE_LENGTH else "",
        "first_url": f"{address}?{first}" if chosen["after"] else "",
        "may_register": RegisterModelForm(user=user).fields["project"].queryset.exists(),  # type: ignore[attr-defined]
    }
    return render(request, "models/list.html", context)


def narrow(models: QuerySet[RegisteredModel], chosen: dict[str, str]) -> QuerySet[RegisteredModel]:
    """Filter the inventory and read beside each model its latest version and what is released."""
    latest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number")
    live = Release.objects.live().select_related("version")
    found = (
        models.select_related("owner", "project")
        .annotate(
            latest_id=Subquery(latest.values("pk")[:1]),
            latest_number=Subquery(latest.values("number")[:1]),
            latest_state=Subquery(latest.values("state")[:1]),
            version_count=Count("versions"),
        )
        .prefetch_related(Prefetch("releases", queryset=live, to_attr="live_releases"))
        .order_by("name", "pk")
    )
    if chosen["project"].isdigit():
        found = found.filter(project_id=int(chosen["project"]))
    if chosen["tier"]:
        found = found.filter(risk_tier=chosen["tier"])
    if chosen["state"]:
        found = found.filter(latest_state=chosen["state"])
    if chosen["text"]:
        found = found.filter(Q(name__icontains=chosen["text"]) | Q(description__icontains=chosen["text"]))
    name, _line, pk = chosen["after"].rpartition("\n")
    if pk.isdigit():
        found = found.filter(Q(name__gt=name) | Q(name=name, pk__gt=int(pk)))
    return found


@require_GET
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """One model. ``?tab=`` chooses the part."""
    model, actor = get_model(request, pk), actor_of(request)
    tab = request.GET.get("tab", "overview")
    tab = tab if tab in TABS else "overview"
    context = {
        "model": model,
        "verbs": available_verbs(actor, model.project),
        "risk_assessment": read_risk_assessment(model),
        "tabs": build_tabs(model, tab),
        "tab_template": f"models/_{tab.replace('-', '_')}.html",
        "tab_label": TABS[tab][0],
        "main_version": find_main_version(model),
        **TABS[tab][1](request, model),
    }
    return render(request, "models/model.html", context)


def find_main_version(model: RegisteredModel) -> ModelVersion | None:
    """The version most people come for: the newest still under way, else what is released, else the newest."""
    versions = sorted(model.versions.only("pk", "number", "state", "model_id"), key=lambda version: -version.number)
    for states in (UNDER_WAY, {State.RELEASED}):
        found = next((version for version in versions if version.state in states), None)
        if found is not None:
            return found
    return versions[0] if versions else None


def show_overview(request: HttpRequest, model: RegisteredModel) -> dict[str, Any]:
    open_version = model.versions.filter(state__in=UNDER_WAY).select_related("model").first()
    return {
        "live_releases": list(Release.objects.live().filter(model=model).select_related("version__model")),
        "open_version": open_version,
        "decision": judge(collect(open_version)) if open_version else None,
    }


def show_requirements(request: HttpRequest, model: RegisteredModel) -> dict[str, Any]:
    rows = list(model.requirements.prefetch_related("criteria").select_related("created_by"))
    return {
        "requirements": [row for row in rows if row.withdrawn_at is None],
        "withdrawn": [row for row in rows if row.withdrawn_at is not None],
        "has_template_requirements": any(row.from_template for row in rows),
    }


def show_proof_of_concept(request: HttpRequest, model: RegisteredModel) -> dict[str, Any]:
    found = ProofOfConcept.objects.filter(model=model).select_related("written_by", "decided_by").first()
    judges = {item.position: item.evaluation for item in _criteria_of(found)}
    item = read_proof_of_concept(model)
    criteria = item.success_criteria if item else ()
    is_author = found is not None and not duties_are_separate(actor_of(request).user, [found.written_by.person_key])
    return {
        "poc": found,
        "criteria": [(row, judges.get(position)) for position, row in enumerate(criteria, 1)],
        "is_author": is_author,
    }


def _criteria_of(poc: ProofOfConcept | None) -> list[Any]:
    return list(poc.success_criteria.select_related("evaluation__version__model")) if poc else []


def show_versions(request: HttpRequest, model: RegisteredModel) -> dict[str, Any]:
    live = Release.objects.live()
    rows = model.versions.select_related("model", "created_by").annotate(
        evidence_count=Count("evidence", distinct=True), sign_off_count=Count("sign_offs", distinct=True)
    )
    return {"versions": rows.prefetch_related(Prefetch("releases", queryset=live, to_attr="live_releases"))}


TABS: dict[str, tuple[Any, Callable[[HttpRequest, RegisteredModel], dict[str, Any]]]] = {
    "overview": (gettext_lazy("Overview"), show_overview),
    "requirements": (gettext_lazy("Requirements"), show_requirements),
    "proof-of-concept": (gettext_lazy("Proof of concept"), show_proof_of_concept),
    "versions": (gettext_lazy("Versions"), show_versions),
}


def build_tabs(model: RegisteredModel, current: str) -> list[dict[str, Any]]:
    """The tab bar, with what each tab holds."""
    address = reverse("pages:model", args=[model.pk])
    counts = {
        "requirements": model.requirements.filter(withdrawn_at=None).count(),
        "versions": model.versions.count(),
    }
    return [
        {
            "label": label,
            "url": address if name == "overview" else f"{address}?tab={name}",
            "is_current": name == current,
            "count": counts.get(name),
        }
        for name, (label, _build) in TABS.items()
    ]


def register(request: HttpRequest) -> HttpResponse:
    """Enter a model in the inventory."""
    actor = actor_of(request)
    form = RegisterModelForm(request.POST or None, user=actor.user)
    if request.method == "POST":
        model = perform(request, form, lambda: catalog.register_model(**form.cleaned_data, actor=actor))
        if model is not None:
            messages.success(request, _("%(model)s is registered. Set its risk tier next.") % {"model": model})
            return redirect("pages:model", model.pk)
    return render(request, "models/new.html", {"form": form}, status=form.status)


def describe(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what is said of a model's use."""
    model, actor = get_model(request, pk), actor_of(request)
    names = ("revision", *catalog.DESCRIPTIONS)
    form = DescribeModelForm(request.POST or None, initial={name: getattr(model, name) for name in names})
    if request.method == "POST":
        changed = perform(
            request,
            form,
            lambda: catalog.describe_model(
                model,
                seen_revision=form.cleaned_data["revision"],
                actor=actor,
                **{name: form.cleaned_data[name] for name in catalog.DESCRIPTIONS},
            ),
        )
        if changed is not None:
            messages.success(request, _("The description is changed."))
            return redirect("pages:model", pk)
        form.reread({name: getattr(get_model(request, pk), name) for name in names})
    return render(request, "models/describe.html", {"model": model, "form": form}, status=form.status)


def assess_risk(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer a risk questionnaire; ``?questionnaire=`` chooses another one than the last."""
    model, actor = get_model(request, pk), actor_of(request)
    last = RiskAssessment.objects.filter(model=model).first()
    key = request.GET.get("questionnaire") or (last.questionnaire if last else "general")
    asked = questionnaires().get(key) or questionnaires()["general"]
    form = RiskForm(request.POST or None, questionnaire=asked, initial=_recorded_answers(model, last))
    if request.method == "POST":
        changed = perform(
            request,
            form,
            lambda: catalog.assess_risk(
                model,
                questionnaire=asked.key,
                answers=form.answers,
                rationale=form.cleaned_data["rationale"],
                seen_revision=form.cleaned_data["revision"],
                actor=actor,
            ),
        )
        if changed is not None:
            messages.success(request, _("The risk tier is %(tier)s.") % {"tier": changed.get_risk_tier_display()})
            return redirect("pages:model", pk)
        form.reread(_recorded_answers(get_model(request, pk), last))
    context = {"model": model, "form": form, "asked": asked, "others": questionnaires().values(), "last": last}
    return render(request, "models/risk.html", context, status=form.status)


def _recorded_answers(model: RegisteredModel, last: RiskAssessment | None) -> dict[str, Any]:
    given = last.answers if last else {}
    answers = {f"answers.{key}": value for key, value in given.items()}
    return {"revision": model.revision, "rationale": model.risk_tier_rationale} | answers
