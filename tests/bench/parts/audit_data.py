"""Seeded predictions of any size as Parquet: three sensitive features with 2, 6 and 9 levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20261121
CHUNK = 1_000_000
SEXES, SEX_SHARES = ["F", "M"], [0.46, 0.54]
AGES, AGE_SHARES = ["18-24", "25-34", "35-44", "45-54", "55-64", "65+"], [0.10, 0.27, 0.25, 0.19, 0.13, 0.06]
REGIONS = [f"R{number}" for number in range(9)]
REGION_SHARES = [0.52, 0.18, 0.11, 0.07, 0.05, 0.03, 0.02, 0.014, 0.006]


def make_chunk(generator: np.random.Generator, rows: int) -> pa.Table:
    """Return some rows; groups differ in base rate and in score."""
    sex = generator.choice(2, rows, p=SEX_SHARES).astype(np.int8)
    age = generator.choice(6, rows, p=AGE_SHARES).astype(np.int8)
    region = generator.choice(9, rows, p=REGION_SHARES).astype(np.int8)
    merit = generator.standard_normal(rows) + 0.25 * sex - 0.12 * (age - 2.5) - 0.08 * region
    label = (generator.random(rows) < 1 / (1 + np.exp(0.8 - 1.3 * merit))).astype(np.int8)
    noisy = merit + 0.6 * generator.standard_normal(rows) + 0.1 * sex
    score = (1 / (1 + np.exp(0.7 - 1.1 * noisy))).astype(np.float32)
    coded = [
        pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names))
        for codes, names in ((sex, SEXES), (age, AGES), (region, REGIONS))
    ]
    columns = [label, (score >= 0.5).astype(np.int8), score, *coded]
    return pa.table(dict(zip(("y_true", "y_pred", "y_score", "sex", "age", "region"), columns, strict=True)))


def write_predictions(path: Path, rows: int) -> Path:
    """Write a file of `rows` rows, a row group of a million at a time."""
    generator = np.random.default_rng(SEED)
    writer = None
    for start in range(0, rows, CHUNK):
        table = make_chunk(generator, min(CHUNK, rows - start))
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return path
