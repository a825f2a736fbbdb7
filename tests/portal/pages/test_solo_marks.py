"""A project in solo mode is marked in red in every list that names one of its things, and no other project is."""

from __future__ import annotations

import pytest

from governance.actions import delegations, lineage, promotion, reports
from governance.dossier import collect
from tests import cast
from tests.portal.pages.browsing import browse, text_of

pytestmark = pytest.mark.django_db
MARK = "Duties are not separated in this project"
LISTS = ["/", "/models/", "/releases/", "/projects/", "/datasets/", "/reports/", "/log/"]


@pytest.fixture
def office(ready_version, signers, approver, developer, organisation_administrator):
    """A project of which there is something in every list."""
    project = ready_version.model.project
    lineage.register_dataset(project, name="Visits", personal_data="none", actor=cast.acting(developer))
    cast.sign_by_all(ready_version, signers)
    acting = cast.acting(approver)
    promotion.promote(
        ready_version,
        environment="production",
        dossier_digest=collect(ready_version).digest,
        password=cast.PASSWORD,
        actor=acting,
    )
    reports.request_report(ready_version, actor=acting)
    return project


def switch_on(project, root):
    delegations.set_solo_mode(
        project, on=True, reason="Only two people.", password=cast.PASSWORD, actor=cast.acting(root)
    )


@pytest.mark.parametrize("path", LISTS)
def test_list_marks_a_project_in_solo_mode(office, auditor, organisation_administrator, path):
    client = browse(auditor)
    assert MARK not in text_of(client.get(path))
    switch_on(office, organisation_administrator)
    assert MARK in text_of(client.get(path))


def test_what_waits_is_marked(model_with_go, ready_version, validator, organisation_administrator):
    client = browse(validator)
    assert "Read and sign" in text_of(client.get("/")).split("Recent activity")[0]
    switch_on(model_with_go.project, organisation_administrator)
    assert MARK in text_of(client.get("/")).split("Recent activity")[0]
