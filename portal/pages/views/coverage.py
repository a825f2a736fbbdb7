"""A version held against a framework: the matrix of its controls, rulings on them, signatures on records."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance.actions import requirements, rulings
from governance.exceptions import GovernanceError, StaleReading
from governance.facts import digest_fact
from governance.framework_requirements import MOST_AT_ONCE, choose_controls, source_of
from governance.frameworks.judging import GAPS, Coverage
from governance.frameworks.vocabulary import FactKind, facts
from governance.frameworks_in_force import frameworks_in_force
from governance.models import Requirement
from governance.permissions import authorise
from portal.actors import actor_of
from portal.pages.coverage import ControlRow, VersionCoverage, narrow, share_out, speak_value
from portal.pages.forms.coverage import GenerateForm, RuleForm, SignFactForm
from portal.pages.forms.proof import demand_of
from portal.pages.perform import no_store, perform, posted
from portal.pages.views.frameworks import FILTERS, fits, list_choices
from portal.pages.views.models import get_model
from portal.pages.views.versions import Page, get_version
from portal.presentation import CONTROL_LOOKS

GAP = "gap"


def open_coverage(page: Page) -> VersionCoverage:
    return VersionCoverage(page.reading, page.verbs, page.version.pk)


def find_coverage(whole: VersionCoverage, key: str) -> Coverage:
    found = whole.find(key)
    if found is None:
        raise Http404
    return found


def may_not(page: Page, verb: str) -> str:
    """Why this person cannot do it here; empty where they can try."""
    try:
        authorise(page.actor, verb, page.version.model.project)
    except GovernanceError as error:
        return error.message
    return ""


@require_safe
@no_store
def show_matrix(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Every control of one framework, gaps first: requirement, criterion, verdict, evidence, signature."""
    page = Page(get_version(request, pk), actor_of(request))
    whole = open_coverage(page)
    coverage = find_coverage(whole, key)
    chosen = {name: request.GET.get(name, "").strip()[:100] for name in (*FILTERS, "state")}
    wanted = frozenset(GAPS) if chosen["state"] == GAP else frozenset({chosen["state"]} - {""})
    rows = narrow(whole.arrange(coverage), wanted, lambda control: fits(control, coverage.framework, chosen))
    states = [(GAP, _("Every gap")), *((state, look.word) for state, look in CONTROL_LOOKS.items())]
    context = {
        **_shared(page, whole, coverage),
        "rows": rows,
        "total": len(coverage.findings),
        "gaps": len(coverage.gaps),
        "chosen": chosen,
        "is_narrowed": any(chosen.values()),
        "choices": list_choices(coverage.framework) | {"state": states},
        "unwritten": _count_unwritten(page, coverage),
        "undecided": [whole.say_what_to_do(fact, coverage.framework.title) for fact in coverage.undecided],
    }
    return render(request, "coverage/matrix.html", context)


def _shared(page: Page, whole: VersionCoverage, coverage: Coverage) -> dict[str, Any]:
    return {
        "version": page.version,
        "verbs": page.verbs,
        "coverage": coverage,
        "framework": coverage.framework,
        "edition": whole.editions[coverage.framework.id],
        "shares": share_out(coverage),
    }


def _count_unwritten(page: Page, coverage: Coverage) -> int:
    """How many requirements one press would make."""
    known = {row.requirement.source for row in page.reading.requirements}
    framework = coverage.framework
    return sum(source_of(framework, control) not in known for control in choose_controls(framework))


@no_store
@require_http_methods(["GET", "POST"])
def rule(request: HttpRequest, pk: int, key: str, control: str) -> HttpResponse:
    """Sign that a control does not apply, accept its gap until a day, or lift what was ruled."""
    page = Page(get_version(request, pk), actor_of(request))
    whole = open_coverage(page)
    coverage = find_coverage(whole, key)
    row = whole.arrange_one(coverage, control)
    if row is None:
        raise Http404
    demand = demand_of(request, "rule_on_control", pk)
    form = RuleForm(posted(request), has_ruling=row.finding.ruling is not None, demand=demand)
    if request.method == "POST":
        given = partial(_rule, page, key, row, form)
        ruled = perform(request, form, given)
        if ruled is not None:
            messages.success(request, _("Signed. It is entry %(index)s of the log.") % {"index": ruled.log_index})
            return redirect(reverse("pages:coverage", args=[pk, key]) + f"#{control}")
    context = {
        **_shared(page, whole, coverage),
        "row": row,
        "form": form,
        "obstacle": may_not(page, "rule_on_control"),
    }
    return render(request, "coverage/rule.html", context, status=form.status)


def _rule(page: Page, key: str, row: ControlRow, form: RuleForm) -> Any:
    return rulings.rule_on_control(
        page.version, framework=key, control=row.control.id, **form.given(), actor=page.actor
    )


@no_store
@require_http_methods(["GET", "POST"])
def sign_fact(request: HttpRequest, pk: int, fact: str) -> HttpResponse:
    """Sign what is recorded of a fact, exactly as the page shows it."""
    page = Page(get_version(request, pk), actor_of(request))
    kind = facts().get(fact)
    if kind is None or kind.type != "sig" or not kind.over:
        raise Http404
    whole = open_coverage(page)
    digest = digest_fact(kind, whole.recorded)
    form = SignFactForm(
        posted(request),
        demand=demand_of(request, "sign_fact", pk),
        initial={"seen_digest": digest or "", "meaning": _find_meaning(whole, kind)},
    )
    if request.method == "POST":
        signed = perform(
            request, form, lambda: rulings.sign_fact(page.version, fact=fact, **form.cleaned_data, actor=page.actor)
        )
        if signed is not None:
            messages.success(request, _("Signed. It is entry %(index)s of the log.") % {"index": signed.log_index})
            return redirect(reverse("pages:version", args=[pk]) + "?tab=frameworks")
        if isinstance(form.refusal, StaleReading):
            form.show_anew(digest or "")
    context = {
        "version": page.version,
        "kind": kind,
        "form": form,
        "digest": digest,
        "covered": _read_covered(whole, kind),
        "obstacle": may_not(page, "sign_fact"),
        "standing": whole.recorded.get(fact),
    }
    return render(request, "coverage/sign_fact.html", context, status=form.status)


def _find_meaning(whole: VersionCoverage, kind: FactKind) -> str:
    """The meaning that a framework asks for, as what to begin with."""
    for coverage in whole.coverages:
        for control in coverage.framework.controls:
            for need in control.single_needs:
                if need.fact == kind.id and need.meaning:
                    return need.meaning
    return kind.text


def _read_covered(whole: VersionCoverage, kind: FactKind) -> list[dict[str, Any]]:
    """Each record that the signature would cover, in full."""
    covered = []
    for fact in kind.over:
        item = whole.recorded.get(fact)
        value = item.value if item is not None else None
        parts = value.items() if isinstance(value, dict) else [("", value)] if value is not None else []
        covered.append(
            {
                "kind": facts()[fact],
                "recorded": item,
                "parts": [(str(key).replace("_", " "), speak_value(part)) for key, part in parts],
                "todo": whole.say_what_to_do(fact, "") if fact in whole.kinds else None,
            }
        )
    return covered


@require_http_methods(["GET", "POST"])
def generate(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Make the model's requirements from a framework's controls, in one action."""
    model, actor = get_model(request, pk), actor_of(request)
    framework = frameworks_in_force().get(key)
    if framework is None:
        raise Http404
    known = set(Requirement.objects.filter(model=model).values_list("source", flat=True))
    missing = [control for control in choose_controls(framework) if source_of(framework, control) not in known]
    form = GenerateForm(posted(request))
    if request.method == "POST":
        made = perform(
            request,
            form,
            lambda: requirements.generate_requirements_from_framework(model, framework=key, actor=actor),
        )
        if made is not None:
            messages.success(request, _("%(count)d requirements are written.") % {"count": len(made)})
            return redirect(reverse("pages:model", args=[pk]) + "?tab=requirements")
    context = {
        "model": model,
        "framework": framework,
        "missing": missing[:MOST_AT_ONCE],
        "left": max(0, len(missing) - MOST_AT_ONCE),
        "form": form,
    }
    return render(request, "coverage/generate.html", context, status=form.status)
