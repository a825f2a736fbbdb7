"""Answers stay out of caches, and a page that the record does not allow says why."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.models import PolicyText
from tests.governance.policy_texts import propose
from tests.guards import behind_the_guards
from tests.portal.pages.browsing import browse, text_of


@pytest.mark.parametrize("address", ["/", "/models/", "/log/", "/tokens/", "/reports/", "/api/v1/models", "/account/"])
def test_what_a_person_reads_is_kept_by_no_cache(developer, address):
    client = Client()
    client.force_login(developer)
    answer = client.get(address)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)


@pytest.mark.django_db
def test_page_of_a_broken_record_says_so(version, developer, compliance, caplog) -> None:
    """Not a server error: the page answers with what is wrong, and the operator's log names it."""
    proposed = propose(version.model.project, by=compliance)
    with behind_the_guards():
        PolicyText.objects.filter(pk=proposed.text_id).update(text="x")
    answer = browse(developer).get(f"/projects/policies/{proposed.pk}/")
    assert answer.status_code == 409
    assert "is not kept as it was adopted" in text_of(answer)
    assert "manage.py verify_log" in text_of(answer)
    assert "could not be shown" in caplog.text
