"""A profile as JSON: no NaN, every null with its reason, no value that could point at a person."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from audits.bias.record import versions
from audits.bias.verdicts import judge_criteria
from audits.populations import OVERALL, name_group
from audits.quality.measured import Profile
from audits.quality.notes import write_notes
from audits.quality.personal import KINDS, PersonalHint
from audits.quality.results import Quantity
from audits.quality.rules import RuleCount
from audits.quality.vocabulary import QUALITY_METRICS

FORMAT = "countersign/data-quality/1"
LIBRARIES = ("numpy", "scipy", "duckdb")
NOT_THE_DATASET = "the file is not the declared dataset version"


def to_json(profile: Profile) -> dict[str, Any]:
    """Return a profile as a JSON-ready document.

    `dimensions` are the numbers about the whole table with their definitions, `columns` the
    profile of each, `measures` the flat list criteria are judged by, `verdicts` the judgement of
    the declared expectations. `binding` says whether the file is the declared dataset version; if
    not, no expectation is met.
    """
    spec, file = profile.spec, profile.file
    binding = _bind(profile)
    reason = NOT_THE_DATASET if binding["matches"] is False else None
    measures = [
        quantity.to_measure(None if quantity.metric == "dataset_match" else reason) for quantity in profile.quantities
    ]
    return {
        "format": FORMAT,
        "data": {
            "sha256": file.sha256,
            "bytes": file.size,
            "kind": file.kind,
            "rows": profile.rows,
            "columns": len(file.columns),
            "delimiter": file.delimiter,
            "encoding": file.encoding,
        },
        "binding": binding,
        "missing_tokens": ["", *spec.missing],
        "dimensions": [_dimension(found) for found in profile.quantities if _is_about_all(found)],
        "columns": [_column(profile, name) for name in file.columns],
        "schema": {name: list(columns) for name, columns in profile.schema.items()},
        "rules": [_rule(found) for found in profile.rules],
        **_further(profile),
        "personal_data": [_hint(hint) for hint in profile.hints],
        "verdicts": [verdict.to_json() for verdict in judge_criteria(spec.expectations, measures)],
        "notes": [note._asdict() for note in write_notes(profile, binding)],
        "measures": [measure.to_json() for measure in measures],
        "passport": {
            "seed": spec.seed,
            "versions": versions(LIBRARIES),
            "input": {"sha256": file.sha256, "bytes": file.size, "kind": file.kind},
            "further_inputs": {role: {"sha256": other.sha256} for role, other in profile.others.items()},
            "rows_read": profile.rows,
            "minimum_published_count": spec.minimum_published_count,
            "intervals": {"level": spec.level, "draws": spec.draws},
        },
    }


def _bind(profile: Profile) -> dict[str, Any]:
    """Return whether the file is the declared dataset version, in data and in words."""
    declared, found = profile.spec.dataset_digest, profile.file.sha256
    if declared is None:
        statement = "No digest was declared: the numbers are about the file with the digest below."
    elif declared == found:
        statement = "The file is the declared dataset version: its digest is the declared one."
    else:
        statement = (
            "The file is not the declared dataset version: its digest differs. The numbers are about the file, "
            "and no expectation can be met by them."
        )
    matches = None if declared is None else declared == found
    return {"declared": declared, "found": found, "matches": matches, "statement": statement}


def _is_about_all(found: Quantity) -> bool:
    return found.population == OVERALL or found.population.startswith("by ")


def _dimension(found: Quantity) -> dict[str, Any]:
    metric = QUALITY_METRICS[found.metric]
    return {
        **found.to_json(),
        "direction": metric.direction,
        "definition": metric.definition,
        "source": metric.source,
    }


def _column(profile: Profile, name: str) -> dict[str, Any]:
    """Return the profile of one column; its range and values only where they point at nobody."""
    counts, values, declared = profile.counts[name], profile.values[name], profile.spec.describe(name)
    reason = find_reason_to_withhold(profile, name)
    validity = next((found for found in profile.validities if found.column == name), None)
    found: dict[str, Any] = {
        "name": name,
        "declared_type": declared.type,
        "role": declared.role,
        "type": counts.infer_type(int(values.distinct)),
        "file_type": profile.types[name],
        "present": counts.present,
        "missing": profile.rows - counts.present,
        "completeness": counts.present / profile.rows,
        "distinct": {"value": values.distinct, "low": values.low, "high": values.high, "method": values.method},
        "padded": counts.padded,
        "leading_zeros": counts.codes,
        "length": None if not counts.present else {"shortest": counts.shortest, "longest": counts.longest},
        "withheld": reason,
        "validity": None
        if validity is None
        else {"checked": validity.checked, "passed": validity.passed, "failed": dict(validity.failed)},
        "numbers": None,
        "dates": None,
        "categories": None,
    }
    if reason is None:
        found["numbers"] = _numbers(profile, name)
        found["dates"] = _dates(counts.moments, counts.earliest, counts.latest)
        has_range = found["numbers"] is not None or found["dates"] is not None
        is_listed = counts.present > 0 and (not has_range or values.distinct <= len(values.top))
        found["categories"] = _categories(profile, name) if is_listed else None
    return found


def find_reason_to_withhold(profile: Profile, name: str) -> str | None:
    """Return why the values, the range and the quantiles of a column are not published."""
    kinds = [hint.kind for hint in profile.hints if hint.column == name]
    if kinds:
        return f"hints at personal data: {', '.join(KINDS[kind] for kind in dict.fromkeys(kinds))}"
    role = profile.spec.describe(name).role
    if name in profile.spec.key or role in ("key", "identifier") or profile.spec.describe(name).type == "identifier":
        return "tells rows apart"
    return None


def _numbers(profile: Profile, name: str) -> dict[str, Any] | None:
    found, counts = profile.numbers.get(name), profile.counts[name]
    if found is None:
        return None
    return {
        "count": counts.numbers,
        "not_numbers": counts.present - counts.numbers,
        "minimum": counts.lowest,
        "maximum": counts.highest,
        "mean": found.mean,
        "standard_deviation": found.deviation,
        "zeros": counts.zeros,
        "negatives": counts.negatives,
        "quantiles": {
            "method": "exact, linear between ranks",
            "values": {f"{share:g}": value for share, value in found.quantiles.items()},
        },
        "median_absolute_deviation": found.deviation_from_median,
        "outliers": {
            "fences": None if found.fences is None else list(found.fences),
            "below": found.below,
            "above": found.above,
            "robust": found.robust,
            "reason": "the interquartile range is 0" if found.fences is None else None,
            "robust_reason": "the median absolute deviation is 0" if found.robust is None else None,
        },
    }


def _dates(moments: int, earliest: datetime | None, latest: datetime | None) -> dict[str, Any] | None:
    if not moments or earliest is None or latest is None:
        return None
    return {"count": moments, "earliest": _day(earliest), "latest": _day(latest)}


def _day(moment: datetime | date) -> str:
    return moment.date().isoformat() if isinstance(moment, datetime) else moment.isoformat()


def _categories(profile: Profile, name: str) -> dict[str, Any]:
    values = profile.values[name]
    return {
        "top": [{"value": value, "count": count} for value, count in values.top],
        "others": {"values": values.others, "rows": values.other_rows},
        "below_minimum_count": values.rare,
        "minimum_count": profile.spec.minimum_published_count,
    }


def _rule(found: RuleCount) -> dict[str, Any]:
    return {
        "name": found.rule.name,
        "columns": list(found.rule.used_columns),
        "applies": found.applies,
        "passes": found.passes,
        "compared_as": found.compared_as,
    }


def _hint(hint: PersonalHint) -> dict[str, Any]:
    return {
        "column": hint.column,
        "kind": hint.kind,
        "title": KINDS[hint.kind],
        "cells": hint.cells,
        "present": hint.present,
    }


def _further(profile: Profile) -> dict[str, Any]:
    """Return what was asked for beyond the columns; null where it was not."""
    return {
        "uniqueness": _uniqueness(profile),
        "timeliness": _timeliness(profile),
        "accuracy": _accuracy(profile),
        "leakage": _leakage(profile),
        "class_balance": _balance(profile),
        "representation": [_representation(profile, place) for place in range(len(profile.representations))],
    }


def _uniqueness(profile: Profile) -> dict[str, Any]:
    found = profile.uniqueness
    parts = {"rows": found.rows, "key": found.key, "content": found.content}
    return {
        "key_columns": list(profile.spec.key),
        "compared_by": "MD5 over the cells of a row, each with its length",
        **{
            name: None
            if part is None
            else {
                "rows": part.rows,
                "distinct": part.distinct,
                "repeated": part.repeated,
                "groups": part.groups,
                "largest_group": part.largest,
            }
            for name, part in parts.items()
        },
    }


def _timeliness(profile: Profile) -> dict[str, Any] | None:
    found, time = profile.timeliness, profile.spec.time
    if found is None or time is None:
        return None
    is_withheld = find_reason_to_withhold(profile, time.column) is not None
    return {
        "column": time.column,
        "observed_at": time.observed_at.isoformat(),
        "maximum_age_days": time.maximum_age_days,
        "dated": found.dated,
        "undated": found.undated,
        "future": found.future,
        "within_limit": found.within_limit,
        "earliest": None if is_withheld or found.earliest is None else _day(found.earliest),
        "latest": None if is_withheld or found.latest is None else _day(found.latest),
        "median_age_days": None if found.median is None else found.median.value,
        "p95_age_days": None if found.p95 is None else found.p95.value,
        "days_with_rows": found.days,
        "largest_gap_days": found.largest_gap,
        "largest_gap_after": None if is_withheld or found.gap_after is None else _day(found.gap_after),
    }


def _accuracy(profile: Profile) -> dict[str, Any] | None:
    found, source = profile.comparison, profile.spec.source
    if found is None or source is None:
        return None
    return {
        "key": list(source.key),
        "rows": found.rows,
        "matched": found.matched,
        "source_rows": found.source_rows,
        "columns": [
            {
                "column": cells.column,
                "source_column": part.source,
                "tolerance": part.tolerance,
                "compared": cells.compared,
                "agreeing": cells.agreeing,
            }
            for cells, part in zip(found.columns, source.columns, strict=True)
        ],
    }


def _leakage(profile: Profile) -> dict[str, Any] | None:
    found = profile.leakage
    if found is None:
        return None
    return {
        "columns": list(found.columns),
        "rows": found.rows,
        "found_in_training": found.leaked,
        "training_rows": found.training_rows,
        "keys": found.keyed,
        "keys_found_in_training": found.leaked_keys,
    }


def _balance(profile: Profile) -> dict[str, Any] | None:
    found = profile.balance
    if found is None:
        return None
    is_withheld = find_reason_to_withhold(profile, found.column) is not None
    listed = () if is_withheld else found.listed
    shown = sum(count for _, count in listed)
    return {
        "column": found.column,
        "labelled": found.labelled,
        "unlabelled": found.unlabelled,
        "classes": found.classes,
        "counts": [{"label": label, "count": count, "share": count / found.labelled} for label, count in listed],
        "below_minimum_count": {"classes": found.classes - len(listed), "rows": found.labelled - shown},
    }


def _representation(profile: Profile, place: int) -> dict[str, Any]:
    found = profile.representations[place]
    is_withheld = find_reason_to_withhold(profile, found.feature) is not None
    minimum = math.inf if is_withheld else profile.spec.minimum_published_count
    shown = [part for part in found.groups if part.declared is not None or part.rows >= minimum]
    measured = {quantity.population: quantity for quantity in profile.quantities if _is_ratio(quantity)}
    hidden = [part for part in found.groups if part not in shown]
    groups = [_group(found.feature, part.group, part.rows, part.declared, found.known, measured) for part in shown]
    return {
        "feature": found.feature,
        "known": found.known,
        "missing": found.missing,
        "not_declared": found.unknown,
        "groups": groups,
        "below_minimum_count": {"groups": len(hidden), "rows": sum(part.rows for part in hidden)},
        "chi_square": found.chi_square,
        "degrees_of_freedom": found.degrees,
        "p_value": found.p_value,
        "reason": found.reason,
    }


def _is_ratio(quantity: Quantity) -> bool:
    return quantity.metric == "representation_ratio"


def _group(
    feature: str, group: str, rows: int, declared: float | None, known: int, measured: Mapping[str, Quantity]
) -> dict[str, Any]:
    ratio = measured.get(name_group([feature], [group]))
    return {
        "group": group,
        "rows": rows,
        "share": rows / known if known else None,
        "declared_share": declared,
        "ratio": ratio.value if ratio else None,
        "low": ratio.low if ratio else None,
        "high": ratio.high if ratio else None,
    }
