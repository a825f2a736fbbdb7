"""Evaluations: asking for one, watching it, reading its result."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRefresh

from governance import runner
from governance.actions import evaluations
from governance.evaluation_reading import read_gap, read_result
from governance.models import Evaluation, EvaluationKind
from governance.permissions import may
from portal.actors import actor_of
from portal.pages.forms.base import PageForm
from portal.pages.forms.evaluation_kinds import FORMS
from portal.pages.perform import no_store, perform
from portal.pages.results import draw_charts, present
from portal.pages.views.versions import get_version

NAMES = ("version__model__project", "dataset_version__dataset", "evidence", "requested_by")


def _fetch(request: HttpRequest, pk: int) -> Evaluation:
    visible = Evaluation.objects.visible_to(actor_of(request).user)
    return get_object_or_404(visible.select_related(*NAMES).prefetch_related("inputs__evidence"), pk=pk)


@require_GET
@no_store
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """One evaluation with everything it measured, or why it failed."""
    evaluation = _fetch(request, pk)
    newest = Evaluation.objects.filter(
        version=evaluation.version_id, kind=evaluation.kind, dataset_role=evaluation.dataset_role
    ).first()
    context = {
        "evaluation": evaluation,
        "version": evaluation.version,
        "shown": present(evaluation),
        "charts": draw_charts(evaluation),
        "chart_colours": runner.chart_colours(),
        "specification": json.dumps(evaluation.spec, indent=1, ensure_ascii=False),
        "newer": newest if newest and newest.pk != evaluation.pk else None,
        "may_request": may(actor_of(request), "request_evaluation", evaluation.version.model.project),
        "gap": read_gap(evaluation, read_result(evaluation)),
    }
    return render(request, "evaluations/evaluation.html", context)


@require_GET
def watch(request: HttpRequest, pk: int) -> HttpResponse:
    """The line that says how far an evaluation has come; once it has ended the whole page is asked for again."""
    evaluation = _fetch(request, pk)
    if evaluation.is_finished:
        return HttpResponseClientRefresh()
    return render(request, "evaluations/_progress.html", {"evaluation": evaluation})


def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel an evaluation that waits or runs; its page has the button."""
    evaluation = _fetch(request, pk)
    if request.method != "POST":
        return redirect("pages:evaluation", pk)
    form = PageForm(request.POST)
    if perform(request, form, lambda: evaluations.cancel_evaluation(evaluation, actor=actor_of(request))):
        messages.success(request, _("%(evaluation)s was cancelled.") % {"evaluation": evaluation})
        return redirect("pages:evaluation", pk)
    return render(
        request, "evaluations/not_cancelled.html", {"form": form, "evaluation": evaluation}, status=form.status
    )


def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for an evaluation of submitted evidence, by its fields or by its whole specification."""
    version, actor = get_version(request, pk), actor_of(request)
    kind = request.POST.get("kind") or request.GET.get("kind", EvaluationKind.BIAS_AUDIT)
    kind = kind if kind in FORMS else EvaluationKind.BIAS_AUDIT
    form = FORMS[kind](request.POST or None, version=version)
    if request.method == "POST" and not form.wants_row:
        evaluation = perform(
            request, form, lambda: evaluations.request_evaluation(version, **form.given(), actor=actor)
        )
        if evaluation is not None:
            messages.success(request, _("%(evaluation)s is queued.") % {"evaluation": evaluation})
            return redirect("pages:evaluation", evaluation.pk)
    context = {
        "version": version,
        "form": form,
        "kind": EvaluationKind(kind),
        "words": runner.vocabulary(),
        "sandbox_trouble": runner.find_sandbox_trouble(),
        "has_evidence": version.evidence.current().filter(kind__in=runner.EVIDENCE_FOR[kind]).exists(),
    }
    return render(request, "evaluations/new.html", context, status=form.status)
