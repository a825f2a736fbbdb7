"""What settings.py takes from the machine."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from environ import FileAwareEnv

from portal.environment import (
    prepare_data_folder,
    read_broker_options,
    read_database,
    read_or_create_secret,
)

ROOT = Path(__file__).resolve().parents[2]


def read_setting(name: str, data: Path, **variables: str) -> str:
    """Return how a fresh process sees a setting under the given variables."""
    code = f"from django.conf import settings; print(settings.{name})"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **clean,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "COUNTERSIGN_DATA": str(data),
            **variables,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_data_folder_is_closed_to_other_users(tmp_path: Path) -> None:
    data = prepare_data_folder(tmp_path / "a folder" / "data")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, *data.iterdir())}
    assert set(modes.values()) == {0o700}
    assert {"evidence", "incoming", "keys", "queue", "static"} <= set(modes)


def test_data_folder_that_cannot_be_made_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImproperlyConfigured, match="Point COUNTERSIGN_DATA at a folder"):
        prepare_data_folder(tmp_path / "file" / "data")


@pytest.mark.parametrize("command", ["verify_log", "export_log"])
def test_command_that_only_reads_creates_no_portal(tmp_path: Path, command: str) -> None:
    data = tmp_path / "var"
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", command],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "COUNTERSIGN_DATA": str(data)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert f"There is no portal's data in {data}" in done.stderr
    assert "Set COUNTERSIGN_DATA to the folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert not data.exists()


def test_secret_is_drawn_once_and_closed_to_other_users(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    first = read_or_create_secret(path)
    assert len(first) >= 64
    assert read_or_create_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["secret_key"]


def test_first_starts_at_the_same_time_agree_on_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        seen = list(threads.map(lambda number: read_setting("SECRET_KEY", tmp_path / f"data {number // 4}"), range(8)))
    assert [len(set(seen[:4])), len(set(seen[4:]))] == [1, 1]


def test_every_setting_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file")
    seen = read_setting("SECRET_KEY", tmp_path / "data", COUNTERSIGN_SECRET_KEY_FILE=str(secret))
    assert seen == "from a file"


def test_https_origin_closes_the_cookies(tmp_path: Path) -> None:
    origin = {"COUNTERSIGN_ORIGIN": "https://countersign.example.org/"}
    assert read_setting("SESSION_COOKIE_SECURE", tmp_path, **origin) == "True"
    assert read_setting("SESSION_COOKIE_NAME", tmp_path, **origin) == "__Host-countersign"
    assert read_setting("COUNTERSIGN_ORIGIN", tmp_path, **origin) == "https://countersign.example.org"
    assert read_setting("SESSION_COOKIE_SECURE", tmp_path) == "False"


def test_log_origin_does_not_change_with_the_port(tmp_path: Path) -> None:
    names = {read_setting("COUNTERSIGN_LOG_ORIGIN", tmp_path, COUNTERSIGN_PORT=port) for port in ("8000", "9000")}
    assert names == {"127.0.0.1/countersign"}


def test_sqlite_never_acknowledges_what_a_power_cut_could_take(tmp_path: Path) -> None:
    code = (
        "import django; django.setup(); from django.db import connection as c; k = c.cursor();"
        "print([k.execute(f'PRAGMA {p}').fetchone()[0] for p in"
        " ('journal_mode', 'synchronous', 'recursive_triggers', 'foreign_keys')])"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")}
    settings = {"DJANGO_SETTINGS_MODULE": "portal.settings", "COUNTERSIGN_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**clean, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['wal', 2, 1, 1]"


def test_database_url_names_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", "postgresql://ada:pw@db.example:5433/records")
    config = read_database(FileAwareEnv(), tmp_path)
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db.example", 5433, "records")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("filesystem://localhost", {"polling_interval": 0.1}),
        ("redis://localhost/0", {"unacked_restore_interval": 5, "unacked_restore_throttle": 1}),
        ("amqp://localhost", {}),
    ],
)
def test_broker_options_fit_the_broker(url: str, expected: dict[str, float], tmp_path: Path) -> None:
    options = read_broker_options(url, tmp_path)
    assert {name: options[name] for name in expected} == expected


def test_file_queue_uses_one_folder_for_both_sides(tmp_path: Path) -> None:
    options = read_broker_options("filesystem://localhost", tmp_path)
    assert options["data_folder_in"] == options["data_folder_out"] == str(tmp_path / "queue")
    assert options["control_folder"] == str(tmp_path / "queue" / "control")


def test_database_in_a_data_folder_that_others_may_enter_is_closed_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERSIGN_DATABASE_URL", raising=False)
    monkeypatch.delenv("COUNTERSIGN_DATABASE_URL_FILE", raising=False)
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        config = read_database(FileAwareEnv(), tmp_path)
    finally:
        os.umask(before)
    assert Path(config["NAME"]).stat().st_mode & 0o777 == 0o600
