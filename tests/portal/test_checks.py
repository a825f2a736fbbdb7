"""The system checks: each wrong setting is named by its id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from portal.checks import (
    check_addresses,
    check_broker,
    check_data_folder,
    check_limits,
    check_programs,
    check_witnesses,
)


@pytest.mark.parametrize(
    ("check", "name", "value", "identifier"),
    [
        (check_addresses, "COUNTERSIGN_ORIGIN", "countersign.example.org", "portal.E001"),
        (check_addresses, "COUNTERSIGN_ORIGIN", "https://example.org/path", "portal.E001"),
        (check_addresses, "COUNTERSIGN_ORIGIN", "ftp://example.org", "portal.E001"),
        (check_addresses, "COUNTERSIGN_LOG_ORIGIN", "two words", "portal.E002"),
        (check_addresses, "COUNTERSIGN_LOG_ORIGIN", "", "portal.E002"),
        (check_addresses, "COUNTERSIGN_LOG_ORIGIN", "a+b", "portal.E002"),
        (check_witnesses, "COUNTERSIGN_WITNESSES", ["nonsense"], "portal.E020"),
        (check_witnesses, "COUNTERSIGN_WITNESSES", ["https://w.example.org w+00000000+AAAA"], "portal.E020"),
        (check_witnesses, "COUNTERSIGN_WITNESS_QUORUM", 1, "portal.E020"),
        (check_witnesses, "COUNTERSIGN_TSA_URL", "tsa.example.org", "portal.E021"),
        (check_limits, "COUNTERSIGN_UPLOAD_LIMIT", 0, "portal.E003"),
        (check_limits, "COUNTERSIGN_LEASE_SECONDS", 0.5, "portal.E007"),
        (check_limits, "COUNTERSIGN_LEASE_SECONDS", 3601, "portal.E007"),
        (check_limits, "COUNTERSIGN_SANDBOX_SECONDS", 1701, "portal.E008"),
        (check_limits, "COUNTERSIGN_SANDBOX_MEMORY", 1023, "portal.E009"),
        (check_broker, "CELERY_BROKER_URL", "sqs://queue", "portal.E005"),
    ],
)
def test_wrong_setting_is_named(check: Any, name: str, value: object, identifier: str, settings: Settings) -> None:
    setattr(settings, name, value)
    assert [message.id for message in check()] == [identifier]


def test_settings_of_this_run_pass() -> None:
    assert [*check_addresses(), *check_limits(), *check_broker(), *check_data_folder()] == []


def test_secret_that_others_can_read_is_refused(tmp_path: Path, settings: Settings) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text("x")
    secret.chmod(0o640)
    settings.COUNTERSIGN_DATA = tmp_path
    messages = check_data_folder()
    assert [message.id for message in messages] == ["portal.E006"]
    assert messages[0].hint == f"Run: chmod go-rwx '{secret}'"


def test_missing_programs_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert [message.id for message in check_programs()] == ["portal.W001", "portal.W002"]
