"""What every test may use: portals of one's own and the cast; and the order in which tests run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.test import TransactionTestCase, override_settings
from hypothesis import settings

from audits.sandbox.jobs import find_job
from governance import runner
from governance.actions import people
from governance.models import ModelVersion, Project, RegisteredModel, ReportSignature, Role, User
from governance.report_certificate import PublicCertificate, ReportKey
from governance.reports import report_signing
from tests import cast
from tests.guards import empty_behind_the_guards
from tests.portals import Portal, make_portal

# A machine that is busy makes a test slow and no code wrong.
settings.register_profile("make test", deadline=None, derandomize=True)
settings.register_profile("make soak", deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    """``make test`` draws the same examples every time, so that whoever sees it fail can see it again; ``make soak``
    draws new ones."""
    settings.load_profile("make soak" if config.option.markexpr == "soak" else "make test")


def touches_database(item: pytest.Item) -> bool:
    """Say whether a test uses the database, in this process or in a portal it starts."""
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or not fixtures.isdisjoint(
        {"db", "transactional_db", "live_server", "collected_data"}
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that start whole portals: they wait more than they compute.

    The run on a second database leaves out the tests that touch none: they have run already.
    """
    if os.environ.get("COUNTERSIGN_DATABASE_URL"):
        untouched = [item for item in items if not touches_database(item)]
        config.hook.pytest_deselected(items=untouched)
        items[:] = [item for item in items if touches_database(item)]
    starting = {item.path for item in items if "collected_data" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in starting)


@pytest.fixture(scope="session", autouse=True)
def tables_are_emptied_between_tests() -> Iterator[None]:
    """Transactional tests empty every table when they end, which nobody else may do."""
    empty = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            TransactionTestCase, "_fixture_teardown", lambda test: empty_behind_the_guards(lambda: empty(test))
        )
        yield


@pytest.fixture(scope="session")
def collected_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the static files as `serve --prepare` collects them."""
    from portal.management.commands.serve import collect_static_files

    data = tmp_path_factory.mktemp("collected")
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    with override_settings(STORAGES=storages, STATIC_ROOT=data / "static", COUNTERSIGN_DATA=data):
        collect_static_files()
    return data


@pytest.fixture
def new_portal(collected_data: Path, tmp_path: Path) -> Iterator[Callable[..., Portal]]:
    """A function that makes a portal of the test's own; `.start("--prepare")` starts it."""
    with ExitStack() as portals:

        def make(**settings: str) -> Portal:
            data = tmp_path / f"data {len(list(tmp_path.iterdir()))}"
            return portals.enter_context(make_portal(collected_data, data, **settings))

        yield make


@pytest.fixture(scope="session")
def running_portal(collected_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One empty running portal for all tests of this process that can share it."""
    with make_portal(collected_data, tmp_path_factory.mktemp("portal") / "data") as portal:
        portal.start("--prepare")
        yield portal


# --- The laboratory --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def laboratory_at_hand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests need a result and not its walls: it is computed here, where the libraries are loaded already.

    Tests marked `sandboxed` get what a worker does: a locked child for every job.
    """
    if request.node.get_closest_marker("sandboxed") is None:
        monkeypatch.setattr(runner, "run_job", compute_here)


def compute_here(kind: str, inputs: dict[str, Path], spec: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A job as the sandboxed child does it, without the child."""
    progress = given.get("progress") or (lambda share, step: None)
    return json.loads(json.dumps(find_job(kind)(inputs, spec, progress), allow_nan=False))


# --- The signer --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate_at_hand(tmp_path_factory: pytest.TempPathFactory) -> ReportKey:
    """A certificate for reports, as the signer makes it at its first start."""
    data = tmp_path_factory.mktemp("signer")
    (data / "keys").mkdir()
    with override_settings(COUNTERSIGN_DATA=data, COUNTERSIGN_REPORT_CERTIFICATE=""):
        return ReportKey.load()


@pytest.fixture(autouse=True)
def signer_at_hand(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, certificate_at_hand: ReportKey
) -> None:
    """Most tests need a signed report and not the process that signs it.

    Tests marked `signer` wait for one of their own.
    """
    if request.node.get_closest_marker("signer") is not None:
        return
    chain = tuple(item.public_bytes(Encoding.DER) for item in certificate_at_hand.chain)

    def sign(asked: ReportSignature) -> bytes:
        return certificate_at_hand.sign(bytes.fromhex(asked.covered_digest.removeprefix("sha256:")))

    monkeypatch.setattr(report_signing, "wait_for_signature", sign)
    monkeypatch.setattr(report_signing, "read_published", lambda: PublicCertificate(chain))


# --- The cast --------------------------------------------------------------------------------------


@pytest.fixture
def organisation_administrator(db: None) -> User:
    return cast.make_organisation_administrator()


@pytest.fixture
def project(organisation_administrator: User) -> Project:
    return people.create_project(name="Patient pathways", actor=cast.acting(organisation_administrator))


@pytest.fixture
def developer(project: Project, organisation_administrator: User) -> User:
    return cast.make_member("dana", "Dana Whitfield", project, Role.DEVELOPER, by=organisation_administrator)


@pytest.fixture
def validator(project: Project, organisation_administrator: User) -> User:
    return cast.make_member("viktor", "Viktor Hahn", project, Role.VALIDATOR, by=organisation_administrator)


@pytest.fixture
def compliance(project: Project, organisation_administrator: User) -> User:
    return cast.make_member("carla", "Carla Mendes", project, Role.COMPLIANCE, by=organisation_administrator)


@pytest.fixture
def approver(project: Project, organisation_administrator: User) -> User:
    return cast.make_member("amir", "Amir Rahimi", project, Role.APPROVER, by=organisation_administrator)


@pytest.fixture
def administrator(project: Project, organisation_administrator: User) -> User:
    return cast.make_member("adele", "Adele Brandt", project, Role.ADMINISTRATOR, by=organisation_administrator)


@pytest.fixture
def auditor(project: Project, organisation_administrator: User) -> User:
    return cast.make_member("aoife", "Aoife Byrne", project, Role.AUDITOR, by=organisation_administrator)


@pytest.fixture
def second_administrator(project: Project, organisation_administrator: User) -> User:
    """One who has not decided on the proof of concept, so that they contributed to nothing."""
    return cast.make_member("ingrid", "Ingrid Falk", project, Role.ADMINISTRATOR, by=organisation_administrator)


@pytest.fixture
def stranger(organisation_administrator: User) -> User:
    """Somebody with every role, in another project."""
    other = people.create_project(name="Elsewhere", actor=cast.acting(organisation_administrator))
    user = cast.make_person("stan", "Stan Novak", by=organisation_administrator)
    for role in Role.values:
        people.grant_role(other, user=user, role=role, actor=cast.acting(organisation_administrator))
    return user


@pytest.fixture
def model(project: Project, developer: User) -> RegisteredModel:
    return cast.register_model(project, developer)


@pytest.fixture
def model_with_go(model: RegisteredModel, developer: User, administrator: User, signers: Any) -> RegisteredModel:
    """With everybody in place who will sign: a role that is younger than a submission signs nothing of it."""
    assert signers
    cast.record_go(model, developer=developer, administrator=administrator)
    return model


@pytest.fixture
def version(model: RegisteredModel, developer: User) -> ModelVersion:
    """A draft with an artifact and its lineage."""
    return cast.register_version(model, developer)


@pytest.fixture
def ready_version(model_with_go: RegisteredModel, developer: User) -> ModelVersion:
    """A version in review whose gate lacks nothing but sign-offs."""
    return cast.make_ready_version(model_with_go, developer=developer)


@pytest.fixture
def signers(validator: User, compliance: User, approver: User) -> list[tuple[User, str]]:
    return [(validator, Role.VALIDATOR), (compliance, Role.COMPLIANCE), (approver, Role.APPROVER)]
