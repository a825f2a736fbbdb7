"""One hiring model for all tests of a file; every test's own changes are rolled back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from governance import runner
from governance.signer_files import keys_folder
from tests.conftest import compute_here
from tests.governance.facts.hiring import Hiring, make_hiring


@pytest.fixture(scope="module")
def whole_hiring(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hiring]:
    """One model for all tests of a file; use `hiring`."""
    data = tmp_path_factory.mktemp("hiring")
    (data / "keys").mkdir()
    with django_db_blocker.unblock(), override_settings(COUNTERSIGN_DATA=data), transaction.atomic():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "run_job", compute_here)
            made = make_hiring(data)
        yield made
        transaction.set_rollback(True)


@pytest.fixture
def hiring(whole_hiring: Hiring, db: None) -> Iterator[Hiring]:
    """The hiring model, to which every test's changes in the database are rolled back; what was sealed is forgotten."""
    with override_settings(COUNTERSIGN_DATA=whole_hiring.data):
        try:
            with transaction.atomic():
                whole_hiring.version.refresh_from_db()
                yield whole_hiring
                transaction.set_rollback(True)
        finally:
            shutil.rmtree(keys_folder())
            keys_folder().mkdir()
