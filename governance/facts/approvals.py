"""Facts about approval: who let the version go, that they did not build it, under which conditions and with which gaps
accepted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from governance.dossier_items import ConditionItem, SignOffItem
from governance.facts.reading import Reading
from governance.facts.validation import source_of
from governance.frameworks.recorded import Recorded, Signature, Source, Strength
from governance.lifecycle import State
from governance.models import APPROVALS, ControlRuling, ControlRulingKind, PocDecision
from governance.votes import latest_votes, weakness_of

# What was approved by everybody whom the policy asks.
APPROVED = frozenset({State.APPROVED, State.RELEASED, State.RETIRED})


def read(reading: Reading) -> Iterator[Recorded]:
    approvals = _find_approvals(reading)
    if approvals:
        yield from _read_approvals(reading, approvals)
    yield _read_waivers(reading)
    poc = reading.dossier.proof_of_concept
    if poc is not None and poc.decision == PocDecision.GO:
        yield reading.says(
            "approval.go_no_go",
            {"decision": poc.decision, "reason": poc.decision_reason},
            Source("model", reading.model.pk, "Decision on the proof of concept"),
            strength=Strength.STATEMENT,
            at=datetime.fromisoformat(poc.decided_at),
            by=(poc.decided_by,),
        )


def _find_approvals(reading: Reading) -> list[SignOffItem]:
    """The approvals of this digest, once all that the policy asks for are given. What has been let go with them stays
    signed when their days of validity are over."""
    dossier = reading.dossier
    if dossier.state not in APPROVED:
        return []
    faults = {""} if dossier.state == State.APPROVED else {"", "expired"}
    return [
        vote
        for vote in latest_votes(vote for vote in dossier.sign_offs if vote.is_current)
        if vote.decision in APPROVALS and weakness_of(vote, dossier) in faults
    ]


def _read_approvals(reading: Reading, approvals: list[SignOffItem]) -> Iterator[Recorded]:
    dossier = reading.dossier
    last = approvals[-1]
    here = source_of(last)
    by = tuple(vote.signer for vote in approvals)
    environment = dossier.policy.environment
    yield Recorded(
        "approval.release",
        f"approved for {environment}",
        Strength.MACHINE,
        last.signed_at,
        by,
        here,
        digest=dossier.digest,
        signatures=tuple(
            Signature(vote.signer, vote.role, f"approve for {environment}", vote.signed_at) for vote in approvals
        ),
    )
    people = {vote.signer_person_key for vote in approvals} | {vote.delegator_person_key for vote in approvals}
    if not dossier.solo_mode and not people & dossier.contributor_person_keys:
        told = {
            "built_by": ", ".join(person.name for person in dossier.contributors),
            "approved_by": ", ".join(dict.fromkeys(by)),
            "in_both": "nobody, by the log",
        }
        yield reading.says("approval.segregation", told, here, at=last.signed_at, by=by)
    conditions = [_say_condition(item) for vote in approvals for item in vote.conditions]
    yield reading.says("approval.conditions", conditions, here, at=last.signed_at, by=by)


def _say_condition(item: ConditionItem) -> str:
    state = f"fulfilled {item.fulfilled_at.date()} by {item.fulfilled_by}" if item.fulfilled_at else "open"
    return f"{item.text} ({item.owner}, until {item.due_at.date()}; {state})"


def _read_waivers(reading: Reading) -> Recorded:
    """Every gap that somebody accepted here: of the gate's findings and of frameworks' controls. None is an answer."""
    told = [
        f"{item.finding_key}: {item.gap}; accepted by {item.granted_by} until {item.expires_at[:10]}: {item.reason}"
        for item in reading.dossier.waivers
    ]
    newest: dict[tuple[str, str], ControlRuling] = {}
    for row in ControlRuling.objects.filter(version=reading.version.pk).order_by("pk"):
        newest[row.framework, row.control] = row
    told += [
        f"{row.framework} {row.control}; accepted by {row.ruler_name} until {row.expires_at.date()}: {row.reason}"
        for row in newest.values()
        if row.kind == ControlRulingKind.WAIVED and row.expires_at is not None
    ]
    here = Source("version", reading.version.pk, "Waivers of the version")
    return reading.says("approval.waivers", told, here, at=reading.dossier.as_of)
