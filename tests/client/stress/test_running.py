"""A model under conditions: one table with every row under every condition, in bounded memory."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audits.bias.audit import run_bias_audit
from audits.spec import check_spec
from countersign import Client, CountersignError
from countersign.stress import (
    Condition,
    at,
    make_manifest,
    make_spec,
    parse_conditions,
    run_conditions,
    submit_conditions,
    write_files,
)
from countersign.stress.running import write_value
from countersign.types import Version
from tests.client.conftest import Office

COUNT = 240


def make_rows() -> pd.DataFrame:
    number = np.arange(COUNT)
    return pd.DataFrame({"x": (number * 37 % 100) / 100, "town": np.where(number % 3 == 0, "Bern", "Cork")})


def above(rows: Any) -> Any:
    return (np.asarray(rows["x"]) > 0.5).astype(int)


def run(conditions: Any, **given: Any) -> Any:
    data = given.pop("data", make_rows())
    options = {
        "ids": [f"r{number}" for number in range(COUNT)],
        "y_true": above(make_rows()),
        "sensitive": {"sex": np.where(np.arange(COUNT) % 2, "F", "M")},
    }
    return run_conditions(given.pop("predict", above), data, conditions, **options | given)


def column(rows: Any, condition: str, name: str) -> list[str]:
    pairs = zip(rows.columns["condition"], rows.columns[name], strict=True)
    return [value for found, value in pairs if found == condition]


def test_every_row_is_predicted_undisturbed_and_under_every_condition() -> None:
    rows = run(parse_conditions(["sensor_noise:1", "sensor_noise:5"]))

    assert list(rows.columns) == ["row_id", "condition", "y_true", "y_pred", "sex"]
    assert [len(column(rows, name, "row_id")) for name in ("none", "sensor_noise:1", "sensor_noise:5")] == [COUNT] * 3
    assert column(rows, "none", "y_pred") == column(rows, "none", "y_true")
    wrong = [
        sum(a != b for a, b in zip(column(rows, name, "y_pred"), column(rows, name, "y_true"), strict=True))
        for name in ("sensor_noise:1", "sensor_noise:5")
    ]
    assert 0 < wrong[0] < wrong[1]
    assert column(rows, "sensor_noise:5", "sex") == column(rows, "none", "sex")


@pytest.mark.parametrize("batch_size", [1, 7, 240, 1_000])
def test_batches_change_nothing_and_are_not_larger_than_said(batch_size: int) -> None:
    seen: list[int] = []

    def predict(rows: Any) -> Any:
        seen.append(len(rows))
        return above(rows)

    conditions = parse_conditions(["sensor_noise:3", "duplicated_rows:2"])
    assert run(conditions, predict=predict, batch_size=batch_size).columns == run(conditions).columns
    assert max(seen) <= batch_size


def test_rows_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    conditions = parse_conditions(["sensor_noise:1", "duplicated_rows:5"])
    told: dict[str, Any] = {"score": lambda rows: np.asarray(rows["x"])}
    memory, disk = run(conditions, **told), run(conditions, out=tmp_path / "rows.csv", **told)

    assert (disk.kept, disk.path) == (None, tmp_path / "rows.csv")
    assert disk.columns == memory.columns
    assert disk.counts == memory.counts == {"none": COUNT, "sensor_noise:1": COUNT, "duplicated_rows:5": 2 * COUNT}
    assert len(disk) == len(list(disk.each())) == 4 * COUNT
    written = memory.write_csv(tmp_path / "memory.csv")
    assert written.read_bytes() == disk.path.read_bytes() == disk.write_csv(tmp_path / "copy.csv").read_bytes()
    assert disk.write_csv(disk.path) == disk.path


def test_memory_does_not_grow_with_the_number_of_conditions(tmp_path: Path) -> None:
    count = 20_000
    data = {"x": np.arange(count) % 97 / 97}
    told = {"ids": range(count), "y_true": np.zeros(count, int)}

    def peak(conditions: Any) -> int:
        tracemalloc.start()
        run_conditions(lambda rows: rows["x"] > 0.5, data, conditions, out=tmp_path / "rows.csv", **told)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few = peak(parse_conditions(["sensor_noise:1"]))
    many = peak(parse_conditions(["sensor_noise", "sensor_bias", "quantisation"]))

    assert many < 1.2 * few


def test_images_are_read_by_slices_and_batches_change_nothing() -> None:
    class Slices:
        """Images that are never in memory at once."""

        def __init__(self) -> None:
            self.largest = 0

        def __len__(self) -> int:
            return 50

        def __getitem__(self, part: slice) -> Any:
            numbers = range(*part.indices(50))
            self.largest = max(self.largest, len(numbers))
            return [np.full((6, 6), number * 5, np.uint8) for number in numbers]

    def bright(images: Any) -> Any:
        return np.array([image.mean() > 120 for image in images])

    images = Slices()
    told = {"ids": range(50), "y_true": np.arange(50) * 5 > 120}
    conditions = parse_conditions(["gaussian_noise:5", "occlusion:3"])
    found = run_conditions(bright, images, conditions, batch_size=8, **told)

    assert images.largest == 8
    whole = np.stack([np.full((6, 6), number * 5, np.uint8) for number in range(50)])
    assert run_conditions(bright, whole, conditions, **told).columns == found.columns
    assert set(found.columns["y_true"]) == {"True", "False"}


def test_other_rows_and_mixtures_keep_the_ids_labels_and_groups_of_their_rows() -> None:
    town = make_rows()["town"]
    rows = run([at(town, "Bern", "site: Bern"), Condition("other_mixture", 5, {"column": town})])

    assert column(rows, "site: Bern", "row_id") == [f"r{number}" for number in range(0, COUNT, 3)]
    for name in ("site: Bern", "other_mixture:5"):
        for row, truth, sex in zip(*(column(rows, name, part) for part in ("row_id", "y_true", "sex")), strict=True):
            number = int(row[1:])
            assert truth == str(above(make_rows())[number])
            assert sex == ("F" if number % 2 else "M")


def test_check_conditions_change_no_prediction() -> None:
    rows = run(parse_conditions(["permuted_rows", "duplicated_rows:5"]))
    by_id = dict(zip(column(rows, "none", "row_id"), column(rows, "none", "y_pred"), strict=True))

    for name in ("permuted_rows:1", "duplicated_rows:5"):
        pairs = zip(column(rows, name, "row_id"), column(rows, name, "y_pred"), strict=True)
        assert all(by_id[row] == label for row, label in pairs)


def test_scores_read_back_equal() -> None:
    rows = run([], score=lambda rows: np.asarray(rows["x"]) / 3)

    assert [float(text) for text in rows.columns["y_score"]] == list(make_rows()["x"] / 3)


def test_model_that_fails_under_a_condition_is_named_or_skipped(tmp_path: Path) -> None:
    def predict(rows: Any) -> Any:
        if rows["x"].iloc[-1:].isna().any():  # not in the first batch
            raise ValueError("Input contains NaN")
        return above(rows)

    conditions = parse_conditions(["missing_cells:1", "sensor_bias:1"])
    with pytest.raises(CountersignError, match="fails under “missing_cells:1”. ValueError: Input contains NaN"):
        run(conditions, predict=predict, batch_size=10)
    rows = run(conditions, predict=predict, batch_size=10, skip_failures=True)

    assert rows.failures == {
        "missing_cells:1": "The model fails under “missing_cells:1”. ValueError: Input contains NaN"
    }
    assert set(rows.columns["condition"]) == {"none", "sensor_bias:1"}
    assert len(rows) == 2 * COUNT
    disk = run(conditions, predict=predict, batch_size=10, skip_failures=True, out=tmp_path / "rows.csv")
    assert (disk.columns, disk.failures, disk.counts) == (rows.columns, rows.failures, rows.counts)
    with pytest.raises(CountersignError, match="fails under “none”"):
        run([], predict=lambda rows: 1 / 0, skip_failures=True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ids": ["a"] * COUNT}, "An id is given twice"),
        ({"ids": ["a"]}, "“ids” has 1 values for 240 rows"),
        ({"y_true": [1]}, "“y_true” has 1 values"),
        ({"sensitive": {"sex": ["F"]}}, "“sex” has 1 values"),
        ({"sensitive": {"y_pred": ["F"] * COUNT}}, "may not be called “y_pred”"),
        ({"sensitive": {"y_true": ["F"] * COUNT}}, "may not be called “y_true”"),
        ({"predict": lambda rows: [1]}, "answers 1 for 240 rows"),
        ({"predict": lambda rows: np.zeros((len(rows), 2))}, "answers 240 x 2 for"),
        ({"predict": lambda rows: [None] * len(rows)}, "answers nothing"),
        ({"score": lambda rows: np.full(len(rows), np.nan)}, "answers nothing, or no finite number"),
        ({"data": make_rows().iloc[:0]}, "There are no rows"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_what_does_not_fit_is_said(given: dict[str, Any], words: str) -> None:
    with pytest.raises(CountersignError, match=words):
        run([], **given)


def test_condition_given_twice_is_refused() -> None:
    with pytest.raises(CountersignError, match="“sensor_bias:1” is given twice"):
        run(parse_conditions(["sensor_bias:1-2", "sensor_bias:1"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (np.float32(0.5), "0.5"), (0.1 + 0.2, "0.30000000000000004"), (np.int64(3), "3"), (True, "True"),
        ("1.0", "1.0"), (None, ""), (np.nan, ""), (pd.NA, ""), (pd.NaT, ""), (1e300, "1e+300"), (-0.0, "0"),
    ],
)  # fmt: skip
def test_values_are_written_so_that_equal_labels_are_equal(value: Any, text: str) -> None:
    assert write_value(value) == text


def test_progress_is_told() -> None:
    told: list[tuple[int, int, str]] = []
    run(parse_conditions(["sensor_bias:1"]), batch_size=100, progress=lambda *news: told.append(news))

    assert told[0] == (100, 480, "none")
    assert told[-1] == (480, 480, "sensor_bias:1")


def test_files_are_what_an_audit_reads(tmp_path: Path) -> None:
    rows = run(parse_conditions(["sensor_noise:1-5"]))
    criteria = [
        {"metric": "worst_accuracy_loss", "population": "overall", "comparator": "at_most", "threshold": 0.02},
        {
            "metric": "accuracy_loss",
            "population": "condition=sensor_noise:1",
            "comparator": "at_most",
            "threshold": 0.2,
        },
    ]
    spec = make_spec(rows, task="binary", positive_label=1, criteria=criteria, minimum_group_size=10)
    predictions, spec_file, manifest = write_files(rows, tmp_path, spec)
    result = run_bias_audit(predictions, json.loads(spec_file.read_text()))

    losses = {
        (item["metric"], item["population"]): item["value"] for item in result["measures"] if "loss" in item["metric"]
    }
    found = [losses["accuracy_loss", f"condition=sensor_noise:{severity}"] for severity in (1, 2, 3, 4, 5)]
    assert 0 < found[0] < found[-1] < 1
    assert losses["worst_accuracy_loss", "overall"] == max(found)
    assert [item["verdict"] for item in result["verdicts"]] == ["not met", "met"]
    told = json.loads(manifest.read_text())
    assert told["conditions"][2]["condition"] == "sensor_noise:3"
    assert told["conditions"][2]["level"] == 0.2


def test_without_sensitive_features_everybody_is_the_group(tmp_path: Path) -> None:
    rows = run(parse_conditions(["sensor_bias:5"]), sensitive=None)
    spec = make_spec(rows, task="binary", positive_label=1)
    predictions, *_ = write_files(rows, tmp_path, spec)

    assert check_spec(spec).sensitive == ("everybody",)
    with predictions.open(newline="") as file:
        assert {row["everybody"] for row in csv.DictReader(file)} == {"all"}


def test_manifest_tells_what_was_done_and_with_what() -> None:
    manifest = make_manifest(run(parse_conditions(["sensor_bias:1"]), seed=9))

    assert manifest["seed"] == 9
    assert manifest["versions"]["numpy"] == np.__version__
    assert json.loads(json.dumps(manifest)) == manifest


def test_submitted_predictions_are_audited_by_condition(
    office: Office, new_version: Callable[[], Version], cleo: Client, tmp_path: Path
) -> None:
    version = new_version()
    rows = run(parse_conditions(["sensor_noise:5"]))
    spec = make_spec(rows, task="binary", positive_label=1, minimum_group_size=10)
    evidence, asked = submit_conditions(cleo, version, rows, spec, tmp_path)
    done = cleo.wait_for(asked)

    assert (done.status, done.evidence) == ("SUCCEEDED", evidence.id)
    assert any(item["metric"] == "worst_accuracy_loss" for item in done.result["measures"])
    assert cleo.find_evidence(version, kind="document", title="Predictions under conditions: what was done")
