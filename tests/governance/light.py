"""A project whose policy asks for one report and two signatures: a version is made and approved in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.actions import catalog, people, promotion, requirements, submission
from governance.actions.policies import propose_policy
from governance.dossier import collect
from governance.models import Evidence, ModelVersion, Project, RegisteredModel, Release, Role, User
from governance.policy_fit import next_number
from tests import cast
from tests.governance.policy_texts import adopt

POLICY = """
policy: Light release
version: {number}
risk_tier: low
environment: {environment}
{more}
sign_offs:
  - {{role: validator, count: 1}}
  - {{role: approver, count: 1}}
valid_days: {{sign_offs: 30, evidence: 60}}
conditions: {{allowed: true, run_until_due: true, longest_days: 20}}
waivers: {{roles: [compliance], longest_days: 60}}
overrule: administrator
emergency: {{allowed: true, longest_hours: 48, roles: [approver, compliance]}}
"""


@dataclass
class Light:
    """``team`` maps a role to who holds it."""

    project: Project
    model: RegisteredModel
    team: dict[str, User]

    def version(self, *, environment: str = "production") -> ModelVersion:
        """The next version, in review with nothing but signatures lacking."""
        developer = self.team["developer"]
        version = catalog.register_version(
            self.model,
            artifacts=[{"name": "model.bin", "digest": cast.ARTIFACT, "size": 1}],
            actor=cast.acting(developer),
        )
        self.report(version)
        return submission.submit_version(version, environment=environment, actor=cast.acting(developer))

    def report(self, version: ModelVersion, p95: float = 100.0, **given: Any) -> Evidence:
        values = {"requests": 9_000, "p50_ms": 20.0, "p95_ms": p95, "p99_ms": p95 + 50, "error_rate": 0.0}
        content = {"values": values}
        return cast.submit(version, "load_test", by=self.team["developer"], content=content, **given)

    def sign(self, version: ModelVersion, role: str, decision: str = "approve", **given: Any) -> Any:
        return cast.sign(version, self.team[role], role, decision, **given)

    def approve(self, version: ModelVersion) -> ModelVersion:
        for role in ("validator", "approver"):
            self.sign(version, role)
        version.refresh_from_db()
        return version

    def promote(self, version: ModelVersion, **given: Any) -> Release:
        given = {"environment": version.target_environment, "dossier_digest": collect(version).digest} | given
        given = {"password": cast.PASSWORD, "actor": cast.acting(self.team["approver"])} | given
        return promotion.promote(version, **given)


def make_light(root: User, *, name: str = "Light", more: str = "") -> Light:
    """Open the project with its people, its policy and a model whose load is limited."""
    project = people.create_project(name=name, actor=cast.acting(root))
    team = {
        role: cast.make_member(f"{name.lower()}-{role}", f"{name} {role}", project, role, by=root)
        for role in Role.values
    }
    model = catalog.register_model(
        project,
        name=f"{name} model",
        intended_use="Sort parts.",
        affected_people="Nobody.",
        actor=cast.acting(team["developer"]),
    )
    cast.assess(model, "low", by=team["developer"])
    requirements.write_requirement(
        model,
        title="Fast enough",
        statement="It answers in time.",
        criteria=[{"metric": "load_test.p95_ms", "comparator": "at_most", "threshold": "200"}],
        actor=cast.acting(team["developer"]),
    )
    cast.record_go(model, developer=team["developer"], administrator=team["administrator"])
    propose_light(project, team, more=more)
    model.refresh_from_db()
    return Light(project, model, team)


def propose_light(project: Project, team: dict[str, User], *, environment: str = "production", more: str = "") -> None:
    """Propose and adopt the light policy by two people."""
    number = next_number(project, "low", environment)
    text = POLICY.format(number=number, environment=environment, more=more)
    proposed = propose_policy(
        project,
        risk_tier="low",
        environment=environment,
        text=text,
        reason="Small.",
        actor=cast.acting(team["compliance"]),
    )
    adopt(proposed, by=team["administrator"])
