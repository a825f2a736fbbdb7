"""Where the command line finds its portal and token."""

from __future__ import annotations

from pathlib import Path

import pytest

from countersign import CountersignError
from countersign.config import Config, config_path, read_config, write_config


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("COUNTERSIGN_URL", raising=False)
    monkeypatch.delenv("COUNTERSIGN_TOKEN", raising=False)
    return tmp_path


def test_nothing_is_known_before_the_first_login() -> None:
    assert read_config() == Config("", "")


def test_what_is_written_is_read_again_and_closed_to_others() -> None:
    path = write_config(Config("https://portal.example.org", 'csn_"quoted"\\'))

    assert path == config_path()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_config() == Config("https://portal.example.org", 'csn_"quoted"\\')


def test_writing_again_replaces_a_file_that_was_open_to_others() -> None:
    path = write_config(Config("https://portal.example.org", "csn_old"))
    path.chmod(0o644)

    write_config(Config("https://portal.example.org", "csn_new"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert read_config().token == "csn_new"


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(Config("https://portal.example.org", "csn_kept"))
    monkeypatch.setenv("COUNTERSIGN_URL", "https://other.example.org")
    monkeypatch.setenv("COUNTERSIGN_TOKEN", "csn_given")

    assert read_config() == Config("https://other.example.org", "csn_given")


def test_a_kept_token_is_not_sent_to_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(Config("https://portal.example.org", "csn_kept"))
    monkeypatch.setenv("COUNTERSIGN_URL", "https://other.example.org")

    assert read_config() == Config("https://other.example.org", "")


def test_a_kept_token_serves_the_kept_address(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(Config("https://portal.example.org", "csn_kept"))
    monkeypatch.setenv("COUNTERSIGN_URL", "https://portal.example.org/")

    assert read_config().token == "csn_kept"


def test_a_broken_file_is_named() -> None:
    path = write_config(Config("https://portal.example.org", "csn_kept"))
    path.write_text("url = ")

    with pytest.raises(CountersignError, match="config.toml cannot be read"):
        read_config()
