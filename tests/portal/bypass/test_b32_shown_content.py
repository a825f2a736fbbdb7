"""B32: a reviewer sees what is signed: drawn from the dossier at hand, escaped, and kept by no cache."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from governance.actions import catalog
from governance.dossier import collect
from governance.models import User
from tests import cast
from tests.portal.pages.browsing import browse

pytestmark = pytest.mark.django_db

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "{{ 7|add:7 }}{% load i18n %}",
    "javascript:alert(1)//",
    "<!--#exec cmd='ls'--><iframe srcdoc='<script>1</script>'>",
]
TAGS = re.compile(r"<(script(?![^>]*\bsrc=|[^>]*\btype=)|img src=x|svg/onload|iframe)", re.IGNORECASE)


@pytest.mark.parametrize("page", ["sign", "promote", "waive", "emergency-new"])
def test_b32_pages_that_sign_are_kept_by_no_cache(page: str, ready_version: Any, approver: User) -> None:
    answer = browse(approver).get(reverse(f"pages:{page}", args=[ready_version.pk]))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("text", HOSTILE)
def test_b32_what_people_write_is_shown_and_never_run(
    text: str, ready_version: Any, developer: User, validator: User
) -> None:
    actor = cast.acting(developer)
    catalog.describe_model(ready_version.model, intended_use=text, affected_people=text, actor=actor)
    cast.submit(ready_version, "document", by=developer, title=text, file=[b"x"], file_name="x.txt")
    for address in ("sign", "version"):
        shown = browse(validator).get(reverse(f"pages:{address}", args=[ready_version.pk])).content.decode()
        assert TAGS.search(shown) is None
    answer = browse(validator).get(reverse("pages:sign", args=[ready_version.pk]))
    assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_b32_form_posts_the_digest_of_what_the_page_shows(ready_version: Any, developer: User, validator: User) -> None:
    browser, address = browse(validator), reverse("pages:sign", args=[ready_version.pk])
    for _change in range(2):
        shown = browser.get(address).content.decode()
        posted = re.search(r'name="dossier_digest" value="([^"]+)"', shown)
        assert posted is not None
        assert posted[1] == collect(ready_version).digest
        assert posted[1].removeprefix("sha256:")[:12] in shown
        cast.submit(ready_version, "document", by=developer, title="More", file=[b"x"], file_name="x.txt")
