"""Every address of the portal; each part of the front desk keeps its own list."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from portal.health import show_health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", show_health, name="healthz"),
    path("api/v1/", include("portal.api.urls")),
    path("", include("portal.pages.urls")),
]
