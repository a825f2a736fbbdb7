"""What waits for a person, read in a number of queries that does not grow with what is recorded.

It is a hint where to go next and decides nothing: the page it leads to asks the dossier and the gate. Where the two
could differ it errs towards showing, so that nothing waits unseen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.dossier_reading import CONTRIBUTING
from governance.exceptions import GovernanceError
from governance.lifecycle import State
from governance.models import (
    APPROVALS,
    ComplianceReport,
    DatasetUse,
    Evaluation,
    LogSubject,
    Membership,
    ModelVersion,
    Project,
    PromotionPolicy,
    ProofOfConcept,
    Role,
    SignOff,
    User,
    WorkStatus,
)
from governance.models.reports import ABOUT
from governance.permissions import RULES
from governance.policies_in_force import bound_policies
from governance.policy import Policy, policy_for

MOST_CANDIDATES = 50
FAILURES_SHOWN_FOR = timedelta(days=14)
CHANGES_DOSSIER = (*CONTRIBUTING, "evaluation.completed", "evaluation.failed")
URGENCY = ("bad", "warn", "neutral", "info")  # what failed first, what only takes its time last
UNDER_WAY = (WorkStatus.QUEUED, WorkStatus.RUNNING)


@dataclass(frozen=True)
class Waiting:
    """One thing to do: what it is about, why it waits, where to go, since when; ``tone`` and ``icon`` for the eye."""

    title: str
    text: str
    url: str
    action: str
    since: datetime | None
    icon: str
    tone: str
    project: Project | None


@dataclass(frozen=True)
class Holder:
    """A person with the roles they hold now, by project."""

    user: User
    roles: dict[int, frozenset[str]]

    def projects_where(self, allowed: Iterable[str]) -> list[int]:
        return [project for project, held in self.roles.items() if held & set(allowed)]


def list_waiting(user: User) -> list[Waiting]:
    """Everything that waits for the user: signatures first, their own work last."""
    holder = read_holder(user)
    return [
        *_list_signatures(holder),
        *_list_promotions(holder),
        *_list_decisions(holder),
        *_list_policies(holder),
        *sorted(_list_own_work(user), key=lambda item: URGENCY.index(item.tone)),
    ]


def read_holder(user: User) -> Holder:
    roles: dict[int, set[str]] = defaultdict(set)
    for project, role in Membership.objects.current().filter(user=user).values_list("project_id", "role"):
        roles[project].add(role)
    return Holder(user, {project: frozenset(held) for project, held in roles.items()})


# --- Signing and promoting ----------------------------------------------------------------------------------


def _list_signatures(holder: Holder) -> list[Waiting]:
    """Versions in review that still need a signature I may give: a role of mine, no part of mine in the dossier."""
    candidates = _candidates(holder, State.IN_REVIEW, RULES["sign_off"].roles)
    touched = _touched_by(holder.user, candidates)
    votes, policies = _read_standing_votes(candidates), _read_policies(candidates)
    found = []
    for version in candidates:
        roles = _list_empty_roles(version, policies[version.pk], holder, votes[version.pk])
        if roles and version.pk not in touched:
            found.append(
                Waiting(
                    title=str(version),
                    text=_("Waits for your signature as %(role)s.")
                    % {"role": _(" or ").join(str(Role(role).label).lower() for role in roles)},
                    url=reverse("pages:sign", args=[version.pk]),
                    action=_("Read and sign"),
                    since=version.submitted_at,
                    icon="signature",
                    tone="accent",
                    project=version.model.project,
                )
            )
    return found


def _read_policies(versions: list[ModelVersion]) -> dict[int, Policy]:
    """Version -> the policy that judges it. One that cannot be read must not hide the others: its own page says so."""
    try:
        return bound_policies(versions)
    except GovernanceError:
        return {version.pk: policy_for(version.model.risk_tier) for version in versions}


def _list_empty_roles(version: ModelVersion, policy: Policy, holder: Holder, votes: list[SignOff]) -> list[str]:
    """My roles in which the policy that judges the version still wants a person. Whoever has signed fills one slot."""
    if any(vote.signer.person_key == holder.user.person_key for vote in votes):
        return []
    approvals: dict[str, set[str]] = defaultdict(set)
    for vote in votes:
        if vote.decision in APPROVALS:
            approvals[vote.role].add(vote.signer.person_key)
    held = holder.roles[version.model.project_id]
    wanted: dict[str, int] = defaultdict(int)
    for step in policy.sign_offs:
        wanted[step.role] += step.count
    return [role for role, count in wanted.items() if role in held and len(approvals[role]) < count]


def _list_promotions(holder: Holder) -> list[Waiting]:
    """Approved versions that I may promote."""
    candidates = _candidates(holder, State.APPROVED, RULES["promote"].roles)
    touched = _touched_by(holder.user, candidates)
    return [
        Waiting(
            title=str(version),
            text=_("Is approved and may be promoted to %(environment)s.") % {"environment": version.target_environment},
            url=reverse("pages:promote", args=[version.pk]),
            action=_("Promote"),
            since=version.submitted_at,
            icon="rocket",
            tone="good",
            project=version.model.project,
        )
        for version in candidates
        if version.pk not in touched
    ]


def _candidates(holder: Holder, state: State, roles: Iterable[str]) -> list[ModelVersion]:
    projects = holder.projects_where(roles)
    rows = ModelVersion.objects.filter(state=state, model__project_id__in=projects).with_names()
    return list(rows.order_by("submitted_at", "pk")[:MOST_CANDIDATES])


def _touched_by(user: User, versions: list[ModelVersion]) -> set[int]:
    """The versions to whose dossiers this person contributed, as the log tells it. Persons count, not logins."""
    mine = LogSubject.objects.filter(entry__type__in=CONTRIBUTING, entry__actor__person_key=user.person_key)
    about_version = mine.filter(kind="version", object_id__in=[version.pk for version in versions])
    touched = set(about_version.values_list("object_id", flat=True))
    about_model = mine.filter(kind="model", object_id__in={version.model_id for version in versions})
    models = set(about_model.exclude(entry__subjects__kind="version").values_list("object_id", flat=True))
    made = mine.filter(kind="dataset_version").values("object_id")
    uses = DatasetUse.objects.filter(version__in=versions, dataset_version_id__in=made)
    touched |= set(uses.values_list("version_id", flat=True))
    return touched | {version.pk for version in versions if version.model_id in models}


def _read_standing_votes(versions: list[ModelVersion]) -> dict[int, list[SignOff]]:
    """Version -> everybody's last vote, where nothing was recorded after it that changes the dossier."""
    changed = _read_last_changes(versions)
    latest: dict[tuple[int, str, str], SignOff] = {}
    for vote in SignOff.objects.filter(version__in=versions).select_related("signer").order_by("pk"):
        latest[vote.version_id, vote.signer.person_key, vote.role] = vote
    standing: dict[int, list[SignOff]] = defaultdict(list)
    for vote in latest.values():
        if (vote.log_index or 0) > changed.get(vote.version_id, -1):
            standing[vote.version_id].append(vote)
    return standing


def _read_last_changes(versions: list[ModelVersion]) -> dict[int, int]:
    """Version -> index of the last log entry that changed its dossier, about itself or about its model."""
    entries = LogSubject.objects.filter(entry__type__in=CHANGES_DOSSIER).order_by()
    about_version = entries.filter(kind="version", object_id__in=[version.pk for version in versions])
    own = dict(about_version.values_list("object_id").annotate(Max("entry_id")))
    about_model = entries.filter(kind="model", object_id__in={version.model_id for version in versions})
    shared = dict(
        about_model.exclude(entry__subjects__kind="version").values_list("object_id").annotate(Max("entry_id"))
    )
    return {version.pk: max(own.get(version.pk, -1), shared.get(version.model_id, -1)) for version in versions}


# --- Deciding on proofs of concept and policies -------------------------------------------------------------


def _list_decisions(holder: Holder) -> list[Waiting]:
    projects = holder.projects_where(RULES["decide_proof_of_concept"].roles)
    undecided = ProofOfConcept.objects.filter(decision="", model__project_id__in=projects)
    undecided = undecided.exclude(written_by__person_key=holder.user.person_key)
    return [
        Waiting(
            title=poc.model.name,
            text=_("The proof of concept by %(name)s waits for go or no go.") % {"name": poc.written_by},
            url=reverse("pages:model", args=[poc.model_id]) + "?tab=proof-of-concept",
            action=_("Decide"),
            since=poc.written_at,
            icon="bulb",
            tone="info",
            project=poc.model.project,
        )
        for poc in undecided.select_related("model__project", "written_by").order_by("pk")[:MOST_CANDIDATES]
    ]


def _list_policies(holder: Holder) -> list[Waiting]:
    """Proposed policies that somebody else has to adopt."""
    projects = holder.projects_where(RULES["adopt_policy"].roles)
    proposed = PromotionPolicy.objects.open().filter(project_id__in=projects)
    proposed = proposed.exclude(proposed_by__person_key=holder.user.person_key)
    return [
        Waiting(
            title=_("Promotion policy: %(tier)s risk, %(environment)s")
            % {"tier": policy.get_risk_tier_display(), "environment": policy.environment},
            text=_("Version %(number)d, proposed by %(name)s, waits for a second person.")
            % {"number": policy.number, "name": policy.proposed_by},
            url=reverse("pages:policy", args=[policy.pk]),
            action=_("Read"),
            since=policy.proposed_at,
            icon="scale",
            tone="info",
            project=policy.project,
        )
        for policy in proposed.select_related("project", "proposed_by").order_by("pk")[:MOST_CANDIDATES]
    ]


# --- My own work --------------------------------------------------------------------------------------------


def _list_own_work(user: User) -> list[Waiting]:
    return [*_list_own_versions(user), *_list_own_evaluations(user), *_list_own_reports(user)]


def _list_own_versions(user: User) -> list[Waiting]:
    """Versions I registered that came back, were rejected, or are still drafts; not those with a successor."""
    successor = ModelVersion.objects.filter(model=OuterRef("model"), number__gt=OuterRef("number"))
    own = ModelVersion.objects.visible_to(user).filter(created_by=user, state__in=(State.DRAFT, State.REJECTED))
    own = own.filter(~Exists(successor)).with_names().order_by("-pk")
    return [_describe_own_version(version) for version in own[:MOST_CANDIDATES]]


def _describe_own_version(version: ModelVersion) -> Waiting:
    if version.state == State.REJECTED:
        text, icon, tone = _("Was rejected. A correction is a new version."), "ban", "bad"
    elif version.submitted_at is not None:
        text, icon, tone = _("Came back with a request for changes."), "arrow-left", "warn"
    else:
        text, icon, tone = _("Is a draft. See what the gate still asks for."), "pencil", "neutral"
    return Waiting(
        title=str(version),
        text=text,
        url=reverse("pages:version", args=[version.pk]),
        action=_("Open"),
        since=version.submitted_at or version.created_at,
        icon=icon,
        tone=tone,
        project=version.model.project,
    )


def _unfinished_or_failed() -> Q:
    recent = timezone.now() - FAILURES_SHOWN_FOR
    return Q(status__in=UNDER_WAY) | Q(status=WorkStatus.FAILED, finished_at__gte=recent)


def _list_own_evaluations(user: User) -> list[Waiting]:
    newer = Evaluation.objects.filter(
        version=OuterRef("version"), kind=OuterRef("kind"), dataset_role=OuterRef("dataset_role"), pk__gt=OuterRef("pk")
    )
    own = Evaluation.objects.visible_to(user).filter(_unfinished_or_failed(), ~Exists(newer), requested_by=user)
    return [
        _describe_work(
            work,
            title=_("%(kind)s of %(version)s") % {"kind": work.get_kind_display(), "version": work.version},
            url=reverse("pages:evaluation", args=[work.pk]),
            project=work.version.model.project,
        )
        for work in own.select_related("version__model__project").order_by("-pk")[:MOST_CANDIDATES]
    ]


def _list_own_reports(user: User) -> list[Waiting]:
    """Reports I asked for that nobody has asked for again since."""
    found = ComplianceReport.objects.visible_to(user).filter(_unfinished_or_failed(), requested_by=user)
    named = found.select_related("version__model__project", "dataset_version__dataset", "project").order_by("-pk")
    own = list(named[:MOST_CANDIDATES])
    if not own:
        return []
    since = ComplianceReport.objects.filter(pk__gte=own[-1].pk).order_by().values_list(*ABOUT)
    newest = set(since.annotate(newest=Max("pk")).values_list("newest", flat=True))
    return [
        _describe_work(work, title=str(work), url=reverse("pages:report", args=[work.pk]), project=work.project)
        for work in own
        if work.pk in newest
    ]


def _describe_work(work: Evaluation | ComplianceReport, *, title: str, url: str, project: Project | None) -> Waiting:
    failed = work.status == WorkStatus.FAILED
    first_line = work.failure.partition("\n")[0]
    waits = work.status == WorkStatus.QUEUED
    under_way = _("Waits for a worker.") if waits else work.progress or _("Under way.")
    return Waiting(
        title=title,
        text=_("Failed: %(why)s") % {"why": first_line} if failed else under_way,
        url=url,
        action=_("See why") if failed else _("Watch"),
        since=work.finished_at or work.requested_at,
        icon="alert-triangle" if failed else "clock" if waits else "loader-2",
        tone="bad" if failed else "info",
        project=project,
    )
