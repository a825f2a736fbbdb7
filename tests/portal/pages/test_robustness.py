"""Losses under conditions on the audit's page: one row for each condition, whatever is undefined in it."""

from __future__ import annotations

from typing import Any

import pytest

from governance import runner
from governance.actions import evaluations
from governance.models import Evaluation
from portal.pages.results.robustness import present_robustness
from tests import cast
from tests.portal.pages.browsing import browse, text_of


def loss(condition: str, metric: str, value: float | None, group: Any = None, **more: Any) -> dict[str, Any]:
    limits = {"low": None if value is None else value - 0.1, "high": None if value is None else value + 0.1}
    found = {"condition": condition, "metric": metric, "group": group, "loss": value, "baseline_value": 0.9}
    return {**found, **limits, "reason": None if value is not None else "no rows", **more}


def make_document(*losses: dict[str, Any], by_group: Any = ()) -> dict[str, Any]:
    return {"baseline": "none", "note": "Paired.", "losses": list(losses), "by_group": list(by_group)}


def test_one_row_for_each_condition_and_one_column_for_each_metric() -> None:
    shown = present_robustness(
        make_document(
            loss("fog:1", "accuracy", 0.2),
            loss("fog:1", "tpr", None),
            loss("fog:1", "accuracy", 0.5, group=["F"]),
            loss("fog:2", "accuracy", 0.3),
            loss("fog:2", "mcc", 0.3),
        ),
        ["accuracy", "tpr"],
    )

    assert shown is not None
    assert [condition for condition, _ in shown["everybody"].rows] == ["fog:1", "fog:2"]
    cells = {condition: [cell.number.value for cell in cells] for condition, cells in shown["everybody"].rows}
    assert cells == {"fog:1": [0.2, None], "fog:2": [0.3, None]}
    assert len(shown["everybody"].titles) == 2
    assert shown["baseline_values"] == [("Accuracy", 0.9), ("True positive rate", 0.9)]


def test_groups_are_compared_feature_by_feature() -> None:
    rows = [
        {"condition": "fog:1", "metric": "accuracy", "features": features, "difference": 0.1, "most": most}
        for features, most in ((["sex"], "sex=F"), (["sex", "age"], "sex=F & age=60+"))
    ]
    shown = present_robustness(make_document(by_group=rows), ["accuracy"])

    assert shown is not None
    assert [(table.name, table.rows[0][1][0].remark) for table in shown["by_group"]] == [
        ("sex", "sex=F"),
        ("sex & age", "sex=F & age=60+"),
    ]


@pytest.mark.parametrize("document", [None, {}])
def test_without_conditions_there_is_nothing(document: Any) -> None:
    assert present_robustness(document, ["accuracy"]) is None


def test_page_shows_every_condition_once(version, developer) -> None:
    lines = ["row_id,condition,sex,y_true,y_pred"]
    for condition, wrong_every in (("none", 50), ("fog:1", 10), ("fog:2", 4)):
        for number in range(200):
            truth = number // 2 % 2
            lines.append(f"{number},{condition},{'FM'[number % 2]},{truth},{truth ^ (number % wrong_every == 0)}")
    columns = {"y_true": "y_true", "y_pred": "y_pred", "cluster": "row_id", "condition": "condition"}
    spec = {
        **{"task": "binary", "columns": columns, "positive_label": "1", "sensitive": ["sex"]},
        **{"baseline_condition": "none", "intervals": {"draws": 200, "level": 0.95}},
    }
    evidence = cast.submit(version, "predictions", by=developer, file=["\n".join(lines).encode()], file_name="p.csv")
    evaluations.request_evaluation(
        version, kind="bias_audit", evidence=evidence, spec=spec, actor=cast.acting(developer)
    )
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    page = text_of(browse(developer).get(f"/evaluations/{evaluation.pk}/"))
    losses = page[page.index("Losses under conditions") : page.index("Who loses most, by sex")]

    assert losses.count(">fog:1<") == losses.count(">fog:2<") == 1
    assert "0.230" in losses  # 0.98 - 0.75
    assert "sex=M" in page[page.index("Who loses most, by sex") :]
