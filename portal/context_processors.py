"""What every page needs around its content: the navigation and who is looking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from governance.models.people import Membership, Role


@dataclass(frozen=True)
class NavigationItem:
    label: str | Promise
    icon: str
    url: str
    is_current: bool


# label, icon, URL name, for administrators only
RECORDS = (
    (_("Home"), "home", "pages:home", False),
    (_("Models"), "cube", "pages:models", False),
    (_("Datasets"), "database", "pages:datasets", False),
    (_("Reports"), "file-certificate", "pages:reports", False),
    (_("Audit log"), "list-details", "pages:log", False),
)
WORKSHOP = (
    (_("Projects"), "building", "pages:projects", False),
    (_("People"), "users", "pages:people", True),
    (_("API tokens"), "key", "pages:tokens", False),
    (_("API documentation"), "book", "api-documentation", False),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return what base.html draws around a page. Lazy: a fragment that shows no frame asks nothing."""
    return {
        "navigation": SimpleLazyObject(lambda: build_navigation(request, RECORDS)),
        "workshop": SimpleLazyObject(lambda: build_navigation(request, WORKSHOP)),
        "viewer_roles": SimpleLazyObject(lambda: list_roles(request)),
    }


def build_navigation(
    request: HttpRequest, entries: tuple[tuple[str | Promise, str, str, bool], ...]
) -> list[NavigationItem]:
    """Return the entries this person may use; the longest address that fits is the current one."""
    is_administrator = getattr(request.user, "is_organisation_administrator", False)
    items = []
    for label, icon, url_name, for_administrators in entries:
        if for_administrators and not is_administrator:
            continue
        try:
            url = reverse(url_name)
        except NoReverseMatch:
            continue
        is_current = request.path == url or (url != "/" and request.path.startswith(url))
        items.append(NavigationItem(label, icon, url, is_current))
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
