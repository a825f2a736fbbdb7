"""Facts about the review: its report, who reviewed and how far from building, what was found and how it was closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.dossier_items import SignOffItem
from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source
from governance.models import REFUSALS, Decision, EvidenceKind, FollowUp, Remark, Role
from governance.votes import is_independent


def read(reading: Reading) -> Iterator[Recorded]:
    for item in reading.evidence(EvidenceKind.VALIDATION_REPORT)[:1]:
        yield reading.of_evidence("validation.report", item.title, item)
    yield from _read_reviewer(reading)
    yield from _read_next(reading)
    yield from _read_findings(reading)


def source_of(vote: SignOffItem) -> Source:
    """Where a sign-off is recorded."""
    text = f"Sign-off of {vote.signer} as {vote.role}: “{vote.meaning}”"
    return Source("sign_off", vote.id, text, vote.dossier_digest, vote.log_index)


def _read_reviewer(reading: Reading) -> Iterator[Recorded]:
    """By the last word of a validator on the dossier as it stands, whatever it was."""
    votes = [
        vote
        for vote in reading.dossier.sign_offs
        if vote.role == Role.VALIDATOR and vote.is_current and not vote.objection and vote.decision != Decision.ABSTAIN
    ]
    if not votes:
        return
    last = votes[-1]
    told: dict[str, Any] = {"validation.date": last.signed_at.date().isoformat()}
    if is_independent(last, reading.dossier) and not reading.dossier.solo_mode:
        told["validation.independence"] = {
            "reviewer": last.signer,
            "contributed_to_this_version": "no, by the log",
            "builds_in_this_project": "yes" if last.signer_person_key in reading.dossier.owning_team else "no",
        }
    roles = reading.roles_by_user.get(last.signer_id, frozenset())
    for fact, value in told.items():
        yield reading.says(fact, value, source_of(last), at=last.signed_at, by=(last.signer,), recorder_roles=roles)


def _read_next(reading: Reading) -> Iterator[Recorded]:
    """A release ends when what allowed it runs out: by then the version has to be reviewed again."""
    live = [item for item in reading.releases if item.version_id == reading.version.pk and item.ended_at is None]
    if live:
        first = min(live, key=lambda item: item.expires_at)
        told = {
            "when": first.expires_at.date().isoformat(),
            "trigger": f"what allows the release into {first.environment} runs out then, and it is withdrawn",
        }
        here = Source("release", first.pk, f"Release {first}", first.dossier_id, first.log_index)
        yield reading.says("validation.next", told, here, at=first.started_at, by=(first.promoted_by.get_full_name(),))


def _read_findings(reading: Reading) -> Iterator[Recorded]:
    """What reviewers asked, refused or set as a condition, and what a release left to be made good. How each was closed
    is said once all are."""
    found = [
        *_find_questions(reading),
        *_find_refusals(reading),
        *_find_conditions(reading),
        *_find_follow_ups(reading),
    ]
    if not found:
        return
    here = Source("version", reading.version.pk, "Questions, refusals, conditions and follow-ups of the version")
    yield reading.says("validation.findings", [text for text, _closed in found], here)
    if all(closed for _text, closed in found):
        yield reading.says("validation.closure", dict(found), here)


def _find_questions(reading: Reading) -> Iterator[tuple[str, str]]:
    rows = Remark.objects.filter(version=reading.version.pk, is_question=True).select_related("author", "resolved_by")
    for row in rows:
        closed = f"{row.resolved_at.date()} by {row.resolved_by}: {row.resolution}" if row.resolved_at else ""
        yield f"Question of {row.author} on {row.item_key}: {row.text}", closed


def _find_refusals(reading: Reading) -> Iterator[tuple[str, str]]:
    for vote in reading.dossier.sign_offs:
        if vote.decision in REFUSALS and vote.is_recorded:
            later = [
                other
                for other in reading.dossier.sign_offs
                if (other.signer_person_key, other.role) == (vote.signer_person_key, vote.role)
                and other.id > vote.id
                and other.decision not in REFUSALS
            ]
            closed = vote.overruled or (f"{later[-1].signed_at.date()}: signed “{later[-1].decision}”" if later else "")
            yield f"{vote.signer} as {vote.role}: {vote.reason}", closed


def _find_conditions(reading: Reading) -> Iterator[tuple[str, str]]:
    for vote in reading.dossier.sign_offs:
        for item in vote.conditions if vote.is_recorded else ():
            closed = (
                f"{item.fulfilled_at.date()} by {item.fulfilled_by}: {item.fulfilled_how}" if item.fulfilled_at else ""
            )
            yield f"Condition, {item.owner} until {item.due_at.date()}: {item.text}", closed


def _find_follow_ups(reading: Reading) -> Iterator[tuple[str, str]]:
    for row in FollowUp.objects.filter(version=reading.version.pk).select_related("closed_by"):
        closed = f"{row.closed_at.date()} by {row.closed_by}: {row.closing_reason}" if row.closed_at else ""
        yield row.text, closed
