"""Promotion policies and their texts, compared with the log: which rules held is what people were seen to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from governance.models import ModelVersion, PolicyText, PromotionPolicy
from governance.policy import digest_policy
from governance.projections.base import Entry, Problem, Projection, RowPerEntry, iterate_rows, moment_differs

ENDINGS = {"policy.adopted": "adopted", "policy.withdrawn": "withdrawn"}


class PromotionPolicies(RowPerEntry):
    noun = "promotion policy"
    table = PromotionPolicy
    makers = frozenset({"policy.proposed"})
    types = makers | frozenset({*ENDINGS})
    columns = (
        *("project_id", "risk_tier", "environment", "number", "text_id", "reason", "proposed_by_id", "proposed_at"),
        *("adopted_by_id", "adopted_at", "withdrawn_by_id", "withdrawn_at"),
    )

    moments = frozenset(f"{did}_at" for did in ENDINGS.values())

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[tuple[int, str]] = set()

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "project_id": entry.project_id,
            "risk_tier": entry.data["risk_tier"],
            "environment": entry.data["environment"],
            "number": entry.data["number"],
            "text_id": entry.data["digest"],
            "reason": entry.body["reason"],
            "proposed_by_id": entry.actor_id,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        return moment_differs(row, "proposed_at", entry.at)

    def changed(self, entry: Entry) -> dict[str, Any]:
        did = ENDINGS[entry.type]
        return {f"{did}_by_id": entry.actor_id, f"{did}_at": entry.at}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        did = ENDINGS[entry.type]
        self.ended.add((row["pk"], did))
        if entry.data["digest"] != row["text_id"]:
            yield f"another text was {did} here"
        yield from super().follow(row, entry)

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, *moments in iterate_rows(PromotionPolicy, "adopted_at", "withdrawn_at"):
            for did, moment in zip(ENDINGS.values(), moments, strict=True):
                if moment is not None and key in self.seen and (key, did) not in self.ended:
                    yield Problem(None, f"promotion policy {key} is marked as {did}, but no entry says so")


class PolicyTexts(Projection):
    """Entries name policies by digest, so a kept text needs only to have its own digest."""

    types = frozenset({"policy.proposed", "policy.adopted", "version.submitted"})

    def __init__(self) -> None:
        self.named: dict[str, int] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        # Before there were policies of projects, a submission named none.
        named = entry.data.get("policy") if entry.type == "version.submitted" else entry.data["digest"]
        if named:
            self.named.setdefault(named, entry.index)
        return ()

    def finish(self) -> Iterator[Problem]:
        for digest, text in iterate_rows(PolicyText, "text"):
            index = self.named.pop(digest, None)
            if digest_policy(text) != digest:
                yield Problem(index, f"the kept text of policy {digest} no longer has that digest")
        for digest, index in self.named.items():
            yield Problem(index, f"policy {digest} is named here and its text is gone")


class PolicyBindings(Projection):
    """A version is bound to the policy and the environment that its last submission names, and as old as that."""

    types = frozenset({"version.submitted"})

    def __init__(self) -> None:
        self.bound: dict[int, tuple[str, str, Entry]] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        data = entry.data
        place = (data.get("policy", ""), data.get("environment", "production"))
        self.bound[entry.subject_id] = (*place, Entry(entry.index, entry.at, {}))
        return ()

    def finish(self) -> Iterator[Problem]:
        columns = ("policy_digest", "target_environment", "submitted_at")
        for key, digest, environment, submitted_at in iterate_rows(ModelVersion, *columns):
            policy, place, entry = self.bound.get(key, ("", environment, None))
            index = entry.index if entry else None
            if entry is not None:
                for what in moment_differs({"submitted_at": submitted_at}, "submitted_at", entry.at):
                    yield Problem(index, f"version {key}: {what}")
            elif submitted_at is not None:
                yield Problem(None, f"version {key} is marked as submitted, but no entry submits it")
            if digest != policy:
                yield Problem(index, f"version {key}: its policy is {digest or 'none'}, recorded is {policy or 'none'}")
            if environment != place:
                yield Problem(index, f"version {key}: its environment is {environment}, recorded is {place}")
