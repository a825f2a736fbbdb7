"""Models, versions and their states, requirements and proofs of concept, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.canonical import sha256_hex
from governance.models import (
    AcceptanceCriterion,
    Artifact,
    ModelVersion,
    ProofOfConcept,
    RegisteredModel,
    Requirement,
    RequirementTemplate,
    RiskTier,
)
from governance.projections.base import Entry, Problem, Projection, RowPerEntry, iterate_rows, row_batches
from governance.projections.signing import REASON_LIMIT
from governance.requirement_template import digest_requirement


class Models(RowPerEntry):
    noun = "model"
    table = RegisteredModel
    makers = frozenset({"model.registered"})
    types = makers | frozenset({"model.described", "model.tiered"})
    columns = ("project_id", "name", "owner_id")

    def __init__(self) -> None:
        super().__init__()
        self.tiers: dict[int, tuple[str, int]] = {}
        self.revisions: dict[int, tuple[int, int]] = {}

    def expected(self, entry: Entry) -> dict[str, Any]:
        # Until somebody records a tier a model counts as high risk.
        self.tiers[entry.subject_id] = (RiskTier.HIGH.value, entry.index)
        self.revisions[entry.subject_id] = (1, entry.index)
        return {
            "project_id": entry.project_id,
            "name": entry.subject["label"],
            "owner_id": entry.data["owner"],
        }

    def further(self, entry: Entry) -> dict[str, Any]:
        return {"risk_tier": RiskTier.HIGH.value, "revision": 1}

    def changed(self, entry: Entry) -> dict[str, Any]:
        tier = {"risk_tier": entry.data["risk_tier"]} if entry.type == "model.tiered" else {}
        return {"revision": entry.data["revision"], **tier}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        said = self.changed(entry)
        self.revisions[entry.subject_id] = (said["revision"], entry.index)
        if "risk_tier" in said:
            self.tiers[entry.subject_id] = (said["risk_tier"], entry.index)
        return ()

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, tier, revision in iterate_rows(RegisteredModel, "risk_tier", "revision"):
            recorded, index = self.tiers.get(key, (tier, None))
            if tier != recorded:
                yield Problem(index, f"model {key}: its risk tier is {tier}, recorded is {recorded}")
            counted, index = self.revisions.get(key, (revision, None))
            if revision != counted:
                yield Problem(index, f"model {key}: its revision is {revision}, recorded is {counted}")


class Versions(RowPerEntry):
    noun = "version"
    table = ModelVersion
    makers = frozenset({"version.registered"})
    types = makers
    columns = ("model_id", "created_by_id", "number", "model__name")

    def prepare(self, entries: Sequence[Entry]) -> None:
        super().prepare(entries)
        self.artifacts: dict[int, list[list[str]]] = {}
        rows = Artifact.objects.filter(version_id__in=self.rows).values_list("version_id", "name", "digest")
        for key, name, digest in rows:
            self.artifacts.setdefault(key, []).append([name, digest])

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {"model_id": entry.related_id("model"), "created_by_id": entry.actor_id}

    def further(self, entry: Entry) -> dict[str, Any]:
        return {"artifacts": sorted(entry.data["artifacts"])}

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        # A pipeline asks for a version by its number: two that changed places must not go unseen.
        if f"{row['model__name']} v{row['number']}" != entry.subject["label"]:
            yield f"it is {row['model__name']} v{row['number']}, recorded is {entry.subject['label']}"
        if sorted(self.artifacts.get(row["pk"], ())) != self.further(entry)["artifacts"]:
            yield "its artifacts are not the recorded ones"


class States(Projection):
    """A version is in the state that the last entry to move it names. Entries of any type may move versions."""

    types = frozenset({"*"})

    def __init__(self) -> None:
        self.states: dict[int, tuple[str, int]] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        for key, state in (entry.data.get("states") or {}).items():
            self.states[int(key)] = (state, entry.index)
        return ()

    def finish(self) -> Iterator[Problem]:
        for key, state in iterate_rows(ModelVersion, "state"):
            recorded, index = self.states.get(key, (None, None))
            if recorded is not None and state != recorded:
                yield Problem(index, f"version {key}: its state is {state}, recorded is {recorded}")


@dataclass(frozen=True, slots=True)
class Written:
    """A requirement as the entry says that wrote it last: its text by digest, its criteria in words. Entries that make
    many at once name neither titles nor criteria."""

    index: int
    revision: int
    digest: str
    by: str
    at: datetime
    model: int
    label: str
    criteria: tuple[Any, ...] = ()


class Requirements(Projection):
    """Title, statement, source and criteria are bound by the digest in the entry that wrote them last."""

    types = frozenset({"requirement.written", "requirement.withdrawn", "requirements.generated"})

    def __init__(self) -> None:
        self.written: dict[int, Written] = {}
        self.generated: dict[tuple[int, str], Written] = {}
        self.withdrawn: dict[int, int] = {}
        self.labels: dict[int, tuple[int, str]] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        data, by = entry.data, str(entry.body["actor"]["name"])
        if entry.type == "requirements.generated":
            for key, digest in zip(data["keys"], data["digests"], strict=True):
                made = Written(entry.index, 1, digest, by, entry.at, entry.subject_id, key)
                self.generated[entry.subject_id, key] = made
            return ()
        pk, label = entry.subject_id, str(entry.subject["label"])
        self.labels[pk] = (entry.related_id("model"), label)
        if entry.type == "requirement.withdrawn":
            self.withdrawn[pk] = entry.index
        else:
            said = (entry.index, data["revision"], data["digest"], by, entry.at, *self.labels[pk])
            self.written[pk] = Written(*said, tuple(data["criteria"]))
        return ()

    def binding(self) -> Iterator[Written]:
        """What binds by the entries folded so far: written by hand or edited, and made from a template or framework."""
        named = {(model, label.split(" ", 1)[0]): pk for pk, (model, label) in self.labels.items()}
        for place, made in self.generated.items():
            pk = named.get(place)
            if pk is None or (pk not in self.written and pk not in self.withdrawn):
                yield made
        yield from (written for pk, written in self.written.items() if pk not in self.withdrawn)

    def finish(self) -> Iterator[Problem]:
        columns = ("model_id", "key", "revision", "title", "statement", "source", "withdrawn_at")
        for rows in row_batches(Requirement, *columns, batch=500):
            criteria: dict[int, list[AcceptanceCriterion]] = {}
            for criterion in AcceptanceCriterion.objects.filter(requirement_id__in=[row[0] for row in rows]):
                criteria.setdefault(criterion.requirement_id, []).append(criterion)
            for row in rows:
                yield from self._compare(row, criteria.get(row[0], []))
        for key, gone in [*self.written.items(), *self.generated.items()]:
            yield Problem(gone.index, f"requirement {key} is recorded here and gone from its table")

    def _compare(self, row: tuple[Any, ...], criteria: list[AcceptanceCriterion]) -> Iterator[Problem]:
        """Take the row's entry out of what is still to be found, and yield what differs."""
        key, model_id, name, revision, title, statement, source, withdrawn_at = row
        generated = self.generated.pop((model_id, name), None)
        recorded = self.written.pop(key, None) or generated
        if recorded is None:
            yield Problem(None, f"requirement {key} stands in its table, but no entry records it")
            return
        index = recorded.index
        if revision != recorded.revision:
            yield Problem(index, f"requirement {key}: its revision is {revision}, recorded is {recorded.revision}")
        if digest_requirement(title, statement, source, criteria) != recorded.digest:
            yield Problem(index, f"requirement {key}: its text or its criteria are not the recorded ones")
        withdrawn = self.withdrawn.get(key)
        if withdrawn is None and withdrawn_at is not None:
            yield Problem(index, f"requirement {key} is marked as withdrawn, but no entry withdraws it")
        elif withdrawn is not None and withdrawn_at is None:
            yield Problem(withdrawn, f"requirement {key} was withdrawn here and is marked as binding")


class ProofsOfConcept(Projection):
    """A proof of concept that is written again has no decision: a go was given for another text."""

    types = frozenset({"proof_of_concept.written", "proof_of_concept.decided"})

    def __init__(self) -> None:
        self.last: dict[int, Entry] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        self.last[entry.subject_id] = entry
        return ()

    def finish(self) -> Iterator[Problem]:
        columns = ("revision", "decision", "decision_reason", "decided_by_id")
        for key, *found in iterate_rows(ProofOfConcept, *columns):
            entry = self.last.pop(key, None)
            if entry is None:
                yield Problem(None, f"proof of concept {key} stands in its table, but no entry records it")
                continue
            found[2] = found[2][:REASON_LIMIT]
            decided = entry.type == "proof_of_concept.decided"
            decision = [entry.data["decision"], entry.body.get("reason", ""), entry.actor_id]
            recorded = [entry.data["revision"], *(decision if decided else ["", "", None])]
            for column, value, expected in zip(columns, found, recorded, strict=True):
                if value != expected:
                    name = column.removesuffix("_id").replace("_", " ")
                    yield Problem(
                        entry.index, f"proof of concept {key}: its {name} is {value!r}, recorded is {expected!r}"
                    )
        for key, entry in self.last.items():
            yield Problem(entry.index, f"proof of concept {key} is recorded here and gone from its table")


class Templates(Projection):
    types = frozenset({"template.written"})

    def __init__(self) -> None:
        self.last: dict[int, tuple[int, int, str]] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        self.last[entry.subject_id] = (entry.index, entry.data["revision"], entry.data["digest"])
        return ()

    def finish(self) -> Iterator[Problem]:
        for key, revision, text in iterate_rows(RequirementTemplate, "revision", "text"):
            index, counted, digest = self.last.get(key, (None, 1, None))
            if revision != counted:
                yield Problem(index, f"template {key}: its revision is {revision}, recorded is {counted}")
            if digest is not None and sha256_hex(text.encode()) != digest:
                yield Problem(index, f"template {key}: its text no longer has the recorded digest")
