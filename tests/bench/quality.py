"""Data-quality profiles of large and wide tables: time and the largest memory of a process of its own.

    python tests/bench/quality.py [--rows 1000000] [--columns 12] [--wide 200]

Every profile runs in a fresh process whose peak resident memory is read from the kernel. Each table is measured as
Parquet and as CSV; the imports alone are the first line. Checks that CSV and Parquet give the same numbers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.parts.peak import measure_peak  # noqa: E402 - the line above finds it

KINDS = 6


def write_table(path: Path, rows: int, columns: int) -> None:
    """Write made-up rows: a key, normal numbers, categories, dates, gaps and addresses, in turn."""
    import duckdb

    makers = (
        "round(sqrt(-2 * ln(random() + 1e-12)) * cos(6.2831853 * random()), 5) AS c{n}",
        "'group ' || (random() * 20)::INTEGER AS c{n}",
        "(random() * 1000)::INTEGER AS c{n}",
        "DATE '2023-01-01' + (random() * 700)::INTEGER AS c{n}",
        "CASE WHEN random() < 0.1 THEN NULL ELSE round(random(), 3) END AS c{n}",
        "'person' || (random() * 5000)::INTEGER || '@example.org' AS c{n}",
    )
    parts = ", ".join(makers[number % KINDS].format(n=number) for number in range(columns - 1))
    with duckdb.connect() as engine:
        engine.execute("SELECT setseed(0.5)")
        engine.execute("SET threads = 1")
        query = f"SELECT range AS id, {parts} FROM range({rows})"  # noqa: S608 - numbers of our own
        engine.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 100000)")
        engine.execute(f"COPY (FROM '{path}') TO '{path.with_suffix('.csv')}' (FORMAT csv)")


def profile(path: Path | None) -> dict[str, Any]:
    """Profile one table in this process. Without a table: only what the imports cost."""
    import duckdb  # noqa: F401
    import numpy  # noqa: F401

    from audits.quality.profile import run_quality
    from audits.tables.limits import COMMAND_LINE_LIMITS

    started = time.perf_counter()
    found: dict[str, Any] = {}
    if path is not None:
        spec = {"key": ["id"], "label": "c1", "sensitive": ["c1"]}
        result = run_quality(path, spec, limits=COMMAND_LINE_LIMITS)
        found = {item["metric"]: item["value"] for item in result["measures"] if item["population"] == "overall"}
        found["medians"] = [
            column["numbers"]["quantiles"]["values"]["0.5"] for column in result["columns"] if column["numbers"]
        ]
    peak = measure_peak()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu": time.process_time(), "megabytes": peak, "numbers": found}


def measure(path: Path | None) -> dict[str, Any]:
    """Return what a fresh process needs to profile the table."""
    command = [sys.executable, __file__, "--child", str(path or "")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def tell(name: str, size: int, found: dict[str, Any]) -> None:
    print(
        f"{name:42} {size / 1e6:9.1f} MB {found['seconds']:8.2f} s {found['cpu']:8.2f} s of CPU "
        f"{found['megabytes']:7.0f} MB peak",
        flush=True,
    )


def main(tables: list[tuple[int, int]]) -> None:
    tell("imports alone", 0, measure(None))
    with tempfile.TemporaryDirectory() as folder:
        for rows, columns in tables:
            path = Path(folder) / f"{rows}x{columns}.parquet"
            write_table(path, rows, columns)
            results = []
            for suffix in (".parquet", ".csv"):
                table = path.with_suffix(suffix)
                results.append(measure(table))
                tell(f"{rows:,} rows x {columns} columns, {suffix[1:]}", table.stat().st_size, results[-1])
                table.unlink()
            assert results[0]["numbers"] == results[1]["numbers"], "CSV and Parquet differ"  # noqa: S101
    print("CSV and Parquet gave the same numbers.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=12)
    parser.add_argument("--wide", type=int, default=200)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(profile(Path(given.child) if given.child else None)))
    else:
        wide = [(given.rows[0], given.wide)] if given.wide else []  # a million of them take minutes
        main([*((rows, given.columns) for rows in given.rows), *wide])
