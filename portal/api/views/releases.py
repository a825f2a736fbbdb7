"""Releases, their attestations, and the question a pipeline asks."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from governance import receipts
from governance.dossier import collect
from governance.models import ModelVersion, RegisteredModel, Release
from portal.api import filters
from portal.api.base import ApiView
from portal.api.filters import WHOLE_NUMBER, read_filters
from portal.api.serializers.judgement import AttestationBundle, PermissionToRun, ReleaseShape
from portal.api.views.models import MODELS
from portal.api.views.versions import VERSIONS, describe_gate

RELEASES = Release.objects.select_related("model__project", "version", "promoted_by")
DEFAULT_ENVIRONMENT = "production"


class ReleasesView(ApiView):
    is_list = True
    filters = {
        "project": filters.whole_number("model__project"),
        "model": filters.whole_number("model"),
        "version": filters.whole_number("version"),
        "environment": filters.text("environment"),
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
        release = self.visible(RELEASES).filter(version__in=versions, environment=environment, ended_at=None).first()
        version = self.visible(VERSIONS).filter(pk=release.version_id).first() if release else versions.first()
        return Response(describe_permission(version, release, environment, unknown))

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


def describe_permission(
    version: ModelVersion | None, release: Release | None, environment: str, unknown: tuple[str, str]
) -> dict[str, Any]:
    """Only a live release allows. The gate is judged as well, so that a refusal can say what is missing."""
    code, reason = unknown
    gate = describe_gate(collect(version)) if version is not None else None
    if version is not None and release is not None:
        code, reason = "released", f"{version} is released into {environment}."
    elif version is not None:
        code, reason = "not_released", f"{version} is {version.state} and is not released into {environment}."
    answer: dict[str, Any] = {
        "allowed": code == "released",
        "code": code,
        "reason": reason,
        "environment": environment,
        "model": version.model if version else None,
        "version": version,
        "release": release,
    }
    described: dict[str, Any] = PermissionToRun(answer).data
    return {**described, "gate": gate}
