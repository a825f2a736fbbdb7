"""A whole record that was committed, for attacks from outside; one copy for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance import runner
from tests.conftest import compute_here
from tests.governance.bypass.record import Record, drop_database, make_empty, make_record, own_copy
from tests.guards import nothing_to_empty


@pytest.fixture(scope="session")
def committed_record(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Record, str]]:
    """The record and the name of a backup of its database; never attacked itself."""
    with django_db_blocker.unblock():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "run_job", compute_here)
            record, backup = make_record(tmp_path_factory.mktemp("record"))
        yield record, backup
        drop_database(record.name)
        drop_database(backup)


@pytest.fixture
def record(committed_record: tuple[Record, str], django_db_blocker: Any, tmp_path: Path) -> Iterator[Record]:
    """A copy of the record on which this process works."""
    nothing_to_empty.append(True)
    with django_db_blocker.unblock(), own_copy(committed_record[0], tmp_path) as copy:
        yield copy


@pytest.fixture
def backup(committed_record: tuple[Record, str]) -> str:
    """The name of a database that holds the record as it was some entries ago."""
    return committed_record[1]


@pytest.fixture
def empty_record(django_db_setup: None, django_db_blocker: Any, tmp_path: Path) -> Iterator[Record]:
    """A database of its own in which nothing has happened yet; this process works on it."""
    nothing_to_empty.append(True)
    with django_db_blocker.unblock():
        empty = make_empty(tmp_path)
        with empty.opened():
            yield empty
        drop_database(empty.name)
