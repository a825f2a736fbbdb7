"""B34 and B21: the gate reads the one database that is written to, in the transaction that writes."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import connections, router
from django.test.utils import CaptureQueriesContext

from governance.actions import people
from governance.dossier import collect
from governance.exceptions import NotPermitted
from governance.models import AuditLogEntry, Membership, ModelVersion, Release, SignOff
from tests import cast

pytestmark = pytest.mark.django_db


def test_b34_no_router_sends_a_reading_elsewhere() -> None:
    assert settings.DATABASE_ROUTERS == []
    assert set(settings.DATABASES) == {"default"}
    for table in (SignOff, Release, ModelVersion, Membership, AuditLogEntry):
        assert router.db_for_read(table) == router.db_for_write(table) == "default"


def test_b34_signing_reads_everything_inside_its_transaction(ready_version: Any, validator: Any) -> None:
    """No query is asked before the version is locked but the signer's role and the version itself."""
    with CaptureQueriesContext(connections["default"]) as captured:
        cast.sign(ready_version, validator, "validator", dossier_digest=collect(ready_version).digest)
    texts = [query["sql"] for query in captured.captured_queries]
    begun = next(number for number, text in enumerate(texts) if text.startswith(("BEGIN", "SAVEPOINT")))
    tables = [text for text in texts[:begun] if "governance_signoff" in text and text.startswith("INSERT")]
    assert tables == []
    assert any("INSERT INTO" in text and "governance_signoff" in text for text in texts[begun:])


def test_b21_role_that_ended_after_the_page_was_opened_signs_nothing(
    ready_version: Any, validator: Any, organisation_administrator: Any
) -> None:
    digest = collect(ready_version).digest
    held = Membership.objects.get(user=validator, role="validator")
    people.end_role(held, actor=cast.acting(organisation_administrator))
    with pytest.raises(NotPermitted):
        cast.sign(ready_version, validator, "validator", dossier_digest=digest)
    assert not SignOff.objects.exists()
