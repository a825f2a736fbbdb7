"""The client and the command line against a running portal, as a data scientist, a pipeline and an auditor use them.

One file, so that its tests share one portal. ``released`` is a medium-risk version that is complete; a test that
changes something makes a version of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from countersign import Client, CountersignError, Session, describe_artifact, digest_bytes
from countersign.cli import main
from countersign.types import Evidence, Model, Project, Version
from tests.cast import JUNIT, PASSWORD, PREDICTIONS_SPEC, make_attributions, make_predictions
from tests.portals import Portal

PEOPLE = (
    ("cleo", "Cleo Marsh", "developer"),
    ("vito", "Vito Lang", "validator"),
    ("ada", "Ada Quist", "approver"),
    ("milo", "Milo Tran", "administrator"),
    ("odile", "Odile Roy", "auditor"),
)
EXPLANATION_SPEC = {"columns": {"id": "row_id", "base": "base_value", "output": "output"}}


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


@pytest.fixture(scope="module")
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
def cleo(office: Office) -> Iterator[Client]:
    """A developer's script."""
    with Client(office.url, office.token("cleo")) as client:
        yield client


@pytest.fixture(scope="module")
def model(office: Office) -> Model:
    """A medium-risk model with a proof of concept that got its go."""
    with Client(office.url, office.token("cleo")) as client:
        made = client.register_model(
            office.project, "Call-back order", intended_use="Order call-backs.", affected_people="Patients."
        )
        made = client.set_risk_tier(made, "medium", rationale="A nurse decides.")
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


@pytest.fixture(scope="module")
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


# --- The client ------------------------------------------------------------------------------------------


def test_a_wrong_password_opens_no_session(office: Office) -> None:
    with pytest.raises(CountersignError) as caught:
        Session(office.url, "odile", "not her password")

    assert caught.value.code == "sign_in_failed"


def test_whoami_tells_name_roles_and_door(office: Office, cleo: Client) -> None:
    me = cleo.whoami()

    assert (me.full_name, me.authentication) == ("Cleo Marsh", "api-token")
    assert [(held.project.name, held.role) for held in me.roles] == [("Client tests", "developer")]


def test_what_is_looked_up_is_what_was_made(office: Office, model: Model, cleo: Client) -> None:
    version = cleo.versions(model)[0] if cleo.versions(model) else register_version(office, model, cleo)

    assert cleo.find_project("Client tests") == office.project
    assert cleo.find_project("Nobody's") is None
    assert cleo.find_model(office.project, "Call-back order") == cleo.models(name="Call-back order")[0]
    assert cleo.find_version(model, digest=version.artifacts[0].digest) == version
    assert cleo.find_version(model, digest=digest_bytes(b"another file")) is None
    assert [requirement.key for requirement in cleo.requirements(model)] == ["R-1", "R-2"]


def test_an_edit_of_a_model_somebody_else_changed_is_refused(office: Office, cleo: Client) -> None:
    seen = cleo.register_model(office.project, "Edited twice")
    cleo.describe_model(seen, description="First.")

    with pytest.raises(CountersignError) as caught:
        cleo.describe_model(seen, description="Second, over the first.")

    assert (caught.value.code, caught.value.status) == ("stale_reading", 412)


def test_an_upload_is_streamed_with_progress_and_recorded_by_its_digest(
    office: Office, cleo: Client, new_version: Callable[[], Version]
) -> None:
    data = make_predictions(20_000)
    told: list[tuple[int, int]] = []

    evidence = cleo.submit_predictions(
        new_version(), office.write("large.csv", data), progress=lambda done, total: told.append((done, total))
    )

    assert evidence.digest == digest_bytes(data)
    assert evidence.file is not None
    assert (evidence.file.name, evidence.file.size) == ("large.csv", len(data))
    assert told[-1] == (len(data), len(data))
    assert len(told) > 3


def test_evidence_submitted_once_is_not_submitted_twice(
    office: Office, cleo: Client, new_version: Callable[[], Version]
) -> None:
    version = new_version()
    card = office.write("card.md", b"# Card\n")

    first = cleo.submit_document(version, card, title="Model card", once=True)
    again = cleo.submit_document(version, card, title="Model card", once=True)
    corrected = cleo.submit_document(version, card, title="Model card", supersedes=first)

    assert again == first
    assert cleo.find_evidence(version, kind="document", title="Model card") == corrected
    assert len(cleo.evidence(version, kind="document")) == 2


def test_reported_kinds_are_submitted_by_verbs_of_their_own(cleo: Client, new_version: Callable[[], Version]) -> None:
    version = new_version()
    times = {"requests": 10, "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "error_rate": 0.0}
    arms = {"control_n": 10, "control_mean": 1.0, "treatment_n": 10, "treatment_mean": 1.5}
    review = {"outcome": "passed", "reviewer": "Sol Berg", "summary": "Nothing found."}

    cleo.submit_load_test(version, times)
    cleo.submit_ab_result(version, "visits", arms)
    cleo.submit_security_review(version, **review)
    cleo.submit_privacy_review(version, **review)

    kinds = sorted(item.kind for item in cleo.evidence(version))
    assert kinds == ["ab_result", "load_test", "privacy_review", "security_review"]


def test_an_explanation_is_made_from_submitted_values(
    office: Office, cleo: Client, new_version: Callable[[], Version]
) -> None:
    version = new_version()
    values = cleo.submit_attributions(version, office.write("shap.csv", make_attributions()))

    done = cleo.wait_for(cleo.request_explanation(version, values, EXPLANATION_SPEC))

    assert (done.status, done.failure) == ("SUCCEEDED", "")


def test_a_token_cannot_sign(office: Office, released: Version) -> None:
    with Client(office.url, office.token("vito")) as client, pytest.raises(CountersignError) as caught:
        Session.sign_off(
            client,  # type: ignore[arg-type]  # a program that tries what only a person may
            released,
            role="validator",
            dossier_digest=client.gate(released).dossier_digest,
            password=PASSWORD,
            meaning="Signed by a program.",
        )

    assert (caught.value.code, caught.value.status) == ("person_needed", 403)


def test_a_closed_gate_refuses_a_signature_with_its_findings(
    office: Office, cleo: Client, new_version: Callable[[], Version]
) -> None:
    version = cleo.submit_version(new_version())
    with office.sign_in("vito") as vito, pytest.raises(CountersignError) as caught:
        vito.sign_off(
            version,
            role="validator",
            dossier_digest=vito.gate(version).dossier_digest,
            password=PASSWORD,
            meaning="Unread.",
        )

    assert caught.value.code == "gate_closed"
    assert "evidence:predictions" in {finding.key for finding in caught.value.findings}


def test_a_released_version_may_run(office: Office, cleo: Client, released: Version) -> None:
    digest = released.artifacts[0].digest

    assert cleo.may_run(digest=digest).allowed
    assert cleo.may_run(digest=digest, environment="elsewhere").code == "not_released"
    assert cleo.may_run(digest=digest_bytes(b"another file")).code == "unknown_artifact"
    assert [release.version.number for release in cleo.releases(live=True)] == [released.number]
    assert [signed.role for signed in cleo.sign_offs(released)] == ["approver", "validator"]


# --- The command line --------------------------------------------------------------------------------------


@pytest.fixture
def run(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """A function that runs the command line as somebody."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "300")

    def call(name: str | None, *arguments: object, **options: Any) -> Result:
        known = {"COUNTERSIGN_URL": office.url, "COUNTERSIGN_TOKEN": office.token(name)} if name else {}
        return CliRunner().invoke(main, [str(item) for item in arguments], env=known, **options)

    return call


def test_login_makes_a_token_that_whoami_uses(office: Office, run: Callable[..., Result], tmp_path: Path) -> None:
    signed_in = run(None, "login", "--url", office.url, "--username", "cleo", input=f"{PASSWORD}\n")
    asked = run(None, "whoami")

    assert (signed_in.exit_code, asked.exit_code) == (0, 0)
    assert "Cleo Marsh (cleo)" in asked.output
    assert PASSWORD not in signed_in.output
    assert (tmp_path / "config" / "countersign" / "config.toml").stat().st_mode & 0o777 == 0o600


def test_without_a_login_the_remedy_is_told(run: Callable[..., Result]) -> None:
    asked = run(None, "whoami")

    assert asked.exit_code == 2
    assert "Run “countersign login”" in asked.stderr


def test_submit_audit_and_gate_on_the_command_line(
    office: Office, run: Callable[..., Result], new_version: Callable[[], Version]
) -> None:
    version = new_version()
    file = office.write("predictions.csv", make_predictions())
    spec = office.write("spec.json", json.dumps(PREDICTIONS_SPEC).encode())

    submitted = run("cleo", "submit", file, "--kind", "predictions", "--version", version.id, "--requirement", "R-1")
    audited = run("cleo", "audit", "--version", f"{version.model.name}@{version.number}", "--spec", spec)
    judged = run("cleo", "gate", "--version", version.id, "--json")

    assert (submitted.exit_code, audited.exit_code, judged.exit_code) == (0, 0, 1)
    assert digest_bytes(file.read_bytes()) in submitted.output
    assert "demographic_parity_difference" in audited.output
    statuses = {finding["key"]: finding["status"] for finding in json.loads(judged.stdout)["findings"]}
    assert statuses["evaluation:bias_audit:test"] == "MET"
    assert statuses["evidence:validation_report"] == "MISSING"


def test_submit_reads_structured_kinds_from_json(
    office: Office, run: Callable[..., Result], new_version: Callable[[], Version], cleo: Client
) -> None:
    version = new_version()
    metrics = office.write("metrics.json", b'{"metrics": [{"name": "accuracy", "value": 0.9}]}')

    submitted = run("cleo", "submit", metrics, "--kind", "metrics", "--version", version.id, "--title", "Claims")

    assert submitted.exit_code == 0
    assert cleo.find_evidence(version, kind="metrics", title="Claims") is not None


def test_bad_input_is_told_in_words_and_exit_code_2(
    office: Office, run: Callable[..., Result], released: Version
) -> None:
    no_json = office.write("metrics.json", b"{")

    unreadable = run("cleo", "submit", no_json, "--kind", "metrics", "--version", released.id)
    unknown = run("cleo", "gate", "--version", "Nobody's model@3")
    undecided = run("cleo", "gate")

    assert (unreadable.exit_code, unknown.exit_code, undecided.exit_code) == (2, 2, 2)
    assert "is not JSON" in unreadable.stderr
    assert "You see no model named “Nobody's model”" in unknown.stderr
    assert "Give either --version or --artifact" in undecided.stderr


def test_an_open_gate_ends_with_0(office: Office, run: Callable[..., Result], released: Version) -> None:
    judged = run("odile", "gate", "--version", released.id, "--wait", "30")
    artifact = run("odile", "gate", "--artifact", office.folder / released.artifacts[0].name)
    stranger = run("odile", "gate", "--artifact", office.write("other.json", b"other"))

    assert (judged.exit_code, artifact.exit_code, stranger.exit_code) == (0, 0, 1)
    assert "The gate to production is open" in judged.output
    assert "No model version you may see" in stranger.output


def test_waiting_for_a_gate_ends_with_1_when_time_is_up(
    run: Callable[..., Result], new_version: Callable[[], Version]
) -> None:
    judged = run("cleo", "gate", "--version", new_version().id, "--wait", "0.2")

    assert judged.exit_code == 1


def test_a_report_is_downloaded_with_its_receipt_and_verified_offline(
    office: Office, run: Callable[..., Result], released: Version, cleo: Client, tmp_path: Path
) -> None:
    downloaded = run("odile", "report", "--version", released.id, "--output", tmp_path)
    document = next(tmp_path.glob("*.pdf"))
    key = office.write("log.vkey", cleo.log_key().encode())
    other_key = office.write("other.vkey", b"elsewhere/log+00000000+AAAA")

    good = run(None, "verify", document, "--key", f"@{key}")
    from_portal = run("odile", "verify", document)
    unknown_key = run(None, "verify", document, "--key", f"@{other_key}")
    document.write_bytes(document.read_bytes() + b" ")
    tampered = run(None, "verify", document, "--key", f"@{key}")

    assert downloaded.exit_code == 0
    assert (good.exit_code, from_portal.exit_code) == (0, 0)
    assert (unknown_key.exit_code, tampered.exit_code) == (2, 1)
    assert good.output.startswith("good: the document is the one recorded as 'report.issued'")
    assert "The key came from the portal itself" in from_portal.stderr
    assert tampered.output.startswith("tampered: ")


def test_verify_needs_a_receipt(office: Office, run: Callable[..., Result]) -> None:
    checked = run(None, "verify", office.write("alone.pdf", b"%PDF-"), "--key", "x")

    assert checked.exit_code == 2
    assert "Name the receipt with --receipt" in checked.stderr
