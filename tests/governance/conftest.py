"""What tests of the log share: a folder for a signer, and a whole history that every test may tamper with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from governance.models import User
from governance.signer_files import keys_folder
from tests.governance.log_history import History, make_administrator, make_history


@pytest.fixture(scope="module")
def whole_history(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[History]:
    """One history for all tests of a file; use `history`."""
    data = tmp_path_factory.mktemp("history")
    (data / "keys").mkdir()
    with django_db_blocker.unblock(), override_settings(COUNTERSIGN_DATA=data), transaction.atomic():
        yield make_history()
        transaction.set_rollback(True)


@pytest.fixture
def history(whole_history: History, db: None) -> Iterator[History]:
    """The history, to which every test's changes in the database and in the signer's folder are rolled back."""
    kept = keys_folder().with_name("keys of the whole history")
    shutil.copytree(keys_folder(), kept)
    try:
        with transaction.atomic():
            yield whole_history
            transaction.set_rollback(True)
    finally:
        shutil.rmtree(keys_folder())
        kept.rename(keys_folder())


@pytest.fixture
def keys(settings: Any, tmp_path: Path) -> Path:
    """An empty folder for the signer's files."""
    settings.COUNTERSIGN_DATA = tmp_path
    settings.COUNTERSIGN_LOG_ORIGIN = "example.org/log"
    (tmp_path / "keys").mkdir()
    return keys_folder()


@pytest.fixture
def writer(db: None, keys: Path) -> User:
    """Somebody to write entries; opening the account is entry 0."""
    return make_administrator()
