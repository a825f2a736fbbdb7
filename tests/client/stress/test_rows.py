"""Conditions of rows: what they do, by their own definition, and that they do the same everywhere."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from countersign import CountersignError
from countersign.stress import CATALOGUE, Condition, at, disturb_rows, parse_conditions
from countersign.stress.cells import NEIGHBOURS, TYPING
from countersign.stress.randomness import Stream

ROWS = [name for name, known in CATALOGUE.items() if known.kind != "image"]
COUNT = 400
TOWNS = ("Aachen", "Bern", "Cork", "Delft")


def make_table(count: int = COUNT) -> dict[str, Any]:
    """Two columns of numbers (one of whole ones) and two of text, made without random numbers."""
    number = np.arange(count)
    return {
        "pressure": (number * 37 % 101) / 8,
        "count": number % 13,
        "town": np.array([TOWNS[place * place % 7 % 4] for place in number], dtype=object),
        "name": np.array([f"Patient {place:03d}" for place in number], dtype=object),
    }


def disturb(name: str, severity: int = 3, data: Any = None, *, seed: int = 0, **options: Any) -> Any:
    return disturb_rows(make_table() if data is None else data, Condition(name, severity, options), seed=seed)


def options_for(name: str) -> dict[str, Any]:
    column = make_table()["town"]
    return {"other_rows": {"column": column, "value": "Cork"}, "other_mixture": {"column": column}}.get(name, {})


def severities(name: str) -> range:
    return range(1, len(CATALOGUE[name].levels) + 1)


# SHA-256 of the table under the highest severity with seed 7. Whoever changes a condition changes results that are on
# record: give the new one a new name.
DIGESTS = {
    "typing_noise": "00241f3e7ce5170b",
    "unseen_category": "3378ea3377e42d04",
    "missing_cells": "d39e76cd4afea229",
    "missing_columns": "dafb96ac3116da21",
    "sensor_noise": "f80a5d99d765db06",
    "sensor_bias": "538cf7af457772fb",
    "sensor_drift": "99a80fda1b23002a",
    "stuck_sensor": "245e0f425ff9081a",
    "dropped_sensor": "245e0f425ff9081a",
    "unit_mixup": "a9f555a1c0a27e36",
    "quantisation": "b10cf910d46fceb4",
    "clipping": "a4e9206a7f12bbbc",
    "other_rows": "36af16ee587a89b2",
    "other_mixture": "3bffac6c408cc96b",
    "permuted_rows": "e27104de48275205",
    "duplicated_rows": "661cb793c0899d45",
}


def digest(name: str) -> str:
    found = disturb(name, severities(name)[-1], seed=7, **options_for(name))
    parts = [found.index.astype("<i8").tobytes()]
    for column in found.data.values():
        values = np.asarray(column)
        is_number = values.dtype.kind in "if"
        parts.append(values.astype("<f8").tobytes() if is_number else "|".join(map(str, values)).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


@pytest.mark.parametrize("name", ROWS)
def test_same_seed_gives_the_same_bytes_on_every_platform(name: str) -> None:
    assert digest(name) == DIGESTS[name]


def test_stream_is_that_of_the_bit_generator_and_nothing_else() -> None:
    stream = Stream(7, "a", 1)

    assert [int(word) for word in stream.words(2)] == [12992744437131320804, 9093302949603499644]
    assert Stream(7, "a", 2).words(1) != Stream(7, "a", 1).words(1)
    normal = Stream(1, "n").normal(200_000)
    assert (abs(normal.mean()) < 0.01, normal.std(), (normal**4).mean()) == (
        True,
        pytest.approx(1, abs=0.01),
        pytest.approx(3, abs=0.06),
    )
    uniform = Stream(1, "u").uniform(100_000)
    assert (uniform.min() >= 0, uniform.max() < 1, uniform.mean()) == (True, True, pytest.approx(0.5, abs=0.005))
    assert sorted(Stream(1, "p").permutation(50)) == list(range(50))


@pytest.mark.parametrize("name", ROWS)
def test_what_is_given_is_not_touched_and_comes_back_as_what_it_was(name: str) -> None:
    frame = pd.DataFrame(make_table(), index=[f"i{place}" for place in range(COUNT)])
    before = frame.copy(deep=True)
    found = disturb(name, severities(name)[-1], frame, **options_for(name))

    pd.testing.assert_frame_equal(frame, before)
    assert list(found.data.columns) == list(frame.columns)
    assert len(found.data) == len(found.index)
    mapped = disturb(name, severities(name)[-1], **options_for(name)).data
    for column in frame.columns:
        assert found.data[column].astype(object).where(found.data[column].notna(), None).tolist() == [
            None if value is None or value != value else value for value in mapped[column]
        ]


@pytest.mark.parametrize("name", [name for name in ROWS if CATALOGUE[name].kind != "rows"])
def test_severities_change_more_and_more_cells_or_move_them_further(name: str) -> None:
    table = make_table()
    costs = []
    for severity in severities(name):
        found = disturb(name, severity).data
        cost = 0.0
        for column, values in table.items():
            new = found[column]
            if values.dtype.kind == "O" or name.startswith("missing"):
                cost += sum(a != b for a, b in zip(values.tolist(), list(new), strict=True))
            else:
                cost += float(np.abs(new - values).sum())
        costs.append(cost)

    assert costs[0] > 0
    assert costs == sorted(costs)


def test_noise_bias_and_drift_are_measured_in_spreads() -> None:
    table = {"x": np.arange(2_000) % 100 * 1.0}
    spread = table["x"].std()
    noise = disturb("sensor_noise", 3, table).data["x"] - table["x"]
    assert noise.std() == pytest.approx(0.2 * spread, rel=0.05)
    bias = disturb("sensor_bias", 3, table).data["x"] - table["x"]
    assert np.abs(bias) == pytest.approx(0.5 * spread)
    drift = disturb("sensor_drift", 3, table).data["x"] - table["x"]
    assert np.abs(drift) == pytest.approx(np.linspace(0, spread, 2_000), abs=1e-9)


def test_missing_numbers_stay_missing_and_a_constant_column_stays_constant() -> None:
    table = {"x": np.array([1.0, np.nan, 3.0, 4.0]), "same": np.full(4, 5.0)}
    for name in ("sensor_noise", "sensor_bias", "sensor_drift", "quantisation", "clipping"):
        found = disturb(name, 5, table).data
        assert list(np.isnan(found["x"])) == [False, True, False, False]
        assert list(found["same"]) == [5.0] * 4
    assert np.isnan(disturb("sensor_noise", 5, {"x": np.full(3, np.nan)}).data["x"]).all()


def test_stuck_sensor_keeps_the_last_value_and_dropped_one_gives_its_constant() -> None:
    table = {"x": np.arange(100.0)}
    stuck = disturb("stuck_sensor", 3, table).data["x"]
    changed = np.flatnonzero(stuck != table["x"])
    assert len(changed) in {24, 25}
    assert (np.diff(changed) == 1).all()
    assert set(stuck[changed]) == {changed[0] - 1.0}

    assert (disturb("dropped_sensor", 2, table).data["x"] == 0).sum() in {10, 11}
    assert (disturb("dropped_sensor", 5, table, constant=-1).data["x"] == -1).all()


def test_units_quantisation_and_clipping() -> None:
    table = {"x": np.arange(1.0, 201.0)}
    mixed = disturb("unit_mixup", 4, table, factor=2.54).data["x"] / table["x"]
    assert sorted(set(np.round(mixed, 6))) == [1, 2.54]
    assert (mixed > 2).sum() == 20

    coarse = disturb("quantisation", 5, table).data["x"]
    assert sorted(set(coarse)) == [1, 50.75, 100.5, 150.25, 200]
    assert np.abs(coarse - table["x"]).max() <= 199 / 8

    cut = disturb("clipping", 4, table).data["x"]
    assert (cut.min(), cut.max(), (cut != table["x"]).sum()) == (21, 180, 40)


def test_typing_noise_makes_one_error_in_the_share_of_cells_it_says() -> None:
    table = make_table(1_000)
    found = disturb("typing_noise", 4, table).data
    for column in ("town", "name"):
        assert sum(a != b for a, b in zip(table[column], found[column], strict=True)) == 200
    assert (found["pressure"] == table["pressure"]).all()


@pytest.mark.parametrize("error", TYPING)
@pytest.mark.parametrize("text", ["Aachen", "b", "11", "  ", "\u00e9\u00e9", "Zzz"])
def test_every_kind_of_typing_error_changes_any_text(error: Any, text: str) -> None:
    for seed in range(20):
        assert error(text, Stream(seed, "t")) != text


def test_neighbours_are_beside_each_other_on_the_keyboard() -> None:
    assert set(NEIGHBOURS["g"]) == set("fhtyvb")
    assert set(NEIGHBOURS["q"]) == set("12wa")
    assert all(key in NEIGHBOURS[near] for key, keys in NEIGHBOURS.items() for near in keys)
    assert all(
        any(sign in NEIGHBOURS[key.lower()] for key, sign in zip("Aachen", typed.lower(), strict=True) if key != sign)
        for typed in {TYPING[0]("Aachen", Stream(seed, "t")) for seed in range(30)}
    )


def test_empty_and_missing_texts_are_left_alone() -> None:
    table = {"x": np.array(["", None, 3] * 20, dtype=object)}

    assert list(disturb("typing_noise", 5, table).data["x"]) == list(table["x"])


def test_missing_and_unseen_cells() -> None:
    found = disturb("missing_cells", 5).data
    assert [sum(value is None or value != value for value in column) for column in found.values()] == [160] * 4
    gone = [disturb("missing_columns", severity).data for severity in (1, 2, 3, 4, 5)]
    empty = [{name for name, column in data.items() if all(v is None or v != v for v in column)} for data in gone]
    assert [len(names) for names in empty] == [1, 2, 3, 4, 4]
    assert all(first <= second for first, second in zip(empty, empty[1:], strict=False))
    assert (disturb("unseen_category", 5, value="Oslo", columns=["town"]).data["town"] == "Oslo").sum() == 160


def test_categories_of_a_frame_stay_categories() -> None:
    frame = pd.DataFrame({"town": pd.Categorical(["Bern", "Cork"] * 50)})
    found = disturb("unseen_category", 5, frame).data["town"]

    assert str(found.dtype) == "category"
    assert (found == "not seen before").sum() == 40


def test_only_named_columns_are_changed() -> None:
    found = disturb("sensor_bias", 5, columns=["count"]).data

    assert (found["pressure"] == make_table()["pressure"]).all()
    assert (found["count"] != make_table()["count"]).all()


def test_other_rows_mixture_order_and_duplicates() -> None:
    town = make_table()["town"]
    cork = disturb_rows(make_table(), at(town, "Cork"))
    assert set(cork.data["town"]) == {"Cork"}
    assert (cork.index == np.flatnonzero(town == "Cork")).all()
    assert at(town, "Cork").name == "Cork"

    site = np.array(["a"] * 900 + ["b"] * 100, dtype=object)
    for severity, share in ((1, 0.18), (3, 0.5), (5, 0.9)):
        found = disturb_rows({"x": np.arange(1_000)}, Condition("other_mixture", severity, {"column": site}))
        assert (site[found.index] == "b").mean() == pytest.approx(share, abs=0.05)

    order = disturb("permuted_rows", 1)
    assert sorted(order.index) == list(range(COUNT))
    assert (order.data["pressure"] == make_table()["pressure"][order.index]).all()
    assert len(disturb("duplicated_rows", 1).index) == 440
    assert sorted(disturb("duplicated_rows", 5).index) == sorted([*range(COUNT), *range(COUNT)])


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["fog"], ["fog:1", "fog:2", "fog:3", "fog:4", "fog:5"]),
        ([" fog:2 ", "shift:4-5"], ["fog:2", "shift:4", "shift:5"]),
        (["permuted_rows"], ["permuted_rows:1"]),
    ],
)
def test_conditions_are_read_as_they_are_written(texts: list[str], names: list[str]) -> None:
    assert [condition.name for condition in parse_conditions(texts)] == names


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: parse_conditions(["smog"]), "There is no condition “smog”"),
        (lambda: parse_conditions(["fog:6"]), "“fog:6” is no condition"),
        (lambda: parse_conditions(["fog:3-2"]), "smaller severity first"),
        (lambda: parse_conditions(["permuted_rows:2"]), "is 1 to 1"),
        (lambda: Condition("fog", 0), "is 1 to 5"),
        (lambda: Condition("fog", 1, {"columns": ["x"]}), "has no option “columns”"),
        (lambda: disturb("sensor_noise", 1, {"x": np.array(["a"], dtype=object)}), "columns that hold numbers"),
        (lambda: disturb("typing_noise", 1, {"x": np.arange(3)}), "columns that hold text"),
        (lambda: disturb("sensor_noise", 1, columns=["pressure", "town"]), "columns that hold numbers"),
        (lambda: disturb("sensor_noise", 1, columns=["presure"]), "no column “presure”"),
        (lambda: disturb("other_mixture", 1), "needs the option “column”"),
        (lambda: disturb_rows(make_table(), at(make_table()["town"], "Oslo")), "there is no such row"),
        (lambda: disturb("fog", 1), "condition of images"),
        (lambda: disturb("missing_cells", 1, {"x": np.arange(3), "y": np.arange(4)}), "different numbers of rows"),
    ],
)
def test_what_cannot_be_done_is_said(make: Any, words: str) -> None:
    with pytest.raises(CountersignError, match=words):
        make()


def test_catalogue_says_what_each_condition_is() -> None:
    for known in CATALOGUE.values():
        assert len(known.levels) in {1, 5}
        assert all((known.title, known.parameter, known.definition.endswith("."), known.source))
