"""A promoted version and its printed dossier, made once for all tests of a file."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from pypdf import PdfReader

from governance import auditlog
from governance.actions import people, promotion
from governance.actors import COMMAND, Actor
from governance.dossier import Dossier, collect
from governance.gate import GateDecision, judge
from governance.models import Checkpoint, ComplianceReport, ModelVersion, Release, Role, User
from governance.reports.kinds import Made, Material, make
from governance.signer import sign_once
from tests import cast


@dataclass
class Printed:
    """What was printed, and the printing."""

    version: ModelVersion
    release: Release
    people: dict[str, User]
    dossier: Dossier
    decision: GateDecision
    checkpoint: Checkpoint
    made: Made
    text: str

    @property
    def pdf(self) -> PdfReader:
        return PdfReader(io.BytesIO(self.made.pdf))


def read_text(pdf: bytes) -> str:
    """All text of a PDF with every run of white space as one space."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def find_widest_overflow(pdf: bytes) -> float:
    """How far, in points, any text begins beyond the right edge of its page."""
    widest = -1.0
    for page in PdfReader(io.BytesIO(pdf)).pages:
        edge = float(page.mediabox.right)
        starts: list[float] = []

        def look(text: str, cm: list[float], tm: list[float], _font: object, _size: float, found: Any = starts) -> None:
            if text.strip():  # pictures call the visitor too, with no text and a scale of their own
                found.append(tm[4] * cm[0] + cm[4])

        page.extract_text(visitor_text=look)
        widest = max([widest, *(start - edge for start in starts)])
    return widest


def print_report(
    version: ModelVersion, dossier: Dossier, decision: GateDecision, checkpoint: Checkpoint | None, **kind: str
) -> Made:
    """Render a report of a kind as the worker would, without keeping it."""
    report = ComplianceReport(version=version, project=version.model.project, **kind)
    return make(Material(report, dossier, checkpoint), tell=lambda _text: None)


def print_dossier(version: ModelVersion) -> tuple[Dossier, GateDecision, Made]:
    dossier = collect(version)
    decision = judge(dossier)
    return dossier, decision, print_report(version, dossier, decision, auditlog.latest_checkpoint())


def make_promoted_version() -> tuple[ModelVersion, Release, dict[str, User]]:
    root = people.create_administrator(
        username="root",
        full_name="Ruth Oduya",
        email="ruth@example.org",
        password=cast.PASSWORD,
        actor=Actor(User.objects.system(), COMMAND),
    )
    project = people.create_project(name="Patient pathways", actor=cast.acting(root))
    names = {
        Role.DEVELOPER: "Dana Whitfield",
        Role.VALIDATOR: "Viktor Hahn",
        Role.COMPLIANCE: "Carla Mendes",
        Role.APPROVER: "Amir Rahimi",
        Role.ADMINISTRATOR: "Adele Brandt",
    }
    who = {str(role): cast.make_member(str(role), name, project, role, by=root) for role, name in names.items()}
    model = cast.register_model(project, who["developer"])
    cast.record_go(model, developer=who["developer"], administrator=who["administrator"])
    version = cast.make_ready_version(model, developer=who["developer"])
    cast.sign_by_all(version, [(who[role], role) for role in ("validator", "compliance", "approver")])
    release = promotion.promote(
        version,
        environment="production",
        dossier_digest=collect(version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(who["approver"]),
    )
    version.refresh_from_db()
    return version, release, who


@pytest.fixture(scope="module")
def printed(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Printed]:
    """The release dossier of a promoted version. Tests read it and change nothing."""
    data = tmp_path_factory.mktemp("report")
    (data / "keys").mkdir()
    with django_db_blocker.unblock(), override_settings(COUNTERSIGN_DATA=data), transaction.atomic():
        version, release, who = make_promoted_version()
        checkpoint = sign_once()
        assert checkpoint is not None
        dossier, decision, made = print_dossier(version)
        yield Printed(version, release, who, dossier, decision, checkpoint, made, read_text(made.pdf))
        transaction.set_rollback(True)
    shutil.rmtree(data)
