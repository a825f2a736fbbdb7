"""Promotion policies of a project: what is in force, what is proposed, and what would change."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance.actions import policies
from governance.dry_run import DryRun, dry_run
from governance.models import Project, PromotionPolicy, RiskTier
from governance.permissions import available_verbs, may
from governance.policies_in_force import policies_in_force, read_policy
from governance.policy import ENVIRONMENT, RISK_TIERS, Policy, policy_for
from governance.policy_fit import check_proposal, list_empty_rights, list_lacking_people, next_number
from portal.actors import actor_of
from portal.pages.forms.policies import AdoptForm, ProposeForm, WithdrawForm
from portal.pages.forms.proof import demand_of
from portal.pages.guard import require
from portal.pages.perform import no_store, perform, posted
from portal.pages.policy_reading import compare_texts, describe_policy

ROWS = PromotionPolicy.objects.select_related("project", "proposed_by", "adopted_by", "withdrawn_by", "text")


@dataclass(frozen=True)
class PolicyLine:
    """All versions of the policy of one tier and environment. ``adopted`` is None while the built-in text speaks."""

    risk_tier: str
    environment: str
    in_force: Policy | None
    adopted: PromotionPolicy | None
    proposed: PromotionPolicy | None
    versions: tuple[PromotionPolicy, ...]


@require_safe
def list_policies(request: HttpRequest, pk: int) -> HttpResponse:
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    context = {
        "project": project,
        "lines": read_lines(project),
        "may_propose": may(actor, "propose_policy", project),
    }
    return render(request, "policies/policies.html", context)


@require_safe
def show_line(request: HttpRequest, pk: int, tier: str, environment: str) -> HttpResponse:
    """The policy of one tier and environment: what is in force, in sentences and as text, and every version."""
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    line = next((one for one in read_lines(project) if (one.risk_tier, one.environment) == (tier, environment)), None)
    if line is None:
        raise Http404
    context = {
        "project": project,
        "line": line,
        "facts": describe_policy(line.in_force) if line.in_force else [],
        "may_propose": may(actor, "propose_policy", project),
    }
    return render(request, "policies/line.html", context)


def read_lines(project: Project) -> list[PolicyLine]:
    """Every tier and environment that has a policy, or had a proposal for one."""
    in_force = policies_in_force(project)
    versions: dict[tuple[str, str], list[PromotionPolicy]] = {pair: [] for pair in in_force}
    for row in ROWS.filter(project=project).order_by("-number"):
        versions.setdefault((row.risk_tier, row.environment), []).append(row)
    return [
        _make_line(pair, in_force.get(pair), tuple(rows))
        for pair, rows in sorted(versions.items(), key=lambda item: (RISK_TIERS.index(item[0][0]), item[0][1]))
    ]


def _make_line(pair: tuple[str, str], in_force: Policy | None, rows: tuple[PromotionPolicy, ...]) -> PolicyLine:
    adopted = [row for row in rows if row.adopted_at and in_force and row.text_id == in_force.digest]
    proposed = [row for row in rows if row.is_open]
    return PolicyLine(*pair, in_force, next(iter(adopted), None), next(iter(proposed), None), rows)


@require_http_methods(["GET", "POST"])
def propose(request: HttpRequest, pk: int) -> HttpResponse:
    """Write the next version. One button proposes it, the other only tries it on what runs today."""
    actor = actor_of(request)
    project = get_object_or_404(Project.objects.visible_to(actor.user), pk=pk)
    require(actor, "propose_policy", project)
    form = ProposeForm(posted(request), initial=_begin(project, request))
    tried: list[DryRun] | None = None
    if request.method == "POST" and form.wants_dry_run:
        tried = perform(request, form, lambda: _try_out(project, form))
    elif request.method == "POST":
        proposed = perform(
            request,
            form,
            lambda: policies.propose_policy(project, **form.given(), reason=form.cleaned_data["reason"], actor=actor),
        )
        if proposed is not None:
            messages.success(request, _("Proposed. Another person has to adopt it before it is in force."))
            return redirect("pages:policy", proposed.pk)
    context = {"project": project, "form": form, "tried": tried, "pairs": list(policies_in_force(project))}
    return render(request, "policies/propose.html", context, status=form.status)


def _try_out(project: Project, form: ProposeForm) -> list[DryRun]:
    return dry_run(check_proposal(project, **form.given()), project)


def _begin(project: Project, request: HttpRequest) -> dict[str, str]:
    """What the editor starts with: the text in force for the tier and environment asked for, as the next version."""
    tier = request.GET.get("tier", "")
    tier = tier if tier in RiskTier.values else RiskTier.HIGH.value
    environment = request.GET.get("environment", "")
    environment = environment if ENVIRONMENT.fullmatch(environment) else "production"
    policy = policies_in_force(project).get((tier, environment)) or policy_for(tier)
    number = next_number(project, tier, environment)
    return {"risk_tier": tier, "environment": environment, "text": carry_on(policy, number, environment)}


def carry_on(policy: Policy, number: int, environment: str) -> str:
    """A policy's text as version ``number`` for an environment; everything else, remarks too, stays as it is."""
    lines = []
    for line in policy.text.split("\n"):
        key = line.partition(":")[0]
        line = f"version: {number}" if key == "version" else line
        lines.append(f"environment: {environment}" if key == "environment" else line)
    return "\n".join(lines)


@require_safe
def show_policy(request: HttpRequest, pk: int) -> HttpResponse:
    """One version: what it says, what it changes, who proposed and who adopted it."""
    actor = actor_of(request)
    row = _find(request, pk)
    policy = read_policy(row.text_id)
    former = _find_former(row)
    context = {
        "row": row,
        "project": row.project,
        "policy": policy,
        "facts": describe_policy(policy),
        "former": former,
        "changes": compare_texts(former.text, policy.text),
        "is_in_force": policies_in_force(row.project).get((row.risk_tier, row.environment)) == policy
        and row.adopted_at is not None,
        "lacking": list_lacking_people(policy, row.project) if row.is_open else [],
        "empty_rights": list_empty_rights(policy, row.project) if row.is_open else [],
        "is_own": row.proposed_by.person_key == actor.user.person_key,
        "verbs": available_verbs(actor, row.project),
    }
    return render(request, "policies/policy.html", context)


def _find(request: HttpRequest, pk: int) -> PromotionPolicy:
    return get_object_or_404(_visible(request), pk=pk)


def _visible(request: HttpRequest) -> QuerySet[PromotionPolicy]:
    return ROWS.filter(pk__in=PromotionPolicy.objects.visible_to(actor_of(request).user))


def _find_former(row: PromotionPolicy) -> Policy:
    """What was in force before this version, or is while it is only proposed; else the built-in text of its tier."""
    same = PromotionPolicy.objects.adopted().filter(
        project=row.project, risk_tier=row.risk_tier, environment=row.environment, number__lt=row.number
    )
    former = same.order_by("-number").first()
    return read_policy(former.text_id) if former else policy_for(row.risk_tier)


@require_safe
def show_dry_run(request: HttpRequest, pk: int) -> HttpResponse:
    """What a proposal would say of the releases that run today. Reading it changes nothing."""
    row = _find(request, pk)
    context = {"row": row, "project": row.project, "tried": dry_run(read_policy(row.text_id), row.project)}
    template = "policies/_dry_run.html" if request.headers.get("HX-Request") else "policies/dry_run.html"
    return render(request, template, context)


@no_store
@require_http_methods(["GET", "POST"])
def adopt(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a proposal in force, with the adopter's proof of who they are."""
    actor, row = actor_of(request), _find(request, pk)
    require(actor, "adopt_policy", row.project)
    form = AdoptForm(posted(request), demand=demand_of(request, "adopt_policy", row.text_id))
    if request.method == "POST":
        adopted = perform(
            request, form, lambda: policies.adopt_policy(row, password=form.cleaned_data["password"], actor=actor)
        )
        if adopted is not None:
            messages.success(request, _("In force for everything that is submitted from now on."))
            return redirect("pages:policy", pk)
    policy = read_policy(row.text_id)
    context = {
        "row": row,
        "form": form,
        "changes": compare_texts(_find_former(row).text, policy.text),
        "lacking": list_lacking_people(policy, row.project),
    }
    return render(request, "policies/adopt.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    actor, row = actor_of(request), _find(request, pk)
    require(actor, "withdraw_policy", row.project)
    form = WithdrawForm(posted(request))
    if request.method == "POST":
        withdrawn = perform(request, form, lambda: policies.withdraw_policy(row, **form.cleaned_data, actor=actor))
        if withdrawn is not None:
            messages.success(request, _("The proposal is withdrawn. What was in force stays so."))
            return redirect("pages:policies", row.project_id)
    return render(request, "policies/withdraw.html", {"row": row, "form": form}, status=form.status)
