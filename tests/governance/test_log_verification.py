"""verify_log finds what was changed behind the log's back, names the entry, and does not cry wolf."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from governance.canonical import canonical_bytes
from governance.log_verification import verify_recent
from governance.merkle import leaf_hash
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject
from governance.notes import generate_key, sign_checkpoint
from governance.signer_files import keys_folder, read_trust
from tests.governance.log_history import History, note
from tests.governance.tampering import check, read_entry, rebuild_tree, run_sql, write_entry
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db
Tampering = Callable[[History], int | None]


def rewrite(history: History, type: str = "sign_off.given", **data: Any) -> tuple[int, dict[str, Any]]:
    index = history.index_of(type)
    body = read_entry(index)
    body["data"] |= data
    return index, body


# --- A log that nobody touched ------------------------------------------------------------------


def test_clean_history_is_whole(history: History) -> None:
    found = check()
    assert (found.problems, found.doubts) == ((), ())
    assert found.entries == found.sealed == LogHead.objects.get().size
    assert found.checkpoints == Checkpoint.objects.count()


# What the history does not hold, because other tests compare it: of votes, policies, keys, evaluations and releases.
MADE_ELSEWHERE = {
    *("condition.fulfilled", "dataset_version.recalled", "delegation.ended", "delegation.given"),
    *("emergency.asked", "emergency.withdrawn", "evaluation.cancelled", "follow_up.closed"),
    *("log.key_added", "log.key_retired", "log.key_revoked", "membership.confirmed", "policy.adopted"),
    *("policy.proposed", "policy.withdrawn", "project.solo_mode_switched", "release.rolled_back"),
    *("release.withdrawn", "report.failed", "sign_off.overruled", "user.password_changed"),
    "version.promoted_in_emergency",
}


def test_clean_history_holds_every_type_of_entry_that_is_compared(history: History) -> None:
    from governance.projections import all_projections

    compared = {type for projection in all_projections(read_trust()) for type in projection.types} - {"*"}
    made = set(AuditLogEntry.objects.values_list("type", flat=True))
    assert sorted(compared - made - MADE_ELSEWHERE) == []
    assert not MADE_ELSEWHERE & made


def test_clean_history_stays_whole_while_it_grows(history: History) -> None:
    note(history.root, count=3)
    found = check()
    assert (found.problems, found.entries - found.sealed) == ((), 3)


# --- The log itself changed -----------------------------------------------------------------------


def edit_text(history: History) -> int:
    index, body = rewrite(history, decision="reject")
    write_entry(index, body, with_leaf=False)
    return index


def edit_text_by_orm(history: History) -> int:
    index, body = rewrite(history, decision="reject")
    AuditLogEntry.objects.filter(pk=index).update(body=canonical_bytes(body))
    return index


def replace_text_and_leaf(history: History) -> int:
    index, body = rewrite(history, meaning="I have seen nothing.")
    write_entry(index, body)
    return index


def forge_whole_tree(history: History) -> int:
    index, body = rewrite(history, meaning="I have seen nothing.")
    write_entry(index, body)
    rebuild_tree()
    return index


def replace_leaf(history: History) -> int:
    index = history.index_of("version.promoted")
    AuditLogEntry.objects.filter(pk=index).update(leaf=leaf_hash(b"another"))
    return index


def insert_or_replace(history: History) -> int:
    index, body = rewrite(history, role="approver")
    text = canonical_bytes(body)
    row = AuditLogEntry.objects.values("type", "at", "actor_id", "project_id").get(pk=index)
    columns = '("index", body, leaf, type, at, actor_id, project_id)'
    values = (index, text, leaf_hash(text), row["type"], row["at"], row["actor_id"], row["project_id"])
    places = "(%s, %s, %s, %s, %s, %s, %s)"
    if connection.vendor == "sqlite":
        run_sql(f"INSERT OR REPLACE INTO governance_auditlogentry {columns} VALUES {places}", *values)  # noqa: S608
    else:
        run_sql(
            f"INSERT INTO governance_auditlogentry {columns} VALUES {places} "  # noqa: S608
            'ON CONFLICT ("index") DO UPDATE SET body = excluded.body, leaf = excluded.leaf',
            *values,
        )
    return index


def delete_entry(history: History) -> int:
    index = history.index_of("sign_off.given")
    run_sql("DELETE FROM governance_logsubject WHERE entry_id = %s", index)
    run_sql('DELETE FROM governance_auditlogentry WHERE "index" = %s', index)
    return index


def truncate_tail(history: History) -> int:
    index = LogHead.objects.get().size - 5
    run_sql("DELETE FROM governance_logsubject WHERE entry_id >= %s", index)
    run_sql('DELETE FROM governance_auditlogentry WHERE "index" >= %s', index)
    run_sql("DELETE FROM governance_checkpoint WHERE size > %s", index)
    rebuild_tree()
    return index


def swap_entries(history: History) -> int:
    first, second = history.index_of("sign_off.given"), history.index_of("sign_off.given", last=True)
    texts = read_entry(first), read_entry(second)
    write_entry(first, texts[1])
    write_entry(second, texts[0])
    return first


def swap_entries_with_their_numbers(history: History) -> int:
    first, second = history.index_of("sign_off.given"), history.index_of("sign_off.given", last=True)
    texts = read_entry(first), read_entry(second)
    write_entry(first, texts[1] | {"index": first})
    write_entry(second, texts[0] | {"index": second})
    rebuild_tree()
    return first


def insert_beyond_the_end(history: History) -> int:
    size = LogHead.objects.get().size
    body = read_entry(size - 1) | {"index": size}
    text = canonical_bytes(body)
    last = AuditLogEntry.objects.get(pk=size - 1)
    AuditLogEntry.objects.create(
        index=size, body=text, leaf=leaf_hash(text), type=last.type, at=last.at, actor=last.actor, project=last.project
    )
    return size


def change_column(**values: Any) -> Tampering:
    def tamper(history: History) -> int:
        index = history.index_of("version.promoted")
        AuditLogEntry.objects.filter(pk=index).update(**values)
        return index

    return tamper


def add_spaces(history: History) -> int:
    index = history.index_of("version.promoted")
    text = json.dumps(read_entry(index)).encode()
    AuditLogEntry.objects.filter(pk=index).update(body=text, leaf=leaf_hash(text))
    return index


def remove_subject(history: History) -> int:
    index = history.index_of("evidence.submitted")
    LogSubject.objects.filter(entry=index, kind="version").delete()
    return index


def add_subject(history: History) -> int:
    index = history.index_of("evidence.submitted")
    LogSubject.objects.create(entry_id=index, kind="version", object_id=999)
    return index


def change_node(history: History) -> int:
    LogNode.objects.filter(level=2, index=3).update(hash=bytes(32))
    return 12


def remove_node(history: History) -> int:
    run_sql('DELETE FROM governance_lognode WHERE level = 1 AND "index" = 5')
    return 10


def add_node(history: History) -> None:
    LogNode.objects.create(level=1, index=10_000, hash=bytes(32))


def change_frontier(history: History) -> None:
    head = LogHead.objects.get()
    LogHead.objects.update(frontier=bytes(32) + bytes(head.frontier)[32:])


def shorten_head(history: History) -> int:
    size = LogHead.objects.get().size
    LogHead.objects.update(size=size - 1)
    return size - 1


def lengthen_head(history: History) -> int:
    size = LogHead.objects.get().size
    LogHead.objects.update(size=size + 4)
    return size


def change_checkpoint_root(history: History) -> int:
    checkpoint = Checkpoint.objects.order_by("size")[0]
    Checkpoint.objects.filter(pk=checkpoint.pk).update(root=bytes(32))
    return int(checkpoint.size) - 1


def sign_checkpoint_with_another_key(history: History) -> int:
    checkpoint = Checkpoint.objects.order_by("size")[0]
    key = generate_key("forged/log")
    note = sign_checkpoint(key.name, checkpoint.size, bytes(checkpoint.root), key)
    Checkpoint.objects.filter(pk=checkpoint.pk).update(note=note)
    return int(checkpoint.size) - 1


def forge_longer_checkpoint(history: History) -> int:
    size = LogHead.objects.get().size
    Checkpoint.objects.create(size=size + 9, root=bytes(32), note="x", signed_at=timezone.now())
    return size


LOG_TAMPERINGS: list[Tampering] = [
    edit_text,
    edit_text_by_orm,
    replace_text_and_leaf,
    forge_whole_tree,
    replace_leaf,
    insert_or_replace,
    delete_entry,
    truncate_tail,
    swap_entries,
    swap_entries_with_their_numbers,
    insert_beyond_the_end,
    change_column(type="version.registered"),
    change_column(at=timezone.now()),
    change_column(actor_id=1),
    change_column(project_id=None),
    add_spaces,
    remove_subject,
    add_subject,
    change_node,
    remove_node,
    add_node,
    change_frontier,
    shorten_head,
    lengthen_head,
    change_checkpoint_root,
    sign_checkpoint_with_another_key,
    forge_longer_checkpoint,
]


@pytest.mark.parametrize("tamper", LOG_TAMPERINGS, ids=lambda tamper: tamper.__qualname__)
def test_changed_log_is_found_and_its_first_bad_entry_named(history: History, tamper: Tampering) -> None:
    with behind_the_guards():
        expected = tamper(history)
    found = check()
    assert found.problems != ()
    assert found.first_index == expected, found.problems[:5]


def test_two_changes_are_found_apart(history: History) -> None:
    first, second = history.index_of("user.created"), history.index_of("version.promoted")
    for index in (first, second):
        write_entry(index, read_entry(index) | {"reason": "forged"})
    concerned = {problem.index for problem in check().problems if problem.index is not None}
    assert {first, second} <= concerned <= {first, second, *range(second + 1, LogHead.objects.get().size)}


def test_forged_tree_is_found_by_its_checkpoint_when_the_signers_leaves_are_gone(history: History) -> None:
    forged = forge_whole_tree(history)
    (keys_folder() / "signer-leaves.bin").unlink()
    found = check()
    before = Checkpoint.objects.filter(size__lte=forged).order_by("-size")[0].size
    assert (found.first_index, found.sealed) == (before, before)
    assert "are not those that the checkpoint of" in found.problems[0].what
    assert found.doubts == ("The signer's kept leaves do not belong to what it signed last; they were not used.",)


# --- The bounded check ----------------------------------------------------------------------------


def test_recent_entries_of_a_clean_history_hold(history: History) -> None:
    size = LogHead.objects.get().size
    for limit in (1, 2, 7, 33, size - 1, size, size + 50):
        found = verify_recent(limit)
        assert (found.problems, found.doubts, found.entries, found.sealed) == ((), (), min(limit, size), size)


@pytest.mark.parametrize("tamper", [replace_text_and_leaf, edit_text], ids=lambda tamper: tamper.__qualname__)
def test_recent_check_finds_what_lies_in_its_reach(history: History, tamper: Callable[[History], int]) -> None:
    with behind_the_guards():
        index = tamper(history)
    size = LogHead.objects.get().size
    assert verify_recent(size - index).problems != ()


def test_recent_check_does_not_trust_the_nodes_it_starts_from(history: History) -> None:
    size = LogHead.objects.get().size
    with behind_the_guards():
        LogNode.objects.filter(level=5, index=0).update(hash=bytes(32))
    found = verify_recent(size - 33)
    assert "are not those that the checkpoint of" in found.problems[0].what


def test_recent_check_reads_a_bounded_number_of_rows(
    history: History, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_max_num_queries(30):
        verify_recent(50)


# --- The command ----------------------------------------------------------------------------------


def run_command(*arguments: str) -> tuple[int, str]:
    output = StringIO()
    try:
        call_command("verify_log", *arguments, stdout=output)
    except CommandError as error:
        return error.returncode, output.getvalue() + str(error)
    return 0, output.getvalue()


def test_command_says_whole(history: History) -> None:
    code, text = run_command("--evidence")
    assert code == 0
    assert text.splitlines()[-1].startswith("Whole: the log, and every stored file,")


def test_command_says_that_stored_files_were_not_read(history: History) -> None:
    code, text = run_command()
    whole, unread = text.splitlines()[-2:]
    assert code == 0
    assert whole == "Whole: the log and the tables it vouches for are as they were recorded."
    assert unread == "Stored files were not read; --evidence reads every one again."


def test_command_says_changed_and_where(history: History) -> None:
    index = edit_text(history)
    code, text = run_command()
    assert code == 1
    assert f"  entry {index}: its text does not have the leaf hash that was stored with it" in text.splitlines()
    assert text.splitlines()[-1].startswith("CHANGED: ")
    assert text.splitlines()[-1].endswith(f"the first at entry {index}.")


def test_command_cannot_tell_without_a_key(history: History) -> None:
    for published in ("log.vkey", "log.trust.json"):
        (keys_folder() / published).unlink(missing_ok=True)
    code, said = run_command()
    assert (code, "No verifier key is given" in said) == (2, True)


def test_command_trusts_the_key_it_is_given(history: History, tmp_path: Path) -> None:
    good, stranger, broken = (tmp_path / name for name in ("good", "stranger", "broken"))
    good.write_text((keys_folder() / "log.vkey").read_text())
    stranger.write_text(generate_key("127.0.0.1/countersign").vkey)
    broken.write_text("no key")
    codes = [run_command("--vkey", str(path))[0] for path in (good, stranger, broken, tmp_path / "missing")]
    assert codes == [0, 1, 2, 2]
