"""What is recorded of a version against the frameworks: coverage, answers, rulings, signatures on records."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import answers, rulings
from governance.coverage import cover, facts_to_ask
from governance.dossier import collect
from governance.facts import digest_fact, is_asked, read_facts, read_facts_of
from governance.frameworks.judging import Coverage
from governance.frameworks.vocabulary import FactKind, facts
from governance.models import Answer, ControlRuling, FactSignature, ModelVersion
from portal.actors import refuse_locked_out
from portal.api import filters
from portal.api.base import ApiView
from portal.api.filters import read_filters
from portal.api.parsers import StrictJSONParser, UploadParser, read_upload
from portal.api.serializers.frameworks import (
    STATES,
    AnswerForOrganisation,
    CarryOver,
    CoveragesShape,
    FactAnswerShape,
    FactAnswersShape,
    FactSignatureShape,
    GiveAnswers,
    RuleOnControl,
    RulingShape,
    SignablesShape,
    SignFact,
    UploadForOrganisation,
)
from portal.api.views.versions import VERSIONS

ANSWERS = Answer.objects.select_related("answered_by", "evidence", "file")


def newest_answers() -> QuerySet[Answer]:
    return ANSWERS.filter(pk__in=Answer.objects.newest().values("pk"))


class CoverageView(ApiView):
    filters = {
        "framework": filters.text("framework", "A framework's key: only it, with its controls."),
        "state": filters.choice("state", STATES, "Controls in this state only."),
    }

    @extend_schema(operation_id="getCoverage", responses=CoveragesShape, tags=["frameworks"])
    def get(self, request: Request, pk: int) -> Response:
        """What is recorded about the version against each framework in force, gaps and what they need."""
        version = self.find(VERSIONS, pk=pk)
        chosen = read_filters(self.filters, request)
        dossier = collect(version)
        recorded = read_facts(dossier)
        found = cover(dossier, recorded)
        if "framework" in chosen:
            found = [item for item in found if item.framework.id == chosen["framework"]]
            if not found:
                raise NotFound
        asked = {
            fact: titles for fact, titles in facts_to_ask(found).items() if is_asked(_find_kind(fact, found), recorded)
        }
        rows = [{"coverage": item, "controls": _list_controls(item, chosen)} for item in found]
        return self.answer(CoveragesShape, {"as_of": dossier.as_of, "frameworks": rows, "asked": asked})


def _find_kind(fact: str, coverages: list[Coverage]) -> FactKind:
    return facts().get(fact) or next(
        item.framework.private_facts[fact] for item in coverages if fact in item.framework.private_facts
    )


def _list_controls(coverage: Coverage, chosen: dict[str, Any]) -> list[Any] | None:
    if not chosen:
        return None
    return [item for item in coverage.findings if chosen.get("state", item.state) == item.state]


class AnswersView(ApiView):
    is_list = True
    filters = {"fact": filters.text("fact")}

    @extend_schema(operation_id="listAnswers", responses=FactAnswerShape(many=True), tags=["frameworks"])
    def get(self, request: Request, pk: int) -> Response:
        """The newest answer to each question about the version. One whose value is null was taken back."""
        version = self.find(VERSIONS, pk=pk)
        return self.page(self.visible(newest_answers()).filter(version=version), FactAnswerShape)

    @extend_schema(
        operation_id="recordAnswers", request=GiveAnswers, responses={201: FactAnswersShape}, tags=["frameworks"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Record facts about the version: all of them, or none. Whoever answers how it was made contributes to it."""
        version = self.find(VERSIONS, pk=pk)
        given = self.read(GiveAnswers)["answers"]
        with transaction.atomic():
            made = [answers.record_answer(version, **item, actor=self.actor) for item in given]
        rows = ANSWERS.filter(pk__in=[item.pk for item in made]).order_by("pk")
        return self.answer(FactAnswersShape, {"answers": rows}, status=201)


class CarryOverView(ApiView):
    @extend_schema(
        operation_id="carryOverAnswer", request=CarryOver, responses={201: FactAnswerShape}, tags=["frameworks"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Confirm for this version what an earlier one of the model answered."""
        version: ModelVersion = self.find(VERSIONS, pk=pk)
        confirmed = answers.carry_over_answer(version, **self.read(CarryOver), actor=self.actor)
        return self.answer(FactAnswerShape, ANSWERS.get(pk=confirmed.pk), status=201)


class OrganisationAnswersView(ApiView):
    parser_classes = [StrictJSONParser, UploadParser]
    is_list = True
    filters = {"fact": filters.text("fact")}

    @extend_schema(operation_id="listOrganisationAnswers", responses=FactAnswerShape(many=True), tags=["frameworks"])
    def get(self, request: Request) -> Response:
        """What is said once for all models. A token bound to a project reads none of it."""
        return self.page(self.visible(newest_answers()).filter(version=None), FactAnswerShape)

    @extend_schema(
        operation_id="recordOrganisationAnswer",
        request={"application/json": AnswerForOrganisation, "multipart/form-data": UploadForOrganisation},
        responses={201: FactAnswerShape},
        tags=["frameworks"],
    )
    def post(self, request: Request) -> Response:
        """Record one fact about the organisation, with the document that shows it where there is one."""
        fields, upload = read_upload(request)
        given = self.read(AnswerForOrganisation, fields)
        if upload is not None:
            given |= {"document": upload.chunks(), "file_name": upload.name or ""}
        made = answers.record_answer(None, **given, actor=self.actor)
        return self.answer(FactAnswerShape, ANSWERS.get(pk=made.pk), status=201)


class RulingsView(ApiView):
    @extend_schema(
        operation_id="ruleOnControl", request=RuleOnControl, responses={201: RulingShape}, tags=["frameworks"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Sign that a control does not apply, accept its gap until a day, or lift a ruling. No token rules."""
        version = self.find(VERSIONS, pk=pk)
        given = self.read(RuleOnControl)
        refuse_locked_out(request)
        made = rulings.rule_on_control(version, **given, actor=self.actor)
        row = ControlRuling.objects.select_related("ruled_by").get(pk=made.pk)
        return self.answer(RulingShape, row, status=201)


class SignaturesView(ApiView):
    @extend_schema(operation_id="listSignableRecords", responses=SignablesShape, tags=["frameworks"])
    def get(self, request: Request, pk: int) -> Response:
        """The records that are signed, each with exactly what a signature would cover now and its digest."""
        version = self.find(VERSIONS, pk=pk)
        recorded = read_facts_of(version)
        standing: dict[str, list[FactSignature]] = {}
        for row in FactSignature.objects.filter(version=version).order_by("pk"):
            standing.setdefault(row.fact, []).append(row)
        records = []
        for kind in facts().values():
            if kind.type == "sig" and kind.over:
                digest = digest_fact(kind, recorded) or ""
                covers = [recorded[fact] for fact in kind.over if fact in recorded]
                signatures = [row for row in standing.get(kind.id, ()) if row.digest == digest]
                records.append(
                    {"fact": kind.id, "text": kind.text, "digest": digest, "covers": covers, "signatures": signatures}
                )
        return self.answer(SignablesShape, {"records": records})

    @extend_schema(
        operation_id="signRecord", request=SignFact, responses={201: FactSignatureShape}, tags=["frameworks"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Sign a record whose digest you read. A signed-in person only; no token signs."""
        version = self.find(VERSIONS, pk=pk)
        given = self.read(SignFact)
        refuse_locked_out(request)
        return self.answer(FactSignatureShape, rulings.sign_fact(version, **given, actor=self.actor), status=201)
