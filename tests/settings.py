"""The portal's settings with the few changes a test run in this process needs.

Portals that tests start as processes of their own (tests/portals.py) use portal.settings as it is.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# A data folder of this process alone.
TEST_DATA = tempfile.mkdtemp(prefix="countersign-test-")
atexit.register(shutil.rmtree, TEST_DATA, ignore_errors=True)
os.environ["COUNTERSIGN_DATA"] = TEST_DATA

from portal.settings import *  # noqa: E402, F403
from portal.settings import DATABASES, STORAGES  # noqa: E402

# Argon2 is slow on purpose; invented people do not need it.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The collected manifest belongs to a running portal; here files are found where they lie.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Nobody answers the bell in this process: the row is the queue, and tests run the row.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, because threads must see each other's commits as they would in a running portal.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(TEST_DATA) / "test.sqlite3")}
