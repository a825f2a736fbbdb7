"""Answers stay out of caches."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.parametrize("address", ["/", "/models/", "/log/", "/tokens/", "/reports/", "/api/v1/models", "/account/"])
def test_what_a_person_reads_is_kept_by_no_cache(developer, address):
    client = Client()
    client.force_login(developer)
    answer = client.get(address)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
