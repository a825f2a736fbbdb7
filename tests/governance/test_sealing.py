"""Pending seal: what is not sealed, or sealed by nobody we know, is not there yet; a signer that lags is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import AuditLogEntry, Checkpoint, Release
from governance.notes import add_signature, generate_key, sign_checkpoint
from governance.sealing import is_behind, is_sealed
from governance.signer_files import clear_alarm, keys_folder, raise_alarm
from tests.governance.log_history import History, note
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db
LIMIT = timedelta(seconds=5)


def test_released_and_covered_is_sealed(history: History) -> None:
    assert is_sealed(history.live)
    assert is_sealed(history.former)
    assert not is_behind(LIMIT)


def test_release_without_envelope_or_entry_is_pending(history: History) -> None:
    assert not is_sealed(Release(envelope="", log_index=history.live.log_index))
    assert not is_sealed(Release(envelope=history.live.envelope, log_index=None))


def test_release_that_no_checkpoint_covers_is_pending(history: History) -> None:
    size = (history.live.log_index or 0) + 1
    with behind_the_guards():
        Checkpoint.objects.filter(size__gte=size).delete()
    assert not is_sealed(history.live)


def test_checkpoint_that_does_not_hold_seals_nothing(history: History) -> None:
    newest = Checkpoint.objects.latest("size")
    stranger = generate_key(newest.note.partition("\n")[0])
    forged = sign_checkpoint(stranger.name, newest.size, bytes(newest.root), stranger)
    for note_text in (forged, add_signature(forged, generate_key("w")), newest.note.replace("\n", "\n\n", 1), "x"):
        with behind_the_guards():
            Checkpoint.objects.filter(pk=newest.pk).update(note=note_text)
        assert not is_sealed(history.live)
        assert is_behind(LIMIT)
    with behind_the_guards():
        Checkpoint.objects.filter(pk=newest.pk).update(note=newest.note, root=bytes(32))
    assert not is_sealed(history.live)


def test_trust_file_that_cannot_be_read_seals_nothing(history: History) -> None:
    (keys_folder() / "log.trust.json").write_text("{}")
    assert not is_sealed(history.live)
    assert is_behind(LIMIT)


def test_signer_is_behind_while_a_decision_waits_too_long(history: History) -> None:
    note(history.root)
    assert not is_behind(timedelta(0)), "only decisions hold a promotion up"
    with behind_the_guards():
        last = AuditLogEntry.objects.latest("index")
        AuditLogEntry.objects.filter(pk=last.pk).update(type="sign_off.given", at=timezone.now() - timedelta(seconds=6))
    assert is_behind(LIMIT)
    assert not is_behind(timedelta(seconds=60))


def test_standing_alarm_means_behind(history: History) -> None:
    raise_alarm(None, "another log", "2026-01-01T00:00:00Z")
    assert is_behind(timedelta(days=1))
    clear_alarm()
    assert not is_behind(LIMIT)


def test_log_without_any_checkpoint_is_behind_once_a_decision_is_old(history: History) -> None:
    with behind_the_guards():
        Checkpoint.objects.all().delete()
        AuditLogEntry.objects.filter(type="sign_off.given").update(at=timezone.now() - timedelta(seconds=10))
    assert is_behind(LIMIT)
