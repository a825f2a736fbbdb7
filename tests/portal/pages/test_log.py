"""The audit log's pages: what was done in words, narrowed, proved, and handed out for checking elsewhere."""

from __future__ import annotations

import hashlib

import pytest
from django.db import connection

from governance.merkle import leaf_hash
from governance.models import AuditLogEntry, Checkpoint
from governance.notes import open_checkpoint
from governance.signer import sign_once
from governance.signer_files import read_vkey
from tests import cast
from tests.guards import behind_the_guards
from tests.portal.pages.browsing import browse, count_queries, text_of


@pytest.fixture(autouse=True)
def _own_data(settings, tmp_path):
    (tmp_path / "keys").mkdir()
    settings.COUNTERSIGN_DATA = tmp_path


def index_of(entry_type: str) -> int:
    return AuditLogEntry.objects.filter(type=entry_type).latest("index").index


def overwrite(index: int, body: bytes, *, with_leaf: bool) -> None:
    """Change an entry by SQL, as somebody with the database password would."""
    with behind_the_guards(), connection.cursor() as cursor:
        cursor.execute('UPDATE governance_auditlogentry SET body = %s WHERE "index" = %s', [body, index])
        if with_leaf:
            cursor.execute('UPDATE governance_auditlogentry SET leaf = %s WHERE "index" = %s', [leaf_hash(body), index])


def types_listed(client, query: str = "") -> list[str]:
    return [entry.type for entry in client.get(f"/log/{query}").context["page"].rows]


def test_list_tells_sentences_newest_first(version, developer) -> None:
    answer = browse(developer).get("/log/")
    listed = [entry.index for entry in answer.context["page"].rows]

    assert listed == sorted(listed, reverse=True)
    assert "Dana Whitfield registered the model version Readmission triage v1." in text_of(answer)


def test_list_shows_members_their_project_and_administrators_everything(
    version, developer, organisation_administrator, stranger
) -> None:
    everything = AuditLogEntry.objects.count()
    ours = AuditLogEntry.objects.filter(project=version.model.project).count()

    assert len(types_listed(browse(organisation_administrator))) == everything
    assert len(types_listed(browse(developer))) == ours
    assert "model.registered" not in types_listed(browse(stranger))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?type=model.registered", {"model.registered"}),
        ("?actor=dana&type=version.registered", {"version.registered"}),
        ("?actor=Whitfield&type=version.registered", {"version.registered"}),
        ("?actor=nobody", set()),
        ("?since=2000-01-01&type=version.registered", {"version.registered"}),
        ("?until=2000-01-01", set()),
        ("?since=2999-01-01", set()),
        ("?type=nonsense", set()),
        ("?since=yesterday", set()),
        ("?project=999999", set()),
    ],
)
def test_list_is_narrowed(query, expected, version, developer) -> None:
    client = browse(developer)

    assert set(types_listed(client, query)) == expected
    if not expected:
        assert "No entry fits" in text_of(client.get(f"/log/{query}"))


def test_list_goes_on_where_the_page_ended(version, developer, monkeypatch) -> None:
    monkeypatch.setattr("portal.pages.views.log.read_page.__kwdefaults__", {"size": 3})
    client = browse(developer)
    seen, address = [], "/log/"
    while address:
        page = client.get(address).context["page"]
        seen += [entry.index for entry in page.rows]
        address = page.next_url

    visible = AuditLogEntry.objects.visible_to(developer).order_by("-index")
    assert seen == list(visible.values_list("index", flat=True))


def test_list_asks_as_often_with_many_as_with_one(model, developer) -> None:
    client = browse(developer)
    with_few = count_queries(client, "/log/?type=version.registered")
    for _number in range(3):
        cast.register_version(model, developer)

    assert count_queries(client, "/log/?type=version.registered") == with_few


def test_entry_is_proved_up_to_the_signed_root(version, developer) -> None:
    sign_once()
    index = index_of("version.registered")
    answer = browse(developer).get(f"/log/{index}/")
    proof = answer.context["proof"]

    assert [step.outcome for step in proof.steps] == ["held", "held", "held"]
    assert proof.outcome == "held"
    assert answer.context["raw"] == bytes(AuditLogEntry.objects.get(pk=index).body).decode()
    assert "Proved" in text_of(answer)


def test_entry_links_what_it_is_about(version, developer) -> None:
    page = text_of(browse(developer).get(f"/log/{index_of('version.registered')}/"))

    assert f'href="/versions/{version.pk}/"' in page
    assert f'href="/models/{version.model_id}/"' in page


def test_entry_not_sealed_yet_says_so(version, developer) -> None:
    answer = browse(developer).get(f"/log/{index_of('version.registered')}/")

    assert answer.context["proof"].outcome == "open"
    assert "Not sealed yet" in text_of(answer)
    assert browse(developer).get(f"/log/{index_of('version.registered')}/receipt").status_code == 404


@pytest.mark.parametrize("with_leaf", [False, True])
def test_entry_changed_by_sql_is_shown_as_broken(with_leaf, version, developer) -> None:
    sign_once()
    index = index_of("version.registered")
    body = bytes(AuditLogEntry.objects.get(pk=index).body)
    overwrite(index, body.replace(b"Dana Whitfield", b"Dana Whitfeild"), with_leaf=with_leaf)

    answer = browse(developer).get(f"/log/{index}/")
    assert answer.context["proof"].outcome == "broken"
    assert "Does not hold" in text_of(answer)


def test_checkpoint_with_a_forged_signature_is_shown_as_broken(version, developer) -> None:
    sign_once()
    checkpoint = Checkpoint.objects.get()
    forged = checkpoint.note[:-9] + ("A" if checkpoint.note[-9] != "A" else "B") + checkpoint.note[-8:]
    with behind_the_guards(), connection.cursor() as cursor:
        cursor.execute("UPDATE governance_checkpoint SET note = %s", [forged])

    proof = browse(developer).get(f"/log/{index_of('version.registered')}/").context["proof"]
    assert proof.outcome == "broken"


def test_entry_that_is_not_json_any_more_still_has_a_page(version, developer) -> None:
    sign_once()
    index = index_of("version.registered")
    overwrite(index, b"{broken", with_leaf=False)
    answer = browse(developer).get(f"/log/{index}/")

    assert answer.status_code == 200
    assert answer.context["proof"].outcome == "broken"
    assert browse(developer).get("/log/").status_code == 200
    assert browse(developer).get("/").status_code == 200


def test_downloads_are_the_exact_bytes_and_a_receipt(version, developer) -> None:
    sign_once()
    client, index = browse(developer), index_of("version.registered")
    body = client.get(f"/log/{index}/body")
    receipt = client.get(f"/log/{index}/receipt").json()

    entry = AuditLogEntry.objects.get(pk=index)
    assert hashlib.sha256(b"\0" + body.content).digest() == bytes(entry.leaf)
    assert receipt["entry"]["index"] == index
    assert receipt["checkpoint"] == Checkpoint.objects.get().note


def test_checkpoints_are_for_everybody_signed_in(version, developer, stranger) -> None:
    sign_once()
    cast.register_version(version.model, developer)
    sign_once()
    client = browse(stranger)
    sizes = [checkpoint.size for checkpoint in client.get("/log/checkpoints/").context["page"].rows]
    note = client.get("/log/checkpoint")

    assert sizes == sorted(Checkpoint.objects.values_list("size", flat=True), reverse=True)
    assert note["Content-Type"] == "text/plain; charset=utf-8"
    assert open_checkpoint(note.content.decode(), [read_vkey() or ""]).size == sizes[0]
    assert (
        open_checkpoint(client.get(f"/log/checkpoints/{sizes[1]}").content.decode(), [read_vkey() or ""]).size
        == sizes[1]
    )


def test_verify_says_that_everything_holds(version, developer) -> None:
    sign_once()
    answer = browse(developer).post("/log/verify/")

    assert "Everything checked holds" in text_of(answer)
    assert answer.context["verification"].is_whole


def test_verify_names_the_entry_that_was_changed(version, developer) -> None:
    sign_once()
    index = index_of("version.registered")
    body = bytes(AuditLogEntry.objects.get(pk=index).body)
    overwrite(index, body.replace(b"Dana Whitfield", b"Dana Whitfeild"), with_leaf=False)
    part = text_of(browse(developer).post("/log/verify/", headers={"HX-Request": "true"}))

    assert "The log does not hold" in part
    assert f'href="/log/{index}/"' in part
    assert "<html" not in part


def test_verify_is_a_post(version, developer) -> None:
    assert browse(developer).get("/log/verify/").status_code == 405
