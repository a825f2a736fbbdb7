"""Exact Shapley values of tree ensembles: ours beside bare shap, at several sizes, with the agreement, in one run.

    python tests/bench/shap_speed.py [--rows 1000 100000] [--bare 20000] [--models hist xgboost lightgbm forest]

Models of 100 trees on 30 features are fitted, exported and checked; then both sides explain the same rows, on arrays
in memory, after a small warm-up. Processor seconds (both threads) and wall seconds are given; imports are not counted
but shown. Where shap would be asked for more than `--bare` rows, it is asked for that many and the figure is
multiplied: its cost is linear in the rows. Such figures are marked *.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "client")]

import numpy as np  # noqa: E402 - the repository must be on the path first
from numpy.typing import NDArray  # noqa: E402

FEATURES = 30
BACKGROUND = 100
CHECKED_ROWS = 500


class Timing(NamedTuple):
    """Seconds of the processor and of the clock."""

    cpu: float
    wall: float


def make_rows(rows: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return seeded rows of 30 features, the last ten whole numbers, and labels with interactions in them."""
    generator = np.random.default_rng(seed)
    table = generator.standard_normal((rows, FEATURES))
    table[:, 20:] = generator.integers(0, 6, (rows, 10))
    score = table[:, 0] + 0.8 * table[:, 1] * table[:, 2] - 0.6 * table[:, 3] + 0.5 * np.sin(2 * table[:, 4])
    score += 0.3 * (table[:, 20] > 3) * table[:, 5] + 0.2 * table[:, 6:12].sum(axis=1)
    return table, (generator.random(rows) < 1 / (1 + np.exp(-score))).astype(np.int64)


def fit_model(name: str) -> Any:
    """Return a fitted model of 100 trees."""
    import lightgbm
    import xgboost
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    made = {
        "hist": lambda: HistGradientBoostingClassifier(max_iter=100, random_state=0),
        "xgboost": lambda: xgboost.XGBClassifier(n_estimators=100, max_depth=6, random_state=0, n_jobs=2),
        "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=100, random_state=0, verbose=-1, n_jobs=2),
        "forest": lambda: RandomForestClassifier(100, max_depth=10, random_state=0, n_jobs=2),
    }
    return made[name]().fit(*make_rows(20_000, 1))


def measure(act: Callable[[], Any]) -> tuple[Timing, Any]:
    """Return how long one call takes, and what it returns."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = act()
    return Timing(time.process_time() - cpu, time.perf_counter() - wall), found


def prepare_ours(model: Any, against: str) -> tuple[Callable[[NDArray[Any]], Any], float]:
    """Return (function from rows to values, seconds spent on exporting and checking)."""
    import json

    from audits.portable.attribute import ask, explain_rows
    from audits.portable.document import check_document
    from audits.portable.strict_json import read_json
    from countersign.export import export_model

    background = make_rows(20_000, 1)[0][:BACKGROUND] if against == "background" else None

    def prepare() -> Any:
        document = export_model(model, feature_names=[f"f{number}" for number in range(FEATURES)])
        return check_document(read_json(json.dumps(document).encode()))

    spent, checked = measure(prepare)
    question = ask(checked, background=None if background is None else np.ascontiguousarray(background.T))

    def explain(rows: NDArray[Any]) -> Any:
        found = explain_rows(checked, question, np.ascontiguousarray(rows.T))
        return found.values.T

    return explain, spent.cpu


def prepare_bare(model: Any, against: str) -> Callable[[NDArray[Any]], Any]:
    """Return shap's own function from rows to values of the second class or the margin."""
    import shap

    if against == "background":
        data = make_rows(20_000, 1)[0][:BACKGROUND]
        explainer = shap.TreeExplainer(model, data=data, feature_perturbation="interventional")
    else:
        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")

    def explain(rows: NDArray[Any]) -> Any:
        found = np.asarray(explainer.shap_values(rows, check_additivity=False))
        return found[..., 1] if found.ndim == 3 else found

    return explain


def compare(name: str, model: Any, against: str, sizes: list[int], most: int) -> None:
    """Print one line per number of rows."""
    ours, spent = prepare_ours(model, against)
    bare = prepare_bare(model, against)
    warm = make_rows(20, 9)[0]
    base = None
    if against == "background":
        base = float(predict_margins(model, make_rows(20_000, 1)[0][:BACKGROUND]).mean())
    ours(warm), bare(warm)
    for rows in sizes:
        table = make_rows(rows, 3)[0]
        asked = min(rows, most)
        our_time, values = measure(lambda table=table: ours(table))  # type: ignore[misc]
        bare_time, wanted = measure(lambda table=table, asked=asked: bare(table[:asked]))  # type: ignore[misc]
        scale = rows / asked
        margins = predict_margins(model, table[:CHECKED_ROWS])
        shown = min(asked, CHECKED_ROWS)
        off = float(np.abs(values[:shown] - wanted[:shown]).max())
        times, cpu, wall = bare_time.cpu * scale, bare_time.cpu / our_time.cpu, bare_time.wall / our_time.wall
        print(
            f"{name:<9} {against:<10} {rows:>8,} rows | ours {our_time.cpu:6.2f} cpu {our_time.wall:6.2f} wall | "
            f"shap {times:7.2f} cpu {bare_time.wall * scale:7.2f} wall{'*' if scale > 1 else ' '} | "
            f"shap : ours {cpu * scale:5.1f} cpu {wall * scale:5.1f} wall | "
            f"largest difference {off:.0e} of {np.abs(wanted).max():.2g}, misses additivity by "
            f"{miss(values[:shown], margins, base):.0e} (ours) {miss(wanted[:shown], margins, base):.0e} (shap) | "
            f"export and check {spent:.2f}",
            flush=True,
        )


def miss(values: NDArray[Any], margins: NDArray[Any], base: float | None) -> float:
    """Return by how much base + sum misses the margin at worst.

    Against background rows the base is the library's own mean over them; else the one that fits best.
    """
    gap = margins[: len(values)] - values.sum(axis=1)
    return float(np.ptp(gap) / 2 if base is None else np.abs(gap - base).max())


def predict_margins(model: Any, rows: NDArray[Any]) -> NDArray[Any]:
    """Return what is explained, as the library itself says it."""
    if hasattr(model, "get_booster"):
        return np.asarray(model.predict(rows, output_margin=True), dtype=np.float64)
    if hasattr(model, "booster_"):
        return np.asarray(model.predict(rows, raw_score=True))
    return np.asarray(model.decision_function(rows) if hasattr(model, "loss") else model.predict_proba(rows)[:, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--bare", type=int, default=20_000, help="shap is asked for at most so many rows")
    parser.add_argument("--bare-background", type=int, default=2_000, help="the same against background rows")
    parser.add_argument("--models", nargs="+", default=["hist", "xgboost", "lightgbm"])
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"Shapley values of 100 trees on {FEATURES} features; background of {BACKGROUND} rows; seconds")
    own, _ = measure(lambda: __import__("audits.portable.attribute"))
    theirs, _ = measure(lambda: __import__("shap"))
    print(f"imports: ours {own.wall:.2f} s, shap {theirs.wall:.2f} s (ours needs NumPy only)", flush=True)
    for name in chosen.models:
        model = fit_model(name)
        compare(name, model, "cover", chosen.rows, chosen.bare)
        compare(name, model, "background", chosen.rows, chosen.bare_background)


if __name__ == "__main__":
    main()
