"""Files made to hurt: each ends FAILED with a reason that names what is wrong, and the worker does the next one."""

from __future__ import annotations

import gzip
import io
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance import runner, store
from governance.actions import evaluations
from governance.exceptions import InvalidInput
from governance.models import Evaluation, WorkStatus
from tests import cast

pytestmark = pytest.mark.sandboxed
HEADER = b"row_id,sex,y_true,y_pred\n"
GIBIBYTE = 1 << 30


def evaluate(version: Any, developer: Any, content: bytes, kind: str = "bias_audit") -> Evaluation:
    evidence_kind, spec = {
        "bias_audit": ("predictions", cast.PREDICTIONS_SPEC),
        "explanation": ("attributions", cast.ATTRIBUTIONS_SPEC),
    }[kind]
    item = cast.submit(version, evidence_kind, by=developer, file=[content], file_name="table.bin")
    evaluation = evaluations.request_evaluation(
        version, kind=kind, evidence=item, spec=spec, actor=cast.acting(developer)
    )
    assert runner.run(evaluation.pk) is True
    evaluation.refresh_from_db()
    return evaluation


def hide_rows(folder: Path, rows: int = 200_000_000) -> bytes:
    """Parquet whose row groups all point at the same pages: few bytes, very many rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"row_id": "1", "sex": "f", "y_true": "1", "y_pred": "1"}
    codes = pa.array(np.zeros(4_000_000, dtype=np.int8))
    table = pa.table({name: pa.DictionaryArray.from_arrays(codes, pa.array([text])) for name, text in columns.items()})
    whole, footer = folder / "whole.parquet", folder / "footer.parquet"
    pq.write_table(table, whole, row_group_size=len(codes))
    metadata = pq.read_metadata(whole)
    more = pq.read_metadata(whole)
    while metadata.num_rows < rows:
        metadata.append_row_groups(more)
    metadata.write_metadata_file(footer)
    content = whole.read_bytes()
    pages = content[: -8 - int.from_bytes(content[-8:-4], "little")]
    return pages + footer.read_bytes()[4:]


def hide_columns(folder: Path) -> bytes:
    """Parquet with as many columns as fit."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({f"c{number}": [1] for number in range(2_000)}), folder / "wide.parquet")
    return (folder / "wide.parquet").read_bytes()


def nest(folder: Path) -> bytes:
    """Parquet whose cells are lists of lists."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: [[[1]] * 3] * 40 for name in ("row_id", "sex", "y_true", "y_pred")}
    pq.write_table(pa.table(columns), folder / "nested.parquet")
    return (folder / "nested.parquet").read_bytes()


def make_gzip_bomb(_: Path, size: int = 128 << 20) -> bytes:
    """Rows without end in few bytes, as gzip members one after the other."""
    member = gzip.compress(b"1,f,1,1\n" * (1 << 20), 9)
    return gzip.compress(HEADER) + member * (size // (8 << 20))


def make_zip_bomb(_: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", HEADER + b"1,f,1,1\n" * (8 << 20))
    return content.getvalue()


BOMBS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "200 million rows in few bytes": (hide_rows, "200,000,000 rows, at most 5,000,000"),
    "2,000 columns": (hide_columns, "columns"),
    "nested cells": (nest, "column"),
    "gzip bomb": (make_gzip_bomb, "times its size|rows, at most"),
    "one endless line": (lambda _: HEADER + b"1,f,1," + b"9" * (20 << 20), "cell|line|characters"),
    "endless header": (lambda _: b"a," * (4 << 20), "header|columns"),
    "many empty lines": (lambda _: HEADER + b"\n" * (20 << 20), "no rows|empty|cell"),
    "nothing but quotes": (lambda _: HEADER + b'"' * (1 << 20), "quote"),
    "groups without end": (
        lambda _: HEADER + b"".join(b"%d,g%d,1,1\n" % (n, n) for n in range(50_000)),
        "groups|values",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_in_bounded_time_and_memory(version, developer, tmp_path, name) -> None:
    make, words = BOMBS[name]
    content = make(tmp_path)
    assert len(content) < (32 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    failed = evaluate(version, developer, content)
    assert time.monotonic() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB, of this process: the worker's
    assert failed.status == WorkStatus.FAILED
    assert any(word in failed.failure for word in words.split("|")), failed.failure
    assert store.path_of(failed.evidence.digest).stat().st_size == len(content)


@pytest.mark.soak
def test_gzip_bomb_of_four_gibibytes_is_refused(version, developer, tmp_path) -> None:
    failed = evaluate(version, developer, make_gzip_bomb(tmp_path, 4 * GIBIBYTE))
    assert failed.status == WorkStatus.FAILED
    assert any(words in failed.failure for words in ("times its size", "rows, at most"))


def test_zip_bomb_is_refused_before_it_is_stored(version, developer, tmp_path) -> None:
    with pytest.raises(InvalidInput, match="a zip archive or a spreadsheet"):
        evaluate(version, developer, make_zip_bomb(tmp_path))
    assert not Evaluation.objects.exists()


def test_next_evaluation_after_a_bomb_works(version, developer, tmp_path) -> None:
    assert evaluate(version, developer, make_gzip_bomb(tmp_path)).status == WorkStatus.FAILED
    assert evaluate(version, developer, cast.make_predictions(40)).status == WorkStatus.SUCCEEDED
