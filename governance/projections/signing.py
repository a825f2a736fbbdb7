"""Sign-offs, waivers, releases and the dossiers they are about, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from governance.canonical import sha256_hex
from governance.models import Authentication, DossierSnapshot, Role, SignOff, Waiver
from governance.projections.base import (
    Entry,
    Problem,
    Projection,
    RowPerEntry,
    moment_differs,
    row_batches,
)
from governance.projections.releases import KINDS

REASON_LIMIT = 2_000  # what an entry keeps of a reason


class SignOffs(RowPerEntry):
    noun = "sign-off"
    table = SignOff
    makers = frozenset({"sign_off.given"})
    types = makers
    columns = (
        *("version_id", "dossier_id", "signer_id", "signer_name", "role", "decision", "meaning"),
        *("reason", "authentication", "membership__user_id", "membership__role"),
        *("delegation_id", "delegation__from_user_id", "signed_at", "log_index"),
    )

    def expected(self, entry: Entry) -> dict[str, Any]:
        data = entry.data
        return {
            "version_id": entry.related_id("version"),
            "dossier_id": data["dossier"],
            "signer_id": data["signer"],
            "signer_name": data["signer_name"],
            "role": data["role"],
            "decision": data["decision"],
            "meaning": data["meaning"],
            "authentication": data.get("authentication", Authentication.PASSWORD),
            "delegation_id": data["delegation"]["id"] if "delegation" in data else None,
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if row["reason"][:REASON_LIMIT] != entry.body.get("reason", ""):
            yield "its reason is not the recorded one"
        holder = entry.data["delegation"]["from"] if "delegation" in entry.data else entry.data["signer"]
        if row["membership__user_id"] and (row["membership__user_id"], row["membership__role"]) != (
            holder,
            row["role"],
        ):
            yield "the role it was given in is another person's or another role"
        yield from moment_differs(row, "signed_at", entry.at)


class Waivers(RowPerEntry):
    noun = "waiver"
    table = Waiver
    makers = frozenset({"waiver.granted"})
    types = makers
    columns = (
        *("version_id", "finding_key", "gap", "reason", "expires_at", "role"),
        *("granted_by_id", "granted_at", "log_index"),
    )

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": entry.related_id("version"),
            "finding_key": entry.data["finding"],
            "gap": entry.data["gap"],
            "reason": entry.body["reason"],
            "expires_at": datetime.fromisoformat(entry.data["expires_at"]),
            "role": entry.data.get("role", Role.COMPLIANCE),
            "granted_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        return moment_differs(row, "granted_at", entry.at)


class DossierSnapshots(Projection):
    """Entries name dossiers by digest, so a kept text needs only to have its own digest. A report that is not of a
    version prints another document, which it carries itself."""

    types = frozenset({"sign_off.given", "report.issued", "emergency.asked", *KINDS})

    def __init__(self) -> None:
        self.named: dict[str, int] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        if entry.type != "report.issued" or "document" not in entry.data:
            self.named.setdefault(entry.data["dossier"], entry.index)
        return ()

    def finish(self) -> Iterator[Problem]:
        for rows in row_batches(DossierSnapshot, "document", batch=100):
            for digest, document in rows:
                index = self.named.pop(digest, None)
                if sha256_hex(document.encode()) != digest:
                    yield Problem(index, f"the kept text of dossier {digest} no longer has that digest")
        for digest, index in self.named.items():
            yield Problem(index, f"dossier {digest} is named here and its text is gone")
