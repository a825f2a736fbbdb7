"""Discussions of a dossier: remarks, questions, answers."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import discussion
from governance.models import Remark
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.discussion import RemarkShape, ResolveQuestion, WriteRemark
from portal.api.views.versions import VERSIONS

REMARKS = Remark.objects.select_related("author", "resolved_by", "version__model__project").prefetch_related("mentions")


class RemarksView(ApiView):
    is_list = True
    filters = {
        "item_key": filters.text("item_key"),
        "is_question": filters.yes_or_no("is_question"),
        "is_open": filters.yes_or_no("resolved_at__isnull", "Together with is_question: whether it is unresolved."),
    }

    @extend_schema(operation_id="listRemarks", responses=RemarkShape(many=True), tags=["discussion"])
    def get(self, request: Request, pk: int) -> Response:
        version = self.find(VERSIONS, pk=pk)
        return self.page(self.visible(REMARKS).filter(version=version), RemarkShape)

    @extend_schema(operation_id="writeRemark", request=WriteRemark, responses={201: RemarkShape}, tags=["discussion"])
    def post(self, request: Request, pk: int) -> Response:
        """Say or ask something about an item of the dossier. It stays, and makes nobody a contributor."""
        version = self.find(VERSIONS, pk=pk)
        written = discussion.write_remark(version, **self.read(WriteRemark), actor=self.actor)
        return self.answer(RemarkShape, self.find(REMARKS, pk=written.pk), status=201)


class ResolveQuestionView(ApiView):
    @extend_schema(operation_id="resolveQuestion", request=ResolveQuestion, responses=RemarkShape, tags=["discussion"])
    def post(self, request: Request, pk: int) -> Response:
        """Close a question: whoever asked it, or with a reason an approver without a part in it. No token does."""
        question = self.find(REMARKS, pk=pk)
        discussion.resolve_question(question, **self.read(ResolveQuestion), actor=self.actor)
        return self.answer(RemarkShape, self.find(REMARKS, pk=pk))
