"""Coverage of frameworks, arranged for pages: which control rests on what, what is missing, and where to see to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.urls import reverse

from governance.coverage import cover
from governance.facts import read_facts
from governance.framework_requirements import names_control
from governance.frameworks.catalogue import AnyOf, Control, Framework, Need
from governance.frameworks.conditions import facts_of
from governance.frameworks.judging import ControlFinding, ControlState, Coverage, NeedFinding
from governance.frameworks.recorded import Recorded
from governance.frameworks.vocabulary import FactKind
from governance.models import FrameworkEdition
from portal.pages.framework_words import GATES, LEVELS, OWNERS
from portal.pages.reading import Reading, RequirementRow
from portal.presentation import CONTROL_LOOKS, Look

ORDER = list(ControlState)
LONGEST_EXCERPT = 160
MOST_REFS = 3
# Where the record says a fact by itself, once this has been done: better than an answer.
PLACES: dict[str, tuple[str, str]] = {
    "fairness.metrics": ("pages:evaluation-new", "?kind=bias_audit"),
    "evaluation.subgroup_results": ("pages:evaluation-new", "?kind=bias_audit"),
    "evaluation.results": ("pages:evaluation-new", "?kind=bias_audit"),
    "bias_audit.sex_table": ("pages:evaluation-new", "?kind=bias_audit"),
    "bias_audit.race_table": ("pages:evaluation-new", "?kind=bias_audit"),
    "bias_audit.intersection_table": ("pages:evaluation-new", "?kind=bias_audit"),
    "explanation.global": ("pages:evaluation-new", "?kind=explanation"),
    "explanation.local": ("pages:evaluation-new", "?kind=explanation"),
    "explanation.checks": ("pages:evaluation-new", "?kind=explanation"),
    "dataset.quality": ("pages:evaluation-new", "?kind=data_quality"),
    "dataset.inventory": ("pages:version", "?tab=lineage"),
    "dataset.lineage": ("pages:version", "?tab=lineage"),
    "validation.report": ("pages:evidence-new", "?kind=validation_report"),
    "evaluation.security": ("pages:evidence-new", "?kind=security_review"),
    "approval.release": ("pages:version", "?tab=sign-offs"),
    "approval.segregation": ("pages:version", "?tab=sign-offs"),
}
# What a fact's source says it is -> the page that shows it.
SOURCES = {
    "evidence": "pages:evidence",
    "evaluation": "pages:evaluation",
    "version": "pages:version",
    "model": "pages:model",
    "report": "pages:report",
    "dataset": "pages:dataset",
}


@dataclass(frozen=True)
class Share:
    """How many controls are in a state, and where the piece of a bar for them lies, of 100."""

    state: ControlState
    look: Look
    count: int
    start: float
    width: float


@dataclass(frozen=True)
class FactToDo:
    """A fact that is lacking: where to see to it, and which other frameworks that serves."""

    kind: FactKind
    url: str
    step: str  # answer, sign, organisation
    place: str
    serves: tuple[str, ...]


@dataclass(frozen=True)
class NeedRow:
    """One need of a control with what is recorded for it. ``todo`` says where what is lacking can be made good."""

    finding: NeedFinding
    words: tuple[str, ...]
    excerpt: str
    source_url: str
    todo: tuple[FactToDo, ...]


@dataclass(frozen=True)
class ControlRow:
    """A clause, the requirements that name it with their verdicts, what it rests on, and what was signed about it."""

    finding: ControlFinding
    group: str
    requirements: tuple[RequirementRow, ...]
    needs: tuple[NeedRow, ...]
    undecided: tuple[FactToDo, ...]

    @property
    def control(self) -> Control:
        return self.finding.control

    @property
    def level(self) -> str:
        return str(LEVELS[self.control.level])

    @property
    def by(self) -> str:
        return str(OWNERS[self.control.by])

    @property
    def gate(self) -> str:
        return str(GATES[self.control.gate])


def share_out(coverage: Coverage) -> list[Share]:
    """The states of a framework's controls as pieces of a bar, gaps first."""
    total, start, found = len(coverage.findings) or 1, 0.0, []
    for state in ORDER:
        count = coverage.counts[state]
        if count:
            width = 100 * count / total
            found.append(Share(state, CONTROL_LOOKS[state], count, round(start, 3), round(width, 3)))
            start += width
    return found


@dataclass
class VersionCoverage:
    """A version read against everything that stands, for one page. What a page does not ask for is not read."""

    reading: Reading
    verbs: frozenset[str]
    version_id: int
    editions: Mapping[str, FrameworkEdition] = field(init=False)

    def __post_init__(self) -> None:
        self.editions = {
            row.key: row for row in FrameworkEdition.objects.in_force().defer("text").select_related("loaded_by")
        }

    @cached_property
    def recorded(self) -> dict[str, Recorded]:
        return read_facts(self.reading.dossier)

    @cached_property
    def coverages(self) -> list[Coverage]:
        return cover(self.reading.dossier, self.recorded)

    def find(self, key: str) -> Coverage | None:
        return next((item for item in self.coverages if item.framework.id == key), None)

    @cached_property
    def serves(self) -> dict[str, dict[str, list[str]]]:
        """Fact -> title of each framework that needs it, of those that apply or may -> places in it."""
        found: dict[str, dict[str, list[str]]] = {}
        for coverage in self.coverages:
            if coverage.applies is not False:
                add_serves(found, coverage.framework)
        return found

    @cached_property
    def deciding(self) -> dict[str, list[str]]:
        """Fact that somebody has to record before it is known what applies -> titles of those it decides about."""
        found: dict[str, list[str]] = {}
        for coverage in self.coverages:
            for fact in coverage.undecided:
                found.setdefault(fact, []).append(coverage.framework.title)
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    @cached_property
    def kinds(self) -> dict[str, FactKind]:
        """Every fact that a framework in force needs."""
        found: dict[str, FactKind] = {}
        for coverage in self.coverages:
            for fact in facts_needed(coverage.framework):
                found.setdefault(fact, coverage.framework.fact(fact))
        return found

    def say_what_to_do(self, fact: str, besides: str) -> FactToDo:
        """Where the fact can be recorded. ``besides`` is the framework that the reader is looking at."""
        kind = self.kinds[fact]
        serves = tuple(title for title in self.serves.get(fact, {}) if title != besides)
        name, query = PLACES.get(fact, ("", ""))
        place = reverse(name, args=[self.version_id]) + query if name else ""
        if kind.type == "sig":
            url = reverse("pages:fact-sign", args=[self.version_id, fact]) if kind.over else place
            return FactToDo(kind, url, "sign" if kind.over else "place", "", serves)
        if kind.is_organisation_wide:
            return FactToDo(kind, reverse("pages:organisation-question", args=[fact]), "organisation", "", serves)
        return FactToDo(kind, reverse("pages:question", args=[self.version_id, fact]), "answer", place, serves)

    def arrange(self, coverage: Coverage) -> list[ControlRow]:
        """The rows of the matrix: gaps first, then in the order of the text."""
        rows = [self._arrange(finding, coverage.framework) for finding in coverage.findings]
        return sorted(rows, key=lambda row: ORDER.index(row.finding.state))

    def arrange_one(self, coverage: Coverage, control: str) -> ControlRow | None:
        found = next((item for item in coverage.findings if item.control.id == control), None)
        return self._arrange(found, coverage.framework) if found is not None else None

    def _arrange(self, finding: ControlFinding, framework: Framework) -> ControlRow:
        control = finding.control
        return ControlRow(
            finding,
            framework.groups[control.group],
            tuple(
                row for row in self.reading.requirements if names_control(row.requirement.source, framework, control)
            ),
            tuple(
                self._arrange_need(found, need, framework)
                for need, found in zip(control.needs, finding.needs, strict=True)
            ),
            tuple(self.say_what_to_do(fact, framework.title) for fact in finding.undecided),
        )

    def _arrange_need(self, found: NeedFinding, need: Any, framework: Framework) -> NeedRow:
        alternatives = need.needs if isinstance(need, AnyOf) and not found.holds else (found.need,)
        facts = tuple(dict.fromkeys(item.fact for item in alternatives))
        return NeedRow(
            found,
            tuple(dict.fromkeys(_speak_need(item, framework) for item in alternatives)),
            excerpt_of(found.recorded, found.need.key),
            source_url(found.recorded),
            () if found.holds else tuple(self.say_what_to_do(fact, framework.title) for fact in facts),
        )


def facts_needed(framework: Framework) -> list[str]:
    """Every fact that decides about the framework or one of its controls, in the order of the text."""
    needed: dict[str, None] = dict.fromkeys(sorted(facts_of(framework.applies_when)))
    for control in framework.controls:
        needed |= dict.fromkeys(sorted(control.facts))
    return list(needed)


def add_serves(found: dict[str, dict[str, list[str]]], framework: Framework) -> None:
    """Note at each fact which places of the framework it serves."""
    for fact in sorted(facts_of(framework.applies_when)):
        found.setdefault(fact, {}).setdefault(framework.title, [])
    for control in framework.controls:
        for fact in sorted(control.facts):
            places = found.setdefault(fact, {}).setdefault(framework.title, [])
            if control.ref not in places:
                places.append(control.ref)


def _speak_need(need: Need, framework: Framework) -> str:
    """What has to be recorded: the fact, and the part of it that is meant."""
    text = framework.fact(need.fact).text
    return f"{text}: {need.key.replace('_', ' ')}" if need.key else text


def excerpt_of(recorded: Recorded | None, key: str = "") -> str:
    """What is recorded, in few words; of one part where the need is about that."""
    if recorded is None:
        return ""
    text = speak_value(recorded.part(key) if key else recorded.value)
    return text if len(text) <= LONGEST_EXCERPT else text[:LONGEST_EXCERPT].rstrip() + "…"


def speak_value(value: Any) -> str:
    """A recorded value on one line."""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')}: {speak_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(speak_value(item) for item in value) or "none"
    return " ".join(str(value).split()) if value is not None else ""


def source_url(recorded: Recorded | None) -> str:
    """The page that shows where a fact is recorded; empty where it has none of its own."""
    page = SOURCES.get(recorded.source.kind) if recorded is not None else None
    return reverse(page, args=[recorded.source.id]) if page and recorded and recorded.source.id else ""


def narrow(rows: Iterable[ControlRow], states: frozenset[str], fits: Any) -> list[ControlRow]:
    """The rows in one of these states whose control fits."""
    return [row for row in rows if (not states or row.finding.state in states) and fits(row.control)]
