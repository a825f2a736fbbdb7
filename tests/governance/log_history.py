"""A rich history made through the actions: one of everything the log can vouch for, for tests that then tamper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from governance import auditlog, leases, runner, store
from governance.actions import (
    answers,
    authentication,
    catalog,
    discussion,
    evaluations,
    frameworks,
    people,
    promotion,
    reports,
    requirements,
    rulings,
    submission,
    waivers,
)
from governance.actors import COMMAND, SYSTEM, Actor
from governance.amendment import version_and_model
from governance.auditlog import Subject
from governance.dossier import collect, keep
from governance.facts import digest_fact, read_facts_of
from governance.frameworks.vocabulary import facts
from governance.models import (
    AuditLogEntry,
    ComplianceReport,
    ModelVersion,
    Project,
    RegisteredModel,
    Release,
    ReportSignature,
    Role,
    User,
    WorkStatus,
)
from governance.signer import sign_once
from tests import cast
from tests.governance.framework_texts import SMALL
from tests.second_factors import add_totp


@dataclass
class History:
    """Who was there, and what they left behind."""

    root: User
    project: Project
    people: dict[str, User]
    model: RegisteredModel
    former: Release
    live: Release
    open_version: ModelVersion

    def index_of(self, type: str, *, last: bool = False) -> int:
        """The place of the first (or last) entry of a type."""
        found = AuditLogEntry.objects.filter(type=type).order_by("index").values_list("index", flat=True)
        index = found.last() if last else found.first()
        assert index is not None, f"the history holds no {type}"
        return index


def make_administrator() -> User:
    return people.create_administrator(
        username="root",
        full_name="Ruth Oduya",
        email="ruth@example.org",
        password=cast.PASSWORD,
        actor=Actor(User.objects.system(), COMMAND),
    )


def note(user: User, text: str = "noted", count: int = 1) -> None:
    """Append entries that no table mirrors."""
    for _ in range(count):
        with transaction.atomic():
            subject = Subject("user", user.pk, user.get_full_name())
            auditlog.append("test.noted", actor=cast.acting(user), subject=subject, project=None, reason=text)


def make_history() -> History:
    """Build the history, sealing it now and then as the signer would."""
    root = make_administrator()
    project = people.create_project(name="Patient pathways", actor=cast.acting(root))
    names = ("developer", "validator", "compliance", "approver", "administrator", "auditor")
    team = {name: cast.make_member(name, f"{name.title()} Person", project, name, by=root) for name in names}
    _change_people(project, root, team)
    sign_once()
    model = _make_model(project, team)
    former = _release(model, team)
    sign_once()
    live = _release(model, team)
    _reject_one(model, team)
    open_version = _leave_one_open(model, team)
    _hold_against_a_framework(open_version, team, root)
    _issue_report(live.version, team["auditor"])
    sign_once()
    for release in (former, live):
        release.refresh_from_db()
        assert release.envelope
    return History(root, project, team, model, former, live, open_version)


def _change_people(project: Project, root: User, team: dict[str, User]) -> None:
    actor = cast.acting(root)
    leaver = cast.make_member("leaver", "Lea Ver", project, Role.VALIDATOR, by=root)
    people.end_role(leaver.memberships.get(), reason="Moved on.", actor=actor)
    people.close_user(leaver, reason="Left.", actor=actor)
    token, _secret = people.create_token(
        name="pipeline", scopes=["read", "submit"], days=30, project=project, actor=cast.acting(team["developer"])
    )
    people.revoke_token(token, actor=cast.acting(team["developer"]))
    people.create_token(name="notebook", scopes=["read"], days=7, actor=cast.acting(team["developer"]))
    text = "- title: Useful\n  statement: It is.\n  criteria:\n"
    text += "    - {metric: accuracy, comparator: at_least, threshold: 0.7}\n"
    add_totp(team["auditor"])
    lost = cast.make_member("forgetful", "Flo Getful", project, Role.AUDITOR, by=root)
    add_totp(lost)
    authentication.remove_second_factor(
        lost.second_factors.get(), reason="Telephone lost.", password=cast.PASSWORD, actor=actor
    )
    people.write_template(project, risk_tier="low", text=text, actor=cast.acting(team["administrator"]))


def _make_model(project: Project, team: dict[str, User]) -> RegisteredModel:
    model = cast.register_model(project, team["developer"])
    actor = cast.acting(team["developer"])
    catalog.describe_model(model, description="Orders the call-back list.", actor=actor)
    cast.assess(model, "low", by=team["developer"])
    model.refresh_from_db()
    requirements.generate_requirements(model, actor=actor)
    by_hand = model.requirements.get(key="R-1")
    requirements.edit_requirement(
        by_hand,
        title=by_hand.title,
        statement=by_hand.statement,
        criteria=[{"metric": "accuracy", "comparator": "at_least", "threshold": "0.75"}],
        actor=actor,
    )
    dropped = requirements.write_requirement(model, title="Fast", statement="It is fast.", actor=actor)
    requirements.withdraw_requirement(dropped, reason="Not ours.", actor=actor)
    cast.record_go(model, developer=team["developer"], administrator=team["administrator"])
    return model


def _make_ready(model: RegisteredModel, team: dict[str, User]) -> ModelVersion:
    """A version in review whose gate lacks nothing but sign-offs; its predictions are a corrected second file."""
    developer = team["developer"]
    version = cast.register_version(model, developer)
    first = cast.submit(version, "predictions", by=developer, file=[b"row_id\n1\n"], file_name="wrong.csv")
    cast.submit(version, "metrics", by=developer, content={"metrics": [{"name": "accuracy", "value": 0.95}]})
    failing = _request_audit(version, first, developer)
    assert failing.status == "FAILED"
    right = cast.submit(
        version,
        "predictions",
        by=developer,
        file=[cast.make_predictions()],
        file_name="predictions.csv",
        supersedes=first,
        requirements=[model.requirements.get(key="R-1")],
    )
    audit = _request_audit(version, right, developer)
    assert audit.status == "SUCCEEDED", audit.failure
    return submission.submit_version(version, actor=cast.acting(developer))


def _request_audit(version: ModelVersion, evidence: Any, by: User) -> Any:
    spec = cast.PREDICTIONS_SPEC
    audit = evaluations.request_evaluation(
        version, kind="bias_audit", evidence=evidence, spec=spec, actor=cast.acting(by)
    )
    runner.run(audit.pk)
    audit.refresh_from_db()
    return audit


def _release(model: RegisteredModel, team: dict[str, User]) -> Release:
    version = _make_ready(model, team)
    cast.sign(version, team["validator"], "validator", "request_changes")
    version = submission.submit_version(version, actor=cast.acting(team["developer"]))
    cast.sign(version, team["validator"], "validator")
    cast.sign(version, team["approver"], "approver")
    return promotion.promote(
        version,
        environment="production",
        dossier_digest=collect(version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(team["approver"]),
    )


def _reject_one(model: RegisteredModel, team: dict[str, User]) -> None:
    version = _make_ready(model, team)
    cast.sign(version, team["validator"], "validator", "reject")
    idle = cast.register_version(model, team["developer"])
    promotion.retire_version(idle, reason="Never finished.", actor=cast.acting(team["approver"]))


def _leave_one_open(model: RegisteredModel, team: dict[str, User]) -> ModelVersion:
    """In review, with a gap that compliance accepted."""
    version = cast.register_version(model, team["developer"])
    version = submission.submit_version(version, actor=cast.acting(team["developer"]))
    waivers.grant_waiver(
        version,
        finding_key="evidence:metrics",
        reason="They come next week.",
        expires_at=datetime.now(UTC) + timedelta(days=20),
        password=cast.PASSWORD,
        actor=cast.acting(team["compliance"]),
    )
    _talk_about(version, team)
    return version


def _talk_about(version: ModelVersion, team: dict[str, User]) -> None:
    """A remark, a question that was answered and resolved, and one that is open."""
    auditor, developer = cast.acting(team["auditor"]), cast.acting(team["developer"])
    discussion.write_remark(version, text="Well described.", item_key="model", actor=auditor)
    asked = discussion.write_remark(
        version, text="@developer, which labels?", item_key="lineage", is_question=True, actor=auditor
    )
    discussion.write_remark(version, text="Those of last year.", parent=asked, actor=developer)
    discussion.resolve_question(asked, resolution="Thank you.", actor=auditor)
    discussion.write_remark(version, text="And since when?", item_key="lineage", is_question=True, actor=auditor)


def _hold_against_a_framework(version: ModelVersion, team: dict[str, User], root: User) -> None:
    """A framework loaded, corrected and another withdrawn; answers, a signature on a record, a ruling on a control."""
    frameworks.load_framework(SMALL, actor=cast.acting(root))
    frameworks.load_framework(SMALL.replace("Rule 2", "Rule 2a"), actor=cast.acting(root))
    other = frameworks.load_framework(SMALL.replace('"house-rules"', '"old-rules"'), actor=cast.acting(root))
    frameworks.withdraw_framework(other, reason="Replaced.", actor=cast.acting(root))
    developer, approver = cast.acting(team["developer"]), cast.acting(team["approver"])
    given = {"design.logic": "A tree.", "conformity.declaration_fields": {"provider": "Northfield"}}
    for fact, value in given.items():
        answers.record_answer(version, fact=fact, value=value, actor=developer)
    seen = digest_fact(facts()["conformity.declaration"], read_facts_of(version))
    assert seen is not None
    rulings.sign_fact(
        version,
        fact="conformity.declaration",
        meaning="declaration of conformity",
        seen_digest=seen,
        password=cast.PASSWORD,
        actor=approver,
    )
    rulings.rule_on_control(
        version,
        framework="house-rules",
        control="H-1",
        kind="waived",
        reason="In spring.",
        expires_at=datetime.now(UTC) + timedelta(days=20),
        password=cast.PASSWORD,
        actor=approver,
    )


def _issue_report(version: ModelVersion, by: User) -> None:
    """What the press records of a report, without the seconds that rendering takes."""
    asked = reports.request_report(version, actor=cast.acting(by))
    report = leases.claim(ComplianceReport, asked.pk)
    assert report is not None
    stored, dossier = store.save([b"%PDF-1.7 of a test"]), keep(collect(version))
    about = {"project": version.model.project, "related": version_and_model(version)}
    with transaction.atomic():
        digest = "sha256:" + "7" * 64
        rendering = ReportSignature.objects.create(
            report=report, unsigned_digest=digest, covered_digest=digest, signature="00"
        )
        entry = auditlog.append(
            "report.rendered",
            actor=Actor(User.objects.system(), SYSTEM),
            subject=Subject("report", report.pk, str(report), digest),
            data={"dossier": dossier.digest, "rendering": rendering.pk, "unsigned": digest, "certificates": [digest]},
            **about,
        )
        auditlog.stamp(rendering, entry)
        leases.finish(report, status=WorkStatus.SUCCEEDED, dossier=dossier, file=stored, file_name="report.pdf")
        entry = auditlog.append(
            "report.issued",
            actor=Actor(User.objects.system(), SYSTEM),
            subject=Subject("report", report.pk, str(report), stored.digest),
            **about,
            data={"dossier": dossier.digest},
        )
        auditlog.stamp(report, entry)
