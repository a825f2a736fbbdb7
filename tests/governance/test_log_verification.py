"""verify_log finds what was changed behind the log's back, names the entry, and does not cry wolf."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from governance import store
from governance.canonical import canonical_bytes, canonical_digest
from governance.log_verification import Verification, trusted_vkeys, verify, verify_files, verify_recent
from governance.merkle import Frontier, leaf_hash
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject, StoredFile
from governance.notes import generate_key, sign_checkpoint
from governance.signer_files import keys_folder
from tests import cast
from tests.governance.log_history import History, note

pytestmark = pytest.mark.django_db
Tampering = Callable[[History], int | None]


def check() -> Verification:
    return verify(vkeys=trusted_vkeys())


def run_sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def read_entry(index: int) -> dict[str, Any]:
    return cast.read_body(AuditLogEntry.objects.get(pk=index))


def write_entry(index: int, body: dict[str, Any], *, with_leaf: bool = True) -> None:
    """Put another text in an entry's place by SQL, as somebody with the database password would."""
    text = canonical_bytes(body)
    run_sql('UPDATE governance_auditlogentry SET body = %s WHERE "index" = %s', text, index)
    if with_leaf:
        run_sql('UPDATE governance_auditlogentry SET leaf = %s WHERE "index" = %s', leaf_hash(text), index)


def rebuild_tree() -> None:
    """Make head and nodes agree with the stored leaves, as a careful forger would."""
    frontier, nodes = Frontier(), []
    for leaf in AuditLogEntry.objects.order_by("index").values_list("leaf", flat=True):
        nodes += frontier.append(bytes(leaf))
    LogNode.objects.all().delete()
    LogNode.objects.bulk_create(LogNode(level=level, index=index, hash=value) for level, index, value in nodes)
    LogHead.objects.update(size=frontier.size, frontier=frontier.to_bytes())


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


def test_clean_history_holds_every_type_of_entry_that_is_compared(history: History) -> None:
    from governance.projections import all_projections

    compared = {type for projection in all_projections(()) for type in projection.types} - {"*"}
    never_made_here = {"report.failed"}
    made = set(AuditLogEntry.objects.values_list("type", flat=True))
    assert compared - made == never_made_here


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


# --- What the log vouches for changed ---------------------------------------------------------------


def subject_of(index: int, related: str | None) -> int:
    body = read_entry(index)
    things = [body["subject"]] if related is None else [one for one in body["related"] if one["kind"] == related]
    return int(things[0]["id"])


LATER = timezone.now() + timedelta(days=170)
LONG_AGO = timezone.now() - timedelta(days=30)
# table, type of the entry that must be named, how the entry names the row, what is written into the row
ROW_CHANGES: list[tuple[str, str, str | None, dict[str, Any]]] = [
    ("signoff", "sign_off.given", None, {"decision": "reject"}),
    ("signoff", "sign_off.given", None, {"role": "approver"}),
    ("signoff", "sign_off.given", None, {"meaning": "I have seen nothing."}),
    ("signoff", "sign_off.given", None, {"reason": "No reason."}),
    ("signoff", "sign_off.given", None, {"signer_id": 1}),
    ("signoff", "sign_off.given", None, {"signer_name": "Somebody Else"}),
    ("signoff", "sign_off.given", None, {"signed_at": LONG_AGO}),
    ("signoff", "sign_off.given", None, {"log_index": 3}),
    ("waiver", "waiver.granted", None, {"expires_at": LATER}),
    ("waiver", "waiver.granted", None, {"finding_key": "evidence:predictions"}),
    ("waiver", "waiver.granted", None, {"granted_by_id": 1}),
    ("release", "version.promoted", None, {"environment": "staging"}),
    ("release", "version.promoted", None, {"statement": "{}"}),
    ("release", "version.promoted", None, {"envelope": "{}"}),
    ("release", "version.promoted", None, {"promoted_by_id": 1}),
    ("release", "version.promoted", None, {"started_at": LONG_AGO}),
    ("evidence", "evidence.submitted", None, {"kind": "document"}),
    ("evidence", "evidence.submitted", None, {"title": "Better predictions"}),
    ("evidence", "evidence.submitted", None, {"observed_at": LONG_AGO}),
    ("evidence", "evidence.submitted", None, {"received_at": LONG_AGO}),
    ("evidence", "evidence.submitted", None, {"submitted_by_id": 1}),
    ("evaluation", "evaluation.completed", None, {"result": '{"measures": []}'}),
    ("evaluation", "evaluation.completed", None, {"result_digest": "sha256:" + "0" * 64}),
    ("evaluation", "evaluation.completed", None, {"status": "FAILED"}),
    ("evaluation", "evaluation.failed", None, {"failure": "It was the weather."}),
    ("evaluation", "evaluation.requested", None, {"spec": '{"task": "other"}'}),
    ("evaluation", "evaluation.requested", None, {"dataset_role": "training"}),
    ("datasetversion", "dataset_version.registered", None, {"digest": "sha256:" + "1" * 64}),
    ("datasetversion", "dataset_version.registered", None, {"row_count": 1}),
    ("dataset", "dataset.registered", None, {"name": "Other data"}),
    ("datasetuse", "dataset_use.declared", None, {"role": "validation"}),
    ("registeredmodel", "model.tiered", None, {"risk_tier": "high"}),
    ("registeredmodel", "model.tiered", None, {"revision": 1}),
    ("registeredmodel", "model.registered", None, {"owner_id": 1}),
    ("modelversion", "version.registered", None, {"created_by_id": 1}),
    ("requirement", "requirement.withdrawn", None, {"withdrawn_at": None}),
    ("proofofconcept", "proof_of_concept.decided", None, {"decision": "no_go"}),
    ("proofofconcept", "proof_of_concept.decided", None, {"decided_by_id": 1}),
    ("membership", "membership.granted", "membership", {"role": "approver"}),
    ("membership", "membership.ended", "membership", {"ended_at": None}),
    ("user", "user.created", None, {"is_organisation_administrator": False}),
    ("user", "user.closed", None, {"is_active": True}),
    ("apitoken", "token.created", None, {"scopes": '["administer"]'}),
    ("apitoken", "token.created", None, {"expires_at": LATER}),
    ("apitoken", "token.revoked", None, {"revoked_at": None}),
    ("requirementtemplate", "template.written", None, {"text": "- title: Nothing\n  statement: Nothing."}),
    ("compliancereport", "report.issued", None, {"status": "FAILED"}),
    ("compliancereport", "report.issued", None, {"log_index": 1}),
]


@pytest.mark.parametrize(
    ("table", "type", "related", "change"),
    ROW_CHANGES,
    ids=[f"{table}-{next(iter(change))}" for table, _type, _related, change in ROW_CHANGES],
)
def test_changed_row_is_found_with_the_entry_that_recorded_it(
    history: History, table: str, type: str, related: str | None, change: dict[str, Any]
) -> None:
    index = history.index_of(type)
    ((column, value),) = change.items()
    run_sql(f"UPDATE governance_{table} SET {column} = %s WHERE id = %s", value, subject_of(index, related))  # noqa: S608
    found = check()
    assert {problem.index for problem in found.problems} == {index}, found.problems


DELETED_ROWS = [
    ("signoff", "sign_off.given", None),
    ("waiver", "waiver.granted", None),
    ("release", "version.promoted", None),
    ("evaluation", "evaluation.requested", None),
    ("datasetuse", "dataset_use.declared", None),
    ("requirement", "requirement.written", None),
    ("membership", "membership.granted", "membership"),
    ("apitoken", "token.created", None),
]


@pytest.mark.parametrize(("table", "type", "related"), DELETED_ROWS, ids=[row[0] for row in DELETED_ROWS])
def test_deleted_row_is_found_with_the_entry_that_recorded_it(
    history: History, table: str, type: str, related: str | None
) -> None:
    key = subject_of(history.index_of(type), related)
    run_sql(f"DELETE FROM governance_{table} WHERE id = %s", key)  # noqa: S608
    assert any("gone from its table" in problem.what for problem in check().problems)


def test_row_that_no_entry_records_is_found(history: History) -> None:
    """An old approval copied to another version, by SQL."""
    columns = "dossier_id, signer_name, role, decision, meaning, reason, signed_at, log_index, version_id, signer_id"
    run_sql(
        f"INSERT INTO governance_signoff ({columns}) "  # noqa: S608
        "SELECT dossier_id, signer_name, role, 'reject', meaning, reason, signed_at, log_index, %s, signer_id "
        "FROM governance_signoff ORDER BY id LIMIT 1",
        history.open_version.pk,
    )
    found = check()
    assert found.first_index == history.index_of("sign_off.given")
    assert "no entry records it" in found.problems[0].what


def test_role_that_nobody_granted_is_found(history: History) -> None:
    auditor = history.people["auditor"]
    auditor.memberships.create(project=history.project, role="approver", granted_by=history.root)
    assert [problem.what.split(" ", 2)[2] for problem in check().problems] == [
        "stands in its table, but no entry records it"
    ]


def test_state_set_by_orm_is_found_with_the_entry_that_moved_it_last(history: History) -> None:
    version = history.open_version
    type(version).objects.filter(pk=version.pk).update(state="APPROVED")
    problem = check().problems[0]
    assert problem.index == history.index_of("version.submitted", last=True)
    assert problem.what == f"version {version.pk}: its state is APPROVED, recorded is IN_REVIEW"


def test_lowered_threshold_is_found(history: History) -> None:
    for key in ("R-1", "R-3"):  # one written by hand, one from the template
        requirement = history.model.requirements.get(key=key)
        with transaction.atomic():
            requirement.criteria.update(threshold="0.1")
            found = check()
            transaction.set_rollback(True)
        assert [problem.what for problem in found.problems] == [
            f"requirement {requirement.pk}: its text or its criteria are not the recorded ones"
        ]
        assert "requirement" in read_entry(found.first_index or 0)["type"]


def test_deleted_criterion_is_found(history: History) -> None:
    requirement = history.model.requirements.get(key="R-1")
    requirement.criteria.all().delete()
    assert check().first_index == history.index_of("requirement.written") + 5


def test_swapped_file_is_found(history: History) -> None:
    index = history.index_of("evidence.submitted")
    other = StoredFile.objects.exclude(evidence=subject_of(index, None))[0]
    run_sql("UPDATE governance_evidence SET file_id = %s WHERE id = %s", other.digest, subject_of(index, None))
    assert {problem.index for problem in check().problems} == {index}


def test_changed_content_is_found_with_and_without_a_new_digest(history: History) -> None:
    evidence = history.live.version.evidence.get(kind="metrics")
    content = {"metrics": [{"name": "accuracy", "value": 0.99, "population": "overall", "dataset_role": "test"}]}
    for change in ({"content": content}, {"content": content, "content_digest": canonical_digest(content)}):
        with transaction.atomic():
            type(evidence).objects.filter(pk=evidence.pk).update(**change)
            found = check()
            transaction.set_rollback(True)
        assert {problem.index for problem in found.problems} == {evidence.log_index}


def test_content_with_numbers_that_databases_write_in_their_own_way_is_whole(history: History) -> None:
    values = [999999999999999.0, 1e-7, 5e-324, 0.1, 3.0, -0.0]
    metrics = [{"name": f"metric {number}", "value": value} for number, value in enumerate(values)]
    cast.submit(history.open_version, "metrics", by=history.people["developer"], content={"metrics": metrics})
    assert check().problems == ()


def test_offer_for_another_requirement_is_found(history: History) -> None:
    evidence = history.live.version.evidence.filter(requirements__isnull=False).get()
    evidence.requirements.clear()
    assert {problem.index for problem in check().problems} == {evidence.log_index}


def test_removed_derivation_is_found(history: History) -> None:
    derived = history.live.version.dataset_uses.get(role="test").dataset_version
    derived.derivations.all().delete()
    (problem,) = check().problems
    assert problem.what == f"dataset version {derived.pk}: it is derived from other dataset versions than recorded"


def test_changed_artifact_is_found(history: History) -> None:
    history.live.version.artifacts.update(digest="sha256:" + "b" * 64)
    (problem,) = check().problems
    assert problem.what == f"version {history.live.version.pk}: its artifacts are not the recorded ones"


def test_changed_dossier_text_is_found_with_the_entry_that_names_it(history: History) -> None:
    snapshot = history.live.dossier
    type(snapshot).objects.filter(pk=snapshot.pk).update(document=snapshot.document.replace("low", "LOW"))
    (problem,) = check().problems
    assert problem.what == f"the kept text of dossier {snapshot.pk} no longer has that digest"
    assert read_entry(problem.index or 0)["data"]["dossier"] == snapshot.pk


def test_release_reopened_or_ended_by_sql_is_found(history: History) -> None:
    with transaction.atomic():
        run_sql("UPDATE governance_release SET ended_at = NULL, environment = 'x' WHERE id = %s", history.former.pk)
        reopened = check()
        transaction.set_rollback(True)
    assert f"release {history.former.pk} was ended here and is marked as live" in {
        problem.what for problem in reopened.problems
    }
    type(history.live).objects.filter(pk=history.live.pk).update(ended_at=timezone.now())
    (problem,) = check().problems
    assert (problem.index, problem.what) == (
        history.live.log_index,
        f"release {history.live.pk} is marked as ended, but no entry ends it",
    )


def test_envelope_of_another_release_is_found(history: History) -> None:
    type(history.live).objects.filter(pk=history.live.pk).update(envelope=history.former.envelope)
    (problem,) = check().problems
    assert problem.index == history.live.log_index
    assert problem.what == f"release {history.live.pk}: its envelope carries another statement"


def test_administrator_made_by_orm_is_found(history: History) -> None:
    auditor = history.people["auditor"]
    type(auditor).objects.filter(pk=auditor.pk).update(is_organisation_administrator=True)
    (problem,) = check().problems
    assert problem.what == f"user {auditor.pk} is an organisation administrator, but the log says otherwise"
    assert read_entry(problem.index or 0)["subject"]["id"] == auditor.pk


def test_entry_without_its_data_is_named_and_stops_nothing(history: History) -> None:
    """What append would write for an entry that somebody made up."""
    from governance import auditlog
    from governance.auditlog import Subject

    with transaction.atomic():
        entry = auditlog.append(
            "sign_off.given",
            actor=cast.acting(history.root),
            subject=Subject("sign_off", history.live.version.sign_offs.all()[0].pk, "made up"),
            project=None,
        )
    problems = check().problems
    assert [problem.index for problem in problems] == [entry.index, entry.index]


# --- Files --------------------------------------------------------------------------------------


def test_stored_files_are_read_again(history: History) -> None:
    assert verify_files() == ()


@pytest.mark.parametrize("damage", ["flip", "remove", "lengthen"])
def test_damaged_file_is_found_with_its_entry(history: History, damage: str) -> None:
    evidence = history.live.version.evidence.filter(kind="predictions").order_by("-pk")[0]
    assert evidence.file is not None
    path = store.path_of(evidence.file.digest)
    before = path.read_bytes()
    path.chmod(0o600)
    try:
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(b"x" + before[1:] if damage == "flip" else before + b"x")
        problems = verify_files()
    finally:
        path.write_bytes(before)
    first = type(evidence).objects.filter(file=evidence.file).aggregate(Min("log_index"))["log_index__min"]
    assert [problem.index for problem in problems] == [first]
    assert evidence.file.digest in problems[0].what


# --- The bounded check ----------------------------------------------------------------------------


def test_recent_entries_of_a_clean_history_hold(history: History) -> None:
    size = LogHead.objects.get().size
    for limit in (1, 2, 7, 33, size - 1, size, size + 50):
        found = verify_recent(limit)
        assert (found.problems, found.doubts, found.entries, found.sealed) == ((), (), min(limit, size), size)


@pytest.mark.parametrize("tamper", [replace_text_and_leaf, edit_text], ids=lambda tamper: tamper.__qualname__)
def test_recent_check_finds_what_lies_in_its_reach(history: History, tamper: Callable[[History], int]) -> None:
    index = tamper(history)
    size = LogHead.objects.get().size
    assert verify_recent(size - index).problems != ()


def test_recent_check_does_not_trust_the_nodes_it_starts_from(history: History) -> None:
    size = LogHead.objects.get().size
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


def test_command_says_changed_and_where(history: History) -> None:
    index = edit_text(history)
    code, text = run_command()
    assert code == 1
    assert f"  entry {index}: its text does not have the leaf hash that was stored with it" in text.splitlines()
    assert text.splitlines()[-1].startswith("CHANGED: ")
    assert text.splitlines()[-1].endswith(f"the first at entry {index}.")


def test_command_cannot_tell_without_a_key(history: History) -> None:
    (keys_folder() / "log.vkey").unlink()
    code, said = run_command()
    assert (code, "No verifier key is given" in said) == (2, True)


def test_command_trusts_the_key_it_is_given(history: History, tmp_path: Path) -> None:
    good, stranger, broken = (tmp_path / name for name in ("good", "stranger", "broken"))
    good.write_text((keys_folder() / "log.vkey").read_text())
    stranger.write_text(generate_key("127.0.0.1/countersign").vkey)
    broken.write_text("no key")
    codes = [run_command("--vkey", str(path))[0] for path in (good, stranger, broken, tmp_path / "missing")]
    assert codes == [0, 1, 2, 2]
