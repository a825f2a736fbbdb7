"""The exported log: whole, one project's, checked by the stand-alone verifier, resumed, and damaged."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from governance import exporting, store
from governance.actions import people
from governance.actions.log import export_log
from governance.auditlog import database_now
from governance.exceptions import InvalidInput, NotPermitted, NotSealedYet
from governance.exporting import Export, export_at
from governance.exporting_parts import iterate_entries
from governance.models import AuditLogEntry, Checkpoint, Cosignature, PolicyText, Release, StoredFile, TimeStamp
from governance.notes import split_note
from governance.receipts import vkey
from governance.signer import sign_once
from tests import cast
from tests.client.small_log import GOOD, NOT_VERIFIABLE, TAMPERED, verifier
from tests.client.small_trust import WITNESSES, cosign, witness_vkey
from tests.governance.log_history import History, note
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


def archive_of(export: Export, start: int = 0) -> bytes:
    return b"".join(export.stream(start))


def judge(data: bytes, **options: Any) -> Any:
    return verifier.verify_archive(io.BytesIO(data), [vkey()], **options)


def members_of(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {item.name: tar.extractfile(item).read() for item in tar.getmembers()}


def pack(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in members.items():
            item = tarfile.TarInfo(name)
            item.size = len(data)
            tar.addfile(item, io.BytesIO(data))
    return file.getvalue()


def test_whole_log_convinces_the_stand_alone_verifier(history: History) -> None:
    export = export_at(project=None)
    data = archive_of(export)
    size = Checkpoint.objects.first().size
    verdict = judge(data)
    assert verdict.outcome is GOOD, verdict.message
    count = Checkpoint.objects.count()
    assert verdict.message.startswith(f"all {size} entries of {verdict.checkpoint.origin} give the roots that {count}")
    assert len(data) == export.size
    members = members_of(data)
    assert members["entries/0000000000.jsonl"].splitlines()[3] == bytes(AuditLogEntry.objects.get(pk=3).body)
    assert {f"evidence/{digest[7:]}" for digest in StoredFile.objects.values_list("digest", flat=True)} <= set(members)
    for folder in ("contents", "dossiers", "attestations"):
        assert any(name.startswith(f"{folder}/") for name in members), folder


def test_archive_is_the_same_at_any_later_time(history: History) -> None:
    first = export_at(project=None)
    data, etag = archive_of(first), first.etag
    note(history.root, count=3)
    sign_once()
    again = export_at(project=None, size=first.checkpoint.size)
    assert (archive_of(again), again.etag) == (data, etag)
    assert export_at(project=None).etag != etag
    assert judge(archive_of(export_at(project=None)), kept=[first.checkpoint.note]).outcome is GOOD


def test_cosignatures_of_witnesses_go_with_their_checkpoints(history: History) -> None:
    first, second, *_rest = Checkpoint.objects.order_by("size")
    for checkpoint in (first, second):
        line = cosign(checkpoint.note, WITNESSES[0]).removeprefix(checkpoint.note)
        Cosignature.objects.create(
            checkpoint=checkpoint, witness=WITNESSES[0].name, line=line, signed_at=checkpoint.signed_at
        )
    trust = verifier.Trust((verifier._parse_vkey(vkey()),), (verifier._parse_vkey(witness_vkey(WITNESSES[0]), 4),), 1)
    data = archive_of(export_at(project=None))
    size = Checkpoint.objects.order_by("-size")[0].size
    verdict = verifier.verify_archive(io.BytesIO(data), trust)
    assert verdict.outcome is GOOD, verdict.message
    assert f"the last {size - second.size} are not vouched for yet: 0 of the 1 witnesses" in verdict.message
    with behind_the_guards():
        Cosignature.objects.all().delete()
    assert verifier.verify_archive(io.BytesIO(archive_of(export_at(project=None))), trust).outcome is NOT_VERIFIABLE


@pytest.mark.parametrize("chunk", [7, 10_000])
def test_archive_goes_on_at_any_byte(history: History, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("governance.exporting.CHUNK", chunk)
    export = export_at(project=history.project)
    data = archive_of(export)
    assert judge(data).outcome is GOOD
    for start in [*range(0, len(data), 8_191), 511, 512, len(data) - 1, len(data)]:
        assert archive_of(export, start) == data[start:], start


def test_one_projects_export_holds_others_by_hash_only(history: History) -> None:
    people.create_project(name="Elsewhere", actor=cast.acting(history.root))
    sign_once()
    export = export_at(project=history.project)
    data = archive_of(export)
    verdict = judge(data)
    assert verdict.outcome is GOOD, verdict.message
    assert "of the project Patient pathways, are here in full" in verdict.message
    lines = members_of(data)["entries/0000000000.jsonl"].splitlines()
    for entry in AuditLogEntry.objects.filter(index__lt=export.checkpoint.size):
        shown = not lines[entry.index].startswith(b"=")
        assert shown is (entry.project_id == history.project.pk)
        assert lines[entry.index] == bytes(entry.body) or not shown


def test_withheld_entry_in_a_whole_export_is_named(history: History) -> None:
    members = members_of(archive_of(export_at(project=history.project)))
    manifest = json.loads(members["log.json"])
    members["log.json"] = json.dumps(manifest | {"project": None}).encode()
    verdict = judge(pack(members))
    assert (verdict.outcome, verdict.index) == (TAMPERED, 0)
    assert "withheld" in verdict.message


@pytest.mark.parametrize("index", [0, 5, 17])
def test_changed_entry_is_named(history: History, index: int) -> None:
    members = members_of(archive_of(export_at(project=None)))
    lines = members["entries/0000000000.jsonl"].splitlines()
    lines[index] = lines[index].replace(b"2026", b"2025", 1)
    members["entries/0000000000.jsonl"] = b"".join(line + b"\n" for line in lines)
    verdict = judge(pack(members))
    assert (verdict.outcome, verdict.index) == (TAMPERED, index)


def test_entry_changed_with_its_leaf_is_found_at_the_next_checkpoint(history: History) -> None:
    members = members_of(archive_of(export_at(project=None)))
    lines = members["entries/0000000000.jsonl"].splitlines()
    first, second = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))[:2]
    lines[first] = lines[first].replace(b"2026", b"2025", 1)
    leaves = bytearray(members["leaves/0000000000.bin"])
    leaves[first * 32 : first * 32 + 32] = verifier._hash_leaf(lines[first])
    members["leaves/0000000000.bin"] = bytes(leaves)
    members["entries/0000000000.jsonl"] = b"".join(line + b"\n" for line in lines)
    verdict = judge(pack(members))
    assert (verdict.outcome, verdict.index) == (TAMPERED, first)
    assert verdict.message.startswith(f"the entries {first} to {second - 1} are not those")


def test_changed_missing_and_added_files_are_found(history: History) -> None:
    members = members_of(archive_of(export_at(project=None)))
    evidence = next(name for name in members if name.startswith("evidence/"))
    changed = judge(pack(members | {evidence: b"forged"}))
    assert changed.outcome is TAMPERED
    assert "was changed" in changed.message
    missing = judge(pack({name: data for name, data in members.items() if name != evidence}))
    assert missing.outcome is TAMPERED
    assert "is not here" in missing.message
    added = judge(pack(members | {"results/" + "f" * 64: b"forged"}))
    assert added.outcome is TAMPERED
    assert "no entry names the file" in added.message


def test_log_that_was_cut_since_a_checkpoint_was_kept_is_found(history: History) -> None:
    kept = Checkpoint.objects.order_by("-size")[0]
    shorter = export_at(project=None, size=Checkpoint.objects.order_by("-size")[1].size)
    verdict = judge(archive_of(shorter), kept=[kept.note])
    assert (verdict.outcome, verdict.index) == (TAMPERED, shorter.checkpoint.size)
    assert "the log was cut" in verdict.message


@pytest.mark.parametrize("keep", [0, 1, 511, 5_000, 40_000])
def test_archive_that_broke_off_is_never_good(history: History, keep: int) -> None:
    assert judge(archive_of(export_at(project=None))[:keep]).outcome in (NOT_VERIFIABLE, TAMPERED)


def test_archive_with_links_or_strange_names_is_refused(history: History) -> None:
    members = members_of(archive_of(export_at(project=None)))
    for name in ("../escape", "/etc/passwd", "evidence/short", "entries/1.jsonl"):
        assert judge(pack({name: b"", **members})).outcome is NOT_VERIFIABLE, name
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        link = tarfile.TarInfo("log.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert judge(file.getvalue()).outcome is NOT_VERIFIABLE


def test_damaged_file_in_the_store_is_exported_as_it_is_and_found(history: History) -> None:
    stored = StoredFile.objects.order_by("digest").first()
    assert stored is not None
    path = store.path_of(stored.digest)
    whole = path.read_bytes()
    path.chmod(0o640)
    try:
        path.write_bytes(whole + b"x")
        verdict = judge(archive_of(export_at(project=None)))
    finally:
        path.write_bytes(whole)
    assert verdict.outcome is TAMPERED
    assert stored.digest[7:] in verdict.message


def test_only_those_who_may_get_an_export(history: History) -> None:
    whole = export_log(project=None, actor=cast.acting(history.root))
    assert whole.project is None
    for role in ("auditor", "administrator"):
        actor = cast.acting(history.people[role])
        assert export_log(project=history.project, actor=actor).project == history.project
        with pytest.raises(NotPermitted):
            export_log(project=None, actor=actor)
    for role in ("developer", "validator", "approver", "compliance"):
        with pytest.raises(NotPermitted):
            export_log(project=history.project, actor=cast.acting(history.people[role]))


def test_log_tells_who_took_it(history: History) -> None:
    size = AuditLogEntry.objects.count()
    auditor = cast.acting(history.people["auditor"])
    for _attempt in ("at first", "its rest"):
        export = export_log(project=history.project, actor=auditor)
    export_log(project=None, with_files=False, actor=cast.acting(history.root))
    first, second = AuditLogEntry.objects.filter(index__gte=size)
    assert (first.type, first.actor, first.project) == ("log.exported", auditor.user, history.project)
    assert cast.read_body(first)["data"] == {"size": export.checkpoint.size, "files": True}
    assert (second.actor, second.project, cast.read_body(second)["data"]["files"]) == (history.root, None, False)
    sign_once()
    export_log(project=history.project, actor=auditor)
    assert AuditLogEntry.objects.filter(type="log.exported").count() == 3


def test_release_that_waits_for_its_signature_is_waited_for_a_moment(history: History) -> None:
    release = Release.objects.exclude(envelope="")[0]
    with behind_the_guards():
        Release.objects.filter(pk=release.pk).update(envelope="", started_at=database_now())
        with pytest.raises(NotSealedYet, match="about to sign an attestation"):
            export_at(project=None)
        assert export_at(project=None, with_files=False)
        Release.objects.filter(pk=release.pk).update(started_at=release.started_at - timedelta(days=1))
    verdict = judge(archive_of(export_at(project=None)))
    assert (verdict.outcome, verdict.index) == (TAMPERED, release.log_index)
    assert verdict.message.startswith("the attestation that entry")


def test_time_stamps_and_policies_go_along(history: History) -> None:
    stamped = Checkpoint.objects.order_by("size")[1]
    imprint = sha256(split_note(stamped.note)[0].encode()).digest()
    TimeStamp.objects.create(
        checkpoint=stamped, authority="http://tsa", response=b"token" + imprint, stamped_at=database_now()
    )
    data = archive_of(export_at(project=history.project))
    members = members_of(data)
    assert members[f"time-stamps/{stamped.size:010}.tsr"] == b"token" + imprint
    texts = {name for name in members if name.startswith("policies/")}
    assert texts == {f"policies/{digest[7:]}" for digest in PolicyText.objects.values_list("pk", flat=True)}
    assert texts
    assert judge(data).outcome is GOOD


def test_nothing_is_exported_before_something_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="No checkpoint was signed over 1 entries"):
        export_at(project=None, size=1)
    monkeypatch.setattr(exporting, "latest_checkpoint", lambda: None)
    with pytest.raises(NotSealedYet):
        export_at(project=None)


# --- The command ------------------------------------------------------------------------------------


def test_command_writes_the_archive_and_goes_on(history: History, tmp_path: Path) -> None:
    out = tmp_path / "log.tar"
    call_command("export_log", "--out", str(out))
    whole = out.read_bytes()
    assert judge(whole).outcome is GOOD
    assert list(tmp_path.iterdir()) == [out]

    export = export_at(project=None)
    part = tmp_path / "log.tar.part"
    part.write_bytes(whole[:12_345])
    (tmp_path / "log.tar.part.json").write_text(json.dumps({"size": export.checkpoint.size, "etag": export.etag}))
    out.unlink()
    note(history.root)
    sign_once()  # the log grew meanwhile; what was begun is finished
    call_command("export_log", "--out", str(out), "--resume")
    assert out.read_bytes() == whole


def test_command_begins_again_where_the_rest_would_not_fit(history: History, tmp_path: Path) -> None:
    out = tmp_path / "log.tar"
    (tmp_path / "log.tar.part").write_bytes(b"something else")
    (tmp_path / "log.tar.part.json").write_text("no JSON")
    call_command("export_log", "--out", str(out), "--resume", "--project", history.project.slug, "--without-files")
    verdict = judge(out.read_bytes())
    assert verdict.outcome is GOOD
    assert verdict.message.endswith("it came without files")


def test_command_says_what_is_wrong(history: History, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no project with the short name nowhere"):
        call_command("export_log", "--out", str(tmp_path / "log.tar"), "--project", "nowhere")
    with pytest.raises(CommandError, match="No checkpoint was signed over 3 entries"):
        call_command("export_log", "--out", str(tmp_path / "log.tar"), "--size", "3")


def test_entry_changed_in_the_database_is_exported_as_it_is_and_named(history: History) -> None:
    with behind_the_guards():
        AuditLogEntry.objects.filter(pk=2).update(body=b"{}")
    assert judge(archive_of(export_at(project=None))).index == 2


def test_entry_that_grows_while_it_is_exported_ends_the_export(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = export_at(project=None)
    blocks = iterate_entries(0, export.checkpoint.size, None)
    monkeypatch.setattr(exporting, "iterate_entries", lambda *asked: iter((*blocks, b"{}")))
    with pytest.raises(OSError, match="is somebody changing the log"):
        archive_of(export)
