"""The pages' addresses. Every page asks for a signed-in person; the few open ones say so at their view."""

from __future__ import annotations

from django.urls import URLPattern, path  # noqa: F401  (until the first page is listed)

app_name = "pages"

# --- Signing in, home, datasets, reports, log, tokens, projects, people -------------------------------------
FRONT: list[URLPattern] = []

# --- Models, versions, sign-off, evidence, evaluations ------------------------------------------------------
MODELS: list[URLPattern] = []

urlpatterns = [*FRONT, *MODELS]
