"""Accounts, roles and tokens, compared with the log: who may do what is what somebody was seen to grant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from governance.canonical import sha256_hex
from governance.models import ApiToken, Membership, SecondFactor, User
from governance.projections.base import SAME_MOMENT, Entry, Problem, Projection, RowPerEntry, iterate_rows


class Accounts(Projection):
    """Administrators and closed accounts. An account nobody gave any right may stand without an entry."""

    types = frozenset({"user.created", "user.closed"})

    def __init__(self) -> None:
        self.administrators: dict[int, tuple[bool, int]] = {}
        self.closed: dict[int, int] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        if entry.type == "user.closed":
            self.closed[entry.subject_id] = entry.index
        else:
            administers = bool(entry.data["organisation_administrator"])
            self.administrators[entry.subject_id] = (administers, entry.index)
        return ()

    def finish(self) -> Iterator[Problem]:
        columns = ("is_organisation_administrator", "is_active", "is_system")
        for key, administers, active, system in iterate_rows(User, *columns):
            recorded, index = self.administrators.pop(key, (False, None))
            if administers != recorded:
                said = "is an organisation administrator" if administers else "is no organisation administrator"
                yield Problem(index, f"user {key} {said}, but the log says otherwise")
            if active and key in self.closed:
                yield Problem(self.closed[key], f"user {key} was closed here and is active")
            if not active and key not in self.closed and not system:
                yield Problem(index, f"user {key} is closed, but no entry closes the account")
        for key, (_administers, index) in self.administrators.items():
            yield Problem(index, f"user {key} is recorded here and gone from its table")


class Memberships(RowPerEntry):
    noun = "membership"
    table = Membership
    made_by = "membership.granted"
    types = frozenset({made_by, "membership.ended"})
    columns = ("project_id", "user_id", "role", "granted_by_id", "ended_at")

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[int] = set()

    def row_id(self, entry: Entry) -> int:
        return entry.related_id("membership")

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "project_id": entry.project_id,
            "user_id": entry.subject_id,
            "role": entry.data["role"],
            "granted_by_id": entry.actor_id,
        }

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        self.ended.add(row["pk"])
        if row["ended_at"] is None:
            yield "it was ended here and is marked as held"

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, ended_at in iterate_rows(Membership, "ended_at"):
            if ended_at is not None and key in self.seen and key not in self.ended:
                yield Problem(None, f"membership {key} is marked as ended, but no entry ends it")


class Tokens(RowPerEntry):
    noun = "token"
    table = ApiToken
    made_by = "token.created"
    types = frozenset({made_by, "token.revoked"})
    columns = ("user_id", "prefix", "scopes", "project_id", "expires_at", "revoked_at")

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "user_id": entry.actor_id,
            "prefix": entry.subject["label"],
            "scopes": entry.data["scopes"],
            "project_id": entry.project_id,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        ends = entry.at + timedelta(days=entry.data["days"])
        if abs(row["expires_at"] - ends) > SAME_MOMENT:
            yield f"it lives until {row['expires_at']}, recorded is {ends}"

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if row["revoked_at"] is None:
            yield "it was revoked here and is marked as usable"


class SecondFactors(RowPerEntry):
    """Who must prove what with a signature, and with which key: another key under the same name is found."""

    noun = "second factor"
    table = SecondFactor
    made_by = "user.second_factor_added"
    types = frozenset({made_by, "user.second_factor_removed"})
    columns = ("user_id", "kind", "name", "material", "removed_at")

    def __init__(self) -> None:
        super().__init__()
        self.removed: set[int] = set()

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {"user_id": entry.actor_id, "kind": entry.data["kind"], "name": entry.subject["label"]}

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if sha256_hex(row["material"].encode()) != entry.data["material"]:
            yield "its key is not the one that was added"

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        self.removed.add(row["pk"])
        if row["removed_at"] is None:
            yield "it was removed here and is marked as in use"

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, removed_at in iterate_rows(SecondFactor, "removed_at"):
            if removed_at is not None and key in self.seen and key not in self.removed:
                yield Problem(None, f"second factor {key} is marked as removed, but no entry removes it")
