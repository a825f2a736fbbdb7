"""Damaged files: whatever is changed, the answer is a result or a refusal, and nobody but the child may die of it."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audits.sandbox.failures import SandboxFailure
from audits.sandbox.sandbox import run_job
from audits.sandbox.walls import JobLimits
from tests.audits.samples import SPEC, write, write_parquet

COUNT = 20
LIMITS = JobLimits(seconds=120)
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


def evaluate_all(folder: Path, kind: str, spec: dict[str, Any], contents: list[bytes]) -> list[str]:
    """The outcome of every content, computed in as few sandboxed children as live long enough.

    A child may die of a content; that is its outcome, and the next child goes on behind it.
    """
    outcomes: list[str] = []
    while len(outcomes) < len(contents):
        rest = contents[len(outcomes) :]
        whole = write(folder / "contents", b"".join(rest))
        reached = [0]
        batch = {"kind": kind, "spec": spec, "sizes": [len(content) for content in rest]}
        try:
            done = run_job("batch", {"evidence": whole}, batch, limits=LIMITS, progress=partial(note, reached))
            outcomes += done["outcomes"]
        except SandboxFailure as failure:
            if failure.cause not in ("crash", "memory", "time"):
                pytest.fail(f"{failure} {failure.detail}")
            outcomes += ["not told"] * reached[-1] + [f"child died: {failure}"]
    return outcomes


def note(reached: list[int], _share: float, number: str) -> None:
    reached.append(int(number))


def make_contents(folder: Path, kind: str, count: int, seed: int) -> list[bytes]:
    """Damaged files of a kind."""
    content = {"csv": TABLE, "attributions": SHAP}.get(kind) or write_small_parquet(folder)
    generator = random.Random(seed)
    return [mutate(content, generator) for _ in range(count)]


def write_small_parquet(folder: Path) -> bytes:
    query = "SELECT i AS id, chr((97 + i % 2)::INTEGER) AS group, i % 3 % 2 AS y_true, i % 5 % 2 AS y_pred, "
    query += "i / 40 AS score, i % 4 + 0.5 AS weight FROM range(1, 41) t(i)"
    return write_parquet(folder / "table.parquet", query).read_bytes()


def check(folder: Path, kind: str, count: int, seed: int) -> list[str]:
    """Every damaged file is measured or refused with a reason; whatever it does, the one who asked lives on."""
    is_shap = kind == "attributions"
    spec = {"columns": {"id": "id", "base": "base", "output": "out"}} if is_shap else BIAS
    job = "explanation" if is_shap else "bias_audit"
    found = evaluate_all(folder, job, spec, make_contents(folder, kind, count, seed))
    assert len(found) == count
    refused = [text for text in found if text not in ("result", "not told") and not text.startswith("child died")]
    assert len(refused) > count // 5
    assert kind == "parquet" or "result" in found
    assert all(5 < len(text) < 1_500 for text in refused)
    return found


@pytest.mark.parametrize("kind", ["csv", "parquet", "attributions"])
def test_damaged_files_are_refused_or_measured(tmp_path: Path, kind: str) -> None:
    check(tmp_path, kind, COUNT, 11)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["csv", "parquet", "attributions"])
def test_five_thousand_damaged_files_are_refused_or_measured(tmp_path: Path, kind: str) -> None:
    """About 1,700 of each kind, 5,000 together."""
    found = [outcome for seed in range(17) for outcome in check(tmp_path, kind, 100, seed)]
    assert len(found) == 1_700
    deaths = [text for text in found if text.startswith("child died")]
    print(f"{kind}: {found.count('result')} measured, {len(deaths)} children died")
