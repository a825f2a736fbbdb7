"""Evidence: one item, its file, and submitting another."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_safe

from governance import runner, store
from governance.actions import evidence as evidence_actions
from governance.evidence_content import NEEDS_FILE
from governance.models import Evidence, EvidenceKind
from governance.permissions import may
from governance.policies_in_force import bound_policy
from portal.actors import actor_of
from portal.pages.forms.evidence import FORMS
from portal.pages.perform import go_to, no_store, perform
from portal.pages.results.reproductions import present_rerun
from portal.pages.views.versions import get_version

DESCRIPTIONS = {
    EvidenceKind.METRICS: gettext_lazy(
        "Numbers you claim. An audit recomputes what it can and shows where it differs."
    ),
    EvidenceKind.PREDICTIONS: gettext_lazy(
        "CSV or Parquet with true label, prediction and sensitive columns, row by row."
    ),
    EvidenceKind.CELLS: gettext_lazy(
        "Predictions counted where they live: distinct combinations with their numbers of rows, no single row."
    ),
    EvidenceKind.ATTRIBUTIONS: gettext_lazy(
        "CSV or Parquet with SHAP values, base value and model output, row by row."
    ),
    EvidenceKind.MODEL_DOCUMENT: gettext_lazy(
        "A linear, additive or tree model as plain JSON, from which the portal recomputes explanations."
    ),
    EvidenceKind.ONNX_MODEL: gettext_lazy("A model in ONNX; explained in the sandbox where the operator allows it."),
    EvidenceKind.TABLE: gettext_lazy("Rows of a dataset as CSV or Parquet, for a data-quality profile or a join."),
    EvidenceKind.REPRODUCTION: gettext_lazy("Metrics of the recorded training, run again."),
    EvidenceKind.DOCUMENT: gettext_lazy("A model card, a paper, minutes of a meeting."),
    EvidenceKind.VALIDATION_REPORT: gettext_lazy("What an independent validation found."),
    EvidenceKind.TEST_REPORT: gettext_lazy("JUnit XML of the serving code's tests; its counts can meet criteria."),
    EvidenceKind.LOAD_TEST: gettext_lazy("Response times and error rate under load."),
    EvidenceKind.AB_RESULT: gettext_lazy("Control and treatment with their sizes and means."),
    EvidenceKind.SECURITY_REVIEW: gettext_lazy("Who reviewed the security, and how it ended."),
    EvidenceKind.PRIVACY_REVIEW: gettext_lazy("Who reviewed the use of personal data, and how it ended."),
    EvidenceKind.FILE: gettext_lazy("Any other file, kept by its digest."),
}


@require_GET
@no_store
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """One item with its digest, its two clocks and what superseded it."""
    item = _fetch(request, pk)
    context = {
        "evidence": item,
        # A dict's own .values and .items would stand in a template's way.
        "values": list(((item.content or {}).get("values") or {}).items()),
        "rerun": present_rerun(item.content or {}) if item.kind == EvidenceKind.REPRODUCTION else None,
        "version": item.version,
        "requirements": item.requirements.order_by("pk"),
        "superseded_by": Evidence.objects.filter(supersedes=item).first(),
        "evaluations": item.evaluations.select_related("dataset_version__dataset"),
        "may_submit": may(actor_of(request), "submit_evidence", item.version.model.project),
    }
    return render(request, "evidence/evidence.html", context)


@require_safe
@no_store
def download(request: HttpRequest, pk: int) -> FileResponse:
    """The stored bytes, as a download and never as a page: what was submitted is not ours to run."""
    item = _fetch(request, pk)
    if item.file is None:
        raise Http404("This evidence has no file.")
    path = store.path_of(item.file.digest)
    if not path.exists():
        raise Http404("The stored file is missing from the evidence store.")
    answer = FileResponse(
        path.open("rb"), as_attachment=True, filename=item.file_name, content_type="application/octet-stream"
    )
    answer["ETag"] = f'"{item.file.digest}"'
    return answer


def _fetch(request: HttpRequest, pk: int) -> Evidence:
    visible = Evidence.objects.visible_to(actor_of(request).user)
    related = ("version__model__project", "submitted_by", "file", "supersedes")
    return get_object_or_404(visible.select_related(*related), pk=pk)


def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose a kind of evidence, then submit it."""
    version, actor = get_version(request, pk), actor_of(request)
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    if kind not in FORMS:
        return _choose_kind(request, version)
    form = FORMS[kind](request.POST or None, request.FILES or None, version=version, kind=kind)
    if request.method == "POST" and not form.wants_row:
        item = perform(
            request,
            form,
            lambda: evidence_actions.submit_evidence(version, kind=kind, **form.given(), actor=actor),
        )
        if item is not None:
            messages.success(request, _("“%(title)s” is recorded by its digest.") % {"title": item.title})
            return go_to(request, reverse("pages:version", args=[pk]) + "?tab=evidence")
    context = {
        "version": version,
        "kind": EvidenceKind(kind),
        "form": form,
        "about": DESCRIPTIONS[EvidenceKind(kind)],
        "words": runner.vocabulary(),
        "upload_limit": settings.COUNTERSIGN_UPLOAD_LIMIT,
    }
    return render(request, "evidence/new.html", context, status=form.status)


def _choose_kind(request: HttpRequest, version: Any) -> HttpResponse:
    offered = set(version.evidence.current().values_list("kind", flat=True))
    needed = bound_policy(version).evidence
    kinds = [
        {
            "kind": kind,
            "about": about,
            "has_file": kind in NEEDS_FILE,
            "is_needed": kind in needed,
            "is_offered": kind in offered,
        }
        for kind, about in DESCRIPTIONS.items()
    ]
    kinds.sort(key=lambda item: (not item["is_needed"], item["is_offered"]))
    return render(request, "evidence/kinds.html", {"version": version, "kinds": kinds})
