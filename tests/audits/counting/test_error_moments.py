"""Error moments against plain numpy and scikit-learn on the rows."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audits.counting.error_moments import ErrorMoments
from audits.errors import BadInput
from tests.audits.samples import reduce_file, write

FLOATS = NDArray[np.float64]


def make_rows(seed: int = 0, size: int = 300) -> tuple[list[tuple[str, ...]], FLOATS, FLOATS, FLOATS]:
    """Make rows of three groups that lie far apart."""
    generator = np.random.default_rng(seed)
    code = generator.integers(0, 3, size)
    truth = np.array([0.0, 50.0, -2000.0])[code] + generator.normal(0, 1, size)
    prediction = truth + generator.normal(0.3, 0.5, size)
    weight = generator.integers(1, 9, size) / 4
    return [(f"g{value}", "all") for value in code], truth, prediction, weight


def assert_same(first: ErrorMoments, second: ErrorMoments) -> None:
    """Check that two moments agree to the last digits."""
    assert first.groups == second.groups
    for name, values in first.columns.items():
        np.testing.assert_allclose(values, second.columns[name], rtol=1e-10, atol=1e-9, err_msg=name)


def test_summary_equals_scikit_learn_with_weights() -> None:
    from sklearn import metrics

    groups, truth, prediction, weight = make_rows()
    found = ErrorMoments.of_rows(groups, truth, prediction, weight).summarise([0])
    for name in ("g0", "g1", "g2"):
        chosen = np.array([group[0] == name for group in groups])
        t, p, w = truth[chosen], prediction[chosen], weight[chosen]
        values = found[(name,)].values
        assert values["mae"] == pytest.approx(metrics.mean_absolute_error(t, p, sample_weight=w), rel=1e-12)
        assert values["mse"] == pytest.approx(metrics.mean_squared_error(t, p, sample_weight=w), rel=1e-12)
        assert values["rmse"] == pytest.approx(metrics.root_mean_squared_error(t, p, sample_weight=w), rel=1e-12)
        assert values["r2"] == pytest.approx(metrics.r2_score(t, p, sample_weight=w), rel=1e-10)
        assert values["max_abs_error"] == metrics.max_error(t, p)
        assert values["mean_error"] == pytest.approx(np.average(p - t, weights=w), rel=1e-12)
        assert values["mean_true"] == pytest.approx(np.average(t, weights=w), rel=1e-12)
        variances = found[(name,)].variances
        assert variances["mse"] == pytest.approx(np.cov((p - t) ** 2, aweights=w, ddof=0), rel=1e-9)
        assert variances["mae"] == pytest.approx(np.cov(np.abs(p - t), aweights=w, ddof=0), rel=1e-9)
        influence = -((p - t) ** 2) + (1 - values["r2"]) * (t - values["mean_true"]) ** 2
        expected = np.average(influence**2, weights=w) / variances["mean_true"] ** 2
        assert variances["r2"] == pytest.approx(expected, rel=1e-6)
    overall = ErrorMoments.of_rows(groups, truth, prediction, weight).summarise([])[()]
    assert overall.values["r2"] == pytest.approx(metrics.r2_score(truth, prediction, sample_weight=weight), abs=1e-12)


def test_sums_by_sql_equal_those_of_the_rows() -> None:
    import duckdb

    groups, truth, prediction, weight = make_rows()
    rows = ErrorMoments.of_rows(groups, truth, prediction, weight)
    shift = float(truth.mean())
    sums = ", ".join(
        f"{text.replace('{shift}', f'({shift!r})')} AS {name}" for name, text in ErrorMoments.AGGREGATES.items()
    )
    with duckdb.connect() as engine:
        engine.execute("CREATE TABLE rows (g VARCHAR, t DOUBLE, p DOUBLE, w DOUBLE)")
        engine.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?)",
            [(group[0], *map(float, row)) for group, *row in zip(groups, truth, prediction, weight, strict=True)],
        )
        table = engine.execute(f"SELECT g, {sums} FROM rows GROUP BY g").fetchnumpy()  # noqa: S608
    names = [(str(name), "all") for name in table.pop("g")]
    found = ErrorMoments.create(names, shift, table).summarise([0])
    for name, summary in rows.summarise([0]).items():
        for metric, value in summary.values.items():
            assert found[name].values[metric] == pytest.approx(value, rel=1e-9, abs=1e-9), metric


def test_merge_is_associative_and_equals_one_pass() -> None:
    groups, truth, prediction, weight = make_rows()
    order = random.Random(1).sample(range(len(groups)), len(groups))
    parts = [
        ErrorMoments.of_rows([groups[row] for row in rows], truth[rows], prediction[rows], weight[rows])
        for rows in (order[:7], order[7:150], order[150:])
    ]
    whole = ErrorMoments.of_rows(groups, truth, prediction, weight)
    assert_same(parts[0].merge(parts[1]).merge(parts[2]), whole)
    assert_same(parts[0].merge(parts[1].merge(parts[2])), whole)


def test_a_constant_target_and_one_row_have_no_r2() -> None:
    moments = ErrorMoments.of_rows([("a",)] * 3 + [("b",)], [0.1, 0.1, 0.1, 7.0], [1.0, 2.0, 3.0, 7.5])
    found = moments.merge(moments).summarise([0])
    assert np.isnan(found[("a",)].values["r2"])
    assert np.isnan(found[("b",)].values["r2"])
    assert found[("a",)].values["mean_true"] == 0.1
    assert found[("b",)].values["rmse"] == 0.5


def test_weights_of_zero_leave_a_group_without_values() -> None:
    found = ErrorMoments.of_rows([("a",), ("b",)], [1.0, 2.0], [1.0, 3.0], [1.0, 0.0]).summarise([0])
    assert found[("b",)].values == {}
    assert found[("a",)].values["mae"] == 0.0


def test_json_round_trip_and_regroup() -> None:
    groups, truth, prediction, weight = make_rows()
    moments = ErrorMoments.of_rows(groups, truth, prediction, weight)
    assert_same(ErrorMoments.from_json(json.loads(json.dumps(moments.to_json()))), moments)
    left = moments.regroup([("x",) if name[0] == "g1" else None for name in moments.groups])
    assert left.groups == (("x",),)
    assert left.summarise([0])[("x",)] == moments.summarise([0])[("g1",)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "format must be"),
        ({"groups": None}, "damaged"),
        ({"groups": [[["a"], 1.0]]}, "finite numbers"),
        ({"groups": [[["a"], *[float("nan")] * 19]]}, "finite numbers"),
        ({"groups": [[["a"], *[-1.0] * 18]]}, "negative"),
    ],
)
def test_from_json_refuses_damaged_documents(change: dict[str, object], words: str) -> None:
    document = {**ErrorMoments.of_rows([("a",)], [1.0], [2.0]).to_json(), **change}
    with pytest.raises(BadInput, match=words):
        ErrorMoments.from_json(document)


@pytest.mark.parametrize("offset", [1e6, 1e9, 1e12])
def test_values_far_from_zero_lose_no_digits(tmp_path: Path, offset: float) -> None:
    """Compared with exact fractions, through the engine, by group and over everybody."""
    generator = np.random.default_rng(4)
    truth = offset + generator.normal(0, 1, 200) + np.arange(200) % 2
    prediction = truth + generator.normal(0, 0.5, 200)
    lines = [f"{'ab'[row % 2]},{float(truth[row])!r},{float(prediction[row])!r}" for row in range(200)]
    path = write(tmp_path / "t.csv", "\n".join(["g,t,p", *lines]) + "\n")
    spec = {"task": "regression", "columns": {"y_true": "t", "y_pred": "p"}, "sensitive": ["g"]}
    errors = reduce_file(path, spec).errors
    assert errors is not None
    exact = [(Fraction(float(t)), Fraction(float(p))) for t, p in zip(truth, prediction, strict=True)]
    for places, pairs in (([], exact), ([0], exact[::2])):
        mean = sum(t for t, _ in pairs) / len(pairs)
        wanted = 1 - sum((p - t) ** 2 for t, p in pairs) / sum((t - mean) ** 2 for t, _ in pairs)
        found = errors.summarise(places)[("a",) if places else ()]
        assert found.values["r2"] == pytest.approx(float(wanted), rel=1e-12)
    again = ErrorMoments.from_json(json.loads(json.dumps(errors.to_json())))
    assert again.summarise([])[()] == errors.summarise([])[()]
