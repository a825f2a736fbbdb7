"""Which votes count: each person's last word in each role, weighed. Pure; the gate and the signing action both ask."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from governance.dossier import Dossier
from governance.dossier_items import SignOffItem, WaiverItem
from governance.dossier_signing import read_condition
from governance.models import APPROVALS, REFUSALS, Condition, DossierSnapshot, SignOff
from governance.policy import SignOffStep


def latest_votes(votes: Iterable[SignOffItem]) -> list[SignOffItem]:
    """Each person's last word in each role, oldest first."""
    last: dict[tuple[str, str], SignOffItem] = {}
    for item in votes:
        last.pop((item.signer_person_key, item.role), None)
        last[item.signer_person_key, item.role] = item
    return list(last.values())


def standing_refusals(dossier: Dossier) -> list[SignOffItem]:
    """Refusals that nobody took back and nobody overruled, on this dossier or on an earlier one.

    Changing the dossier answers a refusal and does not resolve it: its author does, by another vote that the log holds.
    """
    recorded = (item for item in dossier.sign_offs if item.is_recorded)
    refused = [item for item in latest_votes(recorded) if item.decision in REFUSALS]
    return [item for item in refused if not item.overruled]


def counting_approvals(dossier: Dossier) -> list[SignOffItem]:
    """The approvals of this digest that fill slots, oldest first."""
    approvals = [
        item
        for item in latest_votes(item for item in dossier.sign_offs if item.is_current)
        if item.decision in APPROVALS and not weakness_of(item, dossier)
    ]
    return _without_doubles(approvals)


def weakness_of(item: SignOffItem, dossier: Dossier) -> str:
    """The name of what takes an approval of this digest its weight: "", "objection", "expired", "contributor"
    or "conditions"."""
    if item.objection:
        return "objection"
    if item.signed_at + timedelta(days=dossier.policy.sign_off_days) < dossier.as_of:
        return "expired"
    if not is_independent(item, dossier):
        return "contributor"
    if item.conditions and not dossier.policy.conditions.allowed:
        return "conditions"
    return ""


def cast_vote(dossier: Dossier, row: SignOff, conditions: Sequence[Condition]) -> Dossier:
    """The dossier as it will be read once the vote that is being cast is recorded."""
    delegator = row.delegation.from_user if row.delegation else None
    vote = SignOffItem(
        id=row.pk,
        signer_id=row.signer_id,
        signer_person_key=row.signer.person_key,
        signer=row.signer_name,
        role=row.role,
        decision=row.decision,
        meaning=row.meaning,
        reason=row.reason,
        signed_at=row.signed_at,
        dossier_digest=row.dossier_id,
        log_index=row.log_index,
        is_current=row.dossier_id == dossier.digest,
        changed=(),
        authentication=row.authentication,
        delegator=delegator.get_full_name() if delegator else "",
        delegator_person_key=delegator.person_key if delegator else "",
        conditions=tuple(read_condition(item) for item in conditions),
    )
    return replace(dossier, sign_offs=(*dossier.sign_offs, vote))


def fulfil(dossier: Dossier, row: Condition) -> Dossier:
    """The dossier as it will be read once the fulfilment that is being written is recorded."""
    votes = tuple(
        replace(item, conditions=tuple(read_condition(row) if one.id == row.pk else one for one in item.conditions))
        for item in dossier.sign_offs
    )
    return replace(dossier, sign_offs=votes)


def as_signed(dossier: Dossier, snapshot: DossierSnapshot) -> Dossier:
    """The reading of a version with the votes that were cast on an earlier dossier of it, and under that digest.

    For going back to what was released: what was changed since does not take the old signatures away, and what was
    waived then has its end then.
    """
    votes = tuple(
        replace(item, is_current=item.dossier_digest == snapshot.digest, changed=()) for item in dossier.sign_offs
    )
    waivers = tuple(WaiverItem(**item) for item in json.loads(snapshot.document)["waivers"])
    signed = replace(dossier, sign_offs=votes, waivers=waivers)
    # The digest is that of the text which was signed, and is not computed from what is recorded today.
    object.__setattr__(signed, "digest", snapshot.digest)
    object.__setattr__(signed, "document", json.loads(snapshot.document))
    return signed


def is_independent(item: SignOffItem, dossier: Dossier) -> bool:
    """Neither the signer nor the one signed for touched the dossier. In solo mode there is nobody else."""
    if dossier.solo_mode:
        return True
    people = {item.signer_person_key, item.delegator_person_key} - {""}
    return not people & dossier.contributor_person_keys


def _without_doubles(approvals: Sequence[SignOffItem]) -> list[SignOffItem]:
    """A right that is lent is not held twice: for each delegator one vote counts, their own before a delegate's."""
    own = {item.signer_person_key for item in approvals if not item.delegator_person_key}
    lent: set[str] = set()
    kept = []
    for item in approvals:
        giver = item.delegator_person_key
        if giver and (giver in own or giver in lent):
            continue
        lent |= {giver} - {""}
        kept.append(item)
    return kept


def fills(step: SignOffStep, item: SignOffItem, dossier: Dossier) -> bool:
    """Whether an approval may stand in a slot of this step."""
    if item.role != step.role:
        return False
    if not step.independent or dossier.solo_mode:
        return True
    return not {item.signer_person_key, item.delegator_person_key} & dossier.owning_team


def fill_slots(dossier: Dossier, approvals: Sequence[SignOffItem]) -> list[SignOffItem | None]:
    """The approval in each slot of the policy, in its order; as many slots as possible are filled."""
    steps = [step for step in dossier.policy.sign_offs for _slot in range(step.count)]
    if dossier.policy.order == "sequential":
        return _fill_in_turn(dossier, steps, approvals)
    return _match(steps, approvals, dossier)


def _fill_in_turn(
    dossier: Dossier, steps: Sequence[SignOffStep], approvals: Sequence[SignOffItem]
) -> list[SignOffItem | None]:
    """An approval counts only if every earlier step was complete when it was given."""
    in_turn = [item for item in approvals if is_their_turn(dossier, item.role, before=item, approvals=approvals)]
    return _match(steps, in_turn, dossier)


def is_their_turn(dossier: Dossier, role: str, *, before: SignOffItem | None, approvals: Sequence[SignOffItem]) -> bool:
    """Whether the steps ahead of the role's first one are complete, by what was signed before a vote (or until now)."""
    if dossier.policy.order != "sequential":
        return True
    ahead: list[SignOffStep] = []
    for step in dossier.policy.sign_offs:
        if step.role == role:
            break
        ahead += [step] * step.count
    earlier = [item for item in approvals if before is None or item.id < before.id]
    return all(_match(ahead, earlier, dossier))


def _match(
    steps: Sequence[SignOffStep], approvals: Sequence[SignOffItem], dossier: Dossier
) -> list[SignOffItem | None]:
    candidates = [{item.signer_person_key: item for item in approvals if fills(step, item, dossier)} for step in steps]
    if dossier.solo_mode:
        return [next(iter(found.values()), None) for found in candidates]
    filled = match_slots([set(found) for found in candidates])
    return [candidates[slot][filled[slot]] if slot in filled else None for slot in range(len(steps))]


def match_slots(candidates: Sequence[set[str]]) -> Mapping[int, str]:
    """Assign distinct persons to as many slots as possible: maximum bipartite matching by augmenting paths (Kuhn).

    ``candidates`` holds for each slot the persons who may fill it. Returns slot -> person.
    """
    holder: dict[str, int] = {}

    def find_person(slot: int, tried: set[str]) -> bool:
        for person in sorted(candidates[slot]):
            if person not in tried:
                tried.add(person)
                if person not in holder or find_person(holder[person], tried):
                    holder[person] = slot
                    return True
        return False

    for slot in range(len(candidates)):
        find_person(slot, set())
    return {slot: person for person, slot in holder.items()}
