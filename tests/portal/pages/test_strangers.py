"""The stranger, and the anonymous, at every door of the front pages. A new door without a line here fails."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.actions import people, reports
from governance.models import AuditLogEntry, Membership
from portal.pages.urls import FRONT
from tests import cast
from tests.governance.framework_texts import load_shipped
from tests.governance.policy_texts import propose
from tests.portal.pages.browsing import browse, text_of
from tests.second_factors import add_totp

# Name of the address -> what a stranger gets. Lists are open to everybody and show each their own.
OPEN = 200
HIDDEN = 404
FORBIDDEN = 403
DOORS = {
    "home": OPEN,
    "account": OPEN,
    "totp-new": OPEN,
    "passkey-new": OPEN,
    "passkey-registration": OPEN,
    "factor-remove": HIDDEN,
    "datasets": OPEN,
    "dataset-new": OPEN,
    "dataset": HIDDEN,
    "dataset-version-new": HIDDEN,
    "dataset-version-recall": HIDDEN,
    "frameworks": OPEN,
    "framework-load": FORBIDDEN,
    "framework-control-new": FORBIDDEN,
    "framework": OPEN,
    "framework-text": OPEN,
    "framework-withdraw": FORBIDDEN,
    "framework-compare": OPEN,
    "organisation-questions": OPEN,
    "organisation-question": OPEN,
    "organisation-document": HIDDEN,
    "reports": OPEN,
    "report": HIDDEN,
    "report-file": HIDDEN,
    "report-companion": HIDDEN,
    "report-receipt": HIDDEN,
    "report-new": HIDDEN,
    "organisation-report-new": FORBIDDEN,
    "project-report-new": HIDDEN,
    "dataset-report-new": HIDDEN,
    "log": OPEN,
    "log-verify": OPEN,
    "log-checkpoints": OPEN,
    "log-exports": OPEN,
    "log-export-whole": FORBIDDEN,
    "log-export-project": HIDDEN,
    "log-checkpoint": HIDDEN,  # there is none yet
    "log-checkpoint-note": HIDDEN,
    "log-time-stamp": HIDDEN,
    "log-trust": HIDDEN,  # the signer has made no key yet
    "log-entry": HIDDEN,
    "log-receipt": HIDDEN,
    "log-body": HIDDEN,
    "tokens": OPEN,
    "token-new": OPEN,
    "token-revoke": HIDDEN,
    "projects": OPEN,
    "project-new": FORBIDDEN,
    "project": HIDDEN,
    "template": HIDDEN,
    "policies": HIDDEN,
    "policies-new": HIDDEN,
    "policies-line": HIDDEN,
    "policy": HIDDEN,
    "policy-dry-run": HIDDEN,
    "policy-adopt": HIDDEN,
    "policy-withdraw": HIDDEN,
    "role-end": HIDDEN,
    "role-confirm": HIDDEN,
    "delegate": HIDDEN,
    "delegation-end": HIDDEN,
    "solo-mode": HIDDEN,
    "people": FORBIDDEN,
    "person-new": FORBIDDEN,
    "person-close": FORBIDDEN,
    "person-factors": FORBIDDEN,
}
BY_POST = {"organisation-report-new", "dataset-report-new", "log-verify", "passkey-registration"}
# The question to a passkey is asked in the middle of signing in too: test_second_factors.py.
UNGUARDED = {"sign-in", "sign-in-second", "sign-out", "passkey-question", "verifier", "verify-report"}


@pytest.fixture
def addresses(version, developer, compliance) -> dict[str, str]:
    """Every front address filled in with things of a project the stranger is not in."""
    dataset = version.dataset_uses.first().dataset_version.dataset_id
    report = reports.request_report(version, actor=cast.acting(developer)).pk
    token, _secret = people.create_token(name="ci", scopes=["read"], days=1, actor=cast.acting(developer))
    add_totp(developer)
    entry = AuditLogEntry.objects.get(type="version.registered").index
    numbers = {
        "dataset": dataset,
        "report": report,
        "log": entry,
        "token": token.pk,
        "factor": developer.second_factors.get().pk,
        "project": version.model.project_id,
        "template": version.model.project_id,
        "delegate": version.model.project_id,
        "solo": version.model.project_id,
        "policies": version.model.project_id,
        "policy": propose(version.model.project, by=compliance).pk,
        "role": Membership.objects.get(user=developer).pk,
        "person": developer.pk,
        "framework": load_shipped("iso_42001_annex_a").pk,
    }
    named = {pattern.name: str(pattern.pattern) for pattern in FRONT if pattern.name}
    return {name: fill(name, route, numbers, version.pk) for name, route in named.items()}


def fill(name: str, route: str, numbers: dict[str, int], version: int) -> str:
    number = str(numbers.get(name.partition("-")[0], 0))
    filled = (
        route.replace("<int:version_pk>", str(version))
        .replace("<slug:tier>", "high")
        .replace("<slug:environment>", "production")
        .replace("<int:other>", number)
        .replace("<str:fact>", "org.roles")
    )
    for part in ("<int:pk>", "<int:index>", "<int:size>"):
        filled = filled.replace(part, number)
    return "/" + filled


def knock(client: Client, name: str, path: str) -> int:
    return client.post(path).status_code if name in BY_POST else client.get(path).status_code


def test_every_front_address_has_a_line_here() -> None:
    assert {pattern.name for pattern in FRONT} == set(DOORS) | UNGUARDED


def test_stranger_is_refused_at_every_door(addresses, stranger) -> None:
    client = browse(stranger)

    assert {name: knock(client, name, addresses[name]) for name in DOORS} == DOORS


def test_anonymous_is_sent_to_sign_in_from_every_door(addresses) -> None:
    client = Client()

    assert {name: knock(client, name, addresses[name]) for name in DOORS} == dict.fromkeys(DOORS, 302)


def test_stranger_reads_nothing_of_the_project_in_any_list(addresses, stranger) -> None:
    client = browse(stranger)
    lists = [name for name, status in DOORS.items() if status == OPEN and name not in BY_POST]
    leaking = [name for name in lists if "Readmission" in text_of(client.get(addresses[name]))]

    assert leaking == []


@pytest.mark.parametrize(
    "name",
    [
        *("dataset-version-new", "role-end", "template", "person-close", "token-revoke"),
        *("policies-new", "policy-adopt", "policy-withdraw"),
    ],
)
def test_stranger_changes_nothing_by_post(name, addresses, stranger) -> None:
    before = AuditLogEntry.objects.count()
    given = {"reason": "x", "text": "- {title: a, statement: b}", "revision": "1", "digest": cast.ARTIFACT}
    given |= {"risk_tier": "high", "environment": "production", "password": cast.PASSWORD}
    answer = browse(stranger).post(addresses[name], given)

    assert answer.status_code == DOORS[name]
    assert AuditLogEntry.objects.count() == before


def test_token_does_not_open_a_page(addresses, developer) -> None:
    _token, secret = people.create_token(name="ci", scopes=["read"], days=1, actor=cast.acting(developer))

    answer = Client().get("/tokens/", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 302
