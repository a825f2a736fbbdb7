"""What the entries of one project amount to, taken in one after the other.

They are taken in by the projections that ``verify_log`` compares the tables with: one reading of each entry for both.
No table is asked for anything; persons and things bear the names of their time.
"""

from __future__ import annotations

from governance.exceptions import IntegrityBroken
from governance.projections.base import MALFORMED, Entry, Projection
from governance.projections.catalog import Models, ProofsOfConcept, Requirements, States, Versions
from governance.projections.discussion import Remarks
from governance.projections.frameworks import ControlRulings, FrameworkEditions
from governance.projections.people import Memberships
from governance.projections.policies import PolicyBindings, PromotionPolicies
from governance.projections.records import Datasets, DatasetUses, DatasetVersions, Evaluations, EvidenceItems
from governance.projections.releases import EmergencyEnds, EmergencyRequests, FollowUps, ReleaseEnds, Releases
from governance.projections.rights import Delegations, SoloModes
from governance.projections.signing import SignOffs, Waivers
from governance.projections.votes import Conditions, Overrules
from governance.trust import Trust

NO_TRUST = Trust("", ())
# What changes something that a sign-off on a dossier covers, for as much as the entries tell of it.
CHANGING = frozenset(
    {
        *("model.described", "model.tiered", "requirements.generated", "requirement.written", "requirement.withdrawn"),
        *("proof_of_concept.written", "proof_of_concept.decided", "dataset_use.declared", "dataset_version.recalled"),
        *("evidence.submitted", "evaluation.requested", "evaluation.completed", "evaluation.failed"),
        *("evaluation.cancelled", "waiver.granted", "dossier.answered", "version.submitted"),
        "project.solo_mode_switched",
    }
)


class Fold:
    """Takes the entries of one project in order, and tells what they amount to."""

    def __init__(self) -> None:
        self.models, self.versions, self.states = Models(), Versions(), States()
        self.requirements, self.pocs = Requirements(), ProofsOfConcept()
        self.datasets, self.dataset_versions, self.uses = Datasets(), DatasetVersions(), DatasetUses()
        self.evidence, self.evaluations = EvidenceItems(), Evaluations()
        self.sign_offs, self.conditions, self.overrules = SignOffs(), Conditions(), Overrules()
        self.waivers, self.remarks = Waivers(), Remarks()
        self.releases, self.release_ends = Releases(NO_TRUST), ReleaseEnds()
        self.requests, self.request_ends, self.follow_ups = EmergencyRequests(), EmergencyEnds(), FollowUps()
        self.policies, self.bindings = PromotionPolicies(), PolicyBindings()
        self.memberships, self.delegations, self.solo = Memberships(), Delegations(), SoloModes()
        self.editions, self.rulings = FrameworkEditions(), ControlRulings()
        self.project_name = ""
        self.names: dict[tuple[str, int], str] = {}
        self.changes: dict[tuple[str, int], list[tuple[int, str]]] = {}
        self._readers: dict[str, list[Projection]] = {}
        self._everything = [item for item in vars(self).values() if isinstance(item, Projection)]

    def take(self, entry: Entry) -> None:
        """Take in one entry. Raises ``IntegrityBroken`` when it does not hold what its type records."""
        try:
            for projection in self._readers_of(entry.type):
                projection.fold(entry)
            self._note_names(entry)
            self._note_change(entry)
        except MALFORMED:
            raise IntegrityBroken(
                f"Entry {entry.index} does not hold what an entry “{entry.type}” records, so nothing is told from it. "
                "An operator must run: manage.py verify_log"
            ) from None

    def _readers_of(self, type: str) -> list[Projection]:
        if type not in self._readers:
            self._readers[type] = [item for item in self._everything if item.types & {type, "*"}]
        return self._readers[type]

    def _note_names(self, entry: Entry) -> None:
        actor, project = entry.body["actor"], entry.body.get("project")
        self.names["user", actor["id"]] = actor["name"]
        for thing in (entry.subject, *entry.body["related"]):
            self.names[thing["kind"], thing["id"]] = thing["label"]
        if project is not None:
            self.project_name = project["name"]

    def _note_change(self, entry: Entry) -> None:
        """Remember what a change was made to: a version if it names one, else a model, data, or the whole project."""
        if entry.type not in CHANGING:
            return
        things = [(thing["kind"], thing["id"]) for thing in (entry.subject, *entry.body["related"])]
        for kind in ("version", "model", "dataset_version", "project"):
            for thing in {item for item in things if item[0] == kind}:
                self.changes.setdefault(thing, []).append((entry.index, entry.type))
                return
