"""Accounts, roles and tokens, compared with the log: who may do what is what somebody was seen to grant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from governance.canonical import sha256_hex
from governance.credentials import digest_credential
from governance.models import ApiToken, Membership, SecondFactor, User
from governance.projections.base import (
    SAME_MOMENT,
    Entry,
    Problem,
    Projection,
    RowPerEntry,
    differences,
    iterate_rows,
    moment_differs,
)

WHO = ("full_name", "person_key", "username", "password")


class Accounts(Projection):
    """Who stands behind a login and what proves it: names, persons, passwords, administrators, closed accounts.

    An account nobody gave any right may stand without an entry, and older entries say less of an account.
    """

    types = frozenset({"user.created", "user.closed", "user.password_changed"})

    def __init__(self) -> None:
        self.administrators: dict[int, tuple[bool, int]] = {}
        self.closed: dict[int, int] = {}
        self.opened: dict[int, tuple[dict[str, str], int]] = {}
        self.credentials: dict[int, tuple[str, int]] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        key = entry.subject_id
        if entry.type == "user.closed":
            self.closed[key] = entry.index
        if entry.type == "user.created":
            self.administrators[key] = (bool(entry.data["organisation_administrator"]), entry.index)
            said = {"full_name": entry.subject["label"], "person_key": entry.data.get("person")}
            said["username"] = entry.data.get("login")
            self.opened[key] = {name: value for name, value in said.items() if value is not None}, entry.index
        if "credential" in entry.data:
            self.credentials[key] = (entry.data["credential"], entry.index)
        return ()

    def finish(self) -> Iterator[Problem]:
        yield from self._compare_rights()
        for key, full_name, person, username, password in iterate_rows(User, *WHO):
            recorded, index = self.opened.get(key, ({}, None))
            row = {"full_name": full_name or username, "person_key": person, "username": username}
            for what in differences(row, recorded):
                yield Problem(index, f"user {key}: {what}")
            credential, index = self.credentials.get(key, (None, None))
            if credential is not None and digest_credential(password) != credential:
                yield Problem(index, f"user {key}: the password is not the one that was recorded last")

    def _compare_rights(self) -> Iterator[Problem]:
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
    makers = frozenset({"membership.granted"})
    types = makers | frozenset({"membership.ended", "membership.confirmed"})
    columns = (
        *("project_id", "user_id", "role", "granted_by_id", "granted_at"),
        *("confirmed_by_id", "confirmed_at", "ended_at", "ended_for_cause"),
    )

    moments = frozenset({"confirmed_at", "ended_at"})

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[int] = set()
        self.confirmed: set[int] = set()

    def row_id(self, entry: Entry) -> int:
        return entry.related_id("membership")

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "project_id": entry.project_id,
            "user_id": entry.subject_id,
            "role": entry.data["role"],
            "granted_by_id": entry.actor_id,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        # A role older than a dossier may sign it, so its age is compared too.
        return moment_differs(row, "granted_at", entry.at)

    def changed(self, entry: Entry) -> dict[str, Any]:
        if entry.type == "membership.confirmed":
            return {"confirmed_by_id": entry.actor_id, "confirmed_at": entry.at}
        return {"ended_at": entry.at, "ended_for_cause": entry.data.get("for_cause", False)}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        said = self.changed(entry)
        (self.confirmed if "confirmed_at" in said else self.ended).add(row["pk"])
        if "ended_at" in said and row["ended_at"] is None:
            del said["ended_at"]
            yield "it was ended here and is marked as held"
        yield from self.compare(row, said)

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        columns = ("ended_at", "ended_for_cause", "confirmed_at")
        for key, ended_at, for_cause, confirmed_at in iterate_rows(Membership, *columns):
            if key in self.seen and key not in self.ended and (ended_at is not None or for_cause):
                yield Problem(None, f"membership {key} is marked as ended, but no entry ends it")
            if key in self.seen and key not in self.confirmed and confirmed_at is not None:
                yield Problem(None, f"membership {key} is marked as confirmed, but no entry confirms it")


class Tokens(RowPerEntry):
    noun = "token"
    table = ApiToken
    makers = frozenset({"token.created"})
    types = makers | frozenset({"token.revoked"})
    columns = ("user_id", "prefix", "scopes", "project_id", "expires_at", "revoked_at", "secret_digest")

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
        if entry.data.get("credential") not in (None, digest_credential(row["secret_digest"])):
            yield "its secret is not the one that was made"

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if row["revoked_at"] is None:
            yield "it was revoked here and is marked as usable"


class SecondFactors(RowPerEntry):
    """Who must prove what with a signature, and with which key: another key under the same name is found."""

    noun = "second factor"
    table = SecondFactor
    makers = frozenset({"user.second_factor_added"})
    types = makers | frozenset({"user.second_factor_removed"})
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
