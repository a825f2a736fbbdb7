"""The audit log: read, narrowed, and checked entry by entry."""

from __future__ import annotations

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from governance import auditlog
from governance.checkpoints import served_note
from governance.exceptions import NotSealedYet
from governance.log_verification import verify_recent
from governance.models import AuditLogEntry, Checkpoint, Project, TimeStamp
from governance.receipts import receipt_for, trust_file
from governance.signer_files import read_vkey
from governance.time_stamps import REPLY_TYPE
from portal.actors import actor_of
from portal.log_sentences import read_body, tell, title_of
from portal.pages.forms.log import LogFilterForm
from portal.pages.keyset import read_page
from portal.pages.log_health import read_log_health, read_trust_for_page
from portal.pages.log_subjects import link_subjects
from portal.pages.proofs import read_proof, verify_command

CHECKED_AT_ONCE = 200
PLAIN = "text/plain; charset=utf-8"


@require_safe
def list_entries(request: HttpRequest) -> HttpResponse:
    user = actor_of(request).user
    form = LogFilterForm(request.GET, projects=Project.objects.visible_to(user))
    entries = form.narrow(AuditLogEntry.objects.visible_to(user)).select_related("actor", "project")
    page = read_page(request, entries)
    context = {
        "form": form,
        "page": page,
        "rows": [(entry, tell(entry), title_of(entry.type)) for entry in page.rows],
        "health": read_log_health(),
        "vkey": read_vkey(),
    }
    return render(request, "log/log.html", context)


@require_safe
def show_entry(request: HttpRequest, index: int) -> HttpResponse:
    """The exact entry, its sentence, and its proof computed again."""
    entry = _fetch(request, index)
    body = read_body(entry)
    context = {
        "entry": entry,
        "body": body,
        "sentence": tell(entry),
        "title": title_of(entry.type),
        "raw": bytes(entry.body).decode(errors="replace"),
        "pretty": json.dumps(body, indent=2, ensure_ascii=False) if body else "",
        "subjects": link_subjects(body) if body else [],
        "proof": read_proof(entry),
        "vkey": read_vkey(),
        "verify_command": verify_command("DOCUMENT", f"entry-{index}.receipt.json"),
        "leaf_command": f"(printf '\\0'; cat entry-{index}.json) | sha256sum",
    }
    return render(request, "log/entry.html", context)


@require_safe
def download_receipt(request: HttpRequest, index: int) -> JsonResponse:
    """The entry's receipt, by which it is checked offline."""
    entry = _fetch(request, index)
    try:
        receipt: dict[str, Any] = receipt_for(entry.index)
    except NotSealedYet as waiting:
        raise Http404(waiting.message) from waiting
    answer = JsonResponse(receipt, json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = f'attachment; filename="entry-{entry.index}.receipt.json"'
    return answer


@require_safe
def download_body(request: HttpRequest, index: int) -> HttpResponse:
    """The exact bytes that were hashed."""
    entry = _fetch(request, index)
    answer = HttpResponse(bytes(entry.body), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="entry-{entry.index}.json"'
    return answer


@require_safe
def list_checkpoints(request: HttpRequest) -> HttpResponse:
    """Signed sizes and roots. They say nothing of any project, so everybody signed in may keep them."""
    return _render_checkpoints(request, {})


@require_POST
def verify_newest(request: HttpRequest) -> HttpResponse:
    """Hash the newest entries again up to the signed root: bounded work. The whole log is ``manage.py verify_log``."""
    result = {"verification": verify_recent(CHECKED_AT_ONCE), "verified_at": timezone.now()}
    if request.headers.get("HX-Request"):
        return render(request, "log/_verification.html", {**result, "limit": CHECKED_AT_ONCE})
    return _render_checkpoints(request, result)


def _render_checkpoints(request: HttpRequest, result: dict[str, Any]) -> HttpResponse:
    page = read_page(request, Checkpoint.objects.select_related("time_stamp").prefetch_related("cosignatures"))
    context = {
        **result,
        "limit": CHECKED_AT_ONCE,
        "page": page,
        "rows": [(checkpoint, bytes(checkpoint.root).hex()) for checkpoint in page.rows],
        "health": read_log_health(),
        "trust": read_trust_for_page(),
    }
    return render(request, "log/checkpoints.html", context)


@require_safe
def show_checkpoint(request: HttpRequest, size: int | None = None) -> HttpResponse:
    """A checkpoint's note as it was signed: the newest, or the one of a given size."""
    if size is not None:
        checkpoint: Checkpoint | None = get_object_or_404(Checkpoint, pk=size)
    else:
        checkpoint = auditlog.latest_checkpoint()
    if checkpoint is None:
        raise Http404("No checkpoint has been signed yet.")
    return HttpResponse(served_note(checkpoint), content_type=PLAIN)


@require_safe
def download_time_stamp(request: HttpRequest, size: int) -> HttpResponse:
    """What the time-stamp authority answered over a checkpoint, for `openssl ts -verify`."""
    stamp = get_object_or_404(TimeStamp, checkpoint=size)
    answer = HttpResponse(bytes(stamp.response), content_type=REPLY_TYPE)
    answer["Content-Disposition"] = f'attachment; filename="checkpoint-{size}.tsr"'
    return answer


@require_safe
def download_trust(request: HttpRequest) -> HttpResponse:
    """The trust file, by which the offline verifier knows the log's keys and witnesses."""
    try:
        text = trust_file()
    except NotSealedYet as waiting:
        raise Http404(waiting.message) from waiting
    answer = HttpResponse(text, content_type="application/json")
    answer["Content-Disposition"] = 'attachment; filename="log.trust.json"'
    return answer


def _fetch(request: HttpRequest, index: int) -> AuditLogEntry:
    visible = AuditLogEntry.objects.visible_to(actor_of(request).user)
    return get_object_or_404(visible.select_related("actor", "project"), pk=index)
