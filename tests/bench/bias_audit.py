"""Bias audits of any size beside a bare scan, fairlearn and others, in one run.

    python tests/bench/bias_audit.py [--rows 1000000 10000000] [--fairlearn-rows 100000] [--repeat 3]
        [--aequitas PYTHON] [--aif360 PYTHON] [--folder /tmp]

Seeded Parquet (zstd, dictionary texts), three sensitive features with 2, 6 and 9 levels. An audit is `run_bias_audit`
after import: digest, checks, every metric of every group of all seven combinations, disparities, intervals with 1,000
draws. Bare scans are the same engine with the same settings reading the same five columns: every value hashed and
nothing kept (the least there is), or every value handed over as Arrow batches. Every run has a process of its own; the
table shows the best of the repeats, since other work on the machine only ever adds. fairlearn's MetricFrame (with its
own and scikit-learn's metrics) runs on the rows of a smaller file, for the same combinations, without intervals and
with two bootstrap draws; what it did not run says "extrapolated", linear in rows and draws from its own run. Ends with
1 if any number differs from fairlearn's. 100,000,000 rows need 0.6 GB in --folder.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.parts.audit_data import write_predictions  # noqa: E402 - after the path
from tests.bench.parts.audit_runs import DRAWS  # noqa: E402

PARTS = ROOT / "tests" / "bench" / "parts"
TOLERANCE = 1e-12
METRICS = ("selection_rate", "tpr", "fpr", "fnr", "precision", "accuracy", "balanced_accuracy", "n")


class Run(NamedTuple):
    """The best of the repeats of one run."""

    wall: float
    cpu: float
    peak_mb: float


def measure(name: str, path: Path, repeat: int, result: Path | None = None) -> Run:
    """Run something in fresh processes and return the least of each figure (memory: the most)."""
    lines = []
    for _ in range(repeat):
        command = [sys.executable, str(PARTS / "audit_runs.py"), name, str(path)]
        done = subprocess.run(command + ([str(result)] if result else []), capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr.decode()[-2000:]}")
        lines.append(json.loads(done.stdout.splitlines()[-1]))
    return Run(
        min(line["wall"] for line in lines), min(line["cpu"] for line in lines), max(line["peak_mb"] for line in lines)
    )


def show(name: str, rows: int, run: Run, note: str = "") -> None:
    """Print one line of the table."""
    print(f"{name:34s} {rows:>12,} {run.wall:>9.3f} {run.cpu:>9.3f} {run.peak_mb:>8.0f}  {note}".rstrip(), flush=True)


def bench_size(rows: int, path: Path, repeat: int) -> dict[str, Run]:
    """Measure everything that runs at every size."""
    found = {name: measure(name, path, repeat) for name in ("scan", "deliver", "digest", "count", "audit", "scored")}
    show("bare scan: columns hashed", rows, found["scan"])
    show("bare scan: columns handed over", rows, found["deliver"])
    show("digest alone", rows, found["digest"], f"{path.stat().st_size / 1e6:,.0f} MB")
    show("read, digest and count", rows, found["count"], compare(found["count"], found["scan"], "the scan"))
    show("audit with intervals", rows, found["audit"], compare(found["audit"], found["scan"], "the scan"))
    print(f"{'':34s} {'':>41s}  {compare(found['audit'], found['deliver'], 'the scan handed over')}")
    show("audit with scores as well", rows, found["scored"])
    return found


def compare(run: Run, base: Run, name: str) -> str:
    """Return how many times the base a run takes."""
    return f"{run.wall / base.wall:.2f} x {name} (wall), {run.cpu / base.cpu:.2f} x (cpu)"


def show_growth(sizes: dict[int, dict[str, Run]]) -> None:
    """Print the exponents of growth between neighbouring sizes."""
    ordered = sorted(sizes)
    for small, large in zip(ordered, ordered[1:], strict=False):
        steps = math.log(large / small)
        figures = ", ".join(
            f"{name} {math.log(sizes[large][name].cpu / sizes[small][name].cpu) / steps:.2f}"
            for name in ("scan", "count", "audit", "scored")
        )
        print(f"growth exponent (cpu) {small:,} to {large:,}: {figures}")


def list_groups(grouping: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return our groups by their values."""
    return {" & ".join(group["group"].values()): group for group in grouping["by_group"]}


def list_pairs(grouping: dict[str, Any], frame: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Yield (name, our number, fairlearn's) of one combination of features.

    Where a rate is undefined fairlearn says 0 and we say so: such a rate and its disparities are passed over.
    """
    groups = list_groups(grouping)
    undefined = set()
    for key, expected in frame["groups"].items():
        for name in METRICS:
            ours = groups.get(key, {}).get(name)
            if ours is None or expected[name] is None:
                undefined.add(name)
            else:
                yield f"{key} {name}", ours, expected[name]
    for name in METRICS:
        for kind in ("difference", "ratio"):
            if name in grouping["spread"] and name not in undefined and name in frame[kind]:
                yield f"{kind} of {name}", grouping["spread"][name][kind], frame[kind][name]


def find_differences(document: dict[str, Any], frames: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Compare an audit with fairlearn's frames; return (numbers compared, those that differ)."""
    compared, wrong = 0, []
    for grouping, frame in zip(document["groupings"], frames, strict=True):
        for name, ours, theirs in list_pairs(grouping, frame):
            compared += 1
            if abs(ours - theirs) > TOLERANCE * max(1, abs(theirs)):
                wrong.append(f"{frame['sensitive']} {name}: {ours} and {theirs}")
    return compared, wrong


def bench_fairlearn(folder: Path, rows: int, sizes: dict[int, dict[str, Run]]) -> list[str]:
    """Run fairlearn on the rows of one file, compare every number, and say how much faster we are."""
    path = write_predictions(folder / f"{rows}.parquet", rows)
    run = measure("fairlearn", path, 1, folder / "fairlearn.json")
    ours = measure("audit", path, 1, folder / "audit.json")
    show("fairlearn MetricFrame on rows", rows, run, "7 combinations, 8 metrics, no intervals")
    show("audit with intervals", rows, ours, f"{run.wall / ours.wall:,.0f} times faster (wall)")
    for size, found in sorted(sizes.items()):
        if size > rows:
            times = run.wall * size / rows / found["audit"].wall
            print(
                f"  at {size:,} rows fairlearn extrapolated: {run.wall * size / rows:,.0f} s, {times:,.0f} times ours"
            )
    bench_draws(folder, rows, run, ours)
    document = json.loads((folder / "audit.json").read_text("utf-8"))
    compared, wrong = find_differences(document, json.loads((folder / "fairlearn.json").read_text("utf-8")))
    print(f"agreement with fairlearn: {compared - len(wrong):,} of {compared:,} numbers within {TOLERANCE:g}")
    return wrong


def bench_draws(folder: Path, rows: int, points: Run, ours: Run) -> None:
    """Say what fairlearn's own intervals would take: a few draws measured on a tenth of the rows, the rest said."""
    path = write_predictions(folder / "draws.parquet", rows // 10)
    alone, drawn = measure("fairlearn", path, 1), measure("fairlearn-draws", path, 1)
    show("fairlearn MetricFrame on rows", rows // 10, alone)
    show(f"the same with n_boot={DRAWS}", rows // 10, drawn)
    share = (drawn.cpu - alone.cpu) / DRAWS / alone.cpu
    seconds = points.cpu * (1 + 1_000 * share)
    print(
        f"  a draw costs {share:.2f} of the frame; {rows:,} rows with 1,000 draws, extrapolated: {seconds:,.0f} cpu s, "
        f"{seconds / ours.cpu:,.0f} times ours"
    )


def bench_peer(name: str, python: str | None, path: Path, rows: int, document: dict[str, Any]) -> list[str]:
    """Run another library where it is installed, and compare the rates of single features."""
    command = [python or sys.executable, str(PARTS / "audit_peers.py"), name, str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode().strip().splitlines()[-1:] or ["it failed"]
        print(f"{name:34s} {rows:>12,} not measured: {reason[0][:100]}")
        return []
    line = json.loads(done.stdout.splitlines()[-1])
    show(name, rows, Run(line["wall"], line["cpu"], line["peak_mb"]), "single features only, no intervals")
    wrong = []
    for grouping in document["groupings"]:
        if len(grouping["sensitive"]) == 1:
            for key, ours in list_groups(grouping).items():
                theirs = line["groups"][f"{grouping['sensitive'][0]}={key}"]
                wrong += [f"{name} {key} {rate}" for rate in theirs if abs(theirs[rate] - ours[rate]) > 1e-9]
    print(f"agreement with {name}: {'all' if not wrong else 'not all'} of {4 * len(line['groups'])} numbers")
    return wrong


def main() -> int:
    """Print the table; 1 if a number differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--fairlearn-rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--aequitas", help="a Python that has aequitas")
    parser.add_argument("--aif360", help="a Python that has aif360")
    parser.add_argument("--folder", help="where files are written and deleted again")
    options = parser.parse_args()
    print(f"{'':34s} {'rows':>12s} {'wall s':>9s} {'cpu s':>9s} {'peak MB':>8s}")
    sizes = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for rows in options.rows:
            path = write_predictions(folder / f"{rows}.parquet", rows)
            sizes[rows] = bench_size(rows, path, options.repeat)
            path.unlink()
        show_growth(sizes)
        wrong = bench_fairlearn(folder, options.fairlearn_rows, sizes)
        document = json.loads((folder / "audit.json").read_text("utf-8"))
        path = folder / f"{options.fairlearn_rows}.parquet"
        for peer, python in (("aequitas", options.aequitas), ("aif360", options.aif360)):
            wrong += bench_peer(peer, python, path, options.fairlearn_rows, document)
    for line in wrong[:20]:
        print(f"differs: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
