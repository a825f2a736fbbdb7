"""Proxy check: how well declared columns predict each sensitive feature, and which of them do.

A gradient-boosted classifier of scikit-learn predicts the sensitive feature from all declared
columns together, cross-validated: every row is scored by a model that has not seen it (nor its
cluster, where one is declared). Classes are weighted alike, so that guessing has a balanced
accuracy of 1 / classes and an AUC of 0.5. For each column alone: Cramer's V with Bergsma's bias
correction (J. Korean Stat. Soc. 42 (2013) 323), 0 no association, 1 one follows from the other,
and the AUC of the class rates of its values, found on other rows.

A sensitive feature that can be predicted can be discriminated by, whether or not it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from audits.bias.measures import Measure
from audits.bias.proxy_rows import ProxyColumnValues, ProxyRows
from audits.bias.proxy_strength import count_worth, find_lone_auc, find_strength
from audits.counting.scores import ScoreCounts
from audits.intervals import Bounded, add, find_z, rank_share, wilson
from audits.populations import JOIN, name_comparison, name_group
from audits.spec import AuditSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5
LEAST_ROWS_OF_CLASS = 2 * FOLDS
NEEDS_ROWS = "the proxy check needs the rows of the table: counted cells do not hold the declared columns"
NOTE = (
    "Cross-validated: every row is scored by a model that has not seen it. Guessing has an AUC of 0.5 and the balanced "
    "accuracy given as baseline. Whether a column that predicts a sensitive feature may be used is not decided here."
)

Progress = Callable[[float, str], None]


def check_proxies(rows: ProxyRows | None, spec: AuditSpec) -> tuple[list[dict[str, Any]], list[Measure]]:
    """Return the proxy check of every sensitive feature, JSON-ready, and its measures.

    Parameters
    ----------
    rows : ProxyRows or None
        From `proxy_rows.read_proxy_rows`; None where there are only cells.
    spec : AuditSpec
    """
    found = []
    for feature in spec.sensitive:
        if rows is None:
            found.append({"sensitive": feature, "reason": NEEDS_ROWS, "features": [], "by_class": []})
        else:
            found.append(_check_feature(rows, feature, spec))
    return found, [measure for entry in found for measure in _list_measures(entry)]


def _check_feature(rows: ProxyRows, feature: str, spec: AuditSpec) -> dict[str, Any]:
    """Check one sensitive feature."""
    import numpy as np

    groups = rows.groups[feature]
    values, counts = np.unique(groups[groups >= 0], return_counts=True)
    kept = values[counts >= LEAST_ROWS_OF_CLASS]
    chosen = np.flatnonzero(np.isin(groups, kept) & (rows.weight > 0))
    names = [rows.names[feature][value] for value in kept]
    found: dict[str, Any] = {
        "sensitive": feature,
        "columns": [column.name for column in rows.columns],
        "classes": names,
        "classes_left_out": [rows.names[feature][value] for value in values if value not in kept],
        "rows": int(chosen.size),
        "rows_available": rows.available,
        "baseline": None,
        "reason": None,
        "note": NOTE,
        "features": [],
        "by_class": [],
    }
    if len(names) < 2:
        reason = f"fewer than two groups have {LEAST_ROWS_OF_CLASS} rows: there is nothing to predict"
        return found | {"reason": reason}
    label = np.searchsorted(kept, groups[chosen])
    cluster = None if rows.cluster is None else rows.cluster[chosen]
    folds = _split(label, cluster, spec.seed)
    if folds is None:
        return found | {"reason": f"fewer than {FOLDS} clusters: they cannot be kept apart"}
    weight = rows.weight[chosen]
    columns = [column.take(chosen) for column in rows.columns]
    chance = _predict(columns, label, weight, len(names), folds, spec.seed)
    z = find_z(spec.level)
    found |= _judge(chance, label, weight, cluster, z)
    for place, entry in enumerate(found["by_class"]):
        entry |= {"group": names[place], "population": name_group([feature], [names[place]])}
    found["by_class"].sort(key=lambda entry: entry["group"])
    found["classes"] = sorted(names)
    found["features"] = _rank_columns(columns, label, weight, cluster, folds, spec)
    return found


def _split(label: NDArray[np.int64], cluster: NDArray[np.int64] | None, seed: int) -> NDArray[np.int64] | None:
    """Return the fold of every row; clusters stay in one fold. None where there are too few."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    fold = np.zeros(len(label), dtype=np.int64)
    nothing = np.zeros((len(label), 1))
    if cluster is None:
        parts = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(nothing, label)
    elif len(np.unique(cluster)) < FOLDS:
        return None
    else:
        parts = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(nothing, label, cluster)
    for number, (_, test) in enumerate(parts):
        fold[test] = number
    return fold


def _predict(
    columns: Sequence[ProxyColumnValues],
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    classes: int,
    folds: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float64]:
    """Return the chance of every class for every row, by models that have not seen the row."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    chance = np.full((len(label), classes), 1 / classes)
    for number in range(FOLDS):
        test, train = np.flatnonzero(folds == number), np.flatnonzero(folds != number)
        present = np.unique(label[train])
        if not test.size or present.size < 2:
            continue
        encoded = [column.encode(train, label, weight, classes, seed) for column in columns]
        table = np.concatenate(encoded, axis=1)
        share = np.bincount(label[train], weights=weight[train], minlength=classes)
        model = HistGradientBoostingClassifier(
            max_iter=60,
            max_leaf_nodes=15,
            min_samples_leaf=10,
            learning_rate=0.15,
            early_stopping=False,
            random_state=seed,
        )
        alike = weight[train] / share[label[train]] * len(train) / classes
        # One thread: threads that wait for each other on a busy machine cost many times the work.
        with threadpool_limits(1):
            model.fit(table[train], label[train], sample_weight=alike)
            chance[test] = 0.0
            chance[np.ix_(test, model.classes_)] = model.predict_proba(table[test])
    return chance


def _judge(
    chance: NDArray[np.float64],
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    cluster: NDArray[np.int64] | None,
    z: float,
) -> dict[str, Any]:
    """Return AUC and balanced accuracy with limits, per class against the rest and together."""
    import numpy as np

    classes = chance.shape[1]
    said = chance.argmax(axis=1)
    aucs: list[Bounded] = []
    by_class, recalls = [], []
    for place in range(classes):
        mine = label == place
        # Of two classes either is told from the other equally well: rounding must not say otherwise.
        auc = aucs[0] if classes == 2 and place else bound_auc(chance[:, place], mine, weight, cluster, z)
        size = count_worth(weight, cluster, mine)
        share = float(weight[mine & (said == place)].sum() / weight[mine].sum())
        recall = Bounded(share, *wilson(share * size, size, z)[:2])
        by_class.append(
            {
                "auc": auc.value,
                "low": auc.low,
                "high": auc.high,
                "recall": recall.value,
                "recall_low": recall.low,
                "recall_high": recall.high,
                "rows": int(mine.sum()),
            }
        )
        aucs.append(auc)
        recalls.append(Bounded(recall.value / classes, recall.low / classes, recall.high / classes))
    balanced = _add_all(recalls)
    auc = aucs[0] if classes == 2 else _average(aucs)
    share_of_class = np.bincount(label, weights=weight) / weight.sum()
    return {
        "auc": auc.value,
        "low": auc.low,
        "high": auc.high,
        "balanced_accuracy": balanced.value,
        "balanced_accuracy_low": balanced.low,
        "balanced_accuracy_high": balanced.high,
        "baseline": 1 / classes,
        "largest_class": float(share_of_class.max()),
        "by_class": by_class,
    }


def bound_auc(
    score: NDArray[np.float64],
    mine: NDArray[np.bool_],
    weight: NDArray[np.float64],
    cluster: NDArray[np.int64] | None,
    z: float,
) -> Bounded:
    """Return the AUC of a score for one class against the rest, with Newcombe's limits."""
    import numpy as np

    ones = np.ones(len(score), dtype=np.int64)
    columns = [np.zeros(len(score), dtype=np.int64), mine.astype(np.int64), score, ones, weight, weight**2]
    value = ScoreCounts.create([()], columns).summarise([])[()].auc
    limits = rank_share(value, count_worth(weight, cluster, mine), count_worth(weight, cluster, ~mine), z)
    return Bounded(value, limits.low, limits.high)


def _add_all(parts: Sequence[Bounded]) -> Bounded:
    total = parts[0]
    for part in parts[1:]:
        low, high, _ = add(total, part)
        total = Bounded(total.value + part.value, low, high)
    return total


def _average(parts: Sequence[Bounded]) -> Bounded:
    """Return the mean with limits that hold however the parts depend on each other."""
    return Bounded(*(math.fsum(numbers) / len(parts) for numbers in zip(*parts, strict=True)))


def _rank_columns(
    columns: Sequence[ProxyColumnValues],
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    cluster: NDArray[np.int64] | None,
    folds: NDArray[np.int64],
    spec: AuditSpec,
) -> list[dict[str, Any]]:
    """Return every column alone, the strongest first; of two readings of a column the one that says more."""
    ranked = []
    for column in columns:
        readings = column.readings()
        aucs = {kind: find_lone_auc(code, label, weight, folds) for kind, code in readings.items()}
        kind = max(aucs, key=lambda name: aucs[name])
        strength = find_strength(readings[kind], label, weight, cluster, spec)
        ranked.append(
            {
                "feature": column.name,
                "strength": strength.value,
                "low": strength.low,
                "high": strength.high,
                "method": "cramers-v-corrected",
                "auc_alone": aucs[kind],
                "read_as": kind,
                "values": int(readings[kind].max()) + 1,
            }
        )
    return sorted(ranked, key=lambda entry: (-entry["strength"], entry["feature"]))


def _list_measures(entry: dict[str, Any]) -> list[Measure]:
    """Return the proxy check of one feature as measures."""
    name = name_comparison([entry["sensitive"]]).removeprefix("by ")
    if entry["reason"] is not None:
        metrics = ("proxy_auc", "proxy_balanced_accuracy")
        return [Measure(metric, name, None, None, None, entry.get("rows", 0), entry["reason"]) for metric in metrics]
    n = entry["rows"]
    found = [
        Measure("proxy_auc", name, entry["auc"], entry["low"], entry["high"], n),
        Measure(
            "proxy_balanced_accuracy",
            name,
            entry["balanced_accuracy"],
            entry["balanced_accuracy_low"],
            entry["balanced_accuracy_high"],
            n,
        ),
    ]
    for part in entry["by_class"]:
        found.append(Measure("proxy_auc", part["population"], part["auc"], part["low"], part["high"], n))
    for part in entry["features"]:
        population = JOIN.join((name, name_group(["feature"], [part["feature"]])))
        found.append(Measure("proxy_strength", population, part["strength"], part["low"], part["high"], n))
    return found
