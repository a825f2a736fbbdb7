"""Speaking about a dossier: remarks, questions, answers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from governance.actions import discussion
from governance.models import Remark
from portal.actors import actor_of
from portal.pages.forms.discussion import AnswerForm, RemarkForm, ResolveForm
from portal.pages.perform import perform, posted
from portal.pages.views.versions import Page, get_version

GET_OR_POST = require_http_methods(["GET", "POST"])


@GET_OR_POST
def write(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin a thread about an item of the dossier."""
    page = Page(get_version(request, pk), actor_of(request))
    form = RemarkForm(posted(request), items=page.items, initial={"item": request.GET.get("item", "dossier")})
    if request.method == "POST":
        written = perform(request, form, lambda: _write(page, form))
        if written is not None:
            return redirect(_thread_url(written))
    return render(request, "discussion/write.html", {"version": page.version, "form": form}, status=form.status)


def _write(page: Page, form: RemarkForm) -> Remark:
    given = form.cleaned_data
    return discussion.write_remark(
        page.version,
        item_key=given["item"],
        text=given["text"],
        is_question=given["is_question"],
        actor=page.actor,
    )


@GET_OR_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer in a thread."""
    root = _find_root(request, pk)
    form = AnswerForm(posted(request))
    if request.method == "POST":
        written = perform(
            request,
            form,
            lambda: discussion.write_remark(
                root.version, text=form.cleaned_data["text"], parent=root, actor=actor_of(request)
            ),
        )
        if written is not None:
            return redirect(_thread_url(root))
    return render(request, "discussion/answer.html", _context(root, form), status=form.status)


@GET_OR_POST
def resolve(request: HttpRequest, pk: int) -> HttpResponse:
    """Close a question."""
    root, actor = _find_root(request, pk), actor_of(request)
    form = ResolveForm(posted(request), is_own=root.author.person_key == actor.user.person_key)
    if request.method == "POST":
        resolved = perform(
            request,
            form,
            lambda: discussion.resolve_question(root, resolution=form.cleaned_data["resolution"], actor=actor),
        )
        if resolved is not None:
            messages.success(request, _("The question is resolved."))
            return redirect(_thread_url(root))
    return render(request, "discussion/resolve.html", _context(root, form), status=form.status)


def _find_root(request: HttpRequest, pk: int) -> Remark:
    visible = Remark.objects.visible_to(actor_of(request).user).filter(parent=None)
    return get_object_or_404(visible.select_related("author", "version__model__project"), pk=pk)


def _context(root: Remark, form: AnswerForm | ResolveForm) -> dict[str, object]:
    return {"version": root.version, "root": root, "form": form}


def _thread_url(remark: Remark) -> str:
    return f"{reverse('pages:version', args=[remark.version_id])}?tab=discussion#remark-{remark.pk}"
