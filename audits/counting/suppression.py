"""Small cells identify people: what is published leaves them out and says how much it left out.

A cell of fewer rows than the minimum goes. Where exactly one cell of a group went, what it held
would follow from the group's total, so that total is no longer given either: `LeftOut` counts the
rows of all suppressed cells together, over all groups.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from audits.counting.cells import Cells, LeftOut


def suppress_cells(cells: Cells, minimum: int) -> Cells:
    """Return the cells without those of fewer than `minimum` rows.

    Scores, errors and clusters go with the first suppressed cell: they would show what it held.

    Parameters
    ----------
    cells : Cells
    minimum : int
        The smallest count that is published; 1 publishes everything.

    Returns
    -------
    Cells
        The same cells where none is small; otherwise with the suppressed rows in `left_out`.
    """
    small = [cell for cell in cells.rows if cell.count < minimum]
    if not small:
        return cells
    reason = f"in a cell of fewer than {minimum:,} rows, which is not published"
    counts = Counter({part.reason: part.rows for part in cells.left_out})
    counts[reason] += sum(cell.count for cell in small)
    return replace(
        cells,
        rows=tuple(cell for cell in cells.rows if cell.count >= minimum),
        left_out=tuple(LeftOut(text, rows) for text, rows in sorted(counts.items())),
        scores=None,
        errors=None,
        clusters=None,
    )
