"""The stranger, and the anonymous, at every door of the model pages. A new door without a line here fails."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance.actions import discussion
from governance.models import AuditLogEntry, ModelVersion, Remark
from portal.pages.urls import MODELS
from tests import cast
from tests.portal.pages.browsing import browse, text_of

OPEN = {"models", "model-new", "in-use", "follow-ups"}
OF_MODEL = {
    "model",
    "model-describe",
    "model-risk",
    "requirement-new",
    "requirements-generate",
    "requirements-from-framework",
    "proof-write",
    "proof-decide",
    "version-new",
}
OF_REQUIREMENT = {"requirement-edit", "requirement-withdraw"}
OF_VERSION = {
    "version",
    "dataset-use-new",
    "submit",
    "sign",
    "waive",
    "promote",
    "retire",
    "evidence-new",
    "evaluation-new",
    "remark-new",
    "emergency-new",
    "coverage",
    "control-rule",
    "fact-sign",
    "questions",
    "question",
    "question-carry-over",
    "questions-carry-over",
}
OF_REMARK = {"remark-answer", "remark-resolve"}
OF_EVIDENCE = {"evidence", "evidence-file"}
OF_RELEASE = {"attestation", "roll-back", "emergency-confirm", "emergency-withdraw", "follow-up-close"}
OF_VOTE = {"overrule", "condition-fulfil"}
OF_EVALUATION = {"evaluation", "evaluation-cancel", "evaluation-progress"}
OF_THINGS = OF_MODEL | OF_REQUIREMENT | OF_VERSION | OF_REMARK | OF_VOTE
CHANGING = sorted((OF_THINGS | {"evaluation-cancel"}) - {"model", "version", "coverage", "questions"})


def ask(version: ModelVersion) -> Remark:
    return discussion.write_remark(version, text="Why?", is_question=True, actor=cast.acting(version.created_by))


@pytest.fixture
def addresses(ready_version, validator, developer) -> dict[str, str]:
    """Every address filled in with things of a project the stranger is not in."""
    condition = {"text": "Watch it.", "owner": developer, "due_at": timezone.now() + timedelta(days=5)}
    signed = cast.sign(ready_version, validator, "validator", "approve_conditions", conditions=[condition])
    numbers = {
        **dict.fromkeys(OF_MODEL, ready_version.model_id),
        **dict.fromkeys(OF_REQUIREMENT, ready_version.model.requirements.first().pk),
        **dict.fromkeys(OF_VERSION, ready_version.pk),
        **dict.fromkeys(OF_REMARK, ask(ready_version).pk),
        "overrule": signed.pk,
        "condition-fulfil": signed.conditions.get().pk,
        **dict.fromkeys(OF_EVIDENCE, ready_version.evidence.exclude(file=None).first().pk),
        **dict.fromkeys(OF_EVALUATION, ready_version.evaluations.first().pk),
    }
    words = {"<str:key>": "nyc-ll144", "<str:control>": "LL144-301b4", "<str:fact>": "conformity.declaration"}
    addresses = {}
    for pattern in MODELS:
        route = str(pattern.pattern).replace("<int:pk>", str(numbers.get(str(pattern.name), 0)))
        for part, word in words.items():
            route = route.replace(part, word)
        addresses[str(pattern.name)] = "/" + route
    return addresses


def test_every_model_address_has_a_line_here() -> None:
    known = OPEN | OF_THINGS | OF_EVIDENCE | OF_EVALUATION | OF_RELEASE

    assert {str(pattern.name) for pattern in MODELS} == known


def test_stranger_finds_nothing_behind_any_door(addresses, stranger) -> None:
    client = browse(stranger)
    expected = {name: 200 if name in OPEN else 404 for name in addresses}

    assert {name: client.get(path).status_code for name, path in addresses.items()} == expected


def test_stranger_changes_nothing_by_post(addresses, stranger) -> None:
    client, before = browse(stranger), AuditLogEntry.objects.count()
    given = {"reason": "x", "password": cast.PASSWORD, "role": "approver", "decision": "approve", "revision": "1"}

    assert {name: client.post(addresses[name], given).status_code for name in CHANGING} == dict.fromkeys(CHANGING, 404)
    assert AuditLogEntry.objects.count() == before


def test_stranger_reads_nothing_in_the_list(addresses, stranger) -> None:
    assert "Readmission" not in text_of(browse(stranger).get("/models/"))


def test_anonymous_is_sent_to_sign_in_from_every_door(addresses) -> None:
    client = Client()

    assert {name: client.get(path).status_code for name, path in addresses.items()} == dict.fromkeys(addresses, 302)


def test_form_without_its_token_is_refused(addresses, validator) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(validator, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(addresses["sign"], {"decision": "approve"}).status_code == 403
