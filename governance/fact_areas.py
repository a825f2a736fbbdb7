"""Which facts are about how a version was made, and so part of what is signed, and which about its use."""

from __future__ import annotations

# What an approver relies on. A change of these is a change of what they approved.
SIGNED_AREAS = frozenset(
    {"system", "requirement", "design", "dataset", "evaluation", "fairness", "explanation", "risk", "impact"}
)
# Of these areas, what is only known once the version is in use.
KNOWN_IN_USE = frozenset(
    {
        "system.market_status",
        "system.aedt_first_use",
        "system.aedt_last_use",
        "system.decommission",
        "evaluation.outcomes",
        "evaluation.report_signed",
        "risk.review",
        "impact.fria_notified",
        "impact.prior_consultation",
    }
)


def is_signed(fact: str) -> bool:
    """Whether an answer to this fact is part of the dossier."""
    return fact.partition(".")[0] in SIGNED_AREAS and fact not in KNOWN_IN_USE
