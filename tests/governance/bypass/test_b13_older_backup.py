"""B13: a database that was put back to an older backup is shorter than what was signed, and everybody is told."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign import verifier
from governance.auditlog import node_at
from governance.log_verification import trusted_vkeys, verify_recent
from governance.merkle import consistency_proof
from governance.models import Checkpoint, LogHead
from tests.governance.bypass.record import Record, copy_database, drop_database, refusal_to_sign, verify_log
from tests.governance.log_history import note
from tests.portal.pages.browsing import browse, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rolled_back(record: Record, backup: str, tmp_path: Path) -> Iterator[Record]:
    """The backup in the place of the record's database; the signer's folder is what it was."""
    older = Record(copy_database(backup, tmp_path), record.data, record.history)
    with older.opened():
        yield older
    drop_database(older.name)


def test_b13_signer_refuses_and_pages_say_that_the_log_is_shorter(rolled_back: Record) -> None:
    size = LogHead.objects.get().size
    refused = refusal_to_sign()
    assert refused is not None
    assert (refused.index, "is shorter than" in refused.what) == (size, True)
    for path in ("/", "/log/"):
        page = text_of(browse(rolled_back.history.people["auditor"]).get(path))
        assert f"the log has {size} entries and is shorter than the {size + 7} that were signed" in page


def test_b13_verify_log_and_the_page_find_it_without_the_signer(rolled_back: Record) -> None:
    size = LogHead.objects.get().size
    code, said = verify_log()
    assert (code, f"entry {size}: the log has {size} entries and is shorter than the {size + 7}" in said) == (1, True)
    assert verify_recent().first_index == size


def test_b13_growing_again_past_what_was_signed_does_not_help(rolled_back: Record) -> None:
    size = LogHead.objects.get().size
    note(rolled_back.history.root, "another story", count=12)
    refused = refusal_to_sign()
    assert refused is not None
    assert refused.index == size
    assert f"the first at entry {size}." in verify_log()[1]
    assert not Checkpoint.objects.filter(size__gt=size).exists()


def test_b13_signers_folder_rolled_back_too_is_found_by_an_auditors_checkpoint(
    record: Record, rolled_back: Record, tmp_path: Path
) -> None:
    """Nothing on the machine knows it any more; whoever kept a checkpoint does."""
    with record.opened():
        kept = Checkpoint.objects.order_by("-size")[0].note
    keys = rolled_back.data / "keys"
    for name in ("signer-state.json", "signer-leaves.bin"):
        (keys / name).unlink()
    assert refusal_to_sign() is None
    note(rolled_back.history.root, "another story", count=12)
    assert refusal_to_sign() is None
    assert verify_log()[0] == 0
    new = Checkpoint.objects.order_by("-size")[0]
    old_size = int(kept.split("\n")[1])
    steps = [base64.b64encode(step).decode() for step in consistency_proof(old_size, new.size, node_at)]
    verdict = verifier.compare(kept, new.note, steps, list(trusted_vkeys()))
    assert verdict.outcome is verifier.Outcome.TAMPERED, verdict.message


def test_b13_honest_copy_elsewhere_is_no_rollback(record: Record, tmp_path: Path) -> None:
    data = tmp_path / "moved"
    shutil.copytree(record.data, data)
    moved = Record(copy_database(record.name, tmp_path), data, record.history)
    with moved.opened():
        assert (verify_log()[0], refusal_to_sign()) == (0, None)
    drop_database(moved.name)
