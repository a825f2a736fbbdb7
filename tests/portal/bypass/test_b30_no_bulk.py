"""B30: nobody approves a pile. One dossier, one proof; no list takes a signature."""

from __future__ import annotations

import pytest

from governance.dossier import collect
from governance.models import AuditLogEntry, SignOff
from tests import cast
from tests.portal.api.calling import as_person, refused
from tests.portal.bypass.signing import form, vote
from tests.portal.pages.browsing import browse

pytestmark = pytest.mark.django_db


def signed_nothing(before: int) -> bool:
    return SignOff.objects.count() == 0 and AuditLogEntry.objects.count() == before


@pytest.mark.parametrize("path", ["model-versions", "releases", "log/entries"])
def test_b30_lists_take_no_post(path, ready_version, validator):
    before = AuditLogEntry.objects.count()
    refused(as_person(validator).post(path, [vote(ready_version, password=cast.PASSWORD)]), 405, "method_not_allowed")
    assert signed_nothing(before)


@pytest.mark.parametrize("path", ["sign-offs", "model-versions/sign-offs", "projects/1/sign-offs", "sign-offs/bulk"])
def test_b30_there_is_no_address_for_all(path, ready_version, validator):
    before = AuditLogEntry.objects.count()
    answer = as_person(validator).post(path, vote(ready_version, password=cast.PASSWORD))
    assert answer.status_code in {404, 405}
    assert signed_nothing(before)


def test_b30_pile_in_one_body_is_refused(ready_version, model_with_go, developer, validator):
    other = cast.make_ready_version(model_with_go, developer=developer)
    before = AuditLogEntry.objects.count()
    caller, path = as_person(validator), f"model-versions/{ready_version.pk}/sign-offs"
    one, two = (vote(version, password=cast.PASSWORD) for version in (ready_version, other))
    refused(caller.post(path, [one, two]), 400, "invalid_input")
    refused(caller.post(path, one | {"versions": [ready_version.pk, other.pk]}), 400, "invalid_input")
    refused(
        caller.post(path, one | {"dossier_digest": [one["dossier_digest"], two["dossier_digest"]]}),
        400,
        "invalid_input",
    )
    assert signed_nothing(before)


def test_b30_one_form_signs_one_dossier(ready_version, model_with_go, developer, validator):
    other = cast.make_ready_version(model_with_go, developer=developer)
    given = form(ready_version, password=cast.PASSWORD)
    given["dossier_digest"] = [collect(ready_version).digest, collect(other).digest]
    answer = browse(validator).post(f"/versions/{ready_version.pk}/sign/", given)
    assert answer.status_code == 409
    assert SignOff.objects.count() == 0


@pytest.mark.parametrize("path", ["/", "/models/", "/models/{model}/", "/versions/{version}/"])
def test_b30_pages_that_list_take_no_signature(path, ready_version, validator):
    before = AuditLogEntry.objects.count()
    address = path.format(model=ready_version.model_id, version=ready_version.pk)
    assert browse(validator).post(address, form(ready_version, password=cast.PASSWORD)).status_code == 405
    assert signed_nothing(before)
