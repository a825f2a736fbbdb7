"""A project in a running portal with one person in each role, shared by the tests of the client and its command line.

``released`` is a medium-risk version that is complete; a test that changes something makes a version of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from countersign import Client, Session, describe_artifact, digest_bytes
from countersign.cli import main
from countersign.types import Evidence, Model, Project, Version
from tests.cast import ANSWERS, JUNIT, PASSWORD, PREDICTIONS_SPEC, make_predictions
from tests.client.small_inputs import lay_out
from tests.portals import Portal

PEOPLE = (
    ("cleo", "Cleo Marsh", "developer"),
    ("vito", "Vito Lang", "validator"),
    ("ada", "Ada Quist", "approver"),
    ("milo", "Milo Tran", "administrator"),
    ("odile", "Odile Roy", "auditor"),
)


@dataclass
class Office:
    """A project with one person in each role, and files to submit."""

    url: str
    project: Project
    folder: Path
    tokens: dict[str, str]

    def token(self, name: str) -> str:
        """A token of somebody's own; made once."""
        if name not in self.tokens:
            with self.sign_in(name) as session:
                made = session.create_token("tests", scopes=["read", "submit", "report"], days=1)
            self.tokens[name] = made.secret
        return self.tokens[name]

    def sign_in(self, name: str) -> Session:
        return Session(self.url, name, PASSWORD)

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture(scope="session")
def office(running_portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Office:
    running_portal.manage(
        *("create_administrator", "wanda", "--full-name", "Wanda Pohl", "--email", "wanda@example.org", "--another"),
        text_in=PASSWORD,
    )
    with Session(running_portal.url, "wanda", PASSWORD) as wanda:
        project = wanda.create_project("Client tests")
        for login, name, role in PEOPLE:
            wanda.create_user(login, full_name=name, email=f"{login}@example.org", password=PASSWORD)
            wanda.grant_role(project, username=login, role=role)
    return Office(running_portal.url, project, tmp_path_factory.mktemp("files"), {})


@pytest.fixture
def run(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """A function that runs the command line as somebody."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "300")

    def call(name: str | None, *arguments: object, **options: Any) -> Result:
        known = {"COUNTERSIGN_URL": office.url, "COUNTERSIGN_TOKEN": office.token(name)} if name else {}
        return CliRunner().invoke(main, [str(item) for item in arguments], env=known, **options)

    return call


@pytest.fixture
def cleo(office: Office) -> Iterator[Client]:
    """A developer's script."""
    with Client(office.url, office.token("cleo")) as client:
        yield client


@pytest.fixture(scope="session")
def model(office: Office) -> Model:
    """A medium-risk model with a proof of concept that got its go."""
    with Client(office.url, office.token("cleo")) as client:
        made = client.register_model(
            office.project, "Call-back order", intended_use="Order call-backs.", affected_people="Patients."
        )
        made = client.assess_risk(made, "general", ANSWERS["medium"], rationale="A nurse decides.")
        client.generate_requirements(made)
        client.write_proof_of_concept(made, problem_statement="Who is called first?")
    with office.sign_in("milo") as milo:
        proof = milo.proof_of_concept(made)
        assert proof is not None
        milo.decide_proof_of_concept(made, proof, decision="go", reason="Useful.")
    return made


@pytest.fixture
def new_version(office: Office, model: Model, cleo: Client) -> Callable[[], Version]:
    """A function that registers another draft with lineage."""
    return lambda: register_version(office, model, cleo)


def register_version(office: Office, model: Model, client: Client) -> Version:
    number = len(client.versions(model)) + 1
    artifact = describe_artifact(office.write(f"model-{number}.json", b"%d" % number))
    version = client.register_version(model, artifacts=[artifact], notes=f"Number {number}")
    name = "Calls"
    calls = client.find_dataset(office.project, name) or client.register_dataset(
        office.project, name, personal_data="pseudonymous"
    )
    raw = client.register_dataset_version(calls, digest=digest_bytes(b"raw %d" % number), row_count=800)
    test = client.register_dataset_version(
        calls, digest=digest_bytes(b"test %d" % number), row_count=400, derived_from=[(raw, "every second row")]
    )
    client.declare_dataset_use(version, raw, role="training")
    client.declare_dataset_use(version, test, role="test")
    return version


def submit_all(office: Office, client: Client, version: Version) -> Evidence:
    """Submit what the medium tier asks for; return the predictions."""
    client.submit_metrics(version, [{"name": "accuracy", "value": 0.95}])
    client.submit_test_report(version, office.write("checks.xml", JUNIT))
    report = office.write("validation.md", b"# Validation\nRe-run and agreed.\n")
    client.submit_document(version, report, kind="validation_report", title="Validation")
    return client.submit_predictions(version, office.write("predictions.csv", make_predictions()))


@pytest.fixture(scope="session")
def released(office: Office, model: Model) -> Version:
    """A version that was audited, signed by validator and approver, and promoted."""
    with Client(office.url, office.token("cleo")) as client:
        version = register_version(office, model, client)
        audit = client.request_bias_audit(version, submit_all(office, client, version), PREDICTIONS_SPEC)
        assert client.wait_for(audit).status == "SUCCEEDED"
        version = client.submit_version(version)
    for name, role in (("vito", "validator"), ("ada", "approver")):
        with office.sign_in(name) as session:
            digest = session.dossier(version).digest
            session.sign_off(version, role=role, dossier_digest=digest, password=PASSWORD, meaning="I have read it.")
            if role == "approver":
                session.promote(version, session.gate(version), password=PASSWORD)
    return version


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with a good input of every kind that the offline verifier reads."""
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    return tmp_path
