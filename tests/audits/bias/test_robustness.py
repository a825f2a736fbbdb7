from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audits.bias.audit import audit_cells, run_bias_audit
from audits.bias.losses import ROBUSTNESS_METRICS, name_loss
from audits.bias.robustness import keep_undisturbed
from audits.counting.cells import Cell, Cells
from audits.counting.clusters import ClusterCounts
from audits.intervals import Z_95, Bounded, subtract, wilson
from audits.spec import AuditSpec, check_spec
from tests.audits.samples import cell_key, write

RUN = {
    "seed": 0,
    "versions": {},
    "input": {"sha256": "0" * 64, "bytes": 1, "kind": "cells"},
    "delimiter": None,
    "encoding": None,
}
# (sex, camera) -> (tp, fp, fn, tn): under blur women lose 0.2 accuracy, men nothing.
COUNTS = {
    ("F", "none"): (90, 10, 10, 90),
    ("M", "none"): (90, 10, 10, 90),
    ("F", "blur"): (70, 30, 30, 70),
    ("M", "blur"): (90, 10, 10, 90),
    ("F", "noise"): (80, 10, 20, 90),
    ("M", "noise"): (80, 20, 20, 80),
}
PLACES = ((1, 1), (0, 1), (1, 0), (0, 0))


def make_spec(**changes: Any) -> AuditSpec:
    """Make the specification of an audit by sex under cameras."""
    document = {
        "task": "binary",
        "columns": {"y_true": "y", "y_pred": "p", "condition": "camera"},
        "positive_label": "1",
        "sensitive": ["sex"],
        "baseline_condition": "none",
        **changes,
    }
    return check_spec({name: value for name, value in document.items() if value is not None})


def make_cells(counts: Mapping[tuple[str, str], Sequence[int]] = COUNTS, **changes: Any) -> Cells:
    """Make cells of one feature and a condition from (sex, camera) -> (tp, fp, fn, tn)."""
    rows = [
        Cell(group, label, prediction, count, float(count), float(count))
        for group, numbers in counts.items()
        for (label, prediction), count in zip(PLACES, numbers, strict=True)
        if count
    ]
    rows.sort(key=cell_key)
    total = sum(cell.count for cell in rows)
    return Cells(("sex",), "1", tuple(rows), weighted=False, rows_read=total, condition="camera", **changes)


def audit(cells: Cells, **changes: Any) -> dict[str, Any]:
    """Audit cells; the result as it stands in JSON."""
    result = audit_cells(cells, make_spec(**changes), RUN)
    found: dict[str, Any] = json.loads(json.dumps(result, allow_nan=False))
    return found


def index(result: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the measures of a result by metric and population."""
    return {(entry["metric"], entry["population"]): entry for entry in result["measures"]}


def test_losses_are_differences_to_the_baseline_with_independent_limits() -> None:
    found = index(audit(make_cells()))
    women = found["accuracy_loss", "camera=blur & sex=F"]
    assert women["value"] == pytest.approx(0.2)
    before, after = (Bounded(part / 200, *wilson(part, 200, Z_95)[:2]) for part in (180, 140))
    assert (women["low"], women["high"]) == pytest.approx(subtract(before, after)[:2])
    assert (women["n"], women["reason"]) == (200, None)
    assert found["accuracy_loss", "camera=blur & sex=M"]["value"] == 0
    assert found["accuracy_loss", "camera=blur"]["value"] == pytest.approx(0.1)
    assert found["fpr_loss", "camera=blur & sex=F"]["value"] == pytest.approx(0.2)
    assert found["fnr_loss", "camera=noise & sex=F"]["value"] == pytest.approx(0.1)
    assert found["accuracy_over_baseline", "camera=blur & sex=F"]["value"] == pytest.approx(7 / 9)
    assert found["selection_rate_change", "camera=noise & sex=F"]["value"] == pytest.approx(-0.05)
    assert found["n", "camera=noise & sex=F"]["value"] == 200


def test_worst_condition_and_for_whom() -> None:
    result = audit(make_cells())
    found = index(result)
    assert found["worst_accuracy_loss", "sex=F"]["value"] == pytest.approx(0.2)
    assert found["worst_accuracy_loss", "overall"]["value"] == pytest.approx(0.1)
    worst = next(e for e in result["robustness"]["worst"] if (e["metric"], e["population"]) == ("accuracy", "sex=M"))
    assert (worst["condition"], worst["loss"]) == ("noise", pytest.approx(0.1))
    gap = found["accuracy_loss_difference", "by sex & camera=blur"]
    assert gap["value"] == pytest.approx(0.2)
    assert 0 < gap["low"] < 0.2 < gap["high"] < 0.4
    told = next(e for e in result["robustness"]["by_group"] if (e["metric"], e["condition"]) == ("accuracy", "blur"))
    assert (told["most"], told["least"]) == ("sex=F", "sex=M")


def test_the_audit_itself_is_about_the_baseline() -> None:
    result = audit(make_cells())
    assert result["overall"]["n"] == 400
    assert result["overall"]["accuracy"] == pytest.approx(0.9)
    assert result["rows_left_out"] == [{"reason": "under a condition other than the baseline", "rows": 800}]
    assert (result["rows_used"], result["passport"]["rows_read"]) == (400, 1200)
    assert sum(row[3] for row in result["cells"]["cells"]) == 1200
    assert any(note["code"] == "baseline_only" for note in result["notes"])
    again = keep_undisturbed(Cells.from_json(result["cells"]), make_spec())
    assert again.rows_used == 400


def test_without_a_baseline_the_conditions_are_taken_together() -> None:
    result = audit(make_cells(), baseline_condition=None)
    assert result["overall"]["n"] == 1200
    assert "robustness" not in result
    assert any(note["code"] == "no_baseline" for note in result["notes"])


def test_criteria_can_be_set_on_losses() -> None:
    criteria = [
        {"metric": metric, "population": population, "comparator": "at_most", "threshold": threshold}
        for metric, population, threshold in (
            ("accuracy_loss", "camera=blur & sex=F", 0.05),
            ("accuracy_loss", "camera=blur & sex=M", 0.15),
            ("worst_accuracy_loss", "overall", 0.12),
            ("accuracy_loss_difference", "by sex & camera=blur", 0.02),
            ("accuracy_loss", "camera=blurr", 0.05),
        )
    ]
    verdicts = audit(make_cells(), criteria=criteria)["verdicts"]
    outcomes = [verdict["verdict"] for verdict in verdicts]
    assert outcomes == ["not met", "met", "inconclusive", "not met", "inconclusive"]
    assert verdicts[2]["rows_needed"] > 800
    assert "did you mean 'camera=blur'?" in verdicts[4]["reason"]


def test_small_and_absent_groups_cannot_meet_a_criterion_on_their_loss() -> None:
    counts = {**COUNTS, ("X", "none"): (5, 1, 1, 5), ("Y", "none"): (50, 10, 10, 50), ("Y", "blur"): (0, 10, 0, 50)}
    found = index(audit(make_cells(counts)))
    small = found["accuracy_loss", "camera=blur & sex=X"]
    assert small["value"] is None
    assert "no rows under the condition" in small["reason"]
    undefined = found["tpr_loss", "camera=blur & sex=Y"]
    assert undefined["value"] is None
    assert "no rows whose true label is the positive one" in undefined["reason"]
    gap = found["accuracy_loss_difference", "by sex & camera=blur"]
    assert gap["value"] == pytest.approx(0.2)
    assert "group below minimum size 20" in gap["reason"]
    missing = found["worst_accuracy_loss", "sex=Y"]
    assert "noise: no rows under the condition" in missing["reason"]


def test_declared_groups_without_rows_leave_the_comparison_of_losses_open() -> None:
    found = index(audit(make_cells(), declared_groups={"sex": ["F", "M", "X"]}))
    assert "declared group" in found["accuracy_loss_difference", "by sex & camera=blur"]["reason"]
    assert found["accuracy_loss", "camera=blur & sex=F"]["reason"] is None


def make_paired(seed: int, size: int = 300) -> Cells:
    """Make rows tried under two conditions: the second errs where the first does, and a little more."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 2, size)
    wrong = generator.random(size) < 0.2
    worse = wrong | (generator.random(size) < 0.05)
    found = {("F", "none"): np.where(wrong, 1 - label, label), ("F", "blur"): np.where(worse, 1 - label, label)}
    table = {
        group: tuple(int(((label == truth) & (guess == said)).sum()) for truth, said in PLACES)
        for group, guess in found.items()
    }
    cells = make_cells(table)
    place = {(cell.group, cell.label, cell.prediction): number for number, cell in enumerate(cells.rows)}
    cell = [
        place[group, int(truth), int(said)]
        for group, guess in found.items()
        for truth, said in zip(label, guess, strict=True)
    ]
    columns = [np.tile(np.arange(size), 2), np.array(cell), np.ones(2 * size, int), np.ones(2 * size)]
    clusters = ClusterCounts.create([f"{number:04d}" for number in range(size)], columns)
    return make_cells(table, clusters=clusters)


def test_clusters_pair_the_rows_of_conditions() -> None:
    cells = make_paired(1)
    paired = audit(cells)
    alone = audit(Cells(**{**{n: getattr(cells, n) for n in cells.__dataclass_fields__}, "clusters": None}))
    first, second = (index(found)["accuracy_loss", "camera=blur & sex=F"] for found in (paired, alone))
    assert first["value"] == second["value"]
    assert first["high"] - first["low"] < 0.6 * (second["high"] - second["low"])
    assert paired["robustness"]["paired"]
    assert not alone["robustness"]["paired"]
    assert "name a cluster column" in alone["robustness"]["note"]
    methods = {loss["metric"]: loss["method"] for loss in paired["robustness"]["losses"]}
    assert methods["accuracy"] == "bootstrap-clusters"
    discordant = first["value"] * 300
    # The paired standard error of McNemar: sqrt(discordant) / n where only one side is discordant.
    expected = 1.96 * math.sqrt(discordant - discordant**2 / 300) / 300
    assert (first["high"] - first["low"]) / 2 == pytest.approx(expected, rel=0.15)


def make_labelled(classes: int, size: int, *, rows_per_cluster: int = 1) -> Cells:
    """Make rows of several classes with the same predictions under two conditions, paired by cluster."""
    generator = np.random.default_rng(3)
    label = generator.integers(0, classes, size)
    said = np.where(generator.random(size) < 0.7, label, generator.integers(0, classes, size))
    counts = Counter(zip(label.tolist(), said.tolist(), strict=True))
    rows = [
        Cell(("F", camera), truth, guess, count, float(count), float(count))
        for camera in ("blur", "none")
        for (truth, guess), count in sorted(counts.items())
    ]
    place = {(cell.group, cell.label, cell.prediction): number for number, cell in enumerate(rows)}
    cell = [
        place[("F", camera), int(t), int(s)] for camera in ("blur", "none") for t, s in zip(label, said, strict=True)
    ]
    columns = [
        np.tile(np.arange(size) // rows_per_cluster, 2),
        np.array(cell),
        np.ones(2 * size, int),
        np.ones(2 * size),
    ]
    clusters = ClusterCounts.create([f"{number:04d}" for number in range(size)], columns)
    names = tuple(f"c{number}" for number in range(classes))
    return Cells(
        ("sex",),
        "",
        tuple(rows),
        False,
        2 * size,
        task="multiclass",
        classes=names,
        clusters=clusters,
        condition="camera",
    )


def audit_labelled(cells: Cells, **changes: Any) -> dict[str, Any]:
    """Audit the rows of several classes."""
    return audit(cells, task="multiclass", positive_label=None, **changes)


def test_several_classes_are_paired_together_and_each_against_the_rest() -> None:
    found = index(audit_labelled(make_labelled(3, 300)))
    alike = found["accuracy_loss", "camera=blur"]
    assert alike["value"] == 0
    assert alike["high"] == pytest.approx(wilson(0, 300, Z_95).high, rel=0.01)
    assert alike["low"] == -alike["high"]
    one = found["tpr_loss", "label=c1 & camera=blur & sex=F"]
    assert one["value"] == 0
    assert 0 < one["high"] < 0.05
    assert found["tpr_loss_difference", "label=c1 & by sex & camera=blur"]["reason"] == (
        "only one group: nothing to compare"
    )


def test_classes_are_left_out_where_there_are_many_conditions_and_nobody_asks() -> None:
    cells = make_labelled(3, 60)
    many = replace(
        cells,
        rows=tuple(
            replace(cell, group=(cell.group[0], f"{cell.group[1]}{number}"))
            for number in range(21)
            for cell in cells.rows
        ),
        clusters=None,
    )
    found = index(audit_labelled(many, baseline_condition="none0", intervals={"draws": 200}))
    assert ("accuracy_loss", "camera=blur7") in found
    assert not any("label=" in population and "camera" in population for _, population in found)


def test_scores_of_clusters_of_many_rows_cannot_meet_a_criterion(tmp_path: Path) -> None:
    lines = [
        f"{'FM'[row % 2]},{camera},{row % 3 % 2},{row % 5 % 2},{(row * 37 + shift) % 100 / 100},{home}"
        for camera, shift in (("none", 0), ("blur", 7))
        for row in range(80)
        for home in [row // 4]
    ]
    path = write(tmp_path / "rows.csv", "\n".join(["sex,camera,y,p,s,home", *lines]) + "\n")
    document = {
        "task": "binary",
        "columns": {"y_true": "y", "y_pred": "p", "y_score": "s", "condition": "camera", "cluster": "home"},
        "positive_label": "1",
        "sensitive": ["sex"],
        "baseline_condition": "none",
    }
    found = index(run_bias_audit(path, document))
    assert "clusters" in found["auc_loss", "camera=blur"]["reason"]
    assert found["accuracy_loss", "camera=blur"]["reason"] is None
    columns = {"y_score": "s", "condition": "camera", "cluster": "home"}
    ranking = {**document, "task": "ranking", "columns": columns, "top_k": 0.5}
    del ranking["positive_label"]
    found = index(run_bias_audit(path, ranking))
    assert "clusters" in found["selection_rate_change", "camera=blur & sex=F"]["reason"]


@pytest.mark.soak
def test_paired_intervals_of_a_loss_cover_the_truth() -> None:
    """The true loss is 0.8 * 0.05 = 0.04 by construction."""
    hits = 0
    for seed in range(200):
        found = index(audit(make_paired(seed), metrics=["accuracy"], intervals={"draws": 400}))
        loss = found["accuracy_loss", "camera=blur & sex=F"]
        hits += loss["low"] <= 0.04 <= loss["high"]
    assert 0.90 <= hits / 200 <= 0.99


def test_every_loss_has_its_words() -> None:
    found = {entry["metric"] for entry in audit(make_cells())["measures"] if "camera=" in entry["population"]}
    assert found - {"n"} <= set(ROBUSTNESS_METRICS)
    assert name_loss("accuracy") in found
    assert ROBUSTNESS_METRICS["fpr_loss"].direction == "lower"
