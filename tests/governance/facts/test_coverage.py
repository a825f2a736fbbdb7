"""The shipped frameworks, control by control: a model with everything recorded, and one with nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.actions import catalog, people
from governance.actions.answers import record_answer
from governance.actions.reports import request_report
from governance.auditlog import database_now
from governance.coverage import cover
from governance.dossier import collect
from governance.facts import read_facts_of
from governance.frameworks.catalogue import Control, parse_framework, shipped_texts
from governance.frameworks.judging import ControlState, Coverage, judge_control
from governance.frameworks.recorded import Strength
from governance.models import ModelVersion, Role, User
from governance.reports import kinds, press, report_signing
from governance.signer import sign_once
from tests import cast
from tests.governance.facts.answering import answer_everything, sign_everything
from tests.governance.facts.hiring import Hiring

EXPECTED: dict[str, dict[str, list[str]]] = yaml.safe_load(
    (Path(__file__).parent / "expected_coverage.yaml").read_text(encoding="utf-8")
)
EVERYTHING, NOTHING = 0, 1
# What makes each framework apply, and what its conditions ask; the rest may be anything.
SITUATIONS: dict[str, dict[str, Any]] = {
    "eu_ai_act_high_risk": {
        "system.jurisdictions": ["DE"],
        "system.eu_risk_class": "high_annex_iii",
        "system.eu_role": ["provider", "deployer"],
        "system.use_domain": "employment",
        "system.annex_iii_point": "4(a)",
        "conformity.notified_body": False,
    },
    "nyc_ll144": {
        "system.jurisdictions": ["US-NY-NYC"],
        "system.aedt": True,
        "system.output_kind": "ranking",
        "bias_audit.data_source": {
            "kind": "historical",
            "origin": "Own recruiting.",
            "explanation": "All applicants of a year.",
            "period": "2025",
            "employers": "One.",
        },
    },
    "us_mrm_sr_26_2": {"system.us_bank_use": True, "system.generative_or_agentic": False},
    "nist_ai_rmf_core": {"requirement.legal": ["nist-ai-rmf"]},
    "iso_42001_annex_a": {"requirement.legal": ["iso-42001"]},
    "gdpr_art_22_35": {
        "system.jurisdictions": ["FR"],
        "system.solely_automated": True,
        "system.significant_effect": True,
        "risk.residual": {"level": "high", "remains": "Wrong ranks.", "accepted_by": "The board."},
    },
    "us_21_cfr_part_11": {"system.gxp_record": True, "portal.open_system": True},
    "us_ecoa_adverse_action": {"system.jurisdictions": ["US"], "system.use_domain": "credit"},
}


def states_of(coverage: Coverage) -> dict[str, str]:
    return {finding.control.id: finding.state.value for finding in coverage.findings}


def find(coverages: list[Coverage], name: str) -> Coverage:
    id = parse_framework(shipped_texts()[name]).id
    return next(item for item in coverages if item.framework.id == id)


def expected(name: str, which: int) -> dict[str, str]:
    return {control: states[which] for control, states in EXPECTED[name].items()}


def test_every_control_of_every_shipped_framework_is_expected_something():
    texts = shipped_texts()
    assert EXPECTED.keys() == SITUATIONS.keys() == texts.keys()
    for name, text in texts.items():
        assert list(EXPECTED[name]) == [control.id for control in parse_framework(text).controls]


@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_everything_is_recorded(hiring: Hiring, name: str):
    framework = parse_framework(shipped_texts()[name])
    answer_everything(hiring, framework, SITUATIONS[name])
    hiring.release()
    sign_everything(hiring, framework)
    sign_once()
    found = find(cover(collect(hiring.version)), name)
    assert found.applies is True
    gaps = {item.control.id: [need.lacking for need in item.lacking] for item in found.findings if item.is_gap}
    assert gaps == {}
    assert states_of(found) == expected(name, EVERYTHING)


def make_bare_version(root: User) -> ModelVersion:
    """A model with a name and a version with an artefact."""
    project = people.create_project(name="Bare", actor=cast.acting(root))
    developer = cast.make_member("bare", "Bea Bare", project, Role.DEVELOPER, by=root)
    model = catalog.register_model(project, name="Bare", actor=cast.acting(developer))
    artifacts = [{"name": "model.bin", "digest": cast.ARTIFACT, "size": 1}]
    return catalog.register_version(model, artifacts=artifacts, actor=cast.acting(developer))


def test_nothing_is_recorded(hiring: Hiring):
    coverages = cover(collect(make_bare_version(hiring.root)))
    for name in SITUATIONS:
        found = find(coverages, name)
        assert found.applies is None, name
        assert states_of(found) == expected(name, NOTHING), name


def test_public_summary_that_was_issued_covers_its_control(hiring: Hiring, monkeypatch: pytest.MonkeyPatch):
    """Each part once it was recorded before the summary was printed; what is recorded afterwards is not in it."""
    skip_printing(monkeypatch)
    control = parse_framework(shipped_texts()["nyc_ll144"]).find("LL144-303a1")
    assert control is not None
    assert issue_summary(hiring, control) == ControlState.PARTIAL
    situation = SITUATIONS["nyc_ll144"]["bias_audit.data_source"]
    record_answer(hiring.version, fact="bias_audit.data_source", value=situation, actor=hiring.actor("developer"))
    recorded = read_facts_of(hiring.version)
    assert judge_control(control, recorded, None, database_now()).state == ControlState.PARTIAL
    assert issue_summary(hiring, control) == ControlState.MET


def skip_printing(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = "sha256:" + "7" * 64
    monkeypatch.setattr(kinds, "make", lambda *_args, **_given: kinds.Made(b"%PDF-1.7 short", 1, "summary.pdf"))
    monkeypatch.setattr(
        report_signing,
        "sign_report",
        lambda _report, rendered, **_given: report_signing.Signed(rendered, "B-B", digest, digest, digest),
    )


def issue_summary(hiring: Hiring, control: Control) -> ControlState:
    report = request_report(hiring.version, kind="public_summary", actor=hiring.actor("compliance"))
    assert press.render(report.pk) is True
    return judge_control(control, read_facts_of(hiring.version), None, database_now()).state


def test_what_is_measured_counts_more_than_what_is_said(hiring: Hiring):
    """The control on computed group measures rests on the machine; one that rests on an answer too, on a statement."""
    framework = parse_framework(shipped_texts()["nist_ai_rmf_core"])
    answer_everything(hiring, framework, SITUATIONS["nist_ai_rmf_core"])
    strengths = {
        finding.control.id: finding.strength
        for finding in find(cover(collect(hiring.version)), "nist_ai_rmf_core").findings
    }
    assert strengths["RMF-GOVERN-1.6"] is Strength.MACHINE
    assert strengths["RMF-MEASURE-2.7"] is Strength.ARTEFACT
    assert strengths["RMF-MEASURE-2.11"] is Strength.STATEMENT
