"""The pages of frameworks: what is in force, one text, two editions beside each other, loading, adding, withdrawing."""

from __future__ import annotations

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from governance.frameworks.catalogue import parse_framework, shipped_texts
from governance.house_framework import HOUSE_KEY
from governance.models import AuditLogEntry, FrameworkEdition
from tests.governance.framework_texts import SMALL, load, load_shipped
from tests.portal.pages.browsing import browse, count_queries, text_of

pytestmark = pytest.mark.django_db
NEXT_EDITION = SMALL.replace("house-rules", "house-rules-2").replace("First edition", "Second edition")


def test_list_says_what_each_text_is_and_which_is_past_its_review(auditor):
    load_shipped("nyc_ll144")
    load(SMALL)
    with time_machine.travel("2027-02-01", tick=True):
        seen = text_of(browse(auditor).get("/frameworks/"))
    assert "NYC Local Law 144" in seen
    assert "Supervisory guidance" not in seen
    assert "One text should be looked at again" in seen
    assert "its content was to be checked by 31 Jan 2027" in seen
    assert parse_framework(SMALL).digest in seen
    assert "Load a framework" not in seen


def test_two_editions_stand_side_by_side_and_can_be_compared(auditor):
    first, second = load(SMALL), load(NEXT_EDITION.replace("has voted", "has voted twice"))
    client = browse(auditor)
    assert text_of(client.get("/frameworks/")).count("another edition beside it") == 2
    assert f"/frameworks/{first.pk}/beside/{second.pk}/" in text_of(client.get(f"/frameworks/{first.pk}/"))
    seen = text_of(client.get(f"/frameworks/{first.pk}/beside/{second.pk}/"))
    assert "1 control is the same in both" in seen
    assert "The ethics committee has voted twice." in seen


def test_list_asks_the_same_queries_however_many_texts(auditor):
    client = browse(auditor)
    load(SMALL)
    before = count_queries(client, "/frameworks/")
    load(NEXT_EDITION)
    load_shipped("nyc_ll144")
    assert count_queries(client, "/frameworks/") == before


def test_framework_shows_its_controls_narrowed(auditor):
    edition = load(SMALL)
    client, path = browse(auditor), f"/frameworks/{edition.pk}/"
    seen = text_of(client.get(path))
    assert "Say what it is for and how it works." in seen
    assert "private.ethics_vote" in seen
    narrowed = text_of(client.get(f"{path}?by=org&text=ETHICS"))
    assert "Say what it is for" not in narrowed
    assert "The ethics committee has voted." in narrowed
    assert "No control fits" in text_of(client.get(f"{path}?gate=retire"))


def test_exact_text_is_a_download(auditor):
    edition = load(SMALL)
    answer = browse(auditor).get(f"/frameworks/{edition.pk}/text")
    assert answer.content == SMALL.encode()
    assert answer["Content-Disposition"] == 'attachment; filename="house-rules.1.yaml"'
    assert answer["ETag"] == f'"{edition.digest}"'


def test_administrator_pastes_uploads_and_corrects(organisation_administrator):
    client = browse(organisation_administrator)
    pasted = client.post("/frameworks/load/", {"text": SMALL.replace("\n", "\r\n")})
    first = FrameworkEdition.objects.get()
    assert pasted["Location"] == f"/frameworks/{first.pk}/"
    assert first.text == SMALL
    assert "house-rules" in client.get(f"/frameworks/load/?from={first.pk}").context["form"]["text"].value()
    file = SimpleUploadedFile("next.yaml", SMALL.replace("has voted", "voted").encode())
    client.post("/frameworks/load/", {"file": file, "text": ""})
    assert [row.number for row in FrameworkEdition.objects.filter(key="house-rules").order_by("pk")] == [1, 2]
    seen = text_of(client.get(f"/frameworks/{first.pk}/"))
    assert "Out of force" in seen


def test_fault_is_shown_at_its_line(organisation_administrator):
    before = AuditLogEntry.objects.count()
    page = browse(organisation_administrator).post(
        "/frameworks/load/", {"text": SMALL.replace("level: must", "level: x")}
    )
    assert page.status_code == 400
    seen = text_of(page)
    assert "Line 18, “level”: “x” is none of must, should, may." in seen
    assert "<del>18 level: x</del>" in seen
    assert AuditLogEntry.objects.count() == before


@pytest.mark.parametrize("file", [b"\xff\xfe", b""])
def test_file_that_is_no_text_is_refused(organisation_administrator, file):
    page = browse(organisation_administrator).post("/frameworks/load/", {"file": SimpleUploadedFile("a.yaml", file)})
    assert page.status_code == 400
    assert not FrameworkEdition.objects.exists()


def given(**changes: str) -> dict[str, str]:
    control = {"gist": "The board is told.", "ref": "Charter 4", "group": "Board", "level": "must", "by": "org"}
    more = {"gate": "org", "section": "R20", "question": "When was it told?", "question_type": "date"}
    needs = {f"fact_{number}": "" for number in (1, 2, 3)} | {f"test_{number}": "filled" for number in (1, 2, 3)}
    return control | more | needs | {"fact_1": "org.board_reporting", "seen_digest": ""} | changes


def test_control_of_ones_own_by_a_form(organisation_administrator):
    client = browse(organisation_administrator)
    answer = client.post("/frameworks/controls/new/", given())
    edition = FrameworkEdition.objects.get()
    assert (edition.key, answer["Location"]) == (HOUSE_KEY, f"/frameworks/{edition.pk}/")
    seen = text_of(client.get(answer["Location"]))
    assert "The board is told." in seen
    assert "private.house_1" in seen
    # Somebody who had the page open before cannot write over it unseen.
    assert client.post("/frameworks/controls/new/", given(gist="Twice.")).status_code == 409
    assert client.post("/frameworks/controls/new/", given(gist="Twice.", seen_digest=edition.digest)).status_code == 302
    assert len(parse_framework(FrameworkEdition.objects.in_force().get().text).controls) == 2


def test_control_that_needs_nothing_is_shown_again(organisation_administrator):
    page = browse(organisation_administrator).post("/frameworks/controls/new/", given(fact_1="", question=""))
    assert page.status_code == 400
    assert "Say what shows that it is covered" in text_of(page)


def test_withdrawn_framework_is_held_against_nothing(organisation_administrator):
    edition = load(SMALL)
    client = browse(organisation_administrator)
    assert client.post(f"/frameworks/{edition.pk}/withdraw/", {"reason": "Replaced."}).status_code == 302
    seen = text_of(client.get("/frameworks/"))
    assert "No framework is in force" in seen
    assert "1 text out of force" in seen


@pytest.mark.parametrize("path", ["load/", "controls/new/", "{pk}/withdraw/"])
def test_only_organisation_administrators_change_what_stands(administrator, compliance, path):
    edition = load(SMALL)
    for person in (administrator, compliance):
        client, where = browse(person), "/frameworks/" + path.format(pk=edition.pk)
        assert client.get(where).status_code == 403
        assert client.post(where, {"text": NEXT_EDITION, "reason": "x"} | given()).status_code == 403
    assert FrameworkEdition.objects.in_force().get() == edition


def test_shipped_texts_can_all_be_read(auditor):
    for name in shipped_texts():
        edition = load_shipped(name)
        assert browse(auditor).get(f"/frameworks/{edition.pk}/").status_code == 200
