"""Tampering with the log behind its back, as somebody with the database password would."""

from __future__ import annotations

from typing import Any

from django.db import connection

from governance.canonical import canonical_bytes
from governance.log_verification import Verification, trusted_vkeys, verify
from governance.merkle import Frontier, leaf_hash
from governance.models import AuditLogEntry, LogHead, LogNode
from tests import cast
from tests.guards import behind_the_guards


def check() -> Verification:
    return verify(vkeys=trusted_vkeys())


def run_sql(statement: str, *values: Any) -> None:
    with behind_the_guards(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def read_entry(index: int) -> dict[str, Any]:
    return cast.read_body(AuditLogEntry.objects.get(pk=index))


def write_entry(index: int, body: dict[str, Any], *, with_leaf: bool = True) -> None:
    """Put another text in an entry's place by SQL, as somebody with the database password would."""
    text = canonical_bytes(body)
    run_sql('UPDATE governance_auditlogentry SET body = %s WHERE "index" = %s', text, index)
    if with_leaf:
        run_sql('UPDATE governance_auditlogentry SET leaf = %s WHERE "index" = %s', leaf_hash(text), index)


def rebuild_tree() -> None:
    """Make head and nodes agree with the stored leaves, as a careful forger would."""
    frontier, nodes = Frontier(), []
    for leaf in AuditLogEntry.objects.order_by("index").values_list("leaf", flat=True):
        nodes += frontier.append(bytes(leaf))
    with behind_the_guards():
        LogNode.objects.all().delete()
    LogNode.objects.bulk_create(LogNode(level=level, index=index, hash=value) for level, index, value in nodes)
    LogHead.objects.update(size=frontier.size, frontier=frontier.to_bytes())
