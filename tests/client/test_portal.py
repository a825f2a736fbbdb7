"""The client against a running portal, as a data scientist and a reviewer use it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from countersign import Client, CountersignError, Session, digest_bytes
from countersign.types import Model, Version
from tests.cast import PASSWORD, make_attributions, make_predictions
from tests.client.conftest import Office, register_version

EXPLANATION_SPEC = {"columns": {"id": "row_id", "base": "base_value", "output": "output"}}


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
            client,  # a program that tries what only a person may
            released,
            role="validator",
            dossier_digest=client.gate(released).dossier_digest,
            password=PASSWORD,
            meaning="Signed by a program.",
        )

    assert (caught.value.code, caught.value.status) == ("person_needed", 403)


def test_recalled_data_says_so(office: Office, cleo: Client, new_version: Callable[[], Version]) -> None:
    version = new_version()
    used = cleo.dataset_uses(version)[0].dataset_version

    recalled = cleo.recall_dataset_version(used, reason="The wrong clinic.")

    assert (recalled.id, recalled.recall_reason) == (used.id, "The wrong clinic.")
    assert recalled.recalled_at is not None
    findings = {finding.key for finding in cleo.gate(version).findings}
    assert f"lineage:recalled:{used.id}" in findings


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
