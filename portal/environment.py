"""What settings.py needs from the machine: the data folder, the secret, database and broker."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import FileAwareEnv

SQLITE_OPTIONS = {
    # Take the write lock first: no reader that fails half-way when it turns into a writer.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL because an acknowledged entry must survive a power cut; recursive_triggers so that
    # REPLACE cannot slip past the triggers that keep the log append-only.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON; ",
}


READING_COMMANDS = frozenset({"verify_log", "export_log"})
"""Commands that tell of a portal there is: where there is none, they must not leave an empty one."""


def refuse_to_read_nothing(command: Sequence[str], folder: Path) -> None:
    """Raise ImproperlyConfigured where a command that only reads is pointed at a folder without a portal.

    `command` is the command line. Every portal that ran has made the folder of its keys.
    """
    if command[1:2] and command[1] in READING_COMMANDS and not (folder / "keys").is_dir():
        raise ImproperlyConfigured(
            f"There is no portal's data in {folder}, so nothing was read, and nothing was created. "
            "Set COUNTERSIGN_DATA to the folder that `make run DATA=...` was given."
        )


def prepare_data_folder(folder: Path) -> Path:
    """Create the data folder and its parts, closed to other users, and return it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in ("evidence", "incoming", "keys", "queue", "queue/control", "static"):
            (folder / part).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {folder} cannot be prepared ({error.strerror}). "
            "Point COUNTERSIGN_DATA at a folder this user may write."
        ) from error
    return folder


def read_or_create_secret(path: Path) -> str:
    """Return the secret in `path`; the first process to ask draws it (readable by us alone).

    The link is atomic and refuses an existing name, so two first starts agree on one secret
    and a start killed half-way leaves no half-written one.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its secret counts
        draft.unlink()
    return path.read_text().strip()


def read_database(env: FileAwareEnv, data: Path) -> dict[str, Any]:
    """Return the database COUNTERSIGN_DATABASE_URL names, or SQLite in the data folder."""
    if env.str("COUNTERSIGN_DATABASE_URL", default=""):
        config: dict[str, Any] = env.db_url("COUNTERSIGN_DATABASE_URL")
    else:
        file = data / "db.sqlite3"
        # It holds sessions and password digests, and the data folder may be one that others can look into. SQLite gives
        # its journal the same mode.
        with suppress(OSError):  # there already, or a folder nobody may write to, of which SQLite speaks itself
            file.touch(mode=0o600, exist_ok=False)
        config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return {**config, "OPTIONS": dict(SQLITE_OPTIONS)}
    return {**config, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def read_broker_options(url: str, data: Path) -> dict[str, Any]:
    """Return the transport options for the broker at `url`."""
    if url.startswith("filesystem"):
        return {
            "data_folder_in": str(data / "queue"),
            "data_folder_out": str(data / "queue"),
            "control_folder": str(data / "queue" / "control"),
            "polling_interval": 0.1,
        }
    if url.startswith("redis"):
        return {
            # More than twice the hard time limit: no second ring while the first is answered.
            "visibility_timeout": 3700,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 3,
            "socket_timeout": 10,
        }
    return {}
