"""Reason codes: which scored factors spoke most against a row on the adverse side of the threshold.

At most four, ranked by size, only factors that pushed towards the adverse outcome; factors with
the same statement are added up first. A declared protected feature is never given as a reason:
where it would have been, that is said. The comparison is with the reference the attributions are
about (the background rows, or the training rows a tree remembers), which is named. Source: 12 CFR
1002.9(b)(2) and its official interpretation: specific and principal reasons, factors actually
scored, more than four unlikely to help.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audits.explanations.attributions import Attributions
from audits.explanations.protected import find_protected
from audits.explanations.wishes import Wishes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_REASONS = 4
SHOWN_ROWS = 50


def find_reasons(attributions: Attributions, wishes: Wishes, threshold: float, reference: str) -> dict[str, Any]:
    """Return reason codes of the rows on the adverse side, and how often each reason comes.

    Parameters
    ----------
    attributions : Attributions
    wishes : Wishes
        With `adverse` given.
    threshold : float
        The output at which the decision turns; on it the decision is favourable.
    reference : str
        What the attributions compare with, in words.
    """
    import numpy as np

    sign = 1.0 if wishes.adverse == "higher" else -1.0
    distance = sign * (attributions.output - threshold)
    adverse = np.flatnonzero(distance > 0)
    statements = [wishes.statements.get(name, name) for name in attributions.features]
    protected = frozenset(find_protected(wishes.protected, attributions.features).features)
    against = sign * attributions.shap[adverse]
    counted: Counter[str] = Counter()
    withheld = 0
    rows = {}
    for place, row in enumerate(adverse.tolist()):
        reasons, is_withheld = _rank(against[place], statements, attributions.features, protected)
        counted.update(reason["statement"] for reason in reasons)
        withheld += is_withheld
        rows[row] = reasons
    nearest = sorted(rows, key=lambda row: (float(distance[row]), row))[:SHOWN_ROWS]
    return {
        "adverse": wishes.adverse,
        "threshold": threshold,
        "reference": reference,
        "rows": len(adverse),
        "rows_with_a_protected_reason": withheld,
        "frequency": [
            {"statement": statement, "rows": count, "share": count / len(adverse)}
            for statement, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        ],
        "nearest": [
            {"id": attributions.ids[row], "output": float(attributions.output[row]), "reasons": rows[row]}
            for row in nearest
        ],
    }


def _rank(
    against: NDArray[np.float64], statements: list[str], features: Sequence[str], protected: frozenset[str]
) -> tuple[list[dict[str, Any]], bool]:
    """Return the principal reasons of one row, and whether a protected feature would have been one."""
    sums: dict[str, float] = {}
    members: dict[str, list[str]] = {}
    for name, statement, push in zip(features, statements, against.tolist(), strict=True):
        sums[statement] = sums.get(statement, 0.0) + push
        members.setdefault(statement, []).append(name)
    ranked = sorted((name for name in sums if sums[name] > 0), key=lambda name: (-sums[name], name))
    barred = {name for name in ranked if protected.intersection(members[name])}
    would_be = bool(barred.intersection(ranked[:MOST_REASONS]))
    allowed = [name for name in ranked if name not in barred][:MOST_REASONS]
    return [{"statement": name, "features": members[name], "push": sums[name]} for name in allowed], would_be
