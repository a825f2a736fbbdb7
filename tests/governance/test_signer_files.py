"""The signer's files: a key that only it reads, a memory that is whole or refused, an alarm nobody overlooks."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from governance.models import User
from governance.notes import VerifierKey, generate_key
from governance.signer import Signer, SignerError, sign_once
from governance.signer_files import read_alarm, read_vkey, replace_file
from governance.signer_keys import KeyRing
from tests.governance.log_history import note


@pytest.mark.django_db
def test_first_start_makes_a_key_that_only_its_owner_reads(keys: Path) -> None:
    ring = Signer.start().ring
    assert stat.S_IMODE((keys / "log.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((keys / "log.vkey").stat().st_mode) == 0o644
    assert VerifierKey.from_text(read_vkey() or "").name == "example.org/log"
    assert Signer.start().ring.private == ring.private
    assert list(ring.private) == [read_vkey()]
    made = sorted(path.name for path in keys.iterdir())
    assert made == ["log.key", "log.trust.json", "log.vkey", "reports.crt", "reports.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_key_that_others_can_read_is_refused(keys: Path, mode: int) -> None:
    KeyRing.load()
    (keys / "log.key").chmod(mode)
    with pytest.raises(SignerError, match=f"can be read by others .mode {mode:04o}.*chmod 600"):
        KeyRing.load()


def test_damaged_key_is_refused_and_not_quoted(keys: Path) -> None:
    KeyRing.load()
    secret = (keys / "log.key").read_text().strip()
    (keys / "log.key").write_text(secret[:-6] + "AAAAA=")
    with pytest.raises(SignerError, match="cannot be used") as caught:
        KeyRing.load()
    assert secret[-20:-6] not in str(caught.value)
    assert "example.org/log" in str(caught.value)


def test_lost_key_is_not_silently_replaced(writer: User, keys: Path) -> None:
    sign_once()
    (keys / "log.key").unlink()
    with pytest.raises(SignerError, match="is gone, though entries were signed with it. Restore"):
        Signer.start()


@pytest.mark.django_db
def test_published_key_of_somebody_else_is_refused(keys: Path) -> None:
    Signer.start()
    (keys / "log.vkey").write_text(generate_key("example.org/log").vkey)
    with pytest.raises(SignerError, match="is not the public half"):
        Signer.start()


def test_log_keeps_the_name_it_was_born_with(writer: User, settings: Any) -> None:
    sign_once()
    settings.COUNTERSIGN_LOG_ORIGIN = "renamed.example/log"
    note(writer)
    made = sign_once()
    assert made is not None
    assert made.note.startswith("example.org/log\n2\n")


def test_damaged_memory_is_refused(writer: User, keys: Path) -> None:
    sign_once()
    for text in ("", "{}", "[]", '{"format": "countersign/signer-state/1", "size": 1, "root": "", "frontier": []}'):
        (keys / "signer-state.json").write_text(text)
        with pytest.raises(SignerError, match="memory .* is damaged"):
            Signer.start()


def test_unreadable_alarm_is_still_an_alarm(keys: Path) -> None:
    assert read_alarm() is None
    (keys / "signer-alarm.json").write_text("{")
    assert (read_alarm() or {})["what"] == "The signer's alarm file cannot be read."


def test_files_are_replaced_whole(keys: Path) -> None:
    replace_file(keys / "state", "old")
    replace_file(keys / "state", "new")
    assert [(path.name, path.read_text()) for path in keys.iterdir()] == [("state", "new")]
