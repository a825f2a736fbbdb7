"""What was recorded of a project at any moment of the past, told from the log's entries up to then and nothing else."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.canonical import canonical_bytes, sha256_hex
from governance.dossier_items import instant
from governance.exceptions import InvalidInput
from governance.lifecycle import State
from governance.past_fold import Fold
from governance.past_log import PastLog, read_past
from governance.projections.base import PastRow, RowPerEntry
from governance.projections.catalog import Written

FORMAT = "countersign/as-of/1"
Document = dict[str, Any]


@dataclass(frozen=True)
class PastState:
    """``document`` is everything that is told, as plain JSON values; ``log`` is what it is told from."""

    log: PastLog
    document: Document

    @property
    def as_of(self) -> datetime:
        return self.log.at

    @property
    def digest(self) -> str:
        return sha256_hex(canonical_bytes(self.document))


def rebuild(project_id: int, at: datetime, *, version_id: int | None = None) -> PastState:
    """What was recorded at ``at`` of a project, or of one version and its model.

    Raises ``InvalidInput`` where the log holds nothing of the subject then, ``IntegrityBroken`` for a changed log.
    """
    fold = Fold()
    log = read_past(at, project_id, fold.take)
    return PastState(log, Telling(fold, at, project_id, version_id).document())


class Telling:
    """One telling of a fold: of the whole project, or of one version and what belongs to its model."""

    def __init__(self, fold: Fold, at: datetime, project_id: int, version_id: int | None) -> None:
        self.fold, self.at, self.project_id, self.version_id = fold, at, project_id, version_id
        self.model_id = None
        if version_id is not None:
            if version_id not in fold.versions.past:
                raise InvalidInput("This version was not registered yet at that moment.", field="as_of")
            self.model_id = fold.versions.past[version_id].values["model_id"]
        self.votes: dict[tuple[int, int, str], list[int]] = {}
        for row in _rows(fold.sign_offs):
            self.votes.setdefault(_seat(row), []).append(row.index)
        self.data: dict[int, set[int]] = {}
        for row in _rows(fold.uses):
            self.data.setdefault(row.values["version_id"], set()).add(row.values["dataset_version_id"])

    def document(self) -> Document:
        fold = self.fold
        solo = fold.solo.last.get(self.project_id)
        return {
            "format": FORMAT,
            "at": instant(self.at),
            "project": {"id": self.project_id, "name": fold.project_name},
            "version": self.version_id,
            "solo_mode": {"on": bool(solo and solo.data["on"]), "index": solo.index if solo else None},
            "models": [self._tell_model(row) for row in self._of_model(fold.models)],
            "versions": [self._tell_version(row) for row in self._of_version(fold.versions, "key")],
            "releases": list(self._tell_releases()),
            "emergencies": [self._tell_request(row) for row in self._of_version(fold.requests)],
            "findings": list(self._tell_findings()),
            "sign_offs": [self._tell_sign_off(row) for row in self._of_version(fold.sign_offs)],
            "conditions": list(self._tell_conditions()),
            "waivers": [self._tell_waiver(row) for row in self._of_version(fold.waivers) if self._lasts(row)],
            "requirements": [self._tell_requirement(made) for made in self._requirements()],
            "proofs_of_concept": list(self._tell_pocs()),
            "evidence": list(self._tell_evidence()),
            "evaluations": [self._tell_evaluation(row) for row in self._of_version(fold.evaluations)],
            "datasets": [self._tell_dataset(row) for row in self._datasets()],
            "dataset_uses": [self._tell_use(row) for row in self._of_version(fold.uses)],
            "questions": list(self._tell_questions()),
            "policies": list(self._tell_policies()),
            "members": [self._tell_member(row) for row in _rows(fold.memberships) if "ended_at" not in row.values],
            "delegations": list(self._tell_delegations()),
            "frameworks": list(self._tell_frameworks()),
            "rulings": list(self._tell_rulings()),
        }

    # --- Choosing ---

    def _of_model(self, projection: RowPerEntry) -> Iterator[PastRow]:
        for row in _rows(projection):
            if self.model_id in (None, row.key):
                yield row

    def _of_version(self, projection: RowPerEntry, column: str = "version_id") -> Iterator[PastRow]:
        for row in _rows(projection):
            if self.version_id in (None, row.key if column == "key" else row.values[column]):
                yield row

    def _requirements(self) -> Iterable[Written]:
        binding = (made for made in self.fold.requirements.binding() if self.model_id in (None, made.model))
        return sorted(binding, key=lambda made: (made.model, int(made.label.split(" ", 1)[0].lstrip("R-") or 0)))

    def _datasets(self) -> Iterator[PastRow]:
        """All of the project, or what the version uses and what that was made from."""
        rows = self.fold.dataset_versions.past
        wanted = {row.values["dataset_version_id"] for row in self._of_version(self.fold.uses)}
        waiting = list(wanted)
        while waiting:
            behind = rows[key].values["derived_from"] if (key := waiting.pop()) in rows else ()
            waiting += [source for source in behind if source not in wanted]
            wanted.update(behind)
        return (rows[key] for key in sorted(rows) if self.version_id is None or key in wanted)

    def _lasts(self, row: PastRow) -> bool:
        return bool(row.values["expires_at"] > self.at)

    def _name(self, kind: str, key: int | None) -> str:
        return "" if key is None else self.fold.names.get((kind, key), f"{kind.replace('_', ' ')} {key}")

    def _version(self, row: PastRow) -> Document:
        key = row.values["version_id"]
        return {"version_id": key, "version": self._name("version", key)}

    # --- Telling ---

    def _tell_model(self, row: PastRow) -> Document:
        values = row.values
        owner = self._name("user", values["owner_id"])
        return _told(row) | {"owner": owner, "risk_tier": values["risk_tier"], "revision": values["revision"]}

    def _tell_version(self, row: PastRow) -> Document:
        state, moved = self.fold.states.states.get(row.key, (State.DRAFT.value, row.index))
        policy, environment, bound = self.fold.bindings.bound.get(row.key, ("", "", None))
        return _told(row) | {
            "model_id": row.values["model_id"],
            "state": state,
            "state_index": moved,
            "artifacts": [{"name": name, "digest": digest} for name, digest in row.values["artifacts"]],
            "policy": policy,
            "environment": environment,
            "submitted_at": instant(bound.at) if bound else "",
        }

    def _tell_releases(self) -> Iterator[Document]:
        """What was in use: begun, not ended, and not run out."""
        live = {*self.fold.release_ends.live.values()}
        for row in self._of_version(self.fold.releases):
            ends = row.values["expires_at"]
            if row.key in live and (not ends or datetime.fromisoformat(ends) > self.at):
                named = {name: row.values[name] for name in ("environment", "kind", "statement", "expires_at")}
                yield _told(row) | self._version(row) | named | {"dossier": row.values["dossier_id"]}

    def _tell_request(self, row: PastRow) -> Document:
        index, confirmed_by, release = self.fold.request_ends.settled.get(row.key, (None, None, None))
        status = "waiting" if index is None else "confirmed" if release is not None else "withdrawn"
        return (
            _told(row)
            | self._version(row)
            | {name: row.values[name] for name in ("environment", "hours", "reason")}
            | {"status": status, "settled_index": index, "confirmed_by": self._name("user", confirmed_by)}
        )

    def _tell_findings(self) -> Iterator[Document]:
        for key, found in sorted(self.fold.follow_ups.still_open()):
            if self.model_id in (None, found.model):
                yield {"id": key, "index": found.index, "at": instant(found.at)} | {
                    "about": found.about,
                    "why": found.why,
                }

    def _tell_sign_off(self, row: PastRow) -> Document:
        values = row.values
        names = ("role", "decision", "meaning", "authentication")
        overruled = self.fold.overrules.recorded.get(row.key)
        changed = self._first_change(row)
        return (
            _told(row)
            | self._version(row)
            | {name: values[name] for name in names}
            | {"by": values["signer_name"], "dossier": values["dossier_id"], "reason": row.reason}
            | {"replaced_by": self._replacement(row), "overruled_by": overruled.index if overruled else None}
            | {"stale_since": changed[0] if changed else None, "stale_by": changed[1] if changed else ""}
        )

    def _replacement(self, row: PastRow) -> int | None:
        """The next vote of the same person in the same role on the same version."""
        votes = self.votes[_seat(row)]
        return next(iter(votes[bisect_right(votes, row.index) :][:1]), None)

    def _first_change(self, row: PastRow) -> tuple[int, str] | None:
        """The first entry after a sign-off that changed something of the version, its model or its data."""
        version = row.values["version_id"]
        made = self.fold.versions.past.get(version)
        things = [("version", version), ("project", self.project_id)]
        things += [("dataset_version", key) for key in self.data.get(version, ())]
        things += [("model", made.values["model_id"])] if made else []
        later = []
        for thing in things:
            changes = self.fold.changes.get(thing, [])
            later += changes[bisect_right(changes, (row.index, "\uffff")) :][:1]
        return min(later, default=None)

    def _tell_conditions(self) -> Iterator[Document]:
        for key, (entry, said) in sorted(self.fold.conditions.recorded.items()):
            if self.version_id in (None, said["version_id"]):
                fulfilled = self.fold.conditions.fulfilled.get(key)
                yield {
                    "id": key,
                    "index": entry.index,
                    "version": self._name("version", said["version_id"]),
                    "text": said["text"],
                    "owner": self._name("user", said["owner_id"]),
                    "due_at": instant(said["due_at"]),
                    "fulfilled_index": fulfilled.index if fulfilled else None,
                }

    def _tell_waiver(self, row: PastRow) -> Document:
        values = row.values
        ends = instant(values["expires_at"])
        named = {"finding": values["finding_key"], "role": values["role"], "reason": row.reason, "expires_at": ends}
        return _told(row) | self._version(row) | named

    def _tell_requirement(self, made: Written) -> Document:
        return {
            "model": self._name("model", made.model),
            "label": made.label,
            "revision": made.revision,
            "digest": made.digest,
            "criteria": list(made.criteria),
            "index": made.index,
            "at": instant(made.at),
            "by": made.by,
        }

    def _tell_pocs(self) -> Iterator[Document]:
        for key, entry in sorted(self.fold.pocs.last.items()):
            if self.model_id in (None, entry.related_id("model")):
                decided = entry.data.get("decision", "") if entry.type == "proof_of_concept.decided" else ""
                yield {
                    "id": key,
                    "model": self._name("model", entry.related_id("model")),
                    "revision": entry.data["revision"],
                    "decision": decided,
                    "by": entry.body["actor"]["name"],
                    "index": entry.index,
                    "at": instant(entry.at),
                }

    def _tell_evidence(self) -> Iterator[Document]:
        rows = [*self._of_version(self.fold.evidence)]
        newer = {row.values["supersedes_id"]: row.index for row in rows if row.values["supersedes_id"]}
        for row in rows:
            named = {name: row.values[name] for name in ("kind", "digest", "requirements")}
            observed = instant(row.values["observed_at"])
            yield (
                _told(row) | self._version(row) | named | {"observed_at": observed, "superseded_by": newer.get(row.key)}
            )

    def _tell_evaluation(self, row: PastRow) -> Document:
        names = ("kind", "dataset_role", "status", "result_digest")
        data = self._name("dataset_version", row.values["dataset_version_id"])
        ended = row.changed_by[-1] if row.changed_by else None
        named = {name: row.values[name] for name in names}
        failure = row.values.get("failure", "")
        digest = row.values["dataset_version__digest"]
        return (
            _told(row)
            | self._version(row)
            | named
            | {"dataset": data, "dataset_digest": digest, "ended_index": ended, "failure": failure}
        )

    def _tell_dataset(self, row: PastRow) -> Document:
        recalled = row.values.get("recalled_at")
        return _told(row) | {
            "dataset": self._name("dataset", row.values["dataset_id"]),
            "digest": row.values["digest"],
            "row_count": row.values["row_count"],
            "derived_from": [self._name("dataset_version", key) for key in row.values["derived_from"]],
            "recalled_at": instant(recalled) if recalled else "",
            "recall_reason": row.values.get("recall_reason", ""),
        }

    def _tell_use(self, row: PastRow) -> Document:
        key = row.values["dataset_version_id"]
        made = self.fold.dataset_versions.past.get(key)
        recalled = made is not None and "recalled_at" in made.values
        named = {"role": row.values["role"], "dataset": self._name("dataset_version", key), "recalled": recalled}
        return _told(row) | self._version(row) | named

    def _tell_questions(self) -> Iterator[Document]:
        for row in self._of_version(self.fold.remarks):
            if row.values["is_question"] and "resolved_at" not in row.values:
                yield _told(row) | self._version(row) | {"text": row.values["text"]}

    def _tell_policies(self) -> Iterator[Document]:
        """The newest adopted one of each tier and environment. Where none is named the built-in text held."""
        newest: dict[tuple[str, str], PastRow] = {}
        for row in sorted(_rows(self.fold.policies), key=lambda item: item.values["number"]):
            if "adopted_at" in row.values:
                newest[row.values["risk_tier"], row.values["environment"]] = row
        for _place, row in sorted(newest.items()):
            named = {name: row.values[name] for name in ("risk_tier", "environment", "number")}
            adopted = {
                "adopted_at": instant(row.values["adopted_at"]),
                "adopted_by": self._name("user", row.values["adopted_by_id"]),
            }
            yield _told(row) | named | {"digest": row.values["text_id"]} | adopted

    def _tell_member(self, row: PastRow) -> Document:
        person = self._name("user", row.values["user_id"])
        confirmed = "confirmed_at" in row.values
        return _told(row) | {"person": person, "role": row.values["role"], "confirmed": confirmed}

    def _tell_delegations(self) -> Iterator[Document]:
        for row in _rows(self.fold.delegations):
            values = row.values
            if "ended_at" not in values and values["starts_at"] <= self.at < values["ends_at"]:
                people = {name: self._name("user", values[f"{name}_user_id"]) for name in ("from", "to")}
                yield _told(row) | people | {"role": values["role"], "ends_at": instant(values["ends_at"])}

    def _tell_frameworks(self) -> Iterator[Document]:
        """The newest edition of each that nobody had withdrawn."""
        standing = [row for row in _rows(self.fold.editions) if "withdrawn_at" not in row.values]
        newest = {row.values["key"]: row for row in sorted(standing, key=lambda item: item.values["number"])}
        for key, row in sorted(newest.items()):
            yield _told(row) | {"key": key, "number": row.values["number"], "digest": row.values["digest"]}

    def _tell_rulings(self) -> Iterator[Document]:
        """The newest on each control, unless it lifts the one before or has run out."""
        newest = {}
        for row in self._of_version(self.fold.rulings):
            newest[tuple(row.values[name] for name in ("version_id", "framework", "control"))] = row
        for _place, row in sorted(newest.items()):
            values = row.values
            ends = values["expires_at"]
            if values["kind"] != "lifted" and (not ends or datetime.fromisoformat(ends) > self.at):
                named = {name: values[name] for name in ("framework", "control", "kind", "role", "expires_at")}
                yield _told(row) | self._version(row) | named | {"reason": row.reason}


def _rows(projection: RowPerEntry) -> Iterable[PastRow]:
    return projection.past.values()


def _seat(row: PastRow) -> tuple[int, int, str]:
    """Whose vote it is: on which version, of whom, in which role."""
    values = row.values
    return values["version_id"], values["signer_id"], values["role"]


def _told(row: PastRow) -> Document:
    """What every row has: the entry that made it, when, and by whom."""
    return {"id": row.key, "label": row.label, "index": row.index, "at": instant(row.at), "by": row.by}
