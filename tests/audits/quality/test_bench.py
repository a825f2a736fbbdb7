"""The bench of profiles on a small table: it runs, its numbers agree, and memory does not follow the rows."""

from __future__ import annotations

from tests.bench import quality


def test_bench_measures_a_process_of_its_own(tmp_path):
    path = tmp_path / "small.parquet"
    quality.write_table(path, 60_000, 7)
    parquet, csv = quality.measure(path), quality.measure(path.with_suffix(".csv"))

    assert parquet["numbers"] == csv["numbers"]
    assert parquet["numbers"]["key_uniqueness"] == 1
    assert 40 < max(parquet["megabytes"], csv["megabytes"]) < 400
