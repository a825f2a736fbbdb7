"""The questionnaire of a version, answered one question at a time by whoever knows, and that of the organisation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance import store
from governance.actions import answers
from governance.exceptions import GovernanceError
from governance.fact_areas import is_signed
from governance.facts import read_facts_of
from governance.frameworks.vocabulary import FactKind
from governance.frameworks_in_force import frameworks_in_force
from governance.lifecycle import TRANSITIONS
from governance.models import Answer, ModelVersion
from governance.permissions import may
from portal.actors import actor_of
from portal.pages.coverage import VersionCoverage, add_serves
from portal.pages.forms.answers import AnswerForm, slug_of
from portal.pages.forms.base import PageForm
from portal.pages.guard import require
from portal.pages.perform import no_store, perform, posted
from portal.pages.questions import Area, Question, count, find_deciding, find_lacking, list_areas
from portal.pages.views.versions import Page, get_version


@dataclass
class Sheet:
    """The questionnaire as one reader opened it; of the organisation where there is no version."""

    request: HttpRequest
    version: ModelVersion | None

    @cached_property
    def page(self) -> Page:
        assert self.version is not None  # noqa: S101 - asked only where there is one
        return Page(self.version, actor_of(self.request))

    @cached_property
    def areas(self) -> list[Area]:
        if self.version is not None:
            whole = VersionCoverage(self.page.reading, self.page.verbs, self.version.pk)
            return list_areas(
                whole.serves,
                whole.kinds,
                whole.recorded,
                find_lacking(whole.coverages),
                version=self.version,
                deciding=find_deciding(whole.coverages),
            )
        serves: dict[str, dict[str, list[str]]] = {}
        kinds: dict[str, FactKind] = {}
        for framework in frameworks_in_force().values():
            add_serves(serves, framework)
            kinds |= {fact: framework.fact(fact) for fact in serves if fact not in kinds}
        # What this portal says of itself it says of every version alike.
        newest = ModelVersion.objects.visible_to(actor_of(self.request).user).order_by("-pk").first()
        recorded = read_facts_of(newest) if newest is not None else {}
        return list_areas(serves, kinds, recorded, frozenset(), version=None)

    @property
    def may_answer(self) -> bool:
        actor = actor_of(self.request)
        if self.version is None:
            return may(actor, "answer_for_organisation", None)
        return "answer_fact" in self.page.verbs

    @cached_property
    def evidence(self) -> dict[int, str] | None:
        if self.version is None:
            return None
        rows = self.version.evidence.current().order_by("-pk").values_list("pk", "title")
        return {pk: f"{title} ({pk})" for pk, title in rows}

    def is_locked(self, question: Question) -> bool:
        """Whether the answer is part of what was signed for a version that nobody changes any more."""
        if self.version is None or not is_signed(question.kind.id):
            return False
        return ("amend", self.version.state) not in TRANSITIONS

    def find(self, fact: str) -> tuple[Area, Question]:
        for area in self.areas:
            for question in area.questions:
                if question.kind.id == fact:
                    return area, question
        raise Http404

    def make_form(self, question: Question, data: Any = None, files: Any = None) -> AnswerForm:
        answer = question.answer
        return AnswerForm(
            data,
            files,
            kind=question.kind,
            answer=answer.value if answer is not None else None,
            evidence=self.evidence,
            chosen=answer.evidence_id if answer is not None else None,
            takes_file=self.version is None,
        )

    def draw(self, question: Question, form: AnswerForm | None = None) -> dict[str, Any]:
        """What the part of a page that is one question needs."""
        fact = question.kind.id
        is_open = self.may_answer and not self.is_locked(question)
        if self.version is None:
            url, carry_url = reverse("pages:organisation-question", args=[fact]), ""
        else:
            url = reverse("pages:question", args=[self.version.pk, fact])
            carry_url = reverse("pages:question-carry-over", args=[self.version.pk, fact])
        return {
            "question": question,
            "slug": slug_of(fact),
            "url": url,
            "carry_url": carry_url,
            "form": (form or self.make_form(question)) if is_open else None,
            "is_locked": self.is_locked(question),
        }


def open_sheet(request: HttpRequest, pk: int | None) -> Sheet:
    return Sheet(request, get_version(request, pk) if pk is not None else None)


@require_safe
@no_store
def show_questions(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """One area of the questionnaire, with the progress of all."""
    sheet = open_sheet(request, pk)
    wanted = request.GET.get("area", "")
    # Without a wish: where somebody still has to answer something.
    beginning = next((area for area in sheet.areas if area.answered < area.total), None)
    area = next((one for one in sheet.areas if one.id == wanted), beginning or next(iter(sheet.areas), None))
    context = {
        **_frame(sheet, area),
        "questions": [sheet.draw(question) for question in area.questions] if area is not None else [],
        "upload_limit": settings.COUNTERSIGN_UPLOAD_LIMIT,
    }
    return render(request, "questions/questions.html", context)


def _frame(sheet: Sheet, area: Area | None) -> dict[str, Any]:
    """What stands around the questions."""
    version = sheet.version
    return {
        "version": version,
        "area": area,
        "areas": sheet.areas,
        "progress": count(sheet.areas),
        "may_answer": sheet.may_answer,
        "is_before_reviewers": version is not None and version.state in ("IN_REVIEW", "APPROVED"),
        "address": reverse("pages:questions", args=[version.pk])
        if version is not None
        else reverse("pages:organisation-questions"),
        "carry_all_url": reverse("pages:questions-carry-over", args=[version.pk]) if version is not None else "",
    }


@no_store
@require_http_methods(["GET", "POST"])
def answer_question(request: HttpRequest, fact: str, pk: int | None = None) -> HttpResponse:
    """One question by itself. A post records the answer; with htmx only the question comes back."""
    sheet = open_sheet(request, pk)
    area, question = sheet.find(fact)
    form = sheet.make_form(question, posted(request), request.FILES or None)
    if request.method == "POST":
        recorded = perform(request, form, lambda: _record(sheet, form))
        if recorded is not None:
            return _show_saved(request, pk, area, question)
    return _show_question(request, sheet, area, question, form)


def _record(sheet: Sheet, form: AnswerForm) -> Answer:
    """Record what the form holds. An id of evidence that is not offered is refused by the action."""
    given: dict[str, Any] = {"fact": form.kind.id, "value": form.given()}
    file = form.cleaned_data.get("file")
    if file is not None:
        given |= {"document": file.chunks(), "file_name": file.name}
    chosen = form.cleaned_data.get("evidence")
    if chosen and sheet.version is not None:
        given["evidence"] = sheet.version.evidence.get(pk=int(chosen))
    return answers.record_answer(sheet.version, **given, actor=actor_of(sheet.request))


def _show_question(
    request: HttpRequest, sheet: Sheet, area: Area, question: Question, form: AnswerForm | None = None
) -> HttpResponse:
    drawn = sheet.draw(question, form)
    if form is not None and form.is_bound:
        drawn["form"] = form
    context = {**_frame(sheet, area), "drawn": drawn, "upload_limit": settings.COUNTERSIGN_UPLOAD_LIMIT}
    is_part = request.headers.get("HX-Request") and request.method == "POST"
    template = "questions/_saved.html" if is_part else "questions/question.html"
    return render(request, template, context, status=form.status if form is not None else 200)


def _show_saved(request: HttpRequest, pk: int | None, area: Area, question: Question) -> HttpResponse:
    """The question as it stands now, with the progress; without htmx, back to the page it stands on."""
    if not request.headers.get("HX-Request"):
        messages.success(request, _("Recorded: %(what)s.") % {"what": question.kind.text})
        address = reverse("pages:questions", args=[pk]) if pk is not None else reverse("pages:organisation-questions")
        return redirect(f"{address}?area={area.id}#q-{slug_of(question.kind.id)}")
    sheet = open_sheet(request, pk)
    area, question = sheet.find(question.kind.id)
    return _show_question(request, sheet, area, question)


@no_store
@require_http_methods(["GET", "POST"])
def carry_over(request: HttpRequest, pk: int, fact: str) -> HttpResponse:
    """Confirm for this version what the former one answered. Its address by itself leads to the question."""
    sheet = open_sheet(request, pk)
    if request.method != "POST":
        return redirect("pages:question", pk, fact)
    area, question = sheet.find(fact)
    assert sheet.version is not None  # noqa: S101 - the address names one
    version, form = sheet.version, PageForm(request.POST)
    confirmed = perform(request, form, lambda: answers.carry_over_answer(version, fact=fact, actor=actor_of(request)))
    if confirmed is not None:
        return _show_saved(request, pk, area, question)
    shown = sheet.make_form(question, {})
    shown.full_clean()
    shown.errors.clear()
    if form.refusal is not None:
        shown.refuse(form.refusal, form.status)
    return _show_question(request, sheet, area, question, shown)


@require_http_methods(["GET", "POST"])
def carry_over_area(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm everything on one page that the former version answered: each answer is an entry of its own."""
    sheet = open_sheet(request, pk)
    if request.method != "POST":
        return redirect("pages:questions", pk)
    area = next((one for one in sheet.areas if one.id == request.POST.get("area", "")), None)
    if area is None or sheet.version is None:
        raise Http404
    require(actor_of(request), "answer_fact", sheet.version.model.project)
    confirmed = 0
    try:
        for question in area.questions:
            if question.can_be_confirmed:
                answers.carry_over_answer(sheet.version, fact=question.kind.id, actor=actor_of(request))
                confirmed += 1
    except GovernanceError as refusal:
        messages.error(request, refusal.message)
    if confirmed:
        messages.success(request, _("%(count)d answers are confirmed for this version.") % {"count": confirmed})
    return redirect(reverse("pages:questions", args=[pk]) + f"?area={area.id}")


@require_safe
@no_store
def download_document(request: HttpRequest, pk: int) -> FileResponse:
    """A document of the organisation, as a download and never as a page."""
    found = get_object_or_404(
        Answer.objects.visible_to(actor_of(request).user).select_related("file"), pk=pk, version=None
    )
    if found.file is None:
        raise Http404
    path = store.path_of(found.file.digest)
    if not path.exists():
        raise Http404("The stored file is missing from the evidence store.")
    answer = FileResponse(
        path.open("rb"), as_attachment=True, filename=found.file_name, content_type="application/octet-stream"
    )
    answer["ETag"] = f'"{found.file.digest}"'
    return answer
