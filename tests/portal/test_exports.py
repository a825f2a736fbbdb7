"""The exported log through the doors: whole, in parts, resumed, refused, and the verifier beside it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from governance.actions import people, promotion
from governance.dossier import collect
from governance.models import Checkpoint
from governance.receipts import vkey
from governance.signer import sign_once
from tests import cast
from tests.client.small_log import FILE, GOOD, verifier
from tests.governance.log_history import note
from tests.portal.api.calling import as_person, as_program
from tests.portal.pages.browsing import browse

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(version: Any, settings: Any, tmp_path: Path) -> Any:
    """A project with a version in it, its log sealed."""
    settings.COUNTERSIGN_DATA = tmp_path  # a log of its own needs a signer of its own
    (tmp_path / "keys").mkdir()
    sign_once()
    return version.model.project


def body_of(answer: Any) -> bytes:
    return answer.getvalue()


def judge(data: bytes) -> Any:
    return verifier.verify_archive(io.BytesIO(data), [vkey()])


def test_whole_log_for_organisation_administrators(sealed, organisation_administrator):
    answer = browse(organisation_administrator).get("/log/export/whole.tar")
    data = body_of(answer)
    assert answer.status_code == 200
    assert answer["Content-Length"] == str(len(data))
    assert (answer["Content-Type"], answer["Accept-Ranges"]) == ("application/x-tar", "bytes")
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert judge(data).outcome is GOOD
    assert body_of(as_person(organisation_administrator).send("GET", "log/export", None)) == data


def test_project_log_for_its_auditors(sealed, auditor):
    data = body_of(browse(auditor).get(f"/log/export/projects/{sealed.pk}.tar"))
    verdict = judge(data)
    assert verdict.outcome is GOOD
    assert f"of the project {sealed.name}" in verdict.message


@pytest.mark.parametrize(("role", "expected"), [("developer", 403), ("approver", 403), ("stranger", 404)])
def test_nobody_else_gets_it(sealed, role, expected, request):
    person = request.getfixturevalue(role)
    assert browse(person).get(f"/log/export/projects/{sealed.pk}.tar").status_code == expected
    assert as_person(person).send("GET", f"projects/{sealed.pk}/log/export", None).status_code == expected
    assert browse(person).get("/log/export/whole.tar").status_code == 403
    assert as_person(person).send("GET", "log/export", None).status_code == 403


def test_token_needs_the_scope_and_its_project(sealed, organisation_administrator, auditor):
    own = f"projects/{sealed.pk}/log/export"
    assert as_program(auditor, scopes=("submit",)).send("GET", own, None).status_code == 403
    assert as_program(auditor, scopes=("read",)).send("GET", own, None).status_code == 200
    assert as_program(auditor, scopes=("read",)).send("GET", "log/export", None).status_code == 403
    elsewhere = people.create_project(name="Elsewhere", actor=cast.acting(organisation_administrator))
    people.grant_role(elsewhere, user=auditor, role="auditor", actor=cast.acting(organisation_administrator))
    bound = as_program(auditor, scopes=("read",), project=elsewhere)
    assert bound.send("GET", own, None).status_code == 404


def test_broken_download_goes_on_although_the_log_grew(sealed, organisation_administrator):
    client = browse(organisation_administrator)
    first = client.get("/log/export/whole.tar")
    data, etag = body_of(first), first["ETag"]
    note(organisation_administrator, count=2)
    sign_once()
    rest = client.get("/log/export/whole.tar", headers={"Range": "bytes=5000-", "If-Range": etag})
    assert (rest.status_code, rest["Content-Range"]) == (206, f"bytes 5000-{len(data) - 1}/{len(data)}")
    assert data[:5000] + body_of(rest) == data
    middle = client.get("/log/export/whole.tar", headers={"Range": "bytes=600-699", "If-Range": etag})
    assert body_of(middle) == data[600:700]
    for unknown in (etag.replace("-", "-0"), f'"{2**63 - 2}-{"0" * 32}"', '"1"', "yesterday"):
        other = client.get("/log/export/whole.tar", headers={"Range": "bytes=5000-", "If-Range": unknown})
        assert other.status_code == 200, unknown


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-", 200),
        ("bytes=99999999999-", 416),
        ("bytes=7-3", 200),
        ("bytes=-500", 200),
        ("bytes=1-2,5-9", 200),
        ("lines=3-", 200),
        ("bytes=9999999999999999999999-", 200),
    ],
)
def test_parts_that_make_no_sense_answer_the_whole(sealed, organisation_administrator, asked, status):
    answer = browse(organisation_administrator).get("/log/export/whole.tar", headers={"Range": asked})
    assert answer.status_code == status


def test_head_tells_the_length_and_makes_nothing(sealed, organisation_administrator):
    answer = browse(organisation_administrator).head("/log/export/whole.tar")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer["Content-Length"]) > 10_000


def test_earlier_size_and_no_files(sealed, organisation_administrator):
    size = Checkpoint.objects.order_by("size")[0].size
    caller = as_person(organisation_administrator)
    data = body_of(caller.send("GET", f"log/export?size={size}&files=false", None))
    assert judge(data).message.endswith("it came without files")
    assert caller.send("GET", "log/export?size=1", None).status_code == 400
    assert caller.send("GET", "log/export?sise=1", None).status_code == 400


def test_page_offers_what_one_may_have(sealed, organisation_administrator, auditor, developer):
    assert b"The whole log" in browse(organisation_administrator).get("/log/export/").content
    seen = browse(auditor).get("/log/export/").content
    assert b"The whole log" not in seen
    assert sealed.name.encode() in seen
    assert b"Auditors and administrators of a project export" in browse(developer).get("/log/export/").content
    assert b"/log/export/" in browse(auditor).get("/log/").content


def test_verifier_is_handed_to_everybody(auditor):
    for answer in (Client().get("/verifier.py"), as_person(auditor).send("GET", "verifier.py", None)):
        assert answer.status_code == 200
        assert answer.content == FILE.read_bytes()
        assert answer["Content-Disposition"] == 'attachment; filename="verifier.py"'


def test_attestation_is_downloaded_from_the_page_of_what_is_in_use(
    sealed, ready_version, signers, approver, auditor, stranger
):
    cast.sign_by_all(ready_version, signers)
    release = promotion.promote(
        ready_version,
        environment="production",
        dossier_digest=collect(ready_version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )
    address = f"/releases/{release.pk}/attestation"
    assert browse(auditor).get(address).status_code == 404  # not sealed yet
    assert address.encode() not in browse(auditor).get("/releases/").content
    sign_once()
    page = browse(auditor).get("/releases/").content
    for link in (address, "/verifier.py", "/log/trust", "/api/v1/revocations"):
        assert f'href="{link}"'.encode() in page
    trust = verifier.read_trust(json.loads(browse(auditor).get("/log/trust").content))
    bundle = json.loads(browse(auditor).get(address).content)
    listed = json.loads(Client().get("/api/v1/revocations").content)
    verdict = verifier.verify_attestation(bundle, trust, environment="production", revocations=listed)
    assert verdict.outcome is GOOD, verdict.message
    assert browse(stranger).get(address).status_code == 404
    assert Client().get(address).status_code == 302
