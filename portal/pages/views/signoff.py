"""Putting one's name to something: submitting, signing, waiving, promoting, retiring."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from governance.actions import promotion, signoff, submission, waivers
from governance.dossier_changes import changed_items
from governance.dossier_reading import CONTRIBUTING
from governance.exceptions import GovernanceError, StaleReading, TransitionNotAllowed
from governance.lifecycle import State, next_state, starts_of
from governance.models import AuditLogEntry, DossierSnapshot, LogHead, Membership, ModelVersion, PocDecision, Role, User
from governance.permissions import authorise, roles_of
from governance.policies_in_force import policies_in_force
from portal.actors import actor_of
from portal.log_sentences import tell, title_of
from portal.pages.forms.base import PageForm
from portal.pages.forms.models import ReasonForm
from portal.pages.forms.proof import demand_of
from portal.pages.forms.signoff import DigestForm, PromoteForm, SignOffForm, SubmitForm, WaiverForm
from portal.pages.perform import no_store, perform
from portal.pages.views.versions import Page, get_version

CHANGING = (*CONTRIBUTING, "evaluation.completed", "evaluation.failed")


def open_page(request: HttpRequest, pk: int) -> Page:
    return Page(get_version(request, pk), actor_of(request))


def find_obstacle(page: Page, step: str, verb: str, *, separate: bool = False) -> str:
    """Why this person cannot take the step now; empty if nothing stands in the way.

    Only said early: the action asks everything again.
    """
    try:
        authorise(page.actor, verb, page.version.model.project)
        next_state(step, page.version.state)
    except TransitionNotAllowed:
        return _("This version is “%(state)s”. This step is possible once it is %(starts)s.") % {
            "state": State(page.version.state).label,
            "starts": _(" or ").join(f"“{start.label}”" for start in starts_of(step)),
        }
    except GovernanceError as error:
        return error.message
    if separate and page.is_contributor:
        return _("You contributed to this dossier, so somebody else must do this.")
    return ""


def log_size() -> int:
    """How many entries the log holds: the moment of a reading, for saying later what came after it."""
    return LogHead.objects.filter(pk=1).values_list("size", flat=True).first() or 0


@no_store
def sign(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the dossier whose digest the page shows."""
    read_index, page = log_size(), open_page(request, pk)
    usable = [item for item in page.capacities if not item.obstacle]
    rule = page.reading.dossier.policy.conditions
    form = SignOffForm(
        request.POST or None,
        # What is posted in a capacity that cannot be used is for the action to refuse, and to record.
        capacities=usable if request.method != "POST" else page.capacities,
        rule=rule,
        people=list_members(page),
        demand=demand_of(request, "sign_off", page.reading.dossier.digest),
        initial=_reading_of(page, read_index),
    )
    if request.method == "POST" and not form.wants_row:
        signed = perform(request, form, lambda: signoff.sign_off(page.version, **form.given(), actor=page.actor))
        if signed is not None:
            messages.success(
                request, _("Signed. Your sign-off is entry %(index)s of the log.") % {"index": signed.log_index}
            )
            return redirect(reverse("pages:version", args=[pk]) + "?tab=sign-offs")
        if isinstance(form.refusal, StaleReading):
            return show_stale(request, page, form, "sign")
    context = {
        "form": form,
        "rule": rule,
        "obstacle": _find_signing_obstacle(page),
        "unusable": [item for item in page.capacities if item.obstacle],
        "waiting": [item for item in usable if item.waits],
        "contributions": [title_of(deed) for deed in page.reading.contributions_of(page.actor.user.pk)],
        "last_word": page.reading.last_word_of(page.actor.user.pk),
    }
    return _show(request, "signoff/sign.html", page, context, status=form.status)


def _find_signing_obstacle(page: Page) -> str:
    """Why this person can sign in no capacity now; empty if there is one."""
    lent = any(item.delegation is not None for item in page.capacities)
    obstacle = find_obstacle(page, "sign", "sign_for_another" if lent else "sign_off")
    if obstacle or any(not item.obstacle for item in page.capacities):
        return obstacle
    return " ".join(dict.fromkeys(item.obstacle for item in page.capacities))


def list_members(page: Page) -> QuerySet[User]:
    """Who may be asked to fulfil a condition: everybody with a role in the project."""
    current = Membership.objects.current().filter(project=page.version.model.project_id)
    return User.objects.filter(is_active=True, pk__in=current.values("user_id")).order_by("full_name", "username")


@no_store
def promote(request: HttpRequest, pk: int) -> HttpResponse:
    """Release the version into the environment its policy speaks of."""
    read_index, page = log_size(), open_page(request, pk)
    environment = page.reading.dossier.policy.environment
    initial = _reading_of(page, read_index) | {"environment": environment}
    demand = demand_of(request, "promote", page.reading.dossier.digest)
    form = PromoteForm(request.POST or None, demand=demand, initial=initial)
    if request.method == "POST":
        release = perform(request, form, lambda: promotion.promote(page.version, **_given(form), actor=page.actor))
        if release is not None:
            messages.success(request, _("%(release)s is released.") % {"release": release})
            return redirect("pages:version", pk)
        if isinstance(form.refusal, StaleReading):
            return show_stale(request, page, form, "promote")
    context = {
        "form": form,
        "environment": environment,
        "obstacle": find_obstacle(page, "promote", "promote", separate=True),
        "replaced": page.version.model.releases.live().filter(environment=environment).select_related("version__model"),
    }
    return _show(request, "signoff/promote.html", page, context, status=form.status)


def _given(form: DigestForm) -> dict[str, Any]:
    return {name: value for name, value in form.cleaned_data.items() if name != "read_index"}


def _reading_of(page: Page, read_index: int) -> dict[str, Any]:
    return {"dossier_digest": page.reading.dossier.digest, "read_index": read_index}


def show_stale(request: HttpRequest, page: Page, form: DigestForm, address: str) -> HttpResponse:
    """The dossier changed between reading and signing: say exactly what, and lose nothing that was typed."""
    seen = DossierSnapshot.objects.filter(pk=form["dossier_digest"].value(), version=page.version).first()
    typed = [(form[name].label, form[name].value()) for name in ("meaning", "reason") if name in form.fields]
    if isinstance(form, SignOffForm):
        rows = form.filled_rows()
        typed += [(_("Condition"), f"{row['text']} ({row['owner']}, {row['due_at']:%Y-%m-%d})") for row in rows]
    context = {
        "seen_digest": form["dossier_digest"].value(),
        "changed": changed_items(_document(seen), page.reading.dossier.document) if seen else (),
        "changes": [(entry, tell(entry)) for entry in list_changes(page, _read_index(form))],
        "typed": [(label, text) for label, text in typed if text],
        "again_url": reverse(f"pages:{address}", args=[page.version.pk]),
    }
    return _show(request, "signoff/stale.html", page, context, status=409)


def _read_index(form: DigestForm) -> int:
    """Where the log ended when the form was drawn; a form without it shows no entry rather than all."""
    index = form.cleaned_data.get("read_index")
    return log_size() if index is None else int(index)


def _document(snapshot: DossierSnapshot) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(snapshot.document)
    return document


def list_changes(page: Page, since: int) -> list[AuditLogEntry]:
    """The log's entries that changed what this dossier reads, from an index on."""
    entries = AuditLogEntry.objects.filter(type__in=CHANGING, index__gte=since).select_related("actor")
    about_version = entries.about("version", page.version.pk)
    other_versions = ModelVersion.objects.filter(model=page.version.model_id).exclude(pk=page.version.pk)
    elsewhere = AuditLogEntry.objects.filter(
        subjects__kind="version", subjects__object_id__in=other_versions.values("pk")
    )
    about_model = entries.about("model", page.version.model_id).exclude(pk__in=elsewhere.values("pk"))
    return sorted({*about_version, *about_model}, key=lambda entry: entry.index)


def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a version before its reviewers, for an environment that has a policy for its tier."""
    page = open_page(request, pk)
    model = page.version.model
    in_force = policies_in_force(model.project)
    policies = [policy for (tier, _place), policy in in_force.items() if tier == model.risk_tier]
    given = request.POST if request.method == "POST" else None
    form = SubmitForm(given, policies=policies, wanted=page.version.target_environment)
    if request.method == "POST":
        submitted = perform(
            request,
            form,
            lambda: submission.submit_version(page.version, **form.cleaned_data, actor=page.actor),
        )
        if submitted is not None:
            messages.success(request, _("%(version)s is in review.") % {"version": submitted})
            return redirect("pages:version", pk)
    poc = page.reading.dossier.proof_of_concept
    context = {
        "form": form,
        "policies": policies,
        "obstacle": find_obstacle(page, "submit", "submit_version"),
        "has_go": poc is not None and poc.decision == PocDecision.GO,
    }
    return _show(request, "signoff/submit.html", page, context, status=form.status)


@no_store
def waive(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept a named gap until a date."""
    page = open_page(request, pk)
    open_findings = [row.finding for row in page.reading.rows.values() if row.can_be_waived]
    form = WaiverForm(
        request.POST or None,
        findings=open_findings,
        longest_days=page.reading.dossier.policy.waivers.longest_days,
        demand=demand_of(request, "grant_waiver", pk),
        initial={"finding_key": request.GET.get("finding", "")},
    )
    if request.method == "POST":
        waiver = perform(
            request, form, lambda: waivers.grant_waiver(page.version, **form.cleaned_data, actor=page.actor)
        )
        if waiver is not None:
            messages.success(request, _("Waived until %(day)s.") % {"day": f"{waiver.expires_at:%Y-%m-%d}"})
            return redirect("pages:version", pk)
    context = {
        "form": form,
        "obstacle": find_obstacle(page, "amend", "grant_waiver") or _find_waiving_obstacle(page),
        "open_findings": open_findings,
    }
    return _show(request, "signoff/waive.html", page, context, status=form.status)


def _find_waiving_obstacle(page: Page) -> str:
    """What the policy of the dossier says to this person's roles."""
    entitled = page.reading.dossier.policy.waivers.roles
    if not entitled:
        return _("The policy of this dossier lets nobody waive a finding.")
    if not roles_of(page.actor.user, page.version.model.project).intersection(entitled):
        named = ", ".join(str(Role(role).label) for role in entitled)
        return _("The policy of this dossier lets only these roles waive a finding: %(roles)s.") % {"roles": named}
    return ""


def retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a version out of use."""
    page = open_page(request, pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST":
        retired = perform(
            request,
            form,
            lambda: promotion.retire_version(page.version, reason=form.cleaned_data["reason"], actor=page.actor),
        )
        if retired is not None:
            messages.success(request, _("%(version)s is retired.") % {"version": retired})
            return redirect("pages:version", pk)
    context = {
        "form": form,
        "obstacle": find_obstacle(page, "retire", "retire"),
        "live_releases": list(page.version.releases.live()),
    }
    return _show(request, "signoff/retire.html", page, context, status=form.status)


def _show(request: HttpRequest, template: str, page: Page, context: dict[str, Any], *, status: int) -> HttpResponse:
    """Draw a page that stands on the dossier. One that offers no form answers as a refusal would."""
    shared = {
        "version": page.version,
        "reading": page.reading,
        "dossier": page.reading.dossier,
        "decision": page.reading.decision,
        "form_findings": _findings_of(context.get("form")),
    }
    return render(request, template, shared | context, status=status)


def _findings_of(form: PageForm | None) -> tuple[Any, ...]:
    return form.findings if form is not None else ()
