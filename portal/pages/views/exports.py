"""The log to take away: what somebody may export, and the program that checks it without the portal."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from governance import auditlog
from governance.exceptions import InvalidInput, NotSealedYet
from governance.exporting import export_log
from governance.models import Membership, Project
from governance.permissions import RULES, may
from governance.signer_files import read_vkey
from portal.actors import actor_of
from portal.exports import begun_size, send_export, send_verifier
from portal.pages.guard import require
from portal.pages.proofs import trust_words


@require_safe
def show_exports(request: HttpRequest) -> HttpResponse:
    """What there is to download for whoever asks, and how to check it."""
    actor = actor_of(request)
    may_export_all = may(actor, "export_log", None)
    projects = Project.objects.visible_to(actor.user)
    if not may_export_all:
        held = Membership.objects.current().filter(user=actor.user, role__in=RULES["export_log"].roles)
        projects = projects.filter(pk__in=held.values("project"))
    context = {
        "may_export_all": may_export_all,
        "projects": list(projects),
        "checkpoint": auditlog.latest_checkpoint(),
        "vkey": read_vkey(),
        "verify_command": f"python verifier.py export countersign-log.tar {trust_words()}",
    }
    return render(request, "log/exports.html", context)


@require_safe
def download_log(request: HttpRequest, pk: int | None = None) -> HttpResponseBase:
    """The archive, as of the newest checkpoint, or of the one that a broken download had begun with."""
    actor = actor_of(request)
    project = None
    if pk is not None:
        project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    require(actor, "export_log", project)
    try:
        return send_export(request, export_log(project=project, size=begun_size(request), actor=actor))
    except (NotSealedYet, InvalidInput) as missing:
        raise Http404(missing.message) from None


@login_not_required
@require_safe
def download_verifier(request: HttpRequest) -> HttpResponse:
    """Whoever was handed an attestation or a report may check it, without an account here."""
    return send_verifier()
