"""One measured run in a process of its own: prints one line of JSON with seconds and memory.

python tests/bench/parts/audit_runs.py audit|scored|count|scan|deliver|digest|fairlearn|fairlearn-draws FILE
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.bench.parts.peak import measure_peak  # noqa: E402 - the line above finds it

FEATURES = ("sex", "age", "region")
COLUMNS = ("sex", "age", "region", "y_true", "y_pred")
SPEC: dict[str, Any] = {
    "task": "binary",
    "columns": {"y_true": "y_true", "y_pred": "y_pred"},
    "positive_label": "1",
    "sensitive": list(FEATURES),
}
DRAWS = 2
SCORED = {**SPEC, "columns": {**SPEC["columns"], "y_score": "y_score"}}


def audit(path: Path, spec: dict[str, Any] = SPEC) -> Any:
    """Run the whole audit as every other program does."""
    from audits.bias.audit import run_bias_audit
    from audits.tables.frames import COMMAND_LINE_LIMITS

    return run_bias_audit(path, spec, limits=COMMAND_LINE_LIMITS)


def count(path: Path) -> Any:
    """Only read and count: the part that grows with the rows."""
    from audits.counting.reduction import reduce_to_cells
    from audits.spec import check_spec
    from audits.tables.frames import COMMAND_LINE_LIMITS, read_predictions

    spec = check_spec(SPEC)
    return reduce_to_cells(
        read_predictions(path, spec, limits=COMMAND_LINE_LIMITS), spec, limits=COMMAND_LINE_LIMITS
    ).rows_used


def scan(path: Path) -> Any:
    """The same columns by the same engine with the same settings: every value read, nothing kept."""
    from audits.tables.engine import open_engine

    query = f"SELECT count(*) FROM read_parquet('{path}') WHERE hash({', '.join(COLUMNS)}) = 0"  # noqa: S608
    with open_engine(path) as engine:
        return engine.execute(query).fetchall()


def deliver(path: Path) -> Any:
    """The same columns handed over by the same engine as Arrow batches: what a program needs to count for itself."""
    from audits.tables.engine import open_engine

    with open_engine(path) as engine:
        reader = engine.sql(f"SELECT {', '.join(COLUMNS)} FROM read_parquet('{path}')").to_arrow_reader(100_000)  # noqa: S608
        return sum(batch.num_rows for batch in reader)


def digest(path: Path) -> Any:
    """SHA-256 of the file, which the audit computes beside its counting."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fairlearn(path: Path, **more: Any) -> Any:
    """MetricFrame with fairlearn's and scikit-learn's own metrics on the rows, for the same groupings."""
    import pyarrow.parquet as pq
    from fairlearn import metrics as fair
    from sklearn import metrics as sk

    table = pq.read_table(path, columns=list(COLUMNS)).to_pandas()
    table[list(FEATURES)] = table[list(FEATURES)].astype(str)
    functions = {
        "selection_rate": fair.selection_rate,
        "tpr": fair.true_positive_rate,
        "fpr": fair.false_positive_rate,
        "fnr": fair.false_negative_rate,
        "precision": lambda y, p: sk.precision_score(y, p, zero_division=0),
        "accuracy": sk.accuracy_score,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "n": fair.count,
    }
    found = []
    for size in range(1, len(FEATURES) + 1):
        for features in combinations(FEATURES, size):
            frame = fair.MetricFrame(
                metrics=functions,
                y_true=table["y_true"],
                y_pred=table["y_pred"],
                sensitive_features=table[list(features)],
                **more,
            )
            groups = {
                " & ".join(key if isinstance(key, tuple) else (key,)): {
                    name: None if value != value else float(value) for name, value in row.items()
                }
                for key, row in frame.by_group.to_dict("index").items()
            }
            disparities = {
                "difference": {name: float(value) for name, value in frame.difference().items() if value == value},
                "ratio": {name: float(value) for name, value in frame.ratio().items() if value == value},
            }
            found.append({"sensitive": list(features), "groups": groups, **disparities})
    return found


def fairlearn_draws(path: Path) -> Any:
    """The same with bootstrap intervals, of as many draws as can be borne."""
    return fairlearn(path, n_boot=DRAWS, ci_quantiles=[0.025, 0.975], random_state=0)


RUNS: dict[str, Callable[[Path], Any]] = {
    "audit": audit,
    "scored": lambda path: audit(path, SCORED),
    "count": count,
    "scan": scan,
    "deliver": deliver,
    "digest": digest,
    "fairlearn": fairlearn,
    "fairlearn-draws": fairlearn_draws,
}


def warm_up(run: str) -> None:
    """Import everything on a few rows, so that importing is not measured."""
    from tests.bench.parts.audit_data import write_predictions

    with tempfile.TemporaryDirectory() as folder:
        path = write_predictions(Path(folder) / "few.parquet", 2_000)
        RUNS[run](path)


def main() -> None:
    """Run once; the result goes to the file named by a third argument."""
    run, path, *more = sys.argv[1:]
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        warm_up(run)
        before = time.process_time()
        start = time.perf_counter()
        result = RUNS[run](Path(path))
        wall, cpu = time.perf_counter() - start, time.process_time() - before
    if more:
        Path(more[0]).write_text(json.dumps(result), "utf-8")
    peak = measure_peak()
    print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": peak}))


if __name__ == "__main__":
    main()
