"""A version against one framework, for an auditor: what is recorded for each control, by whom, and what is missing.

The order is that of the text (Annex IV, the identifiers of a standard) or that of the report sections, by the
framework. Where the record holds measurements, they are printed where the text asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from governance.coverage import cover_one
from governance.dossier import Dossier
from governance.facts import read_facts
from governance.frameworks.judging import ControlFinding, ControlState, Coverage, NeedFinding
from governance.frameworks.recorded import Strength
from governance.frameworks.vocabulary import sections
from governance.frameworks_in_force import find_framework
from governance.reports.layouts import EXHIBIT_TITLES, Layout, layout_of

# Section -> the parts of the release dossier that print what is measured and signed there.
EXHIBITS = {
    "R03": ("requirements",),
    "R05": ("lineage", "qualities"),
    "R06": ("evidence",),
    "R07": ("audits",),
    "R08": ("explanations",),
    "R13": ("sign_offs",),
    "R17": ("log",),
}
ORDER = tuple(ControlState)


@dataclass(frozen=True)
class Part:
    """One numbered part: a heading, controls, and the exhibits printed behind them, each with its number."""

    number: int
    anchor: str
    title: str
    findings: tuple[ControlFinding, ...] = ()
    template: str = ""


@dataclass(frozen=True)
class AreaRow:
    """The states of the controls of one group, gaps first."""

    title: str
    counts: tuple[int, ...]
    total: int


def build_context(dossier: Dossier, key: str) -> dict[str, Any]:
    """What the template prints besides the parts of the release dossier."""
    framework = find_framework(key)
    coverage = cover_one(framework, dossier, read_facts(dossier))
    gaps = sorted(coverage.gaps, key=lambda item: (item.control.level != "must", ORDER.index(item.state)))
    parts = list(_divide(coverage, layout_of(framework)))
    return {
        "framework": framework,
        "coverage": coverage,
        "layout": layout_of(framework),
        "states": ORDER,
        "state_counts": [(state, coverage.counts.get(state, 0)) for state in ORDER],
        "areas": _count_by_group(coverage),
        "must_gaps": [item for item in gaps if item.control.level == "must"],
        "other_gaps": [item for item in gaps if item.control.level != "must"],
        "waived_controls": [item for item in coverage.findings if item.state == ControlState.WAIVED],
        "set_aside": [
            item for item in coverage.findings if item.state == ControlState.NOT_APPLICABLE and item.ruling is not None
        ],
        "parts": parts,
        "limits_number": len(parts) + 2,
        "strengths": _count_strengths(coverage),
    }


def _count_by_group(coverage: Coverage) -> list[AreaRow]:
    rows = []
    for group, title in coverage.framework.groups.items():
        states = [finding.state for finding in coverage.findings if finding.control.group == group]
        if states:
            rows.append(AreaRow(title, tuple(states.count(state) for state in ORDER), len(states)))
    return rows


def _count_strengths(coverage: Coverage) -> list[tuple[Strength, int]]:
    met = [finding.strength for finding in coverage.findings if finding.state == ControlState.MET]
    return [(strength, met.count(strength)) for strength in sorted(Strength, reverse=True)]


def _divide(coverage: Coverage, layout: Layout) -> Iterable[Part]:
    """The numbered parts. Gaps are the first part, so these begin with 2."""
    number = 2
    if layout.by_sections:
        for section, title in sections().items():
            findings = tuple(item for item in coverage.findings if item.control.section == section)
            exhibits = EXHIBITS.get(section, ())
            if findings:
                yield Part(number, f"part-{section}", title, findings)
                number += 1
            for exhibit in exhibits:
                yield _exhibit(number, exhibit)
                number += 1
        return
    for group, title in coverage.framework.groups.items():
        findings = tuple(item for item in coverage.findings if item.control.group == group)
        if findings:
            yield Part(number, f"part-{group}", title, findings)
            number += 1
    for exhibit in layout.exhibits:
        yield _exhibit(number, exhibit)
        number += 1


def _exhibit(number: int, name: str) -> Part:
    anchor = name.replace("_", "-")
    return Part(number, anchor, str(EXHIBIT_TITLES[name]), template=f"reports/release_dossier/_{name}.html")


def as_document(coverage: Coverage) -> dict[str, Any]:
    """The whole coverage as plain JSON values, for machines and for a reader of the attachment."""
    framework = coverage.framework
    return {
        "format": "countersign/coverage/1",
        "framework": {
            "id": framework.id,
            "title": framework.title,
            "edition": framework.edition,
            "as_of": framework.as_of.isoformat(),
            "review_by": framework.review_by.isoformat(),
            "digest": framework.digest,
        },
        "applies": coverage.applies,
        "undecided": list(coverage.undecided),
        "as_of": coverage.as_of.isoformat(),
        "controls": [_describe(finding) for finding in coverage.findings],
    }


def _describe(finding: ControlFinding) -> dict[str, Any]:
    control, ruling = finding.control, finding.ruling
    return {
        "id": control.id,
        "ref": control.ref,
        "level": control.level,
        "state": finding.state.value,
        "strength": finding.strength.name.lower() if finding.strength is not None else None,
        "undecided": list(finding.undecided),
        "ruling": ruling
        and {
            "kind": "waived" if ruling.is_waiver else "not_applicable",
            "reason": ruling.reason,
            "name": ruling.name,
            "role": ruling.role,
            "at": ruling.at.isoformat(),
            "expires_at": ruling.expires_at.isoformat() if ruling.expires_at else None,
            "log_index": ruling.log_index,
        },
        "needs": [_describe_need(item) for item in finding.needs],
    }


def _describe_need(item: NeedFinding) -> dict[str, Any]:
    recorded = item.recorded
    return {
        "fact": item.need.fact,
        "is": item.need.test,
        "holds": item.holds,
        "lacking": item.lacking,
        "recorded": recorded
        and {
            "value": recorded.value,
            "strength": recorded.strength.name.lower(),
            "at": recorded.at.isoformat() if recorded.at else None,
            "by": list(recorded.by),
            "source": {"kind": recorded.source.kind, "id": recorded.source.id, "text": recorded.source.text},
            "digest": recorded.digest or recorded.source.digest,
            "log_index": recorded.source.log_index,
        },
    }
