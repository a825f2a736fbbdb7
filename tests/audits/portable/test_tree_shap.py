"""Shapley values of trees: against the definition, against shap, and by what they must obey."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audits.errors import BadInput
from audits.portable import tree_shap
from audits.portable.predict import predict_margins
from audits.portable.tree_shap import explain_trees, interact_trees
from audits.portable.trees import Tree, TreeEnsemble
from tests.audits.portable.paper import make_paper
from tests.audits.portable.samples import FEATURES, check, export, fit, get_trees, make_rows

PLAYERS = np.arange(len(FEATURES))


# --- The definition, written as slowly as it reads ---------------------------------------------------


def value_by_cover(tree: Tree, row: NDArray[Any], present: set[int], player_of: NDArray[Any], node: int = 0) -> float:
    """Return the expected leaf where absent players split by the cover."""
    if tree.left[node] < 0:
        return float(tree.values[0][node])
    left, right, feature = int(tree.left[node]), int(tree.right[node]), int(tree.feature[node])
    if int(player_of[feature]) in present:
        value = row[feature]
        goes_left = bool(tree.missing_left[node]) if np.isnan(value) else bool(value <= tree.threshold[node])
        return value_by_cover(tree, row, present, player_of, left if goes_left else right)
    parts = [tree.cover[child] * value_by_cover(tree, row, present, player_of, child) for child in (left, right)]
    return float(sum(parts) / tree.cover[node])


def value_by_background(
    tree: Tree, row: NDArray[Any], present: set[int], player_of: NDArray[Any], background: NDArray[Any]
) -> float:
    """Return the mean prediction of rows that take the present players from `row`."""
    mixed = np.where(np.isin(player_of, list(present))[:, None], row[:, None], background)
    return float(np.mean([value_by_cover(tree, mixed[:, i], set(player_of), player_of) for i in range(mixed.shape[1])]))


def shapley(value: Any, players: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (Shapley values, interaction indices) of a game by the sum over all coalitions."""
    worth = {
        frozenset(group): value(set(group))
        for size in range(players + 1)
        for group in itertools.combinations(range(players), size)
    }
    values, pairs = np.zeros(players), np.zeros((players, players))
    for group, here in worth.items():
        for i in set(range(players)) - group:
            weight = math.factorial(len(group)) * math.factorial(players - len(group) - 1) / math.factorial(players)
            values[i] += weight * (worth[group | {i}] - here)
            for j in set(range(players)) - group - {i}:
                share = math.factorial(len(group)) * math.factorial(players - len(group) - 2)
                change = worth[group | {i, j}] - worth[group | {i}] - worth[group | {j}] + here
                pairs[i, j] += share / math.factorial(players - 1) * change
    return values, pairs


def list_pair_values(found: tree_shap.PairAttribution, row: int, players: int) -> NDArray[Any]:
    matrix = np.zeros((players, players))
    for (i, j), values in zip(found.pairs, found.values, strict=True):
        matrix[i, j] = matrix[j, i] = values[row]
    return matrix


@pytest.mark.parametrize("player_of", [[0, 1, 2, 3, 4, 5], [0, 1, 1, 2, 0, 2]])
@pytest.mark.parametrize("against", ["cover", "background"])
@pytest.mark.parametrize("name", ["DecisionTreeClassifier", "HistGradientBoostingRegressor"])
def test_values_and_interactions_are_those_of_the_definition(name: str, against: str, player_of: list[int]) -> None:
    whole = get_trees(export(name))
    model = TreeEnsemble(whole.trees[:1], whole.base, "sum", whole.comparison, "float64", "float64")
    table = np.ascontiguousarray(make_rows(7, rows=6, missing=0.1).T)
    background = np.ascontiguousarray(make_rows(8, rows=9, missing=0.1).T) if against == "background" else None
    groups = np.array(player_of)
    players = groups.max() + 1
    found = explain_trees(model, table, groups, 0, background=background)
    pairs = interact_trees(model, table, groups, 0, background=background)
    tree = model.trees[0]
    for row in range(table.shape[1]):

        def value(present: set[int], row: int = row) -> float:
            if background is None:
                return value_by_cover(tree, table[:, row], present, groups)
            return value_by_background(tree, table[:, row], present, groups, background)

        values, wanted = shapley(value, players)
        assert np.abs(found.values[:, row] - values).max() < 1e-12
        assert np.abs(list_pair_values(pairs, row, players) - wanted).max() < 1e-12
        assert found.base == pytest.approx(value(set()) + model.base[0], abs=1e-12)


def test_the_paper_tree_by_hand() -> None:
    # x = 1, y = 1: f = 3 with both, E = (1*1 + 2*3 + 1*7)/4 = 3.5 with none,
    # x known: (2*3 + 1*7)/3 = 13/3; y known: 1/4*1 + 3/4*3 = 2.5.
    found = explain_trees(get_trees(check(make_paper())), np.array([[1.0], [1.0]]), np.arange(2), 0)
    assert found.base == 13.5
    assert found.values[:, 0] == pytest.approx([((13 / 3 - 3.5) + 0.5) / 2, (-1.0 + (3 - 13 / 3)) / 2], abs=1e-14)


# --- shap ---------------------------------------------------------------------------------------------

SHAP_MODELS = {
    "DecisionTreeRegressor": 1e-9,
    "RandomForestClassifier": 1e-9,
    "GradientBoostingRegressor": 1e-9,
    "HistGradientBoostingClassifier": 1e-9,
    "XGBClassifier": 5e-6,
    "XGBClassifier classes": 5e-6,
    "LGBMClassifier": 1e-9,
    "LGBMClassifier classes": 1e-9,
}


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier:UserWarning")
@pytest.mark.parametrize("name", SHAP_MODELS)
def test_path_dependent_values_agree_with_shap(name: str) -> None:
    import shap

    document = export(name)
    table = make_rows(4, rows=40)
    explainer = shap.TreeExplainer(fit(name), feature_perturbation="tree_path_dependent")
    wanted = np.asarray(explainer.shap_values(table))
    output = len(document.outputs) - 1
    found = explain_trees(get_trees(document), np.ascontiguousarray(table.T), PLAYERS, output)
    wanted = wanted[..., -1] if wanted.ndim == 3 else wanted
    assert np.abs(found.values.T - wanted).max() < SHAP_MODELS[name] * max(1.0, np.abs(wanted).max())
    assert found.base == pytest.approx(np.ravel(explainer.expected_value)[-1], abs=1e-5)


@pytest.mark.parametrize("name", ["RandomForestRegressor", "XGBRegressor", "LGBMRegressor"])
def test_interventional_values_agree_with_shap(name: str) -> None:
    import shap

    table, background = make_rows(4, rows=40), make_rows(5, rows=30)
    explainer = shap.TreeExplainer(fit(name), data=background, feature_perturbation="interventional")
    wanted = explainer.shap_values(table, check_additivity=False)
    found = explain_trees(
        get_trees(export(name)),
        np.ascontiguousarray(table.T),
        PLAYERS,
        0,
        background=np.ascontiguousarray(background.T),
    )
    # shap adds up in single precision here.
    assert np.abs(found.values.T - wanted).max() < 1e-5 * np.abs(wanted).max()


# --- What must hold for every model and every way of computing ----------------------------------------


@pytest.mark.parametrize("against", ["cover", "background"])
@pytest.mark.parametrize("name", ["RandomForestRegressor", "HistGradientBoostingClassifier classes", "LGBMRegressor"])
def test_base_and_values_add_up_to_the_margin(name: str, against: str) -> None:
    document = export(name)
    table = np.ascontiguousarray(make_rows(4).T)
    background = np.ascontiguousarray(make_rows(5, rows=50).T) if against == "background" else None
    for output in range(len(document.outputs)):
        found = explain_trees(get_trees(document), table, PLAYERS, output, background=background)
        margin = predict_margins(document, table)[output]
        assert np.abs(found.base + found.values.sum(axis=0) - margin).max() < 1e-12 * max(1, np.abs(margin).max())


@pytest.mark.parametrize("against", ["cover", "background"])
@pytest.mark.parametrize("name", ["DecisionTreeRegressor", "LGBMClassifier"])
def test_tables_and_single_patterns_give_the_same(name: str, against: str, monkeypatch: Any) -> None:
    model = get_trees(export(name))
    table = np.ascontiguousarray(make_rows(4, rows=200).T)
    background = np.ascontiguousarray(make_rows(5, rows=50).T) if against == "background" else None
    tabled = explain_trees(model, table, PLAYERS, 0, background=background)
    pairs = interact_trees(model, table, PLAYERS, 0, background=background)
    monkeypatch.setattr(tree_shap, "_choose_widest", lambda walk, rows: 2)
    monkeypatch.setattr(tree_shap, "WIDEST_PAIRS", 2)
    single = explain_trees(model, table, PLAYERS, 0, background=background)
    single_pairs = interact_trees(model, table, PLAYERS, 0, background=background)
    assert np.abs(tabled.values - single.values).max() < 1e-12 * np.abs(tabled.values).max()
    assert pairs.pairs == single_pairs.pairs
    assert np.abs(pairs.values - single_pairs.values).max() < 1e-12 * np.abs(tabled.values).max()


def test_blocks_of_rows_do_not_matter(monkeypatch: Any) -> None:
    model = get_trees(export("LGBMRegressor"))
    table = np.ascontiguousarray(make_rows(4, rows=101).T)
    whole = explain_trees(model, table, PLAYERS, 0).values
    monkeypatch.setattr(tree_shap, "BLOCK", 25)
    assert (explain_trees(model, table, PLAYERS, 0).values == whole).all()


def make_wide_tree(columns: int) -> dict[str, Any]:
    """Return a document with one chain through many columns: more players than a table holds."""
    nodes = 2 * columns + 1
    left = [node + 1 if node % 2 == 0 and node < nodes - 1 else -1 for node in range(nodes)]
    right = [node + 2 if node % 2 == 0 and node < nodes - 1 else -1 for node in range(nodes)]
    document = make_paper(
        left=left,
        right=right,
        feature=[node // 2 if left[node] > 0 else -1 for node in range(nodes)],
        threshold=[0.0] * nodes,
        values=[[0.0 if left[node] > 0 else float(node + 1) for node in range(nodes)]],
        cover=[2.0 + nodes - node if node % 2 == 0 else 2.0 for node in range(nodes)],
        missing_left=[False] * nodes,
    )
    document["inputs"] = [{"name": f"x{number}", "kind": "number"} for number in range(columns)]
    return document


@pytest.mark.parametrize("columns", [20, 40, 64])
def test_paths_with_more_players_than_a_table_holds(columns: int) -> None:
    document = check(make_wide_tree(columns))
    generator = np.random.default_rng(3)
    table = generator.standard_normal((columns, 300)) + 1.5
    background = generator.standard_normal((columns, 40)) + 1.0
    for stand_in in (None, background):
        found = explain_trees(get_trees(document), table, np.arange(columns), 0, background=stand_in)
        margin = predict_margins(document, table)[0]
        assert np.abs(found.base + found.values.sum(axis=0) - margin).max() < 1e-10
        assert np.abs(found.values).max() > 0.1


def test_without_cover_a_background_is_needed() -> None:
    document = make_paper()
    del document["model"]["trees"][0]["cover"]
    with pytest.raises(BadInput, match="the trees have no cover; give background rows"):
        explain_trees(get_trees(check(document)), np.zeros((2, 1)), np.arange(2), 0)


def test_progress_ends_at_one() -> None:
    told: list[float] = []
    explain_trees(get_trees(export("LGBMRegressor")), np.zeros((6, 3)), PLAYERS, 0, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
