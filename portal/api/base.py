"""What every API view shares: who asks, what they may see, strict input, one way to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from rest_framework.exceptions import NotFound
from rest_framework.fields import empty
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from governance.actors import API_TOKEN, Actor
from governance.exceptions import NotPermitted
from governance.permissions import READ
from portal.actors import actor_of, renew_session, request_id_of
from portal.api.answers import answered_once
from portal.api.etags import make_etag
from portal.api.filters import PAGE_PARAMETERS, Filter, apply_filters, refuse_unknown
from portal.api.pagination import KeysetPagination
from portal.api.parsers import LengthRequired, LimitedUploadHandler
from portal.api.visible import rows_visible_to

Row = TypeVar("Row", bound=Model)
WRITES = ("post", "put", "patch", "delete")


class OneRepresentation(DefaultContentNegotiation):
    """Every resource has one representation, so ``Accept`` chooses nothing."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """``filters``: the query parameters of GET. ``answers_secret``: the answer to a write is never kept.

    ``takes_proof`` is set once the body has brought a proof of who signs: the session then gets another key.
    """

    content_negotiation_class = OneRepresentation
    pagination_class = KeysetPagination
    metadata_class = None
    filters: ClassVar[Mapping[str, Filter]] = {}
    is_list: ClassVar[bool] = False
    answers_secret: ClassVar[bool] = False
    sends_revision: ClassVar[bool] = False
    takes_proof = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in WRITES:
            if name in cls.__dict__:
                setattr(cls, name, answered_once(cls.__dict__[name]))

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Before anything may read the body: session sign-in looks for a CSRF token in it.
        request.upload_handlers = [LimitedUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.actor: Actor = actor_of(request)
        if request.method in ("GET", "HEAD"):
            self._check_reading(request)
        elif "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
        else:
            refuse_unknown(frozenset(), request)

    def _check_reading(self, request: Request) -> None:
        if self.actor.authentication == API_TOKEN and READ not in (self.actor.scopes or ()):
            raise NotPermitted("This token lacks the scope “read”.", code="scope_missing")
        refuse_unknown(frozenset(self.filters) | (PAGE_PARAMETERS if self.is_list else frozenset()), request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.takes_proof and response.status_code < 400:
            renew_session(request)
        response["X-Request-Id"] = request_id_of(request)
        response["Cache-Control"] = "no-store"
        response["Vary"] = "Authorization, Cookie"
        return response

    def visible(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        return rows_visible_to(self.actor, rows)

    def find(self, rows: QuerySet[Row], **lookup: Any) -> Row:
        """The one visible row, or the 404 that a missing row gets as well."""
        found = self.visible(rows).filter(**lookup).first()
        if found is None:
            raise NotFound
        return found

    def read(self, shape: type[BaseSerializer[Any]], data: Any = empty) -> dict[str, Any]:
        """The request's body, or ``data`` read from it, checked against the shape."""
        given = shape(data=self.request.data if data is empty else data, context={"view": self})
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = given.validated_data
        return values

    def page(self, rows: QuerySet[Any], shape: type[BaseSerializer[Any]]) -> Response:
        """One page of the rows, filtered by the view's filters."""
        paginator = self.pagination_class()
        found = paginator.paginate_queryset(apply_filters(rows, self.filters, self.request), self.request, self)
        return paginator.get_paginated_response(shape(found, many=True, context={"view": self}).data)

    def answer(
        self,
        shape: type[BaseSerializer[Any]],
        thing: Any,
        *,
        status: int = 200,
        location: str = "",
        revision: int | None = None,
    ) -> Response:
        """The thing in its shape. ``location`` names the URL pattern of a thing that was made."""
        headers = {}
        if location:
            headers["Location"] = self.request.build_absolute_uri(reverse(location, args=[thing.pk]))
        if revision is not None:
            headers["ETag"] = make_etag(revision)
        return Response(shape(thing, context={"view": self}).data, status=status, headers=headers)


def empty_answer() -> HttpResponse:
    return HttpResponse(status=204)
