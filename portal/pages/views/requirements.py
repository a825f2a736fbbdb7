"""Writing requirements and the proof of concept of a model, and deciding on it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from governance import runner
from governance.actions import requirements
from governance.models import Evaluation, ProofOfConcept, RegisteredModel, Requirement, WorkStatus
from portal.actors import actor_of
from portal.pages.forms.models import ConfirmForm, ReasonForm
from portal.pages.forms.requirements import ProofOfConceptDecisionForm, ProofOfConceptForm, RequirementForm
from portal.pages.perform import perform
from portal.pages.views.models import get_model, show_proof_of_concept


def to_tab(model: RegisteredModel, tab: str) -> HttpResponse:
    return redirect(reverse("pages:model", args=[model.pk]) + f"?tab={tab}")


def get_requirement(request: HttpRequest, pk: int) -> Requirement:
    visible = Requirement.objects.visible_to(actor_of(request).user).select_related("model__project")
    return get_object_or_404(visible, pk=pk, withdrawn_at=None)


def write(request: HttpRequest, pk: int) -> HttpResponse:
    """Write a requirement by hand."""
    model, actor = get_model(request, pk), actor_of(request)
    form = RequirementForm(request.POST or None)
    if request.method == "POST" and not form.wants_row:
        made = perform(request, form, lambda: requirements.write_requirement(model, **_given(form), actor=actor))
        if made is not None:
            messages.success(request, _("%(requirement)s is written.") % {"requirement": made})
            return to_tab(model, "requirements")
    return _show_requirement(request, model, form, None)


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Rewrite a requirement; an edit of an older reading is refused and shown again."""
    requirement, actor = get_requirement(request, pk), actor_of(request)
    form = RequirementForm(
        request.POST or None, initial=_recorded_texts(requirement), criteria=_recorded_criteria(requirement)
    )
    if request.method == "POST" and not form.wants_row:
        changed = perform(
            request,
            form,
            lambda: requirements.edit_requirement(
                requirement, **_given(form), seen_revision=form.cleaned_data["revision"], actor=actor
            ),
        )
        if changed is not None:
            messages.success(request, _("%(requirement)s is changed.") % {"requirement": changed})
            return to_tab(requirement.model, "requirements")
        form.reread(_recorded_texts(get_requirement(request, pk)))
    return _show_requirement(request, requirement.model, form, requirement)


def _recorded_texts(requirement: Requirement) -> dict[str, Any]:
    return {name: getattr(requirement, name) for name in ("revision", "title", "statement", "source")}


def _given(form: RequirementForm) -> dict[str, Any]:
    texts = {name: form.cleaned_data[name] for name in ("title", "statement", "source")}
    return texts | {"criteria": form.filled_rows()}


def _recorded_criteria(requirement: Requirement) -> list[dict[str, Any]]:
    names = ("metric", "population", "comparator", "dataset_role", "severity")
    return [
        {name: getattr(item, name) for name in names} | {"threshold": f"{item.threshold.normalize():f}"}
        for item in requirement.criteria.all()
    ]


def _show_requirement(
    request: HttpRequest, model: RegisteredModel, form: RequirementForm, requirement: Requirement | None
) -> HttpResponse:
    context = {"model": model, "form": form, "requirement": requirement, "words": runner.vocabulary()}
    return render(request, "requirements/write.html", context, status=form.status)


def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a requirement back, with a reason."""
    requirement, actor = get_requirement(request, pk), actor_of(request)
    form = ReasonForm(request.POST or None)
    if request.method == "POST":
        done = perform(
            request,
            form,
            lambda: requirements.withdraw_requirement(requirement, reason=form.cleaned_data["reason"], actor=actor),
        )
        if done is not None:
            messages.success(request, _("%(requirement)s no longer binds.") % {"requirement": done})
            return to_tab(requirement.model, "requirements")
    context = {"model": requirement.model, "requirement": requirement, "form": form}
    return render(request, "requirements/withdraw.html", context, status=form.status)


def generate(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the requirements of the project's template for the model's tier."""
    model, actor = get_model(request, pk), actor_of(request)
    form = ConfirmForm(request.POST or None)
    if request.method == "POST":
        form = ConfirmForm(request.POST)
        made = perform(request, form, lambda: requirements.generate_requirements(model, actor=actor))
        if made is not None:
            messages.success(request, _("%(count)d requirements are written.") % {"count": len(made)})
            return to_tab(model, "requirements")
    return render(request, "requirements/generate.html", {"model": model, "form": form}, status=form.status)


def write_proof_of_concept(request: HttpRequest, pk: int) -> HttpResponse:
    """Write or rewrite the proof of concept. A rewritten one has to be decided on again."""
    model, actor = get_model(request, pk), actor_of(request)
    found = ProofOfConcept.objects.filter(model=model).first()
    evaluations = Evaluation.objects.filter(version__model=model, status=WorkStatus.SUCCEEDED)
    form = ProofOfConceptForm(
        request.POST or None,
        evaluations=evaluations.select_related("version__model"),
        initial=_recorded_proof(found),
        criteria=_recorded_success_criteria(found),
    )
    if request.method == "POST" and not form.wants_row:
        made = perform(
            request,
            form,
            lambda: requirements.write_proof_of_concept(
                model,
                **{name: form.cleaned_data[name] for name in ("problem_statement", "risks", "open_questions")},
                success_criteria=form.filled_rows(),
                seen_revision=form.cleaned_data["revision"],
                actor=actor,
            ),
        )
        if made is not None:
            messages.success(request, _("The proof of concept is written. Somebody else decides on it."))
            return to_tab(model, "proof-of-concept")
        form.reread(_recorded_proof(ProofOfConcept.objects.filter(model=model).first()))
    context = {"model": model, "poc": found, "form": form, "words": runner.vocabulary()}
    return render(request, "requirements/write_proof.html", context, status=form.status)


def _recorded_proof(found: ProofOfConcept | None) -> dict[str, Any]:
    if found is None:
        return {"revision": 0}
    return {name: getattr(found, name) for name in ("revision", "problem_statement", "risks", "open_questions")}


def _recorded_success_criteria(found: ProofOfConcept | None) -> list[dict[str, Any]]:
    names = ("statement", "metric", "population", "comparator")
    return [
        {name: getattr(item, name) for name in names}
        | {"threshold": f"{item.threshold.normalize():f}", "evaluation": item.evaluation_id}
        for item in (found.success_criteria.all() if found else ())
    ]


def decide_proof_of_concept(request: HttpRequest, pk: int) -> HttpResponse:
    """Record go or no go."""
    model, actor = get_model(request, pk), actor_of(request)
    poc = get_object_or_404(ProofOfConcept.objects.select_related("model__project"), model=model)
    form = ProofOfConceptDecisionForm(request.POST or None, initial={"revision": poc.revision})
    if request.method == "POST":
        decided = perform(
            request,
            form,
            lambda: requirements.decide_proof_of_concept(
                poc,
                decision=form.cleaned_data["decision"],
                reason=form.cleaned_data["reason"],
                seen_revision=form.cleaned_data["revision"],
                actor=actor,
            ),
        )
        if decided is not None:
            messages.success(request, _("Recorded: %(decision)s.") % {"decision": decided.get_decision_display()})
            return to_tab(model, "proof-of-concept")
    context = show_proof_of_concept(request, model) | {"model": model, "poc": poc, "form": form}
    return render(request, "requirements/decide.html", context, status=form.status)
