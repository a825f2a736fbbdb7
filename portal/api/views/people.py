"""Who one is, people, tokens."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import people
from governance.models import ApiToken, Membership, User
from portal.api import filters
from portal.api.base import ApiView, empty_answer
from portal.api.serializers.people import CreateToken, CreateUser, Me, NewToken, Reason, TokenShape, UserShape


class MeView(ApiView):
    @extend_schema(operation_id="getMe", responses=Me, tags=["people"])
    def get(self, request: Request) -> Response:
        """Who is asking, by which door, with which roles."""
        user = self.actor.user
        roles = self.visible(Membership.objects.current()).filter(user=user).select_related("project")
        user.authentication = self.actor.authentication  # type: ignore[attr-defined]
        user.token = request.auth  # type: ignore[attr-defined]
        user.roles = roles.order_by("project__name", "role")  # type: ignore[attr-defined]
        return self.answer(Me, user)


class UsersView(ApiView):
    is_list = True
    filters = {"username": filters.text("username"), "is_active": filters.yes_or_no("is_active")}

    @extend_schema(operation_id="listUsers", responses=UserShape(many=True), tags=["people"])
    def get(self, request: Request) -> Response:
        """The people you share a project with; everybody for organisation administrators."""
        return self.page(self.visible(User.objects.all()), UserShape)

    @extend_schema(operation_id="createUser", request=CreateUser, responses={201: UserShape}, tags=["people"])
    def post(self, request: Request) -> Response:
        """Open an account. Organisation administrators only."""
        user = people.create_user(**self.read(CreateUser), actor=self.actor)
        return self.answer(UserShape, user, status=201)


class CloseUserView(ApiView):
    @extend_schema(operation_id="closeUser", request=Reason, responses=UserShape, tags=["people"])
    def post(self, request: Request, pk: int) -> Response:
        """Close an account. It stays in the record; its tokens and sessions end at once."""
        user = self.find(User.objects.all(), pk=pk)
        closed = people.close_user(user, **self.read(Reason), actor=self.actor)
        return self.answer(UserShape, closed)


class TokensView(ApiView):
    is_list = True
    answers_secret = True

    @extend_schema(operation_id="listTokens", responses=TokenShape(many=True), tags=["people"])
    def get(self, request: Request) -> Response:
        """Your own tokens, without their secrets."""
        return self.page(self.visible(ApiToken.objects.select_related("project")), TokenShape)

    @extend_schema(operation_id="createToken", request=CreateToken, responses={201: NewToken}, tags=["people"])
    def post(self, request: Request) -> Response:
        """Make a token. Only for a signed-in person; the secret is in this answer and nowhere else."""
        token, secret = people.create_token(**self.read(CreateToken), actor=self.actor)
        token.secret = secret  # type: ignore[attr-defined]
        return self.answer(NewToken, token, status=201)


class TokenView(ApiView):
    @extend_schema(operation_id="revokeToken", request=None, responses={204: None}, tags=["people"])
    def delete(self, request: Request, pk: int) -> HttpResponse:
        """Revoke a token at once."""
        people.revoke_token(self.find(ApiToken.objects.all(), pk=pk), actor=self.actor)
        return empty_answer()
