"""The OpenAPI document and its rendering, and the answer to addresses that are none."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from portal.api.base import ApiView


class SchemaView(SpectacularJSONAPIView):
    """OpenAPI 3.1 as JSON."""


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI from our own files; its script comes by itself, because no page of ours runs inline script."""

    url_name = "api-schema"
    template_name = "api/documentation.html"
    title = "Countersign API"


class NowhereView(ApiView):
    """An address below /api/v1/ that means nothing."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> HttpResponse:
        raise NotFound

    post = put = patch = delete = get
