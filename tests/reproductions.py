"""A report as `countersign reproduce` writes it, for tests of every floor."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

DIGEST = "sha256:" + "5" * 64
REPORT: dict[str, Any] = {
    "format": "countersign/reproduction/1",
    "record_digest": DIGEST,
    "command": ["python", "train.py", "--seed", "7"],
    "environment": ["PYTHONHASHSEED"],
    "seed": 7,
    "recorded": {"accuracy": 0.95},
    "tolerances": {"accuracy": {"absolute": 0.01}},
    "inputs": [{"name": "data/train.csv", "digest": "sha256:" + "6" * 64}],
    "runs": [
        {
            "metrics": {"accuracy": 0.948},
            "seconds": 12.5,
            "exit_code": 0,
            "failure": "",
            "log_digest": "sha256:" + "7" * 64,
            "outputs": [{"name": "model.json", "digest": "sha256:" + "8" * 64}],
        }
    ],
    "code": {"revision": "4e23972", "recorded_revision": "4e23972", "is_clean": True},
    "platform": {"python": "3.11.9", "system": "Linux", "machine": "x86_64"},
}


def make_report(**changes: Any) -> dict[str, Any]:
    """A whole report with some of its parts changed."""
    return deepcopy(REPORT) | changes


def make_run(**metrics: float) -> dict[str, Any]:
    """One run that ended well with these metrics."""
    return deepcopy(REPORT["runs"][0]) | {"metrics": metrics}
