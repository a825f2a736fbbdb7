"""A training run again: does it give the metrics on record, within the tolerance that was declared?

The submitter ran the recorded training again and reports what every run gave (`countersign
reproduce`). That report is compared here with the metrics on record for the model version, never
with what the report itself states they were: a submitter cannot invent what has to be reproduced.
A metric is reproduced where every run gave it and every value lies within its tolerance of every
value on record::

    |again - on record| <= max(absolute, relative * |on record|)

Numbers are compared exactly on the decimals as they are written: 0.94 lies within 0.01 of 0.95,
although the difference of the two floats is a little more. A metric without a declared tolerance
has to be exactly equal. A tolerance above a tenth of the value shows nothing, since whoever submits
or asks could declare any: then only exactly the value on record is a reproduction. Whoever asks may
narrow the comparison to some metrics, but the others on record then count as not reproduced: a
share of what is on record cannot be improved by asking for less. This is a pure function of what is
on record; it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from audits.bias.measures import Measure
from audits.bias.results import Note
from audits.errors import BadInput
from audits.populations import OVERALL, name_group
from audits.spec_values import check_number, check_object, check_part, check_texts

FORMAT = "countersign/reproduction-result/1"
REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
IN_PART = "reproduced in part"
WIDE = Fraction(1, 10)
"""A tolerance above this share of the value on record shows nothing: almost any training would lie within it."""
MAXIMUM_METRICS = 1_000
KEYS = ("metrics", "tolerances", "tolerance", "title")
SHOWN = 5


@dataclass(frozen=True)
class Tolerance:
    """How far a value may lie from the one on record. `declared_by` is request, report or nobody."""

    absolute: float = 0.0
    relative: float = 0.0
    declared_by: str = "nobody"

    def allow(self, on_record: float) -> Fraction:
        """Return the largest distance from a value on record."""
        return max(_exact(self.absolute), _exact(self.relative) * abs(_exact(on_record)))


@dataclass(frozen=True)
class ReproductionSpec:
    """What is asked: which metrics have to be reproduced (None: all on record), and how exactly."""

    metrics: tuple[str, ...] | None
    tolerances: Mapping[str, Tolerance]
    tolerance: Tolerance | None


@dataclass(frozen=True)
class Comparison:
    """One metric: what is on record, what the runs gave, and what follows.

    `deviation` is the largest distance of a run from a value on record, `relative_deviation` the
    same divided by the larger of the two (0 where both are 0); None where nothing can be compared.
    """

    name: str
    on_record: tuple[float, ...]
    stated: float | None
    again: tuple[float, ...]
    tolerance: Tolerance
    deviation: float | None
    relative_deviation: float | None
    verdict: str
    reason: str | None


def check_reproduction_spec(document: object) -> ReproductionSpec:
    """Return the checked specification. Raises BadInput that names the key."""
    spec = check_object(document, KEYS)
    metrics = check_texts(spec["metrics"], "metrics", 1, MAXIMUM_METRICS) if "metrics" in spec else None
    given = spec.get("tolerances", {})
    if not isinstance(given, dict) or len(given) > MAXIMUM_METRICS:
        raise BadInput("must be an object: metric -> tolerance", column="tolerances")
    for name in given:
        if metrics is not None and name not in metrics:
            raise BadInput(f"{str(name)[:100]!r} is not among the metrics", column="tolerances")
    return ReproductionSpec(
        metrics=metrics,
        tolerances={name: _check_tolerance(item, f"tolerances.{name}") for name, item in given.items()},
        tolerance=_check_tolerance(spec["tolerance"], "tolerance") if "tolerance" in spec else None,
    )


def _check_tolerance(value: object, key: str) -> Tolerance:
    part = check_part(value, key, ("absolute", "relative"))
    numbers = {name: check_number(number, f"{key}.{name}") for name, number in part.items()}
    if not numbers or min(numbers.values()) < 0:
        raise BadInput("must hold absolute or relative, not negative", column=key)
    return Tolerance(**numbers, declared_by="request")


def run_reproduction(
    report: Mapping[str, Any], records: Mapping[str, Any], document: Mapping[str, Any]
) -> dict[str, Any]:
    """Compare a report of runs with what is on record, and return the result document.

    Parameters
    ----------
    report : mapping
        The checked evidence: `recorded` and `tolerances` by metric; `runs`, each with `metrics`,
        `seconds`, `exit_code`, `failure` and `outputs`; `inputs`, `code`.
    records : mapping
        What the record office holds: `metrics` (name, value, evidence, digest), `datasets` (name,
        role, digest), `artifacts` (name, digest), `digest` of the report, `is_independent`.
    document : mapping
        The specification: `metrics` that have to be reproduced, `tolerances`, `tolerance`.

    Raises
    ------
    BadInput
        When the specification is not usable.
    """
    spec = check_reproduction_spec(dict(document))
    on_record: dict[str, list[float]] = {}
    for item in records["metrics"]:
        on_record.setdefault(item["name"], []).append(item["value"])
    wanted = spec.metrics if spec.metrics is not None else tuple(sorted(on_record))
    compared = [_compare(name, on_record.get(name, ()), report, spec) for name in wanted]
    not_asked = sorted(set(on_record) - set(wanted))
    return {
        "format": FORMAT,
        "statement": _state(report, records),
        "verdict": _judge(compared, not_asked),
        "metrics": [_to_json(item) for item in compared],
        "not_asked": not_asked,
        "not_on_record": sorted(_list_reported(report) - set(on_record)),
        "runs": _describe_runs(report["runs"]),
        "training_data": _match_inputs(report["inputs"], records["datasets"]),
        "artifacts": _match_outputs(report["runs"], records["artifacts"]),
        "code": dict(report["code"]),
        "is_independent": records["is_independent"],
        "read": [{"evidence": number, "digest": digest} for number, digest in _list_read(records["metrics"])],
        "notes": [note._asdict() for note in _write_notes(report, records, compared, not_asked)],
        "measures": [item.to_json() for item in measure_reproduction(compared, not_asked, len(report["runs"]))],
        "passport": {"report": records["digest"], "runs": len(report["runs"])},
    }


def _compare(name: str, on_record: Sequence[float], report: Mapping[str, Any], spec: ReproductionSpec) -> Comparison:
    runs = report["runs"]
    again = tuple(run["metrics"][name] for run in runs if _ended_well(run) and name in run["metrics"])
    tolerance = _find_tolerance(name, report, spec)
    pairs = [(old, new) for old in on_record for new in again]
    deviation = max((abs(_exact(new) - _exact(old)) for old, new in pairs), default=None)
    relative = max((_divide(old, new) for old, new in pairs), default=None)
    misses = [new for old, new in pairs if abs(_exact(new) - _exact(old)) > tolerance.allow(old)]
    verdict, reason = REPRODUCED, None
    if not on_record:
        verdict, reason = INCONCLUSIVE, "not among the metrics on record"
    elif len(again) < len(runs):
        verdict, reason = NOT_REPRODUCED, f"{len(runs) - len(again)} of {len(runs)} runs did not give it"
    elif misses:
        verdict, reason = NOT_REPRODUCED, "outside the tolerance"
    elif deviation and _is_wide(tolerance, on_record):
        verdict, reason = INCONCLUSIVE, "its tolerance is more than a tenth of its value, so agreement shows nothing"
    return Comparison(
        name=name,
        on_record=tuple(on_record),
        stated=report["recorded"].get(name),
        again=again,
        tolerance=tolerance,
        deviation=None if deviation is None else float(deviation),
        relative_deviation=None if relative is None else float(relative),
        verdict=verdict,
        reason=reason,
    )


def _is_wide(tolerance: Tolerance, on_record: Sequence[float]) -> bool:
    """Tell whether a tolerance is above a tenth of a value on record; of 0 any is."""
    return any(tolerance.allow(value) > WIDE * abs(_exact(value)) for value in on_record)


def _find_tolerance(name: str, report: Mapping[str, Any], spec: ReproductionSpec) -> Tolerance:
    """Who asks goes before who reports; the general tolerance comes last."""
    if name in spec.tolerances:
        return spec.tolerances[name]
    if name in report["tolerances"]:
        declared = report["tolerances"][name]
        return Tolerance(declared["absolute"], declared["relative"], declared_by="report")
    return spec.tolerance or Tolerance()


def _exact(value: float) -> Fraction:
    return Fraction(repr(float(value)))


def _divide(old: float, new: float) -> Fraction:
    largest = max(abs(_exact(old)), abs(_exact(new)))
    return abs(_exact(new) - _exact(old)) / largest if largest else Fraction(0)


def _ended_well(run: Mapping[str, Any]) -> bool:
    return run["exit_code"] == 0 and not run["failure"]


def _judge(compared: Sequence[Comparison], not_asked: Sequence[str]) -> str:
    verdicts = {item.verdict for item in compared}
    if NOT_REPRODUCED in verdicts:
        return NOT_REPRODUCED
    if verdicts != {REPRODUCED}:
        return INCONCLUSIVE
    return IN_PART if not_asked else REPRODUCED


def measure_reproduction(compared: Sequence[Comparison], not_asked: Sequence[str], runs: int) -> list[Measure]:
    """Return what criteria can be set on; `n` is the number of runs.

    Parameters
    ----------
    compared : sequence of Comparison
        The metrics that have to be reproduced.
    not_asked : sequence of str
        The other metrics on record.
    runs : int
        How often the training was run again.
    """
    unknown = [item.name for item in compared if not item.on_record]
    wide = [item.name for item in compared if item.on_record and item.verdict == INCONCLUSIVE]
    reason = f"not on record: {_enumerate(unknown)}" if unknown else None
    if wide and reason is None:
        reason = f"a tolerance of more than a tenth of the value shows nothing: {_enumerate(wide)}"
    if not compared:
        reason = "no metric is on record"
    held = sum(item.verdict == REPRODUCED for item in compared)
    share = held / (len(compared) + len(not_asked)) if compared and not unknown and not wide else None
    missing = [*(item.name for item in compared if len(item.again) < runs), *not_asked]
    largest = max((item.relative_deviation for item in compared if item.relative_deviation is not None), default=None)
    gap = f"not compared with every run: {_enumerate(missing)}" if missing else None
    return [
        _create("reproduced_share", OVERALL, share, runs, reason),
        _create("largest_deviation", OVERALL, largest, runs, reason or gap),
        *(
            _create(
                "metric_deviation",
                name_group(["metric"], [item.name]),
                item.deviation,
                len(item.again),
                item.reason if len(item.again) < runs or not item.on_record else None,
            )
            for item in compared
        ),
    ]


def _create(metric: str, population: str, value: float | None, n: int, reason: str | None) -> Measure:
    return Measure(metric, population, value, value, value, n, reason)


def _enumerate(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _list_reported(report: Mapping[str, Any]) -> set[str]:
    return {name for run in report["runs"] for name in run["metrics"]}


def _list_read(metrics: Iterable[Mapping[str, Any]]) -> list[tuple[int, str]]:
    return sorted({(item["evidence"], item["digest"]) for item in metrics})


def _state(report: Mapping[str, Any], records: Mapping[str, Any]) -> str:
    runs = len(report["runs"])
    times = "once" if runs == 1 else f"{runs} times"
    who = "by somebody other than who submitted the metrics" if records["is_independent"] else "by the submitter"
    return f"run again {times} {who}; compared with the metrics on record by the portal"


def _to_json(item: Comparison) -> dict[str, Any]:
    return {
        "name": item.name,
        "on_record": list(item.on_record),
        "stated": item.stated,
        "again": list(item.again),
        "tolerance": {
            "absolute": item.tolerance.absolute,
            "relative": item.tolerance.relative,
            "declared_by": item.tolerance.declared_by,
        },
        "deviation": item.deviation,
        "relative_deviation": item.relative_deviation,
        "verdict": item.verdict,
        "reason": item.reason,
    }


def _describe_runs(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "count": len(runs),
        "failed": sum(not _ended_well(run) for run in runs),
        "seconds": [run["seconds"] for run in runs],
    }


def _match_inputs(inputs: Sequence[Mapping[str, Any]], datasets: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each input file with the declared dataset version that has its digest, None where none has."""
    declared = {item["digest"]: f"{item['name']} ({item['role']})" for item in datasets}
    return [{**item, "declared_as": declared.get(item["digest"])} for item in inputs]


def _match_outputs(runs: Sequence[Mapping[str, Any]], artifacts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each file that the runs wrote: in how many it is byte for byte an artifact of the version."""
    known = {item["digest"]: item["name"] for item in artifacts}
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        for item in run["outputs"]:
            line = found.setdefault(item["name"], {"name": item["name"], "runs": 0, "identical": 0, "artifact": None})
            line["runs"] += 1
            if item["digest"] in known:
                line["identical"] += 1
                line["artifact"] = known[item["digest"]]
    return list(found.values())


def _write_notes(
    report: Mapping[str, Any], records: Mapping[str, Any], compared: Sequence[Comparison], not_asked: Sequence[str]
) -> Iterator[Note]:
    """Yield what a reader must know: what could not be compared, and what was not the same as recorded."""
    if not records["metrics"]:
        yield Note("nothing_on_record", "No metrics are on record for this data: there is nothing to reproduce.")
    for number, run in enumerate(report["runs"], start=1):
        if not _ended_well(run):
            why = run["failure"] or f"it ended with exit code {run['exit_code']}"
            yield Note("failed_run", f"Run {number} failed: {why}.")
    if not_asked:
        yield Note("not_asked", f"On record but not asked for, so not compared: {_enumerate(not_asked)}.")
    extra = sorted(_list_reported(report) - {item["name"] for item in records["metrics"]})
    if extra:
        yield Note("not_on_record", f"Run again but not on record, so not compared: {_enumerate(extra)}.")
    for item in compared:
        yield from _note_metric(item)
    yield from _note_circumstances(report, records)


def _note_metric(item: Comparison) -> Iterator[Note]:
    if item.stated is not None and item.on_record and item.stated not in item.on_record:
        counts = f"on record is {item.on_record[0]:g}, which counts"
        yield Note("stated_otherwise", f"The training record states {item.name} = {item.stated:g}; {counts}.")
    if len(set(item.on_record)) > 1:
        yield Note("several_on_record", f"Several values of {item.name} are on record; each has to be reproduced.")
    if _is_wide(item.tolerance, item.on_record):
        yield Note("wide_tolerance", f"The tolerance of {item.name} is more than a tenth of its value.")


def _note_circumstances(report: Mapping[str, Any], records: Mapping[str, Any]) -> Iterator[Note]:
    code = report["code"]
    if code["revision"] and code["recorded_revision"] and code["revision"] != code["recorded_revision"]:
        yield Note("other_code", f"Run with code {code['revision']}; recorded was {code['recorded_revision']}.")
    if code["is_clean"] is False:
        yield Note("changed_code", "The code had been changed since the revision that is named.")
    if not code["revision"]:
        yield Note("unknown_code", "Which revision of the code ran is not known.")
    declared = {item["digest"] for item in records["datasets"]}
    strange = [item["name"] for item in report["inputs"] if item["digest"] not in declared]
    if strange:
        yield Note("undeclared_data", f"No declared dataset version has the contents of {_enumerate(strange)}.")
    if not report["inputs"]:
        yield Note("no_inputs", "The training record names no input files, so the data that were read are not known.")
    if not records["is_independent"]:
        yield Note("same_person", "The person who submitted the metrics also ran the training again.")
