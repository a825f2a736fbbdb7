"""Framework texts, answers, signatures on records and rulings on controls, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from governance.answer_digest import digest_answer
from governance.canonical import sha256_hex
from governance.models import Answer, ControlRuling, FactSignature, FrameworkEdition
from governance.projections.base import Entry, Problem, RowPerEntry, iterate_rows, moment_differs


class FrameworkEditions(RowPerEntry):
    noun = "framework"
    table = FrameworkEdition
    makers = frozenset({"framework.loaded"})
    types = makers | frozenset({"framework.withdrawn"})
    columns = (
        *("key", "number", "digest", "text", "loaded_by_id", "loaded_at", "withdrawn_by_id", "withdrawn_at"),
        "log_index",
    )

    moments = frozenset({"withdrawn_at"})

    def __init__(self) -> None:
        super().__init__()
        self.withdrawn: set[int] = set()

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "key": entry.data["key"],
            "number": entry.data["number"],
            "digest": entry.data["digest"],
            "loaded_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if sha256_hex(row["text"].encode()) != row["digest"]:
            yield "its text is not the recorded one"
        yield from moment_differs(row, "loaded_at", entry.at)

    def changed(self, entry: Entry) -> dict[str, Any]:
        return {"withdrawn_by_id": entry.actor_id, "withdrawn_at": entry.at}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        self.withdrawn.add(row["pk"])
        return super().follow(row, entry)

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, withdrawn_at, index in iterate_rows(FrameworkEdition, "withdrawn_at", "log_index"):
            if withdrawn_at is not None and key in self.seen and key not in self.withdrawn:
                yield Problem(index, f"framework {key} is marked as withdrawn, but no entry says so")


class Answers(RowPerEntry):
    noun = "answer"
    table = Answer
    makers = frozenset({"answer.recorded", "dossier.answered"})
    types = makers
    columns = (
        *("version_id", "fact", "value", "digest", "evidence_id", "evidence__file_id", "evidence__content_digest"),
        *("file_id", "carried_from_id", "answered_by_id", "answered_at", "log_index"),
    )

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": entry.related_id("version") if "project" in entry.body else None,
            "fact": entry.data["fact"],
            "digest": entry.data["digest"],
            "evidence_id": entry.data["evidence"],
            "file_id": entry.data["file"] or None,
            "carried_from_id": entry.data["carried_from"],
            "answered_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        artefact = row["file_id"] or row["evidence__file_id"] or row["evidence__content_digest"] or ""
        if digest_answer(row["fact"], row["value"], artefact) != row["digest"]:
            yield "what was answered is not what was recorded"
        yield from moment_differs(row, "answered_at", entry.at)


class FactSignatures(RowPerEntry):
    noun = "signature on a record"
    table = FactSignature
    makers = frozenset({"fact.signed"})
    types = makers
    columns = (
        *("version_id", "fact", "digest", "meaning", "role", "signer_id", "signer_name", "signed_at", "log_index"),
    )

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": entry.related_id("version"),
            "fact": entry.data["fact"],
            "digest": entry.data["digest"],
            "meaning": entry.data["meaning"],
            "role": entry.data["role"],
            "signer_id": entry.actor_id,
            "signer_name": entry.body["actor"]["name"],
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        return moment_differs(row, "signed_at", entry.at)


class ControlRulings(RowPerEntry):
    noun = "ruling on a control"
    table = ControlRuling
    makers = frozenset({"control.ruled"})
    types = makers
    columns = (
        *("version_id", "framework", "control", "kind", "reason", "expires_at", "role", "ruled_by_id", "ruler_name"),
        *("ruled_at", "log_index"),
    )

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": entry.related_id("version"),
            "framework": entry.data["framework"],
            "control": entry.data["control"],
            "kind": entry.data["kind"],
            "reason": entry.body.get("reason", ""),
            "role": entry.data["role"],
            "ruled_by_id": entry.actor_id,
            "ruler_name": entry.body["actor"]["name"],
            "log_index": entry.index,
        }

    def further(self, entry: Entry) -> dict[str, Any]:
        return {"expires_at": entry.data["expires_at"]}

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        ends = row["expires_at"].isoformat() if row["expires_at"] is not None else ""
        if ends != entry.data["expires_at"]:
            yield "it ends at another time than recorded"
        yield from moment_differs(row, "ruled_at", entry.at)
