"""Sign-offs, waivers, releases and the dossiers they are about, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from governance.attestations import EnvelopeError, open_envelope, statement_digest
from governance.canonical import sha256_hex
from governance.models import DossierSnapshot, Release, SignOff, Waiver
from governance.notes import NoteError
from governance.projections.base import (
    Entry,
    Problem,
    Projection,
    RowPerEntry,
    iterate_rows,
    moment_differs,
    row_batches,
)
from governance.trust import Trust

REASON_LIMIT = 2_000  # what an entry keeps of a reason


class SignOffs(RowPerEntry):
    noun = "sign-off"
    table = SignOff
    made_by = "sign_off.given"
    types = frozenset({made_by})
    columns = (
        *("version_id", "dossier_id", "signer_id", "signer_name", "role", "decision", "meaning"),
        *("reason", "signed_at", "log_index"),
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
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if row["reason"][:REASON_LIMIT] != entry.body.get("reason", ""):
            yield "its reason is not the recorded one"
        yield from moment_differs(row, "signed_at", entry.at)


class Waivers(RowPerEntry):
    noun = "waiver"
    table = Waiver
    made_by = "waiver.granted"
    types = frozenset({made_by})
    columns = ("version_id", "finding_key", "gap", "reason", "expires_at", "granted_by_id", "granted_at", "log_index")

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": entry.related_id("version"),
            "finding_key": entry.data["finding"],
            "gap": entry.data["gap"],
            "reason": entry.body["reason"],
            "expires_at": datetime.fromisoformat(entry.data["expires_at"]),
            "granted_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        return moment_differs(row, "granted_at", entry.at)


class Releases(RowPerEntry):
    """A release lasts until the next promotion of its model in its environment, or its version's retirement."""

    noun = "release"
    table = Release
    made_by = "version.promoted"
    types = frozenset({made_by})
    columns = (
        *("model_id", "version_id", "environment", "dossier_id", "promoted_by_id", "started_at"),
        *("log_index", "statement", "envelope"),
    )

    def __init__(self, trust: Trust) -> None:
        super().__init__()
        self.trust = trust

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "model_id": entry.related_id("model"),
            "version_id": entry.related_id("version"),
            "environment": entry.data["environment"],
            "dossier_id": entry.data["dossier"],
            "promoted_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        yield from moment_differs(row, "started_at", entry.at)
        if statement_digest(row["statement"]) != entry.data["statement"]:
            yield "its statement is not the recorded one"
        if row["envelope"] and self.trust.keys:
            try:
                if open_envelope(row["envelope"], self.trust.sealing_vkeys(entry.index)) != row["statement"]:
                    yield "its envelope carries another statement"
            except (EnvelopeError, NoteError) as error:
                yield f"its envelope does not hold: {error}"


class ReleaseEnds(Projection):
    types = frozenset({"version.promoted", "version.retired"})

    def __init__(self) -> None:
        self.live: dict[tuple[int, str], int] = {}
        self.started: dict[int, int] = {}
        self.ended: dict[int, Entry] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        model = entry.related_id("model")
        promoted = entry.type == "version.promoted"
        for environment in [entry.data["environment"]] if promoted else entry.data["environments"]:
            former = self.live.pop((model, environment), None)
            if former is not None:
                self.ended[former] = Entry(entry.index, entry.at, {})
        if promoted:
            self.live[model, entry.data["environment"]] = entry.subject_id
            self.started[entry.subject_id] = entry.index
        return ()

    def finish(self) -> Iterator[Problem]:
        for key, ended_at in iterate_rows(Release, "ended_at"):
            end = self.ended.get(key)
            if end is None and ended_at is not None and key in self.started:
                yield Problem(self.started[key], f"release {key} is marked as ended, but no entry ends it")
            elif end is not None and ended_at is None:
                yield Problem(end.index, f"release {key} was ended here and is marked as live")
            elif end is not None:
                for what in moment_differs({"ended_at": ended_at}, "ended_at", end.at):
                    yield Problem(end.index, f"release {key}: {what}")


class DossierSnapshots(Projection):
    """Entries name dossiers by digest, so a kept text needs only to have its own digest."""

    types = frozenset({"sign_off.given", "version.promoted", "report.issued"})

    def __init__(self) -> None:
        self.named: dict[str, int] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
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
