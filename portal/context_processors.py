"""What every page needs around its content: the navigation and who is looking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from governance.models.people import Membership, Role


class Entry(NamedTuple):
    """A line of the side navigation. ``also``: beginnings of addresses that belong under it."""

    label: str | Promise
    icon: str
    url_name: str
    also: tuple[str, ...] = ()
    for_administrators: bool = False


@dataclass(frozen=True)
class NavigationItem:
    label: str | Promise
    icon: str
    url: str
    is_current: bool


RECORDS = (
    Entry(_("Home"), "home", "pages:home"),
    Entry(_("Models"), "cube", "pages:models", also=("/versions/", "/evidence/", "/evaluations/")),
    Entry(_("Datasets"), "database", "pages:datasets"),
    Entry(_("In use"), "rocket", "pages:in-use", also=("/findings/", "/emergencies/")),
    Entry(_("Frameworks"), "book", "pages:frameworks", also=("/organisation/",)),
    Entry(_("Reports"), "file-certificate", "pages:reports"),
    Entry(_("Audit log"), "list-details", "pages:log"),
)
WORKSHOP = (
    Entry(_("Projects"), "building", "pages:projects"),
    Entry(_("People"), "users", "pages:people", for_administrators=True),
    Entry(_("API tokens"), "key", "pages:tokens"),
    Entry(_("API documentation"), "code", "api-documentation"),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return what base.html draws around a page. Lazy: a fragment that shows no frame asks nothing."""
    return {
        "navigation": SimpleLazyObject(lambda: build_navigation(request, RECORDS)),
        "workshop": SimpleLazyObject(lambda: build_navigation(request, WORKSHOP)),
        "viewer_roles": SimpleLazyObject(lambda: list_roles(request)),
    }


def build_navigation(request: HttpRequest, entries: tuple[Entry, ...]) -> list[NavigationItem]:
    """Return the entries this person may use, and which of them the page at hand stands under."""
    is_administrator = getattr(request.user, "is_organisation_administrator", False)
    items = []
    for entry in entries:
        if entry.for_administrators and not is_administrator:
            continue
        try:
            url = reverse(entry.url_name)
        except NoReverseMatch:
            continue
        beginnings = entry.also if url == "/" else (url, *entry.also)
        is_current = request.path == url or request.path.startswith(beginnings)
        items.append(NavigationItem(entry.label, entry.icon, url, is_current))
    return items


def list_roles(request: HttpRequest) -> list[str]:
    """Return the viewer's roles over all projects, each once, in the order of ``Role``."""
    if not request.user.is_authenticated:
        return []
    held = set(
        Membership.objects.current()
        .filter(user_id=request.user.pk)
        .order_by()
        .values_list("role", flat=True)
        .distinct()
    )
    if request.user.is_organisation_administrator:
        held.add(Role.ADMINISTRATOR.value)
    return [str(role.label) for role in Role if role.value in held]
