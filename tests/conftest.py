"""What every test may use: the data folder of the run and portals of one's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.test import override_settings

from tests.portals import Portal, make_portal
from tests.settings import TEST_DATA


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's data folder."""
    shutil.rmtree(TEST_DATA, ignore_errors=True)


@pytest.fixture(scope="session")
def collected_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the static files as `serve --prepare` collects them."""
    from portal.management.commands.serve import collect_static_files

    data = tmp_path_factory.mktemp("collected")
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    with override_settings(STORAGES=storages, STATIC_ROOT=data / "static", COUNTERSIGN_DATA=data):
        collect_static_files()
    return data


@pytest.fixture
def new_portal(collected_data: Path, tmp_path: Path) -> Iterator[Callable[..., Portal]]:
    """A function that makes a portal of the test's own; `.start("--prepare")` starts it."""
    with ExitStack() as portals:

        def make(**settings: str) -> Portal:
            data = tmp_path / f"data {len(list(tmp_path.iterdir()))}"
            return portals.enter_context(make_portal(collected_data, data, **settings))

        yield make


@pytest.fixture(scope="session")
def running_portal(collected_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One empty running portal for all tests of this process that can share it."""
    with make_portal(collected_data, tmp_path_factory.mktemp("portal") / "data") as portal:
        portal.start("--prepare")
        yield portal
