"""The document of a tree that can be drawn on paper."""

from __future__ import annotations

from typing import Any

# A tree that can be drawn on paper: x <= 0.5 -> 1; else y <= 2 -> 3, else 7. Covers 4 = 1 + 3, 3 = 2 + 1.
PAPER_TREE: dict[str, Any] = {
    "left": [1, -1, 3, -1, -1],
    "right": [2, -1, 4, -1, -1],
    "feature": [0, -1, 1, -1, -1],
    "threshold": [0.5, 0.0, 2.0, 0.0, 0.0],
    "values": [[0.0, 1.0, 0.0, 3.0, 7.0]],
    "cover": [4, 1, 3, 2, 1],
    "missing_left": [True, False, False, False, False],
}


def make_paper(**changes: Any) -> dict[str, Any]:
    """Return the document of the paper tree; `changes` change keys of its tree."""
    return {
        "format": "countersign/model/1",
        "task": "regression",
        "inputs": [{"name": "x", "kind": "number"}, {"name": "y", "kind": "number"}],
        "model": {
            "kind": "trees",
            "trees": [{**PAPER_TREE, **changes}],
            "base": [10.0],
            "combine": "sum",
            "comparison": "<=",
        },
        "link": "identity",
        "outputs": ["points"],
    }
