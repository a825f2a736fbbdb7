"""The drill of key rotation and revocation: old receipts hold, and an ended key signs nothing more."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from governance import auditlog
from governance.actions import log as log_actions
from governance.actors import COMMAND, Actor
from governance.auditlog import Subject
from governance.exceptions import GovernanceError, InvalidInput, NotPermitted
from governance.log_state import keys_in_log
from governance.log_verification import Verification, own_trust, verify
from governance.merkle import leaf_hash, verify_inclusion
from governance.models import Checkpoint, User
from governance.notes import (
    NoteError,
    NoTrustedSignature,
    SigningKey,
    add_signature,
    generate_key,
    open_checkpoint,
    sign_checkpoint,
    split_note,
)
from governance.receipts import receipt_for
from governance.signer import BrokenEntry, Signer, SignerError, sign_once
from governance.signer_files import read_trust, read_vkeys
from governance.signer_keys import KeyRing
from governance.trust import Trust, TrustedKey
from tests.governance.log_history import note
from tests.governance.rotating import add_key, end_key, key_id, rotate_to_overlap


def newest() -> Checkpoint:
    found = auditlog.latest_checkpoint()
    assert found is not None
    return found


def signers_of(stored: Checkpoint) -> list[str]:
    """The key ids on a checkpoint's note."""
    return [identity.hex() for _name, identity, _signature in split_note(stored.note)[1]]


def check_receipt(receipt: dict[str, Any], trust: Trust) -> None:
    """What a verifier does with a receipt. Raises when it does not hold."""
    checkpoint = trust.open_checkpoint(receipt["checkpoint"])
    body = base64.b64decode(receipt["entry"]["body"])
    proof = [base64.b64decode(step) for step in receipt["inclusion_proof"]]
    verify_inclusion(leaf_hash(body), receipt["entry"]["index"], checkpoint.size, proof, checkpoint.root)


def check() -> Verification:
    return verify(vkeys=own_trust())


def private(vkey: str) -> SigningKey:
    return KeyRing.load().private[vkey]


# --- 1 to 6: rotation in order ---------------------------------------------------------------------


def test_drill_01_in_the_overlap_checkpoints_carry_both_signatures(writer: User) -> None:
    old = rotate_to_overlap()
    new = keys_in_log()[1].vkey
    note(writer)
    sign_once()
    assert signers_of(newest()) == [key_id(old), key_id(new)]
    for vkey in (old, new):
        assert open_checkpoint(newest().note, [vkey]).size == newest().size
    assert read_vkeys() == (old, new)
    assert check().problems == ()


def test_drill_02_origin_never_changes(writer: User, settings: Any) -> None:
    settings.COUNTERSIGN_LOG_ORIGIN = "another.example/log"
    old = rotate_to_overlap()
    end_key("retire", old)
    assert {stored.note.partition("\n")[0] for stored in Checkpoint.objects.all()} == {own_trust().origin}
    assert own_trust().origin == "another.example/log"


def test_drill_03_receipt_from_before_a_retirement_stays_valid(writer: User) -> None:
    old = rotate_to_overlap()
    before = receipt_for(0)
    end_key("retire", old)
    note(writer, count=5)
    sign_once()
    check_receipt(before, own_trust())
    assert receipt_for(0) == before
    assert open_checkpoint(before["checkpoint"], [old]).size == 1


def test_drill_04_retired_key_signs_nothing_more_and_its_sizes_are_written_down(writer: User) -> None:
    old = rotate_to_overlap()
    new = keys_in_log()[1].vkey
    end_key("retire", old)
    assert signers_of(newest()) == [key_id(new)]
    assert read_vkeys() == (new,)
    index = newest().size - 1
    assert own_trust().keys == (TrustedKey(old, 0, index), TrustedKey(new, 2))
    assert check().problems == ()


def test_drill_05_signature_of_a_retired_key_over_a_larger_size_is_refused(writer: User) -> None:
    old = rotate_to_overlap()
    end_key("retire", old)
    last = own_trust().keys[0].to_size
    assert last is not None
    key = private(old)
    for size in (last + 1, last + 2, last + 1_000_000):
        forged = sign_checkpoint(key.name, size, bytes(32), key)
        assert open_checkpoint(forged, [old]).size == size
        with pytest.raises(NoTrustedSignature, match="was not the log's at"):
            own_trust().open_checkpoint(forged)
    own_trust().open_checkpoint(sign_checkpoint(key.name, last, bytes(32), key))


def test_drill_06_checkpoint_that_a_thief_of_the_retired_key_stores_is_found(writer: User) -> None:
    old = rotate_to_overlap()
    end_key("retire", old)
    note(writer)
    with transaction.atomic():
        signer = Signer.start()
        frontier = signer._read_new(newest().size + 1)[0]
        key = private(old)
        forged = sign_checkpoint(key.name, frontier.size, frontier.root(), key)
        Checkpoint.objects.create(
            size=frontier.size, root=frontier.root(), note=forged, signed_at=auditlog.database_now()
        )
        assert [problem.what for problem in check().problems] == [
            f"the checkpoint of {frontier.size} entries does not hold: its key {key_id(old)} was not the log's at "
            f"{frontier.size} entries: it signs from 0 to {frontier.size - 2}"
        ]
        with pytest.raises(BrokenEntry, match="not one this signer made"):
            sign_once()
        transaction.set_rollback(True)


# --- 7 to 10: revocation -----------------------------------------------------------------------------


def test_drill_07_lost_key_is_got_over_by_a_new_one(writer: User, keys: Path) -> None:
    sign_once()
    old = keys_in_log()[0].vkey
    (keys / "log.key").unlink()
    with pytest.raises(SignerError, match="log_keys add, then revoke it"):
        sign_once()
    call_command("log_keys", "add")
    end_key("revoke", old)
    new = keys_in_log()[1].vkey
    assert signers_of(newest()) == [key_id(new)]
    assert own_trust().keys == (TrustedKey(old, 0, 2, revoked=True), TrustedKey(new, 2))
    assert check().problems == ()


def test_drill_08_receipt_of_a_revoked_key_is_not_believed_by_itself_and_a_new_one_is_given(writer: User) -> None:
    old = rotate_to_overlap()
    before = receipt_for(0)
    end_key("revoke", old)
    with pytest.raises(NoTrustedSignature, match="was revoked, and 0 witnesses vouch"):
        check_receipt(before, own_trust())
    again = receipt_for(0)
    check_receipt(again, own_trust())
    assert open_checkpoint(again["checkpoint"], [keys_in_log()[1].vkey]).size == 2
    assert check().problems == ()


def test_drill_09_checkpoint_that_both_keys_signed_outlives_the_revocation_of_one(writer: User) -> None:
    old = rotate_to_overlap()
    both = newest().note
    end_key("revoke", old)
    assert own_trust().open_checkpoint(both).size == 2


def test_drill_10_revoked_key_signs_nothing_larger_even_beside_a_stranger(writer: User) -> None:
    old = rotate_to_overlap()
    end_key("revoke", old)
    key = private(old)
    forged = sign_checkpoint(key.name, newest().size + 1, bytes(32), key)
    for text in (forged, add_signature(forged, generate_key(key.name))):
        with pytest.raises(NoTrustedSignature):
            own_trust().open_checkpoint(text)
        with pytest.raises(NoTrustedSignature):
            own_trust().open_stored(text)


# --- 11 to 14: whoever is not the operator ------------------------------------------------------------


def enter(type: str, vkey: str, user: User) -> None:
    """An entry about a key, as somebody with a shell and the database password would append it."""
    with transaction.atomic():
        subject = Subject("log_key", 1, "forged")
        auditlog.append(type, actor=Actor(user, COMMAND), subject=subject, project=None, data={"vkey": vkey})


@pytest.mark.parametrize("type", ["log.key_added", "log.key_retired", "log.key_revoked"])
def test_drill_11_entry_that_nobody_ordered_from_the_signer_is_not_signed(writer: User, type: str) -> None:
    old = rotate_to_overlap()
    before, trust = newest().size, read_trust()
    enter(type, generate_key("example.org/log").vkey if type == "log.key_added" else old, writer)
    with pytest.raises(BrokenEntry, match="nobody ordered that from the signer") as caught:
        sign_once()
    assert (caught.value.index, newest().size, read_trust()) == (before, before, trust)


def test_drill_12_only_key_is_not_ended_and_a_key_is_not_retired_before_its_successor_signed(writer: User) -> None:
    sign_once()
    only = keys_in_log()[0].vkey
    for verb in ("retire", "revoke"):
        with pytest.raises(CommandError, match="the only key"):
            end_key(verb, only)
    call_command("log_keys", "add")
    with pytest.raises(CommandError, match="No checkpoint carries a successor's signature yet"):
        end_key("retire", only)
    sign_once()
    assert signers_of(newest()) == [key_id(key.vkey) for key in keys_in_log()]
    end_key("retire", only)


def test_drill_13_killed_between_order_and_entry_leaves_nothing_behind(writer: User, keys: Path) -> None:
    sign_once()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("governance.management.commands.log_keys.add_log_key", _die)
        with pytest.raises(KeyboardInterrupt):
            call_command("log_keys", "add")
    (made,) = keys.glob("log-*.key")
    note(writer)
    sign_once()
    assert len(signers_of(newest())) == 1
    add_key()
    assert list(keys.glob("log-*.key")) == [made]
    assert len(signers_of(newest())) == 2


def _die(**_given: Any) -> None:
    raise KeyboardInterrupt


def test_drill_14_lost_memory_after_rotations_is_rebuilt_with_the_same_trust(writer: User, keys: Path) -> None:
    old = rotate_to_overlap()
    end_key("retire", old)
    note(writer)
    sign_once()
    trust, size = read_trust(), newest().size
    for name in ("signer-state.json", "signer-leaves.bin", "log.trust.json", "log.vkey"):
        (keys / name).unlink()
    assert sign_once() is None
    assert (read_trust(), newest().size) == (trust, size)
    assert check().problems == ()


# --- The trust file and what else may go wrong ----------------------------------------------------------


def test_trust_file_reads_as_it_was_written_and_nothing_else_does(writer: User) -> None:
    end_key("retire", rotate_to_overlap())
    trust = own_trust()
    text = trust.to_json()
    assert Trust.from_json(text) == trust
    spoilt: list[Callable[[str], str]] = [
        lambda text: text[:-3],
        lambda text: "[]",
        lambda text: text.replace("trust/1", "trust/2"),
        lambda text: text.replace('"quorum": 0', '"quorum": 1'),
        lambda text: text.replace('"from_size": 0', '"from_size": "0"'),
        lambda text: text.replace('"revoked": false', '"revoked": 0'),
        lambda text: text.replace("example.org/log+", "example.org/lag+"),
    ]
    for spoil in spoilt:
        with pytest.raises(NoteError):
            Trust.from_json(spoil(text))


def test_damaged_trust_file_is_not_guessed_and_is_written_anew(writer: User, keys: Path) -> None:
    sign_once()
    whole = (keys / "log.trust.json").read_text()
    (keys / "log.trust.json").write_text("{}")
    with pytest.raises(SignerError, match="cannot be used"):
        own_trust()
    with pytest.raises(CommandError, match="cannot be used") as caught:
        call_command("verify_log")
    assert caught.value.returncode == 2
    sign_once()
    assert (keys / "log.trust.json").read_text() == whole


def test_keys_in_the_trust_file_that_no_entry_names_are_found(writer: User, keys: Path) -> None:
    old = rotate_to_overlap()
    trust = own_trust()
    stranger = TrustedKey(generate_key(trust.origin).vkey, 2)
    (keys / "log.trust.json").write_text(Trust(trust.origin, (*trust.keys, stranger)).to_json())
    assert [problem.what for problem in check().problems] == [
        "the log's keys in the trust file are not those that the entries name"
    ]
    assert verify(vkeys=[old]).problems == ()


def test_keys_are_listed_with_their_sizes(writer: User, capsys: pytest.CaptureFixture[str]) -> None:
    old = rotate_to_overlap()
    end_key("revoke", old)
    capsys.readouterr()
    call_command("log_keys", "list")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{key_id(old)}  signs from 0 to 2 entries  REVOKED"
    assert lines[2] == f"{key_id(keys_in_log()[1].vkey)}  signs from 2 to now entries"
    with pytest.raises(CommandError, match="has no key 00000000"):
        call_command("log_keys", "retire", "00000000", "--reason", "x")


def test_refused_order_is_taken_back(writer: User, keys: Path) -> None:
    sign_once()
    with pytest.raises(CommandError):
        end_key("retire", keys_in_log()[0].vkey)
    assert [path.name for path in keys.glob("log-*")] == []


@pytest.mark.parametrize("door", ["session", "api-token", "system"])
def test_keys_are_changed_on_the_command_line_only(writer: User, door: str) -> None:
    sign_once()
    actor = Actor(writer, door)
    vkey = keys_in_log()[0].vkey
    acts: list[Callable[[], object]] = [
        lambda: log_actions.add_log_key(vkey=generate_key("example.org/log").vkey, actor=actor),
        lambda: log_actions.retire_log_key(vkey=vkey, reason="x", actor=actor),
        lambda: log_actions.revoke_log_key(vkey=vkey, reason="x", actor=actor),
    ]
    for act in acts:
        with pytest.raises(NotPermitted):
            act()


@pytest.mark.parametrize(
    "vkey",
    ["", "no key", "example.org/log+00000000+AAAA", generate_key("other.example/log").vkey],
    ids=["empty", "words", "wrong digits", "another log"],
)
def test_key_of_another_name_or_none_is_not_taken(writer: User, vkey: str) -> None:
    sign_once()
    with pytest.raises(InvalidInput):
        log_actions.add_log_key(vkey=vkey, actor=Actor(writer, COMMAND))


def test_same_key_twice_and_a_revoked_key_again_are_not_taken(writer: User) -> None:
    old = rotate_to_overlap()
    operator = Actor(writer, COMMAND)
    with pytest.raises(InvalidInput, match="has or had already"):
        log_actions.add_log_key(vkey=old, actor=operator)
    end_key("revoke", old)
    for act in (log_actions.retire_log_key, log_actions.revoke_log_key):
        with pytest.raises(GovernanceError):
            act(vkey=old, reason="again", actor=operator)
    with pytest.raises(InvalidInput):
        log_actions.add_log_key(vkey=old, actor=operator)


def test_retired_key_that_is_stolen_later_is_revoked_and_keeps_its_last_size(writer: User) -> None:
    old = rotate_to_overlap()
    end_key("retire", old)
    last = own_trust().keys[0].to_size
    end_key("revoke", old)
    assert own_trust().keys[0] == TrustedKey(old, 0, last, revoked=True)
