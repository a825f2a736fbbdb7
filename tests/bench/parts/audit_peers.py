"""Other libraries on the same file, each in the Python that has it: their pins exclude each other.

    PYTHON tests/bench/parts/audit_peers.py aequitas|aif360 FILE

Needs nothing of ours; prints one line of JSON with seconds, memory and the numbers to compare.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.bench.parts.peak import measure_peak  # noqa: E402 - the line above finds it

FEATURES = ["sex", "age", "region"]


def read(path: str) -> Any:
    """Return the rows as a data frame with plain texts."""
    import pandas as pd

    table = pd.read_parquet(path, columns=[*FEATURES, "y_true", "y_pred"])
    table[FEATURES] = table[FEATURES].astype(str)
    return table


def aequitas(table: Any) -> dict[str, dict[str, float]]:
    """Rates of the groups of each feature, as `Group.get_crosstabs` gives them (no intersections)."""
    from aequitas.group import Group

    renamed = table.rename(columns={"y_pred": "score", "y_true": "label_value"})
    found, _ = Group().get_crosstabs(renamed, attr_cols=FEATURES)
    return {
        f"{row['attribute_name']}={row['attribute_value']}": {
            "tpr": row["tpr"],
            "fpr": row["fpr"],
            "selection_rate": row["pprev"],
            "n": row["group_size"],
        }
        for row in found.to_dict("records")
    }


def aif360(table: Any) -> dict[str, dict[str, float]]:
    """Rates of each group of each feature against the rest (no intersections)."""
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import ClassificationMetric

    found = {}
    for feature in FEATURES:
        codes, names = table[feature].factorize()
        frame = table[["y_true"]].astype(float).assign(group=codes.astype(float))
        truth = BinaryLabelDataset(df=frame, label_names=["y_true"], protected_attribute_names=["group"])
        predicted = truth.copy()
        predicted.labels = table[["y_pred"]].to_numpy(dtype=float)
        for code, name in enumerate(names):
            metric = ClassificationMetric(
                truth,
                predicted,
                privileged_groups=[{"group": float(other)} for other in range(len(names)) if other != code],
                unprivileged_groups=[{"group": float(code)}],
            )
            found[f"{feature}={name}"] = {
                "tpr": metric.true_positive_rate(privileged=False),
                "fpr": metric.false_positive_rate(privileged=False),
                "selection_rate": metric.selection_rate(privileged=False),
                "n": metric.num_instances(privileged=False),
            }
    return found


def main() -> None:
    """Warm up on a few rows, then measure."""
    warnings.simplefilter("ignore")
    name, path = sys.argv[1:3]
    table = read(path)
    run = {"aequitas": aequitas, "aif360": aif360}[name]
    run(table.head(2_000))
    before, start = time.process_time(), time.perf_counter()
    found = run(table)
    wall, cpu = time.perf_counter() - start, time.process_time() - before
    peak = measure_peak()
    rates = {group: {key: float(value) for key, value in row.items()} for group, row in found.items()}
    print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": peak, "groups": rates}))


if __name__ == "__main__":
    main()
