"""What is taken away and checked without the portal: the log, attestations, and the program that checks them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from governance import auditlog
from governance.actions.log import export_log
from governance.exceptions import InvalidInput, NotSealedYet
from governance.models import Membership, Project, Release
from governance.permissions import RULES, may
from governance.receipts import attestation_bundle
from governance.signer_files import read_vkey
from portal.actors import actor_of
from portal.exports import begun_size, send_export, send_verifier
from portal.pages.guard import require
from portal.pages.perform import no_store
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


@require_safe
@no_store
def download_attestation(request: HttpRequest, pk: int) -> HttpResponse:
    """The signed statement by which a release may run, with its receipt: for whoever checks it offline."""
    release = get_object_or_404(Release.objects.visible_to(actor_of(request).user), pk=pk)
    try:
        bundle = attestation_bundle(release)
    except NotSealedYet as waiting:
        raise Http404(waiting.message) from None
    answer = JsonResponse(bundle, json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = f'attachment; filename="release-{release.pk}.attestation.json"'
    return answer


@login_not_required
@require_safe
def download_verifier(request: HttpRequest) -> HttpResponse:
    """Whoever was handed an attestation or a report may check it, without an account here."""
    return send_verifier()
