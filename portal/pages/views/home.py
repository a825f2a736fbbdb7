"""Home: what waits for me, then what happened, what is live, and how the log is."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.models import (
    AuditLogEntry,
    EmergencyRequest,
    FollowUp,
    ModelVersion,
    Project,
    Release,
    ReleaseKind,
    User,
)
from portal.actors import actor_of
from portal.log_sentences import tell
from portal.pages.log_health import read_log_health
from portal.pages.waiting import list_waiting
from portal.pages.waiting_discussion import list_discussion

FIRST_SHOWN = 8
RECENT = 8
LIVE = 8


@require_safe
def show_home(request: HttpRequest) -> HttpResponse:
    user = actor_of(request).user
    waiting = [*list_waiting(user), *list_discussion(user)]
    live = Release.objects.visible_to(user).live().select_related("version__model__project", "promoted_by")
    context = {
        "waiting": waiting[:FIRST_SHOWN],
        "more_waiting": waiting[FIRST_SHOWN:],
        "waiting_count": len(waiting),
        "empty": None if waiting else _read_first_step(user),
        "recent": [(entry, tell(entry)) for entry in _list_recent(user)],
        "live": list(live[:LIVE]),
        "emergencies": list(live.filter(kind=ReleaseKind.EMERGENCY)[:LIVE]),
        "asked_emergencies": list(_list_asked_emergencies(user)),
        "follow_up_count": FollowUp.objects.visible_to(user).open().count(),
        "health": read_log_health(),
    }
    return render(request, "home/home.html", context)


def _list_recent(user: User) -> list[AuditLogEntry]:
    entries = AuditLogEntry.objects.visible_to(user).select_related("project").order_by("-index")
    # The keys are found in an index first: a long log is not read and sorted to show its end.
    return list(entries.filter(pk__in=entries.values("pk")[:RECENT]))


def _list_asked_emergencies(user: User) -> QuerySet[EmergencyRequest]:
    asked = EmergencyRequest.objects.visible_to(user).open().select_related("version__model", "requested_by")
    return asked.order_by("-pk")[:LIVE]


def _read_first_step(user: User) -> str:
    """Which empty state fits: nobody has given me a project, the project is empty, or all is done."""
    if not Project.objects.visible_to(user).exists():
        return "no-project"
    return "done" if ModelVersion.objects.visible_to(user).exists() else "no-version"
