"""Promotion policies: read, proposed by program or person, adopted by another person, tried on what runs."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import policies
from governance.dry_run import dry_run
from governance.models import Project, PromotionPolicy, RiskTier
from governance.permissions import authorise
from governance.policies_in_force import policies_in_force, read_policy
from governance.policy import Policy, parse_policy
from portal.actors import refuse_locked_out
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.people import Reason
from portal.api.serializers.policies import (
    AdoptPolicy,
    DryRunShape,
    PoliciesInForce,
    PolicyShape,
    ProposePolicy,
    TryPolicy,
)

POLICIES: QuerySet[PromotionPolicy] = PromotionPolicy.objects.select_related(
    "project", "text", "proposed_by", "adopted_by", "withdrawn_by"
)


class PoliciesView(ApiView):
    is_list = True
    filters = {
        "risk_tier": filters.choice("risk_tier", RiskTier.values),
        "environment": filters.text("environment"),
    }

    @extend_schema(operation_id="listPolicies", responses=PolicyShape(many=True), tags=["policies"])
    def get(self, request: Request, pk: int) -> Response:
        """Every version that was proposed in the project. The built-in ones are not among them."""
        project = self.find(Project.objects.all(), pk=pk)
        return self.page(self.visible(POLICIES).filter(project=project), PolicyShape)

    @extend_schema(operation_id="proposePolicy", request=ProposePolicy, responses={201: PolicyShape}, tags=["policies"])
    def post(self, request: Request, pk: int) -> Response:
        """Propose the next version for a tier and an environment. It is in force once another person adopts it."""
        project = self.find(Project.objects.all(), pk=pk)
        proposed = policies.propose_policy(project, **self.read(ProposePolicy), actor=self.actor)
        return self.answer(PolicyShape, proposed, status=201, location="api-policy")


class PoliciesInForceView(ApiView):
    @extend_schema(operation_id="listPoliciesInForce", responses=PoliciesInForce, tags=["policies"])
    def get(self, request: Request, pk: int) -> Response:
        """What judges a version that is submitted now, for every tier and environment that has a policy."""
        project = self.find(Project.objects.all(), pk=pk)
        return self.answer(PoliciesInForce, {"policies": list(policies_in_force(project).values())})


class PolicyView(ApiView):
    @extend_schema(operation_id="getPolicy", responses=PolicyShape, tags=["policies"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(PolicyShape, self.find(POLICIES, pk=pk))


class AdoptPolicyView(ApiView):
    @extend_schema(operation_id="adoptPolicy", request=AdoptPolicy, responses=PolicyShape, tags=["policies"])
    def post(self, request: Request, pk: int) -> Response:
        """Put a proposal in force. A signed-in person other than its proposer only; no token adopts."""
        policy = self.find(POLICIES, pk=pk)
        given = self.read(AdoptPolicy)
        refuse_locked_out(request)
        policies.adopt_policy(policy, **given, actor=self.actor)
        return self.answer(PolicyShape, self.find(POLICIES, pk=pk))


class WithdrawPolicyView(ApiView):
    @extend_schema(operation_id="withdrawPolicy", request=Reason, responses=PolicyShape, tags=["policies"])
    def post(self, request: Request, pk: int) -> Response:
        """Take a proposal back before anybody adopts it."""
        policies.withdraw_policy(self.find(POLICIES, pk=pk), **self.read(Reason), actor=self.actor)
        return self.answer(PolicyShape, self.find(POLICIES, pk=pk))


class DryRunOfPolicyView(ApiView):
    @extend_schema(operation_id="dryRunPolicy", responses=DryRunShape, tags=["policies"])
    def get(self, request: Request, pk: int) -> Response:
        """Had it been in force, which releases that run today would not have been allowed?"""
        row = self.find(POLICIES, pk=pk)
        return self.answer(DryRunShape, describe_dry_run(read_policy(row.text_id), row.project))


class DryRunView(ApiView):
    @extend_schema(operation_id="dryRunText", request=TryPolicy, responses=DryRunShape, tags=["policies"])
    def post(self, request: Request, pk: int) -> Response:
        """The same for a text that nobody has proposed yet. Nothing is kept."""
        project = self.find(Project.objects.all(), pk=pk)
        authorise(self.actor, "propose_policy", project)
        return self.answer(DryRunShape, describe_dry_run(parse_policy(self.read(TryPolicy)["text"]), project))


def describe_dry_run(policy: Policy, project: Project) -> dict[str, object]:
    return {
        "digest": policy.digest,
        "risk_tier": policy.risk_tier,
        "environment": policy.environment,
        "releases": dry_run(policy, project),
    }
