"""A datasheet for a dataset version: what is recorded of it, in the order of "Datasheets for Datasets" (Gebru et al.).

The questions are asked in our own words. One that no record answers is printed as a gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from governance.auditlog import database_now
from governance.canonical import canonical_digest
from governance.models import DatasetUse, DatasetVersion, Derivation, Evaluation, EvaluationKind, WorkStatus

MOST_COLUMNS = 400
MOST_LINES = 100


@dataclass(frozen=True)
class Answer:
    """A question, and what is recorded of it; no lines is a gap."""

    question: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Chapter:
    title: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Datasheet:
    """Everything recorded about one dataset version, read at ``as_of``."""

    dataset_version: DatasetVersion
    as_of: datetime
    chapters: tuple[Chapter, ...]

    @cached_property
    def gaps(self) -> list[str]:
        return [answer.question for chapter in self.chapters for answer in chapter.answers if not answer.lines]

    @cached_property
    def document(self) -> dict[str, Any]:
        data = self.dataset_version
        parts = {
            "format": "countersign/datasheet/1",
            "dataset": data.dataset.name,
            "version": data.number,
            "digest": data.digest,
            "rows": data.row_count,
            "schema": data.schema,
            "sensitive_columns": data.sensitive_columns,
            "project": data.dataset.project.name,
            "chapters": [asdict(chapter) for chapter in self.chapters],
        }
        plain: dict[str, Any] = json.loads(json.dumps(parts))
        return plain

    @cached_property
    def digest(self) -> str:
        return canonical_digest(self.document)


def read_datasheet(data: DatasetVersion) -> Datasheet:
    """Read what is recorded, in a number of queries that does not grow with it."""
    parents = list(Derivation.objects.filter(derived=data).select_related("source__dataset").order_by("pk"))
    children = Derivation.objects.filter(source=data).select_related("derived__dataset").order_by("pk")
    uses = DatasetUse.objects.filter(dataset_version=data).select_related("version__model").order_by("pk")
    chapters = (
        _chapter(_("Motivation"), _read_motivation(data)),
        _chapter(_("Composition"), _read_composition(data)),
        _chapter(_("Collection"), _read_collection(data, parents)),
        _chapter(_("Preparation, cleaning and labelling"), _read_preparation(data, parents)),
        _chapter(_("Uses"), _read_uses(data, uses, children)),
        _chapter(_("Distribution"), _read_distribution(data)),
        _chapter(_("Maintenance"), _read_maintenance(data)),
    )
    return Datasheet(data, database_now(), chapters)


Asked = Iterable[tuple[str | Promise, Iterable[str]]]


def _chapter(title: str | Promise, asked: Asked) -> Chapter:
    """Lines beyond ``MOST_LINES`` are counted, not printed."""
    answers = []
    for question, given in asked:
        lines = [line for line in given if line]
        more = [str(_("and %(n)d more")) % {"n": len(lines) - MOST_LINES}] if len(lines) > MOST_LINES else []
        answers.append(Answer(str(question), (*lines[:MOST_LINES], *more)))
    return Chapter(str(title), tuple(answers))


def _read_motivation(data: DatasetVersion) -> Asked:
    return [
        (_("What was it made for, and which gap was it to fill?"), [data.dataset.description]),
        (_("Who made it, and who answers for it here?"), [f"{data.created_by} ({data.dataset.project.name})"]),
        (_("Who paid for it?"), []),
    ]


def _read_composition(data: DatasetVersion) -> Asked:
    described = sum(1 for column in data.schema if column.get("description"))
    columns = [f"{len(data.schema)} columns, {described} with a meaning"] if data.schema else []
    return [
        (_("What do its rows stand for?"), []),
        (_("How many rows are there?"), [f"{data.row_count:,}"]),
        (_("Which columns are there?"), columns),
        (_("Does it hold data about people?"), [str(data.dataset.get_personal_data_display())]),
        (_("Which columns tell people's groups?"), [", ".join(data.sensitive_columns)]),
        (_("Is it all there is, or a sample, and how was it drawn?"), []),
        (_("Which errors, gaps or repetitions are known?"), _read_quality(data)),
    ]


def _read_quality(data: DatasetVersion) -> list[str]:
    """What evaluations of the data's quality said."""
    done = Evaluation.objects.filter(
        dataset_version=data, kind=EvaluationKind.DATA_QUALITY, status=WorkStatus.SUCCEEDED
    ).order_by("-pk")[:5]
    found = []
    for evaluation in done.select_related("version__model"):
        result = json.loads(evaluation.result)
        notes = [
            str(note.get("text", "")) if isinstance(note, dict) else str(note) for note in result.get("notes") or ()
        ]
        statement = str(result.get("statement") or "measured")
        said = "; ".join([statement, *notes[:5]])
        found.append(f"Evaluation {evaluation.pk}, for {evaluation.version}: {said} ({evaluation.result_digest[:23]}…)")
    return found


def _read_collection(data: DatasetVersion, parents: Iterable[Derivation]) -> Asked:
    return [
        (_("Where does it come from, and how was it collected?"), [data.dataset.source]),
        (_("Which recorded data was it made from?"), [f"{item.source} ({item.source.digest})" for item in parents]),
        (_("Over which time was it collected?"), []),
        (_("Were the people told, and did they agree?"), []),
        (_("Was its collection reviewed, for ethics or data protection?"), []),
    ]


def _read_preparation(data: DatasetVersion, parents: Iterable[Derivation]) -> Asked:
    steps = [f"{item.source}: {item.description}" for item in parents if item.description]
    raw = [str(_("As %(name)s")) % {"name": item.source} for item in parents]
    return [
        (_("How was it prepared, cleaned or labelled?"), [*steps, data.notes]),
        (_("Is the raw data kept?"), raw),
    ]


def _read_uses(data: DatasetVersion, uses: Iterable[DatasetUse], children: Iterable[Derivation]) -> Asked:
    nothing = [str(_("Nothing is recorded so far."))]
    made = [f"{item.derived}: {item.description}".rstrip(": ") for item in children]
    recalled = [str(_("For nothing any more: it is recalled. %(why)s")) % {"why": data.recall_reason}]
    return [
        (_("Which model versions use it, and for what?"), [_say_use(use) for use in uses] or nothing),
        (_("What was made from it?"), made or nothing),
        (_("For what must it not be used?"), recalled if data.recalled_at else []),
    ]


def _say_use(use: DatasetUse) -> str:
    words = {"version": use.version, "role": str(use.get_role_display()).lower(), "state": use.version.state.lower()}
    return str(_("%(version)s, as %(role)s data (%(state)s)")) % words


def _read_distribution(data: DatasetVersion) -> Asked:
    return [
        (_("Under which licence or terms may it be used?"), [data.dataset.licence]),
        (_("Where is it kept?"), [data.location]),
        (_("Who outside may have it, and do export rules apply?"), []),
    ]


def _read_maintenance(data: DatasetVersion) -> Asked:
    later = DatasetVersion.objects.filter(dataset=data.dataset_id, number__gt=data.number).order_by("number")
    if data.recalled_at is None:
        recall = str(_("Not recalled."))
    else:
        words = {"name": data.recalled_by, "at": f"{data.recalled_at:%Y-%m-%d %H:%M} UTC"}
        recall = str(_("Recalled by %(name)s, %(at)s.")) % words
    return [
        (_("Is it recalled?"), [recall]),
        (_("Is there a later version?"), [str(item) for item in later.select_related("dataset")] or [str(_("No."))]),
        (_("How long is it kept, and who is asked to correct it?"), []),
    ]
