"""A whole history to read and to tamper with: built once per file, rolled back after every test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from governance.signer_files import keys_folder
from tests.governance.log_history import History, make_history


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
