"""Facts about the portal's own log: how far it is sealed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source
from governance.models import AuditLogEntry, Checkpoint


def read(reading: Reading) -> Iterator[Recorded]:
    last = Checkpoint.objects.prefetch_related("cosignatures").order_by("-size").first()
    if last is None:
        return
    here = Source("checkpoint", None, f"Checkpoint over {last.size:,} entries of the audit log")
    yield reading.says("log.integrity", _tell_seal(reading, last), here, at=last.signed_at)
    yield reading.says(
        "portal.altered_record_detection",
        {
            "how": "every entry is a leaf of a Merkle tree (RFC 6962) whose signed size and root are checked against "
            "all entries; tables are compared with what the entries say",
            "last_checkpoint": f"{last.size:,} entries, {last.signed_at:%Y-%m-%d %H:%M:%S} UTC",
            "where_to_check": "manage.py verify_log; the verifier on an exported archive",
        },
        here,
        at=last.signed_at,
    )


def _tell_seal(reading: Reading, last: Checkpoint) -> dict[str, Any]:
    newest = AuditLogEntry.objects.about("version", reading.version.pk).order_by("-index")
    index = newest.values_list("index", flat=True).first()
    is_covered = index is not None and index < last.size
    return {
        "chain": "Merkle tree of canonical entries (RFC 6962)",
        "entries": last.size,
        "root": bytes(last.root).hex(),
        "sealed": f"{last.signed_at:%Y-%m-%d %H:%M:%S} UTC",
        "cosignatures_of_witnesses": len(last.cosignatures.all()),
        "this_version": "every entry about it is covered" if is_covered else "its newest entry is not covered yet",
    }
