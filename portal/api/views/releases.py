"""Releases, their attestations, and the question a pipeline asks."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from governance import receipts
from governance.auditlog import database_now
from governance.models import ModelVersion, RegisteredModel, Release, ReleaseKind
from governance.permits import Permit, in_use_at, judged_then, judgements, permit_for
from portal.api import filters
from portal.api.base import ApiView
from portal.api.filters import WHOLE_NUMBER, read_filters
from portal.api.serializers.judgement import AttestationBundle, PermissionToRun, ReleaseShape
from portal.api.serializers.releases import InUseShape
from portal.api.views.models import MODELS
from portal.api.views.versions import VERSIONS, describe_decision

RELEASES = Release.objects.select_related("model__project", "version", "promoted_by")
DEFAULT_ENVIRONMENT = "production"
MOST_IN_USE = 10_000


class ReleasesView(ApiView):
    is_list = True
    filters = {
        "project": filters.whole_number("model__project"),
        "model": filters.whole_number("model"),
        "version": filters.whole_number("version"),
        "environment": filters.text("environment"),
        "kind": filters.choice("kind", ReleaseKind.values),
        "live": filters.yes_or_no("ended_at__isnull", "true: running now; false: ended."),
    }

    @extend_schema(operation_id="listReleases", responses=ReleaseShape(many=True), tags=["releases"])
    def get(self, request: Request) -> Response:
        return self.page(self.visible(RELEASES), ReleaseShape)


class ReleaseView(ApiView):
    @extend_schema(operation_id="getRelease", responses=ReleaseShape, tags=["releases"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(ReleaseShape, self.find(RELEASES, pk=pk))


class AttestationView(ApiView):
    @extend_schema(operation_id="getAttestation", responses=AttestationBundle, tags=["releases"])
    def get(self, request: Request, pk: int) -> Response:
        """The in-toto statement in its DSSE envelope, with the log's receipt. 409 until the signer has sealed it."""
        return Response(receipts.attestation_bundle(self.find(RELEASES, pk=pk)))


class InUseView(ApiView):
    filters = {
        "at": filters.instant("at", "An instant with its time zone, such as 2026-11-24T12:00:00Z. Left out: now."),
        "environment": filters.text("environment", "Left out: every environment."),
        "project": filters.whole_number("project"),
    }

    @extend_schema(operation_id="listInUse", responses=InUseShape, tags=["releases"])
    def get(self, request: Request) -> Response:
        """What was in use at an instant, exact to the microsecond: the releases begun by then and not over."""
        given = read_filters(self.filters, request)
        at = given.get("at") or database_now()
        found = self.visible(in_use_at(at).select_related("model__project", "version", "promoted_by"))
        if "environment" in given:
            found = found.filter(environment=given["environment"])
        if "project" in given:
            found = found.filter(model__project=given["project"])
        return Response(InUseShape({"at": at, "releases": found[:MOST_IN_USE]}).data)


class GateView(ApiView):
    filters = {
        "model": filters.text("model", "The model's id, or its name where only one model you see has it."),
        "version": filters.whole_number("version", "The version's number; needs `model`."),
        "digest": filters.text("digest", "An artifact's digest; instead of `model` and `version`."),
        "environment": filters.text("environment", "Left out: production."),
    }

    @extend_schema(operation_id="askGate", responses=PermissionToRun, tags=["judgement"])
    def get(self, request: Request) -> Response:
        """May this version, or this artifact, run in this environment? Whatever is not known is not allowed."""
        given = read_filters(self.filters, request)
        environment = given.get("environment", DEFAULT_ENVIRONMENT)
        versions, unknown = self._named(given)
        live = self.visible(RELEASES).filter(ended_at=None, version__in=versions, environment=environment)
        named = live.values_list("version", flat=True).first()
        version = versions.filter(pk=named).first() if named else versions.first()
        return Response(describe_permission(version, environment, unknown))

    def _named(self, given: dict[str, Any]) -> tuple[QuerySet[ModelVersion], tuple[str, str]]:
        """The visible versions that are asked about, newest first, and what to say when there is none."""
        if ("digest" in given) == ("model" in given) or ("version" in given) != ("model" in given):
            raise ValidationError("Ask for `model` and `version`, or for `digest`.")
        versions = self.visible(VERSIONS).order_by("-pk")
        if "digest" in given:
            wanted = given["digest"].strip().lower()
            wanted = wanted if wanted.startswith("sha256:") else f"sha256:{wanted}"
            reason = "No model version you may see has an artifact with this digest."
            return versions.filter(artifacts__digest=wanted).distinct(), ("unknown_artifact", reason)
        model = self._find_model(given["model"])
        reason = f"{model.name} has no version {given['version']}."
        return versions.filter(model=model, number=given["version"]), ("unknown_version", reason)

    def _find_model(self, named: str) -> RegisteredModel:
        if WHOLE_NUMBER.fullmatch(named):
            return self.find(MODELS, pk=int(named))
        found = list(self.visible(MODELS).filter(name=named)[:2])
        if not found:
            raise NotFound
        if len(found) > 1:
            raise ValidationError({"model": "Several projects have a model of this name; give its id."})
        return found[0]


def describe_permission(version: ModelVersion | None, environment: str, unknown: tuple[str, str]) -> dict[str, Any]:
    """Only a sealed, unexpired, recorded release allows. A refusal says what the gate lacks now; a permit, what the
    gate found when it was released."""
    if version is None:
        permit, decision = Permit(*unknown, None), None
    else:
        permit = permit_for(version, environment)
        decision = judged_then(permit.release) if permit.allowed and permit.release else judgements.of(version)
    answer: dict[str, Any] = {
        "allowed": permit.allowed,
        "code": permit.code,
        "reason": permit.reason,
        "environment": environment,
        "model": version.model if version else None,
        "version": version,
        "release": permit.release,
    }
    described: dict[str, Any] = PermissionToRun(answer).data
    gate = describe_decision(version, decision) if version is not None and decision is not None else None
    return {**described, "gate": gate}
