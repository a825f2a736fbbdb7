"""The audit log's pages: what was done in words, narrowed, proved, and handed out for checking elsewhere."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from governance.cosignatures import WitnessKey
from governance.log_state import keys_in_log
from governance.log_verification import own_trust
from governance.merkle import leaf_hash
from governance.models import AuditLogEntry, Checkpoint, Cosignature, TimeStamp
from governance.notes import open_checkpoint
from governance.signer import sign_once
from governance.signer_files import clear_alarm, keys_folder, raise_alarm, read_vkey
from governance.trust import Trust
from governance.witnesses import note_state, read_witnesses
from tests import cast
from tests.governance.rotating import end_key, rotate_to_overlap
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


# --- Keys, witnesses, silence ------------------------------------------------------------------------


@pytest.fixture
def witnessed(version, settings):
    """A log with two checkpoints and one witness, which is not there; a function says how asking it went."""
    key = WitnessKey("witness.example.org/w1", bytes(32))
    settings.COUNTERSIGN_WITNESSES = [f"http://127.0.0.1:1 {key.to_text()}"]
    sign_once()

    def say(state: str, what: str) -> None:
        note_state(read_witnesses()[0], state, what, "2026-01-01T00:00:00Z")

    return say


def test_checkpoints_page_shows_every_key_with_its_sizes(version, auditor) -> None:
    old = rotate_to_overlap()
    end_key("retire", old)
    page = text_of(browse(auditor).get("/log/checkpoints/"))
    new = keys_in_log()[1]
    last = own_trust().keys[0].to_size

    assert page.index(new.vkey) < page.index(old)
    assert f"It signed from 0 to {last} entries." in page
    assert f"from {new.from_size} entries on." in page
    assert "No witness is configured." in page
    end_key("revoke", old)
    assert "counts only where witnesses cosigned it" in text_of(browse(auditor).get("/log/checkpoints/"))


def test_trust_file_is_downloaded_as_the_signer_published_it(version, auditor, stranger) -> None:
    assert browse(auditor).get("/log/trust").status_code == 404
    sign_once()
    for person in (auditor, stranger):
        answer = browse(person).get("/log/trust")
        assert Trust.from_json(answer.content.decode()) == own_trust()
        assert answer["Content-Disposition"] == 'attachment; filename="log.trust.json"'
    assert Client().get("/log/trust").status_code == 302


def test_damaged_trust_file_is_told_on_the_page(version, auditor) -> None:
    sign_once()
    (keys_folder() / "log.trust.json").write_text("{}")
    page = text_of(browse(auditor).get("/log/checkpoints/"))
    assert "cannot be used" in page


def test_witness_is_shown_with_what_it_said(witnessed, auditor) -> None:
    checkpoint = Checkpoint.objects.latest("size")
    witnessed("silent", "it does not answer")
    silent = text_of(browse(auditor).get("/log/checkpoints/"))
    assert "1 witness on another machine; 1 must have cosigned." in silent
    assert "it does not answer" in silent
    assert "nobody" in silent
    Cosignature.objects.create(
        checkpoint=checkpoint, witness="witness.example.org/w1", line="a line\n", signed_at=timezone.now()
    )
    witnessed("well", "")
    assert "cosigns" in text_of(browse(auditor).get("/log/checkpoints/"))
    assert browse(auditor).get("/log/checkpoint").content.decode() == checkpoint.note + "a line\n"


def test_witness_that_saw_another_log_is_an_alarm_everywhere(witnessed, auditor) -> None:
    witnessed("conflict", "saw another log of 7 entries under this name")
    for address in ("/", "/log/", "/log/checkpoints/"):
        page = text_of(browse(auditor).get(address))
        assert "A witness saw another log" in page, address
        assert "saw another log of 7 entries under this name" in page, address
    assert Client().get("/healthz").json()["log"] == "a witness saw another log than this one"


def test_silence_of_more_than_a_day_is_an_alarm_everywhere(version, auditor) -> None:
    sign_once()
    assert "log" not in Client().get("/healthz").json()
    with behind_the_guards():
        Checkpoint.objects.update(signed_at=timezone.now() - timedelta(hours=24, minutes=1))
    for address in ("/", "/log/", "/log/checkpoints/"):
        assert "No seal for more than a day" in text_of(browse(auditor).get(address)), address
    assert Client().get("/healthz").json()["log"] == "the log was not sealed for more than a day"


def test_alarm_of_the_signer_and_its_delay_stand_on_the_health_page(version) -> None:
    sign_once()
    raise_alarm(3, "it is gone", "2026-01-01T00:00:00Z")
    assert Client().get("/healthz").json()["log"].startswith("the signer has raised an alarm")
    clear_alarm()
    with behind_the_guards():
        Checkpoint.objects.all().delete()
    assert Client().get("/healthz").json()["log"] == "entries wait to be sealed: the signer is late"


def test_time_stamp_is_downloaded_where_there_is_one(version, auditor) -> None:
    sign_once()
    checkpoint = Checkpoint.objects.latest("size")
    address = f"/log/checkpoints/{checkpoint.size}/time-stamp"
    assert browse(auditor).get(address).status_code == 404
    TimeStamp.objects.create(
        checkpoint=checkpoint, authority="http://tsa.example.org", response=b"der", stamped_at=timezone.now()
    )
    answer = browse(auditor).get(address)
    assert (answer.content, answer["Content-Type"]) == (b"der", "application/timestamp-reply")
    assert address in browse(auditor).get("/log/checkpoints/").content.decode()


def test_page_of_checkpoints_costs_the_same_with_many(version, auditor, developer) -> None:
    sign_once()
    few = count_queries(browse(auditor), "/log/checkpoints/")
    for number in range(4):
        cast.register_model(version.model.project, developer, name=f"Model {number}")
        sign_once()
    assert count_queries(browse(auditor), "/log/checkpoints/") == few


def test_entry_stays_proved_after_its_key_was_retired_and_after_it_was_revoked(version, auditor, developer) -> None:
    old = rotate_to_overlap()
    index = index_of("version.registered")
    for verb in ("retire", "revoke"):
        end_key(verb, old)
        cast.register_model(version.model.project, developer, name=f"After {verb}")
        sign_once()
        answer = browse(auditor).get(f"/log/{index}/")
        assert answer.context["proof"].outcome == "held", [step.text for step in answer.context["proof"].steps]


def test_entry_of_a_log_whose_trust_file_is_damaged_still_has_a_page(version, auditor) -> None:
    sign_once()
    (keys_folder() / "log.trust.json").write_text("{}")
    answer = browse(auditor).get(f"/log/{index_of('version.registered')}/")
    assert (answer.status_code, answer.context["proof"].outcome) == (200, "broken")
