"""The dossier: the one reading of a model version.

Page, API, gate, report and attestation all read what ``collect`` returns, so they cannot disagree. Its digest covers
everything that counts and nothing else: sign-offs are left out, because the digest is what they sign; the state is
left out, because it follows from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from governance import dossier_items as items
from governance import dossier_reading as reading
from governance import dossier_records as records
from governance import dossier_signing as signing
from governance.auditlog import database_now
from governance.canonical import canonical_bytes, canonical_digest
from governance.dossier_answers import read_answers
from governance.dossier_questions import read_open_questions
from governance.evaluation_reading import read_evaluations
from governance.models import DossierSnapshot, ModelVersion
from governance.policies_in_force import bound_policy
from governance.policy import Policy

FORMAT = "countersign/dossier/1"
SIGNED_PARTS = (
    "model",
    "version",
    "proof_of_concept",
    "requirements",
    "datasets",
    "derivations",
    "evidence",
    "evaluations",
    "waivers",
    "contributors",
)
# Left out while nobody has filled it: what was signed before there was such a part stays signed.
OPTIONAL_PARTS = ("answers",)


@dataclass(frozen=True)
class Dossier:
    """Everything that counts about a version, ordered and frozen. ``as_of`` is when it was read.

    ``owning_team`` are the persons who build in the project, ``panels`` those who hold each role now, ``unrecorded``
    names parts for which the log does not vouch, ``open_questions`` nobody has resolved. They are not signed: they say
    who may sign, and whether anything may.
    """

    version_id: int
    state: str
    as_of: datetime
    policy: Policy
    model: items.ModelItem
    version: items.VersionItem
    proof_of_concept: items.ProofOfConceptItem | None
    requirements: tuple[items.RequirementItem, ...]
    datasets: tuple[items.DatasetItem, ...]
    derivations: tuple[items.DerivationItem, ...]
    evidence: tuple[items.EvidenceItem, ...]
    evaluations: tuple[items.EvaluationItem, ...]
    waivers: tuple[items.WaiverItem, ...]
    contributors: tuple[items.ContributorItem, ...]
    contributor_person_keys: frozenset[str]
    sign_offs: tuple[items.SignOffItem, ...]
    solo_mode: bool = False
    owning_team: frozenset[str] = frozenset()
    panels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unrecorded: tuple[str, ...] = ()
    open_questions: tuple[items.OpenQuestionItem, ...] = ()
    answers: tuple[items.AnswerItem, ...] = ()

    @cached_property
    def document(self) -> dict[str, Any]:
        """The part that is signed, as plain JSON values."""
        parts: dict[str, Any] = {"format": FORMAT}
        for name in (*SIGNED_PARTS, *(part for part in OPTIONAL_PARTS if getattr(self, part))):
            value = getattr(self, name)
            parts[name] = [asdict(item) for item in value] if isinstance(value, tuple) else value and asdict(value)
        parts["solo_mode"] = self.solo_mode
        parts["policy"] = {
            "name": self.policy.name,
            "version": self.policy.version,
            "environment": self.policy.environment,
            "digest": self.policy.digest,
        }
        plain: dict[str, Any] = json.loads(json.dumps(parts))
        return plain

    @cached_property
    def digest(self) -> str:
        return canonical_digest(self.document)

    def is_outdated(self, evaluation: items.EvaluationItem) -> bool:
        """Whether evidence that was evaluated has been superseded since: the numbers speak of nothing any more."""
        read = {evaluation.evidence_id, *(item.evidence_id for item in evaluation.inputs)}
        return not read <= {item.id for item in self.evidence}

    def measures(self, dataset_role: str) -> dict[tuple[str, str], tuple[items.Measure, items.EvaluationItem]]:
        """(metric, population) -> the measure and the succeeded evaluation that made it, of evidence that stands."""
        found: dict[tuple[str, str], tuple[items.Measure, items.EvaluationItem]] = {}
        for evaluation in self.evaluations:
            if evaluation.dataset_role == dataset_role and not self.is_outdated(evaluation):
                for measure in evaluation.measures:
                    found.setdefault((measure.metric, measure.population), (measure, evaluation))
        return found


def collect(version: ModelVersion) -> Dossier:
    """Read the version once. The number of queries does not grow with what is recorded."""
    now = database_now()
    version = ModelVersion.objects.with_names().prefetch_related("artifacts").get(pk=version.pk)
    project = version.model.project
    datasets, derivations = reading.read_lineage(version)
    data = [item.dataset_version_id for item in datasets] + [item.source_id for item in derivations]
    contributors, person_keys = reading.read_contributors(version, data)
    evidence, evaluations = reading.read_evidence(version), read_evaluations(version)
    waivers, answers = reading.read_waivers(version), read_answers(version)
    unsigned = Dossier(
        version_id=version.pk,
        state=version.state,
        as_of=now,
        policy=bound_policy(version),
        model=reading.read_model(version.model),
        version=reading.read_version(version),
        proof_of_concept=reading.read_proof_of_concept(version.model),
        requirements=reading.read_requirements(version),
        datasets=datasets,
        derivations=derivations,
        evidence=evidence,
        evaluations=evaluations,
        waivers=waivers,
        contributors=contributors,
        contributor_person_keys=person_keys,
        sign_offs=(),
        solo_mode=project.solo_since is not None,
        owning_team=signing.read_owning_team(project),
        panels=signing.read_panels(project),
        open_questions=read_open_questions(version),
        answers=answers,
    )
    signed = signing.read_sign_offs(version, digest=unsigned.digest, document=unsigned.document)
    unrecorded = records.find_unrecorded(version, evidence, evaluations, waivers)
    unrecorded += records.find_unrecorded_answers(answers)
    told = records.read_told(version)
    unrecorded += records.find_hidden_evidence(told, evidence)
    unrecorded += records.find_hidden_recalls(_tell_recalls(datasets, derivations))
    unrecorded += records.find_unrecorded_requirements(told, unsigned.requirements)
    unrecorded += records.find_unrecorded_rules(version, told)
    unrecorded += records.find_lost_sign_offs(version, (item.log_index for item in signed if item.is_recorded))
    # replace() would drop the cached document and compute it again; the digest covers neither of these.
    object.__setattr__(unsigned, "sign_offs", signed)
    object.__setattr__(unsigned, "unrecorded", unrecorded)
    return unsigned


def _tell_recalls(
    datasets: tuple[items.DatasetItem, ...], derivations: tuple[items.DerivationItem, ...]
) -> dict[int, str]:
    """Dataset version -> why it was recalled, for all that the version stands on; empty where it was not."""
    behind = {item.source_id: item.source_recalled for item in derivations}
    return behind | {item.dataset_version_id: item.recalled for item in datasets}


def keep(dossier: Dossier) -> DossierSnapshot:
    """Keep the exact text that is being submitted, signed or promoted."""
    text = canonical_bytes(dossier.document).decode()
    return DossierSnapshot.objects.get_or_create(
        digest=dossier.digest, defaults={"version_id": dossier.version_id, "document": text}
    )[0]
