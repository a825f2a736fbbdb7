"""Requirements with acceptance criteria, and the proof of concept."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import requirements
from governance.models import ProofOfConcept, RegisteredModel, Requirement
from portal.api import filters
from portal.api.base import ApiView
from portal.api.etags import seen_revision
from portal.api.fields import Nothing
from portal.api.serializers.catalog import (
    DecideProofOfConcept,
    ProofOfConceptShape,
    RequirementShape,
    WriteProofOfConcept,
    WriteRequirement,
)
from portal.api.serializers.people import Reason
from portal.api.views.models import MODELS

REQUIREMENTS = Requirement.objects.select_related("created_by", "model__project").prefetch_related("criteria")
PROOFS = ProofOfConcept.objects.select_related("written_by", "decided_by", "model__project").prefetch_related(
    "success_criteria"
)


def answer_requirement(view: ApiView, pk: int, **more: Any) -> Response:
    requirement = view.find(REQUIREMENTS, pk=pk)
    return view.answer(RequirementShape, requirement, revision=requirement.revision, **more)


class RequirementsView(ApiView):
    is_list = True
    filters = {
        "key": filters.text("key"),
        "is_current": filters.yes_or_no("withdrawn_at__isnull", "false: withdrawn ones."),
    }

    @extend_schema(operation_id="listRequirements", responses=RequirementShape(many=True), tags=["requirements"])
    def get(self, request: Request, pk: int) -> Response:
        model = self.find(MODELS, pk=pk)
        return self.page(self.visible(REQUIREMENTS).filter(model=model), RequirementShape)

    @extend_schema(
        operation_id="writeRequirement",
        request=WriteRequirement,
        responses={201: RequirementShape},
        tags=["requirements"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Write one requirement by hand, with its acceptance criteria."""
        model = self.find(MODELS, pk=pk)
        requirement = requirements.write_requirement(model, **self.read(WriteRequirement), actor=self.actor)
        return answer_requirement(self, requirement.pk, status=201, location="api-requirement")


class GenerateRequirementsView(ApiView):
    @extend_schema(
        operation_id="generateRequirements",
        request=Nothing,
        responses={201: RequirementShape(many=True)},
        tags=["requirements"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Make the requirements from the project's template for the model's tier. Once per model."""
        model = self.find(MODELS, pk=pk)
        self.read(Nothing)
        made = requirements.generate_requirements(model, actor=self.actor)
        rows = REQUIREMENTS.filter(pk__in=[item.pk for item in made])
        results = RequirementShape(rows, many=True).data
        return Response({"results": results, "next": None, "previous": None}, status=201)


class RequirementView(ApiView):
    sends_revision = True

    @extend_schema(operation_id="getRequirement", responses=RequirementShape, tags=["requirements"])
    def get(self, request: Request, pk: int) -> Response:
        return answer_requirement(self, pk)

    @extend_schema(
        operation_id="editRequirement", request=WriteRequirement, responses=RequirementShape, tags=["requirements"]
    )
    def put(self, request: Request, pk: int) -> Response:
        """Replace the text and the criteria. Sign-offs over dossiers that read it become stale."""
        requirement = self.find(REQUIREMENTS, pk=pk)
        given = self.read(WriteRequirement)
        requirements.edit_requirement(requirement, **given, seen_revision=seen_revision(request), actor=self.actor)
        return answer_requirement(self, pk)


class WithdrawRequirementView(ApiView):
    @extend_schema(
        operation_id="withdrawRequirement", request=Reason, responses=RequirementShape, tags=["requirements"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Take a requirement back. It stays in the record and no longer binds."""
        requirement = self.find(REQUIREMENTS, pk=pk)
        requirements.withdraw_requirement(requirement, **self.read(Reason), actor=self.actor)
        return answer_requirement(self, pk)


def find_proof(model: RegisteredModel) -> ProofOfConcept:
    proof = PROOFS.filter(model=model).first()
    if proof is None:
        raise NotFound
    return proof


class ProofOfConceptView(ApiView):
    sends_revision = True

    @extend_schema(operation_id="getProofOfConcept", responses=ProofOfConceptShape, tags=["proofs of concept"])
    def get(self, request: Request, pk: int) -> Response:
        proof = find_proof(self.find(MODELS, pk=pk))
        return self.answer(ProofOfConceptShape, proof, revision=proof.revision)

    @extend_schema(
        operation_id="writeProofOfConcept",
        request=WriteProofOfConcept,
        responses=ProofOfConceptShape,
        tags=["proofs of concept"],
    )
    def put(self, request: Request, pk: int) -> Response:
        """Write or rewrite it. A rewritten one has no decision: a go was given for another text."""
        model = self.find(MODELS, pk=pk)
        given = self.read(WriteProofOfConcept)
        requirements.write_proof_of_concept(model, **given, seen_revision=seen_revision(request), actor=self.actor)
        proof = find_proof(model)
        return self.answer(ProofOfConceptShape, proof, revision=proof.revision)


class ProofOfConceptDecisionView(ApiView):
    @extend_schema(
        operation_id="decideProofOfConcept",
        request=DecideProofOfConcept,
        responses=ProofOfConceptShape,
        tags=["proofs of concept"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Record go or no go. Only a signed-in person who did not write it."""
        proof = find_proof(self.find(MODELS, pk=pk))
        given = self.read(DecideProofOfConcept)
        requirements.decide_proof_of_concept(proof, **given, seen_revision=seen_revision(request), actor=self.actor)
        proof = find_proof(proof.model)
        return self.answer(ProofOfConceptShape, proof, revision=proof.revision)
