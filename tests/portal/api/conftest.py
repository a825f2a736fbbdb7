"""A project in full swing: one object behind every address of the API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import transaction
from pytest_django import Settings

from governance import auditlog, store
from governance.actions import discussion, emergency, evaluations, people, promotion, reports, submission
from governance.dossier import collect
from governance.models import (
    ComplianceReport,
    Dataset,
    DatasetVersion,
    EmergencyRequest,
    Evaluation,
    Evidence,
    FollowUp,
    FollowUpKind,
    Membership,
    ModelVersion,
    Project,
    PromotionPolicy,
    RegisteredModel,
    Release,
    Remark,
    Role,
    User,
)
from governance.signer import sign_once
from tests import cast
from tests.governance.framework_texts import load_shipped
from tests.governance.policy_texts import propose


@dataclass
class Scene:
    """``version`` is released and a report on it asked for, ``ready`` is in review, ``draft`` has just begun,
    ``waiting`` is an evaluation of it that nobody has run. ``policy`` and ``spare_policy`` are proposed; ``emergency``
    waits for its confirmation, ``follow_up`` for somebody to close it."""

    project: Project
    model: RegisteredModel
    version: ModelVersion
    ready: ModelVersion
    draft: ModelVersion
    release: Release
    report: ComplianceReport
    waiting: Evaluation
    policy: PromotionPolicy
    spare_policy: PromotionPolicy
    emergency: EmergencyRequest
    follow_up: FollowUp

    def address(self, pattern: str) -> str:
        """Fill an address such as ``evidence/{evidence}/file`` with the scene's ids."""
        return pattern.format(
            project=self.project.pk,
            model=self.model.pk,
            version=self.version.pk,
            ready=self.ready.pk,
            draft=self.draft.pk,
            release=self.release.pk,
            report=self.report.pk,
            requirement=self.model.requirements.earliest("pk").pk,
            dataset=Dataset.objects.earliest("pk").pk,
            dataset_version=DatasetVersion.objects.earliest("pk").pk,
            evidence=Evidence.objects.filter(kind="predictions").earliest("pk").pk,
            evaluation=Evaluation.objects.earliest("pk").pk,
            waiting=self.waiting.pk,
            policy=self.policy.pk,
            spare_policy=self.spare_policy.pk,
            emergency=self.emergency.pk,
            follow_up=self.follow_up.pk,
            question=Remark.objects.filter(is_question=True).earliest("pk").pk,
            membership=Membership.objects.filter(project=self.project, role=Role.VALIDATOR).earliest("pk").pk,
            spare_membership=Membership.objects.filter(project=self.project, role=Role.AUDITOR).latest("pk").pk,
            user=User.objects.get(username="aoife").pk,
            entry=self.release.log_index,
        )


def begin_draft(model: RegisteredModel, developer: User, auditor: User) -> Evaluation:
    """A draft with an evaluation that nobody has run, and a question about it."""
    draft = cast.register_version(model, developer)
    table = cast.submit(draft, "predictions", by=developer, file=[cast.make_predictions(30)], file_name="w.csv")
    discussion.write_remark(draft, text="Why?", is_question=True, actor=cast.acting(auditor))
    return evaluations.request_evaluation(
        draft, kind="bias_audit", evidence=table, spec=cast.PREDICTIONS_SPEC, actor=cast.acting(developer)
    )


@pytest.fixture
def scene(
    model_with_go: RegisteredModel,
    developer: User,
    approver: User,
    auditor: User,
    signers: list[tuple[User, str]],
    settings: Settings,
    tmp_path: Path,
) -> Scene:
    settings.COUNTERSIGN_DATA = tmp_path  # a log of its own needs a signer of its own
    (tmp_path / "keys").mkdir(mode=0o700)
    for name in ("nyc_ll144", "eu_ai_act_high_risk"):
        load_shipped(name)
    version = cast.make_ready_version(model_with_go, developer=developer)
    cast.sign_by_all(version, signers)
    digest = collect(version).digest
    release = promotion.promote(
        version,
        environment="production",
        dossier_digest=digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )
    report = reports.request_report(version, actor=cast.acting(auditor))
    ready = cast.register_version(model_with_go, developer)
    cast.submit_all_evidence(ready, developer=developer)
    submission.submit_version(ready, actor=cast.acting(developer))
    waiting = begin_draft(model_with_go, developer, auditor)
    draft = waiting.version
    by, root = User.objects.get(username="carla"), User.objects.get(username="root")
    people.grant_role(model_with_go.project, user=by, role=Role.AUDITOR, actor=cast.acting(root))
    proposals = [propose(model_with_go.project, by=by, tier=tier) for tier in ("medium", "low")]
    burning = cast.register_version(model_with_go, developer)
    submission.submit_version(burning, actor=cast.acting(developer))
    asked = emergency.ask_for_emergency(
        burning,
        reason="Fire.",
        hours=2,
        dossier_digest=collect(burning).digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )
    follow_up = FollowUp.objects.create(
        version=version, release=release, kind=FollowUpKind.EXPIRED, text="Over.", opened_at=release.started_at
    )
    sign_once()
    release.refresh_from_db()
    made = (version, ready, draft, release, report, waiting, *proposals, asked, follow_up)
    return Scene(model_with_go.project, model_with_go, *made)


@pytest.fixture
def issued_report(scene: Scene, auditor: User) -> ComplianceReport:
    """The scene's report as the press leaves it when it is issued, with a few bytes in the PDF's place."""
    stored = store.save([b"%PDF-1.7 a report"])
    with transaction.atomic():
        entry = auditlog.append(
            "report.issued",
            actor=cast.acting(auditor),
            subject=auditlog.Subject("report", scene.report.pk, str(scene.report), stored.digest),
            project=scene.project,
        )
        ComplianceReport.objects.filter(pk=scene.report.pk).update(
            status="SUCCEEDED", file=stored, file_name="Dossier “Übersicht”.pdf", log_index=entry.index
        )
    sign_once()
    scene.report.refresh_from_db()
    return scene.report
