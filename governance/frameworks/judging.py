"""What is recorded, read against a framework's controls. Pure: recorded facts in, findings out.

The portal says what is recorded, by whom and what is missing. Whether that complies with the text is a person's
judgement, which they sign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from governance.frameworks.catalogue import AnyOf, Control, Framework, Need
from governance.frameworks.conditions import Comparison, compare, decide, facts_of
from governance.frameworks.recorded import Recorded, Strength, values_of


class ControlState(StrEnum):
    """Gaps first: the order in which they are shown."""

    MISSING = "missing"
    PARTIAL = "partial"
    STALE = "stale"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    MET = "met"
    NOT_APPLICABLE = "not_applicable"


GAPS = frozenset({ControlState.MISSING, ControlState.PARTIAL, ControlState.STALE, ControlState.UNKNOWN})


@dataclass(frozen=True)
class ControlRuling:
    """What a person has signed about one control: it does not apply, or its gap is accepted until a day."""

    control: str
    is_waiver: bool
    reason: str
    name: str
    role: str
    at: datetime
    expires_at: datetime | None = None
    log_index: int | None = None

    def stands(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True)
class NeedFinding:
    """Whether one need holds. ``is_late``: it would, were what is recorded not too old. ``lacking`` says what to do."""

    need: Need
    holds: bool
    is_late: bool
    recorded: Recorded | None
    lacking: str


@dataclass(frozen=True)
class ControlFinding:
    """``undecided`` names the facts that have to be recorded before it is known whether the control applies."""

    control: Control
    state: ControlState
    needs: tuple[NeedFinding, ...]
    undecided: tuple[str, ...] = ()
    ruling: ControlRuling | None = None

    @property
    def strength(self) -> Strength | None:
        """The weakest word among those that the control rests on."""
        return min((item.recorded.strength for item in self.needs if item.holds and item.recorded), default=None)

    @property
    def is_gap(self) -> bool:
        return self.state in GAPS

    @property
    def lacking(self) -> tuple[NeedFinding, ...]:
        return tuple(item for item in self.needs if not item.holds)


@dataclass(frozen=True)
class Coverage:
    """A framework read against what is recorded. ``applies`` is None while that hangs on ``undecided`` facts."""

    framework: Framework
    applies: bool | None
    undecided: tuple[str, ...]
    findings: tuple[ControlFinding, ...]
    as_of: datetime

    @cached_property
    def counts(self) -> Counter[ControlState]:
        return Counter(finding.state for finding in self.findings)

    @property
    def gaps(self) -> tuple[ControlFinding, ...]:
        return tuple(finding for finding in self.findings if finding.is_gap)

    @property
    def is_due_for_review(self) -> bool:
        return self.framework.is_due_for_review(self.as_of.date())


def cover(
    framework: Framework,
    recorded: Mapping[str, Recorded],
    *,
    as_of: datetime,
    rulings: Iterable[ControlRuling] = (),
) -> Coverage:
    """Judge every control of a framework."""
    values = values_of(recorded)
    applies = decide(framework.applies_when, values)
    newest: dict[str, ControlRuling] = {}
    for ruling in sorted(rulings, key=lambda item: item.at):
        newest[ruling.control] = ruling
    return Coverage(
        framework,
        applies,
        tuple(sorted(facts_of(framework.applies_when) - values.keys())) if applies is None else (),
        tuple(judge_control(control, recorded, newest.get(control.id), as_of) for control in framework.controls),
        as_of,
    )


def judge_control(
    control: Control, recorded: Mapping[str, Recorded], ruling: ControlRuling | None, as_of: datetime
) -> ControlFinding:
    """The state of one control, with a finding for each of its needs."""
    values = values_of(recorded)
    applicable = decide(control.when, values)
    needs = tuple(_judge_need(need, recorded, control.expires_days, as_of) for need in control.needs)
    standing = ruling if ruling is not None and ruling.stands(as_of) else None
    if applicable is False or (standing is not None and not standing.is_waiver):
        return ControlFinding(control, ControlState.NOT_APPLICABLE, needs, ruling=standing)
    if applicable is None:
        undecided = tuple(sorted(facts_of(control.when) - values.keys()))
        return ControlFinding(control, ControlState.UNKNOWN, needs, undecided, ruling=standing)
    state = _state_of(needs)
    if state is not ControlState.MET and standing is not None:
        state = ControlState.WAIVED
    return ControlFinding(control, state, needs, ruling=standing)


def _state_of(needs: tuple[NeedFinding, ...]) -> ControlState:
    if all(item.holds for item in needs):
        return ControlState.MET
    if all(item.holds or item.is_late for item in needs):
        return ControlState.STALE
    return ControlState.PARTIAL if any(item.holds or item.is_late for item in needs) else ControlState.MISSING


def _judge_need(
    need: Need | AnyOf, recorded: Mapping[str, Recorded], expires_days: int | None, as_of: datetime
) -> NeedFinding:
    if isinstance(need, AnyOf):
        found = [_judge_need(item, recorded, expires_days, as_of) for item in need.needs]
        best = max(found, key=lambda item: (item.holds, item.is_late))
        if best.holds:
            return best
        lacking = "; or: ".join(item.lacking for item in found)
        return NeedFinding(best.need, best.holds, best.is_late, best.recorded, lacking)
    item = recorded.get(need.fact)
    if item is None:
        return NeedFinding(need, False, False, None, "Nothing is recorded.")
    lacking = _find_lacking(need, item)
    if lacking:
        return NeedFinding(need, False, False, item, lacking)
    age = _find_age(need, item, expires_days, as_of)
    return NeedFinding(need, not age, bool(age), item, age)


def _find_lacking(need: Need, item: Recorded) -> str:
    """What is missing for the test to hold, whatever the age; nothing where it holds."""
    match need.test:
        case "filled" | "attested" | "fresh":
            return _find_unfilled(need, item)
        case "listed":
            count = len(item.value) if isinstance(item.value, list | tuple) else 0
            return "" if count >= need.least else f"{count} listed; at least {need.least} needed."
        case "linked":
            return _find_unfilled(need, item) or ("" if item.digest else "No file with a digest is attached.")
        case "is_true" | "is_false":
            wanted = need.test == "is_true"
            return "" if item.value is wanted else f"It is not recorded as {'true' if wanted else 'false'}."
        case "value":
            holds = compare(Comparison(need.fact, need.op, need.value), item.value)
            return "" if holds else "What is recorded is not what is asked for."
        case "signed":
            return _find_unsigned(need, item)
        case _:
            return _find_dependence(need, item)


def _find_unfilled(need: Need, item: Recorded) -> str:
    if need.key:
        part = item.part(need.key)
        return "" if part not in (None, "", [], {}) else f"The part “{need.key.replace('_', ' ')}” is empty."
    return "" if item.is_filled else "What is recorded is empty."


def _find_unsigned(need: Need, item: Recorded) -> str:
    for signature in item.signatures:
        if (not need.role or signature.role == need.role) and _means(signature.meaning, need.meaning):
            return ""
    by = f" by the {need.role}" if need.role else ""
    meaning = f" that means “{need.meaning}”" if need.meaning else ""
    return f"No signature{by}{meaning} stands."


def _means(given: str, wanted: str) -> bool:
    return not wanted or given.casefold().strip(" .") == wanted.casefold().strip(" .")


def _find_dependence(need: Need, item: Recorded) -> str:
    held = item.recorder_roles & set(need.not_roles)
    return f"Recorded by {' and '.join(item.by)}, who holds the role {', '.join(sorted(held))} here." if held else ""


def _find_age(need: Need, item: Recorded, expires_days: int | None, as_of: datetime) -> str:
    """Why it is too old; nothing while it is not."""
    limits = [days for days in (need.days, expires_days) if days is not None]
    if not limits:
        return ""
    day = _day_of(item)
    if day is None:
        return "Nothing says when this was recorded."
    last = day + timedelta(days=min(limits))
    return f"It is of {day.isoformat()} and counted until {last.isoformat()}." if as_of.date() > last else ""


def _day_of(item: Recorded) -> date | None:
    """The day a fact speaks of: its value where that is a day, else when it was recorded."""
    if isinstance(item.value, str):
        try:
            return date.fromisoformat(item.value)
        except ValueError:
            pass
    return item.at.date() if item.at is not None else None
