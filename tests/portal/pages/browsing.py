"""What tests of pages share: a signed-in browser without a browser, and how many queries a page asks."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.models import User

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def browse(user: User) -> Client:
    """A client signed in as the user."""
    client = Client()
    client.force_login(user, backend=MODEL_BACKEND)
    return client


def count_queries(client: Client, path: str) -> int:
    """How many queries the page asks the second time; the first warms what is asked once per process."""
    assert client.get(path).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return len(captured)


def text_of(answer: Any) -> str:
    """The page's text with runs of white space as one blank."""
    return " ".join(answer.content.decode().split())
