"""A model that ranks applicants, with everything recorded that evidence, evaluations and signatures can say.

``make_hiring`` goes as far as a draft with its evaluations, so that the answers of a test may still be part of what is
signed; ``release`` submits, signs and promotes it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance import runner
from governance.actions import catalog, evaluations, lineage, people, promotion, requirements, submission
from governance.dossier import collect
from governance.frameworks.catalogue import shipped_texts
from governance.models import Evaluation, Evidence, ModelVersion, Project, RegisteredModel, Release, Role, User
from tests import cast
from tests.governance.framework_texts import load_shipped
from tests.governance.light import propose_light

RACES = ("Asian", "Black", "White")
APPLICANTS = 240
RARE = frozenset({17, 18, 19})
"""Applicants of a race that has less than 2 percent of the rows."""
BIAS_SPEC = {
    "task": "binary",
    "columns": {"y_true": "hired", "y_pred": "invited", "y_score": "score", "id": "id"},
    "positive_label": "1",
    "sensitive": ["sex", "race"],
    "missing": "exclude",
    "scoring": True,
    "exclude_under_two_percent": True,
    "intervals": {"draws": 200, "level": 0.95},
    "seed": 7,
}
ROBUSTNESS_SPEC = {
    "task": "binary",
    "columns": {"y_true": "hired", "y_pred": "invited", "id": "id", "condition": "condition"},
    "positive_label": "1",
    "sensitive": ["sex"],
    "missing": "exclude",
    "baseline_condition": "as received",
    "intervals": {"draws": 200, "level": 0.95},
    "seed": 7,
}
EXPLANATION_SPEC = {
    "columns": {"id": "id", "output": "output", "base": "base"},
    "prediction_id": "id",
    "prediction_output": "score",
    "explainer": "exact",
    "background": "240 applicants of last year",
    "output": "score",
    "threshold": 0.5,
    "adverse": "lower",
    "statements": {"experience": "Too little experience", "test": "Test result too low"},
    "seed": 7,
}
QUALITY_SPEC = {
    "key": ["id"],
    "sensitive": ["sex"],
    "population": {"sex": {"female": 0.5, "male": 0.5}},
    "training": {"columns": ["sex", "race", "experience"]},
}
REVIEW = {"outcome": "passed", "reviewer": "Sofia Lindgren", "summary": "Nothing found."}
LOAD = {"requests": 9_000, "p50_ms": 20.0, "p95_ms": 100.0, "p99_ms": 150.0, "error_rate": 0.0}
LIVE = {"control_n": 500, "control_mean": 0.31, "treatment_n": 500, "treatment_mean": 0.35}


@dataclass
class Hiring:
    """``team`` maps a role to who holds it; the one who audits for bias holds compliance, and signs nothing. ``data``
    is the folder that its files and the log's keys are in."""

    data: Path
    root: User
    project: Project
    team: dict[str, User]
    model: RegisteredModel
    version: ModelVersion
    evidence: dict[str, Evidence]
    evaluations: dict[str, Evaluation]

    def actor(self, role: str) -> Any:
        return cast.acting(self.team[role])

    def evaluate(
        self, kind: str, evidence: Evidence, spec: dict[str, Any], *, role: str = "developer", **given: Any
    ) -> Evaluation:
        """Have something evaluated here and now."""
        made = evaluations.request_evaluation(
            self.version, kind=kind, evidence=evidence, spec=spec, actor=self.actor(role), **given
        )
        runner.run(made.pk)
        made.refresh_from_db()
        assert made.status == "SUCCEEDED", made.failure
        return made

    def release(self) -> Release:
        """Submit the version, have it signed by validator and approver, and promote it."""
        self.submit_and_sign()
        return self.promote()

    def promote(self) -> Release:
        return promotion.promote(
            self.version,
            environment="production",
            dossier_digest=collect(self.version).digest,
            password=cast.PASSWORD,
            actor=self.actor("approver"),
        )

    def submit_and_sign(self) -> None:
        submission.submit_version(self.version, actor=self.actor("developer"))
        for role in ("validator", "approver"):
            cast.sign(self.version, self.team[role], role)
        self.version.refresh_from_db()


def make_applicants(offset: int = 0) -> bytes:
    """The table of applicants: an even number of either sex, races in turn."""
    lines = ["id,sex,race,experience,test"]
    for number in range(offset, offset + APPLICANTS):
        lines.append(f"{number},{_sex(number)},{_race(number)},{number % 9 + offset},{(number * 7) % 11}")
    return "\n".join(lines).encode() + b"\n"


def make_invitations(*conditions: str) -> bytes:
    """Who was invited, as received or under each condition. Of one applicant the sex is not known."""
    lines = ["id,sex,race,hired,invited,score" + (",condition" if conditions else "")]
    for condition in conditions or ("",):
        for number in range(APPLICANTS):
            score = _score(number)
            invited = int((score > 0.5) != (number % 10 == 0 and condition == "answers missing"))
            sex = "" if number == 5 else _sex(number)
            line = f"{number},{sex},{_race(number)},{int(score > 0.4)},{invited},{score}"
            lines.append(f"{line},{condition}" if condition else line)
    return "\n".join(lines).encode() + b"\n"


def _sex(number: int) -> str:
    return "female" if number % 2 else "male"


def _race(number: int) -> str:
    return "Two or more" if number in RARE else RACES[(number // 2) % 3]


def _score(number: int) -> float:
    experience, test = (number * 5) % 16 / 32, (number * 3) % 8 / 16
    return experience + test


def make_attributions() -> bytes:
    """SHAP values that add up to the score of every applicant exactly."""
    lines = ["id,base,output,experience,test"]
    for number in range(APPLICANTS):
        experience, test = (number * 5) % 16 / 32 - 0.125, (number * 3) % 8 / 16 - 0.125
        lines.append(f"{number},0.25,{_score(number)},{experience},{test}")
    return "\n".join(lines).encode() + b"\n"


def make_hiring(data: Path) -> Hiring:
    """The draft with its evaluations, and the shipped frameworks."""
    root = cast.make_organisation_administrator()
    for name in shipped_texts():
        load_shipped(name)
    project = people.create_project(name="Hiring", actor=cast.acting(root))
    team = {
        role: cast.make_member(f"hiring-{role}", f"{role.title()} Person", project, role, by=root)
        for role in Role.values
    }
    model = _make_model(project, team)
    version = catalog.register_version(
        model,
        artifacts=[{"name": "model.bin", "digest": cast.ARTIFACT, "size": 1}],
        training_code="repository at 4f2a91c, requirements.lock",
        actor=cast.acting(team["developer"]),
    )
    _declare_data(version, team["developer"])
    evidence = _submit_evidence(version, team["developer"])
    made = Hiring(data, root, project, team, model, version, evidence, {})
    _evaluate(made)
    return made


def _make_model(project: Project, team: dict[str, User]) -> RegisteredModel:
    developer, actor = team["developer"], cast.acting(team["developer"])
    model = catalog.register_model(
        project,
        name="Applicant ranking",
        intended_use="Rank applicants for an interview.",
        out_of_scope_uses="Dismissals.\nPay.",
        affected_people="Applicants.",
        actor=actor,
    )
    cast.assess(model, "low", by=developer)
    requirements.write_requirement(
        model,
        title="Fast enough",
        statement="It answers in time.",
        source="Service agreement",
        criteria=[{"metric": "load_test.p95_ms", "comparator": "at_most", "threshold": "200"}],
        actor=actor,
    )
    poc = requirements.write_proof_of_concept(
        model,
        problem_statement="Too many applications.",
        success_criteria=[
            {
                "statement": "Right in nine of ten cases",
                "metric": "accuracy",
                "comparator": "at_least",
                "threshold": "0.9",
            }
        ],
        actor=actor,
    )
    requirements.decide_proof_of_concept(
        poc, decision="go", reason="Useful enough.", actor=cast.acting(team["administrator"])
    )
    propose_light(project, team)
    model.refresh_from_db()
    return model


def _declare_data(version: ModelVersion, developer: User) -> None:
    actor = cast.acting(developer)
    dataset = lineage.register_dataset(
        version.model.project,
        name="Applicants",
        description="Applicants for office jobs of one year.",
        source="Own recruiting system, collected for recruiting.",
        licence="Consent",
        personal_data="special",
        actor=actor,
    )
    training, test = (
        lineage.register_dataset_version(
            dataset,
            digest=f"sha256:{hashlib.sha256(table).hexdigest()}",
            row_count=APPLICANTS,
            schema=[{"name": "sex", "type": "text"}],
            sensitive_columns=["sex"],
            actor=actor,
        )
        for table in (make_applicants(1_000), make_applicants())
    )
    lineage.declare_dataset_use(version, dataset_version=training, role="training", actor=actor)
    for role in ("validation", "test"):
        lineage.declare_dataset_use(version, dataset_version=test, role=role, actor=actor)


def _submit_evidence(version: ModelVersion, developer: User) -> dict[str, Evidence]:
    files = {
        "predictions": ("invitations.csv", make_invitations()),
        "attributions": ("attributions.csv", make_attributions()),
        "table": ("applicants.csv", make_applicants()),
        "validation_report": ("validation.md", b"# Validation\nRe-run and agreed.\n"),
        "test_report": ("junit.xml", cast.JUNIT),
        "document": ("file.md", b"# File\nAll of it.\n"),
    }
    contents: dict[str, dict[str, Any]] = {
        "load_test": {"values": LOAD},
        "ab_result": {"metric": "invitation rate", "values": LIVE},
        "security_review": REVIEW,
        "privacy_review": REVIEW,
    }
    made = {
        kind: cast.submit(version, kind, by=developer, file=[text], file_name=name)
        for kind, (name, text) in files.items()
    }
    return made | {
        kind: cast.submit(version, kind, by=developer, content=content) for kind, content in contents.items()
    }


def _evaluate(made: Hiring) -> None:
    """Have everything evaluated; the bias audit is asked for by somebody who had no part in the rest."""
    further = {"by": made.team["developer"], "file_name": "further.csv"}
    training = cast.submit(made.version, "table", title="Training", file=[make_applicants(1_000)], **further)
    tried = make_invitations("as received", "answers missing")
    disturbed = cast.submit(made.version, "predictions", title="Disturbed", file=[tried], **further)
    own = made.evidence
    made.evaluations |= {
        "robustness": made.evaluate("bias_audit", disturbed, ROBUSTNESS_SPEC, dataset_role="validation"),
        "bias_audit": made.evaluate("bias_audit", own["predictions"], BIAS_SPEC, role="compliance"),
        "explanation": made.evaluate(
            "explanation", own["attributions"], EXPLANATION_SPEC, inputs={"predictions": own["predictions"]}
        ),
        "data_quality": made.evaluate("data_quality", own["table"], QUALITY_SPEC, inputs={"training": training}),
    }
