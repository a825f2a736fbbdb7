from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audits.bias.audit import run_bias_audit
from audits.bias.proxies import check_proxies
from audits.bias.proxy_rows import ProxyRows, read_proxy_rows
from audits.bias.proxy_strength import correct_v
from audits.spec import check_spec
from audits.tables.frames import read_predictions
from tests.audits.samples import write

SPEC: dict[str, Any] = {
    "task": "binary",
    "columns": {"y_true": "y", "y_pred": "p"},
    "positive_label": "1",
    "sensitive": ["sex"],
    "proxies": ["zip", "income", "coin"],
}


def make_rows(folder: Path, size: int = 500, *, seed: int = 0, order: int = 0) -> Path:
    """Write rows whose zip code nearly gives the sex away, whose income leans, whose coin is fair."""
    generator = np.random.default_rng(seed)
    district = generator.integers(0, 20, size)
    sex = np.where(generator.random(size) < np.where(district % 2, 0.95, 0.05), "f", "m")
    income = generator.normal(50, 10, size) + np.where(sex == "m", 8, 0)
    coin = generator.choice(["heads", "tails"], size)
    lines = [
        f"{sex[row]},{10_000 + district[row]},{income[row]:.2f},{coin[row]},{row % 2},{row // 2 % 2},{row // 5}"
        for row in range(size)
    ]
    np.random.default_rng(order).shuffle(lines)
    return write(folder / "rows.csv", "\n".join(["sex,zip,income,coin,y,p,home", *lines]) + "\n")


def read(path: Path, maximum: int = 10_000, **changes: Any) -> tuple[ProxyRows, Any]:
    """Read the rows of a proxy check; the rows and the checked specification."""
    spec = check_spec({**SPEC, **changes})
    return read_proxy_rows(read_predictions(path, spec), spec, maximum=maximum), spec


def check(path: Path, maximum: int = 10_000, **changes: Any) -> dict[str, Any]:
    """Return the proxy check of the first sensitive feature."""
    found = check_proxies(*read(path, maximum, **changes))[0][0]
    json.dumps(found, allow_nan=False)
    return found


def test_proxies_are_found_and_ranked(tmp_path: Path) -> None:
    found = check(make_rows(tmp_path))
    assert [entry["feature"] for entry in found["features"]] == ["zip", "income", "coin"]
    zip_code, income, coin = found["features"]
    assert zip_code["strength"] > 0.8
    assert zip_code["read_as"] == "groups"
    assert 0.15 < income["strength"] < 0.6
    assert coin["low"] == 0
    assert coin["strength"] < 0.1
    assert zip_code["auc_alone"] > 0.9
    assert 0.4 < coin["auc_alone"] < 0.6
    assert found["auc"] > 0.93
    assert found["low"] < found["auc"] < found["high"]
    assert found["balanced_accuracy"] > 0.85
    assert (found["baseline"], found["rows"], found["rows_available"]) == (0.5, 500, 500)
    assert [entry["population"] for entry in found["by_class"]] == ["sex=f", "sex=m"]


def test_a_coin_predicts_nothing(tmp_path: Path) -> None:
    found = check(make_rows(tmp_path, 400), proxies=["coin"])
    assert found["low"] - 0.03 < 0.5 < found["high"] + 0.03
    assert abs(found["balanced_accuracy"] - 0.5) < 0.1


def test_identifiers_do_not_look_like_proxies(tmp_path: Path) -> None:
    lines = [f"{'fm'[row % 2]},person {(row * 7919) % 500},{row % 3 % 2},1" for row in range(500)]
    path = write(tmp_path / "rows.csv", "\n".join(["sex,name,y,p", *lines]) + "\n")
    found = check(path, proxies=["name"])
    assert found["auc"] < 0.6
    assert found["features"][0]["strength"] < 0.2


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    first, second = (check(make_rows(tmp_path, 200, order=order)) for order in (1, 2))
    assert first == second


def test_large_tables_are_sampled_and_say_so(tmp_path: Path) -> None:
    path = make_rows(tmp_path, 500)
    found = check(path, 200, proxies=["income"])
    assert (found["rows"], found["rows_available"]) == (200, 500)
    assert found == check(path, 200, proxies=["income"])
    other = check(path, 200, proxies=["income"], seed=5)
    assert found["auc"] != other["auc"]


def test_bins_joined_classes_and_missing_values(tmp_path: Path) -> None:
    lines = [f"{age},{'' if age % 10 == 0 else age // 2},{age % 2},{age % 3 % 2}" for age in range(20, 80)] * 5
    path = write(tmp_path / "rows.csv", "\n".join(["age,years,y,p", *lines]) + "\n")
    proxies = [{"column": "years", "bins": [15, 25]}]
    found = check(path, sensitive=[{"column": "age", "bins": [30, 50]}], proxies=proxies)
    assert found["classes"] == ["30-50", "<30", ">=50"]
    assert found["auc"] > 0.9
    assert found["baseline"] == pytest.approx(1 / 3)


def test_rows_of_one_cluster_stay_together(tmp_path: Path) -> None:
    """Each home has its own code and a sex drawn by chance: only the home's other rows could tell."""
    generator = np.random.default_rng(0)
    sexes = generator.choice(["f", "m"], 100)
    lines = [f"{sexes[home]},code {home},{row % 2},1,{home}" for home in range(100) for row in range(5)]
    path = write(tmp_path / "rows.csv", "\n".join(["sex,code,y,p,home", *lines]) + "\n")
    alone = check(path, proxies=["code"])
    columns = {**SPEC["columns"], "cluster": "home"}
    apart = check(path, proxies=["code"], columns=columns)
    assert alone["auc"] > 0.95
    assert apart["auc"] < 0.65
    # A hundred homes know less than five hundred rows would.
    assert apart["high"] - apart["low"] > 0.2
    assert apart["features"][0]["strength"] < alone["features"][0]["strength"]


def test_rows_under_other_conditions_are_not_taken_for_other_rows(tmp_path: Path) -> None:
    """Each row has a code of its own and stands there six times: its copies would give it away."""
    generator = np.random.default_rng(0)
    sexes = generator.choice(["f", "m"], 120)
    lines = [
        f"{sexes[row]},code {row},{row % 2},1,{camera}"
        for camera in ("none", "it's blurred", "a", "b", "c", "d")
        for row in range(120)
    ]
    path = write(tmp_path / "rows.csv", "\n".join(["sex,code,y,p,camera", *lines]) + "\n")
    columns = {**SPEC["columns"], "condition": "camera"}
    found = check(path, proxies=["code"], columns=columns, baseline_condition="it's blurred")
    assert (found["rows"], found["rows_available"]) == (120, 120)
    assert found["auc"] < 0.65


def test_too_little_to_predict_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", "sex,zip,y,p\n" + "f,1,1,1\nf,2,0,1\n" * 10 + "m,1,1,0\n")
    found = check(path, proxies=["zip"])
    assert "nothing to predict" in found["reason"]
    assert found["classes_left_out"] == ["m"]


def test_measures_and_verdicts_of_the_result(tmp_path: Path) -> None:
    criteria = [
        {"metric": "proxy_auc", "population": "sex", "comparator": "at_most", "threshold": 0.7},
        {"metric": "proxy_strength", "population": "sex & feature=coin", "comparator": "at_most", "threshold": 0.4},
    ]
    result = run_bias_audit(make_rows(tmp_path, 300), {**SPEC, "criteria": criteria})
    assert [verdict["verdict"] for verdict in result["verdicts"]] == ["not met", "met"]
    assert result["proxies"][0]["sensitive"] == "sex"
    metrics = {(entry["metric"], entry["population"]) for entry in result["measures"]}
    assert {
        ("proxy_auc", "sex=f"),
        ("proxy_balanced_accuracy", "sex"),
        ("proxy_strength", "sex & feature=zip"),
    } <= metrics


def test_cells_alone_cannot_be_checked_for_proxies() -> None:
    found, measures = check_proxies(None, check_spec(SPEC))
    assert "needs the rows" in found[0]["reason"]
    assert [(measure.metric, measure.value) for measure in measures] == [
        ("proxy_auc", None),
        ("proxy_balanced_accuracy", None),
    ]


def test_cramers_v_is_corrected_for_chance() -> None:
    """Bergsma's example of independence: the corrected value is 0, the plain one is not."""
    shares = np.array([[26, 24, 23, 27]]) / 100
    assert correct_v(shares, 2, 2, 100)[0] == 0
    perfect = np.array([[50, 0, 0, 50]]) / 100
    assert correct_v(perfect, 2, 2, 100)[0] == pytest.approx(1, abs=1e-12)
    leaning = np.array([[40, 10, 10, 40]]) / 100
    square = 0.36 - 1 / 99
    assert correct_v(leaning, 2, 2, 100)[0] == pytest.approx((square / (1 - 1 / 99)) ** 0.5, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_sampling_is_the_same_for_the_same_seed(tmp_path: Path, seed: int) -> None:
    path = make_rows(tmp_path, 300)
    first, second = (read(path, 50, seed=seed)[0] for _ in range(2))
    assert first.groups["sex"].tolist() == second.groups["sex"].tolist()
    assert first.weight.tolist() == [1.0] * 50


def test_the_names_of_groups_decide_no_guess(tmp_path: Path) -> None:
    path = make_rows(tmp_path)
    first = check(path)
    text = path.read_text("utf-8")
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(text.replace(",f,", ",zz,").replace("\nf,", "\nzz,").replace(",f\n", ",zz\n"), "utf-8")
    assert renamed.read_text("utf-8") != text
    second = check(renamed)
    for key in ("auc", "low", "high", "balanced_accuracy"):
        assert first[key] == second[key]
    assert [entry["strength"] for entry in first["features"]] == [entry["strength"] for entry in second["features"]]


def test_both_groups_of_a_binary_feature_are_guessed_equally_well(tmp_path: Path) -> None:
    found = check(make_rows(tmp_path))
    assert len(found["by_class"]) == 2
    assert len({entry["auc"] for entry in found["by_class"]}) == 1
