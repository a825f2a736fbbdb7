"""Facts about the data: what was used for what, where it came from, and how good it was found to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.dossier_items import DatasetItem
from governance.facts.reading import Measured, Reading
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import DatasetVersion, EvaluationKind


def read(reading: Reading) -> Iterator[Recorded]:
    datasets = reading.dossier.datasets
    if datasets:
        yield from _read_inventory(reading, datasets)
        yield from _read_origin(reading)
    yield from _read_quality(reading)


def _read_inventory(reading: Reading, datasets: tuple[DatasetItem, ...]) -> Iterator[Recorded]:
    here = Source("version", reading.version.pk, "Datasets declared for the version")
    told = [f"{item.role}: {_name(item)}, {item.row_count:,} rows, {item.digest}" for item in datasets]
    yield reading.says("dataset.inventory", told, here, at=reading.dossier.as_of, digest=datasets[0].digest)
    lineage: dict[str, Any] = {item.role: [] for item in datasets}
    for item in datasets:
        lineage[item.role].append(_name(item))
    for step in reading.dossier.derivations:
        lineage.setdefault(step.derived, []).append(f"from {step.source}: {step.description or 'step not described'}")
    yield reading.says("dataset.lineage", lineage, here, at=reading.dossier.as_of)
    tested = [item for item in datasets if item.role == "test"]
    if tested:
        told_test = {_name(item): f"{item.row_count:,} rows, {item.digest}" for item in tested}
        yield reading.says("evaluation.test_data", told_test, here, at=reading.dossier.as_of, digest=tested[0].digest)


def _name(item: DatasetItem) -> str:
    return f"{item.dataset} v{item.number}"


def _read_origin(reading: Reading) -> Iterator[Recorded]:
    """Origin and scope, where somebody wrote them down for every dataset that the version stands on."""
    dossier = reading.dossier
    known = {item.dataset_version_id for item in dossier.datasets} | {step.source_id for step in dossier.derivations}
    rows = list(DatasetVersion.objects.filter(pk__in=known).select_related("dataset", "created_by").order_by("pk"))
    last = max(rows, key=lambda row: row.created_at)
    by = dict.fromkeys(row.created_by.get_full_name() for row in rows)
    here = Source("version", reading.version.pk, "Descriptions of the datasets")
    if all(row.dataset.source for row in rows):
        told = {row.dataset.name: _say_origin(row) for row in rows}
        yield reading.says("dataset.provenance", told, here, strength=Strength.STATEMENT, at=last.created_at, by=by)
    used = {item.dataset_version_id for item in dossier.datasets}
    if all(row.dataset.description for row in rows if row.pk in used):
        told_scope = "\n".join(_say_scope(row) for row in rows if row.pk in used)
        yield reading.says("dataset.scope", told_scope, here, strength=Strength.STATEMENT, at=last.created_at, by=by)


def _say_origin(row: DatasetVersion) -> str:
    licence = f"; licence or ground: {row.dataset.licence}" if row.dataset.licence else ""
    return f"{row.dataset.source}{licence}"


def _say_scope(row: DatasetVersion) -> str:
    columns = f", columns {', '.join(column['name'] for column in row.schema)}" if row.schema else ""
    return f"{row}: {row.dataset.description} {row.row_count:,} rows{columns}."


def _read_quality(reading: Reading) -> Iterator[Recorded]:
    """What the laboratory counted in the tables that are the declared dataset versions, byte for byte."""
    found = [one for one in reading.measured(EvaluationKind.DATA_QUALITY) if one.result["binding"]["matches"]]
    if not found:
        return
    first = found[0]
    quality = {
        f"{item['metric']}, {one.item.dataset_role} data": item["value"]
        for one in found
        for item in one.result["dimensions"]
        if item["value"] is not None
    }
    yield reading.of_evaluation("dataset.quality", quality, first)
    leaks = {one.item.dataset: _say_leakage(one) for one in found if one.result["leakage"]}
    if leaks:
        yield reading.of_evaluation("dataset.splits", leaks, first)
    compared = {
        f"{part['feature']}={group['group']}, {one.item.dataset_role} data": {
            "share": group["share"],
            "expected": group["declared_share"],
        }
        for one in found
        for part in one.result["representation"]
        for group in part["groups"]
        if group["declared_share"] is not None
    }
    if compared:
        yield reading.of_evaluation("dataset.representativeness", compared, first)


def _say_leakage(one: Measured) -> str:
    leakage = one.result["leakage"]
    return f"{leakage['found_in_training']:,} of {leakage['rows']:,} rows are in the training data too"
