"""Damaged files: whatever is changed, the answer is a result or BadInput, never another error."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from audits.bias.audit import run_bias_audit
from audits.errors import BadInput
from audits.explanations.explain import run_explanation
from tests.audits.samples import SPEC, write, write_parquet

COUNT = 40
ROWS = "".join(
    f"{number},{'ab'[number % 2]},{number % 3 % 2},{number % 5 % 2},0.{number % 10},{number % 4}.5\n"
    for number in range(1, 41)
)
TABLE = f"id,group,y_true,y_pred,score,weight\n{ROWS}".encode()
BIAS = {
    **SPEC,
    "intervals": {"draws": 200},
    "columns": {
        "id": "id", "y_true": "y_true", "y_pred": "y_pred", "y_score": "score", "weight": "weight",
    },
}  # fmt: skip
SHAP = b"id,base,out,a,b\n" + b"".join(
    f"r{number},0.5,{0.5 + number + 0.25},{number},0.25\n".encode() for number in range(40)
)
SNIPPETS = [
    b"\xff", b"\x00", b'"', b'""', b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf",
    b"nan", b"-inf", b"1e999", b"-1", b"", b"NULL", b"a" * 1100, b"PAR1", "\u202e".encode(), b"'", b"\\",
]  # fmt: skip


def mutate(content: bytes, generator: random.Random) -> bytes:
    """Return the content with one to three pieces cut, doubled, replaced or inserted."""
    for _ in range(generator.randint(1, 3)):
        start = generator.randrange(len(content) + 1)
        end = min(len(content), start + generator.choice([0, 1, 1, 2, 7, 60]))
        piece = generator.choice([generator.choice(SNIPPETS), content[start:end] * 2, b""])
        content = content[:start] + piece + content[end:]
    return content


def outcome(run: Any, path: Path, spec: dict[str, Any]) -> str:
    """Return "result" or the refusal; any other error fails the test."""
    try:
        document = run(path, spec)
    except BadInput as error:
        return str(error)
    json.dumps(document, allow_nan=False)
    return "result"


@pytest.mark.parametrize("kind", ["csv", "parquet", "attributions"])
def test_damaged_files_are_refused_or_measured(tmp_path: Path, kind: str) -> None:
    generator = random.Random(11)
    run: Any = run_explanation if kind == "attributions" else run_bias_audit
    spec: dict[str, Any] = dict(BIAS)
    content = TABLE
    if kind == "attributions":
        spec = {"columns": {"id": "id", "base": "base", "output": "out"}}
        content = SHAP
    if kind == "parquet":
        query = "SELECT i AS id, chr((97 + i % 2)::INTEGER) AS group, i % 3 % 2 AS y_true, i % 5 % 2 AS y_pred, "
        query += "i / 40 AS score, i % 4 + 0.5 AS weight FROM range(1, 41) t(i)"
        content = write_parquet(tmp_path / "table.parquet", query).read_bytes()
    found = [outcome(run, write(tmp_path / "mutated", mutate(content, generator)), spec) for _ in range(COUNT)]
    assert len(found) - found.count("result") > COUNT // 5
    assert kind == "parquet" or "result" in found
    assert max(map(len, found)) < 1_500
    assert min(map(len, found)) > 5
