"""An evaluation's choices and its rows in a few words, for findings, pages and reports."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.dossier_items import EvaluationItem, LeftOutItem
from governance.models import EvaluationKind

LABEL_COLUMNS = ("y_true", "y_pred", "y_score")
MISSING = {
    "exclude": gettext_lazy("rows without a sensitive value left out"),
    "own_group": gettext_lazy("rows without a sensitive value as a group of their own"),
}


def say_settings(evaluation: EvaluationItem) -> str:
    """How a bias audit read its rows: “y_true = label, y_pred = guess, positive = 1, weighted by w”."""
    if evaluation.kind != EvaluationKind.BIAS_AUDIT:
        return ""
    return ", ".join(_list_choices({item.name: item.value for item in evaluation.settings}))


def _list_choices(given: dict[str, str]) -> Iterator[str]:
    yield from (f"{role} = {given[f'columns.{role}']}" for role in LABEL_COLUMNS if f"columns.{role}" in given)
    if "positive_label" in given:
        yield _("positive = %(label)s") % {"label": given["positive_label"]}
    if "columns.weight" in given:
        yield _("weighted by %(column)s") % {"column": given["columns.weight"]}
    if "columns.condition" in given:
        yield _say_condition(given)
    if given.get("missing") in MISSING:
        yield str(MISSING[given["missing"]])
    if given.get("sensitive_file.unmatched") == "exclude":
        yield _("rows without a match in the file of sensitive values left out")
    if "counted_by" in given:
        yield _("counted by the submitter")


def say_condition(evaluation: EvaluationItem) -> str:
    """Under which condition an audit measured; nothing where its rows have none."""
    given = {item.name: item.value for item in evaluation.settings}
    is_audit = evaluation.kind == EvaluationKind.BIAS_AUDIT
    return _say_condition(given) if is_audit and "columns.condition" in given else ""


def _say_condition(given: dict[str, str]) -> str:
    if "baseline_condition" in given:
        return _("under the condition “%(name)s” of %(column)s") % {
            "name": given["baseline_condition"],
            "column": given["columns.condition"],
        }
    return _("over all conditions of %(column)s together") % {"column": given["columns.condition"]}


def say_left_out(item: LeftOutItem) -> str:
    """How many rows were left out, of how many, and why."""
    return _("%(rows)s of %(submitted)s rows (%(share)s) left out: %(reason)s.") % {
        "rows": f"{item.rows:,}",
        "submitted": f"{item.submitted:,}",
        "share": f"{item.rows / item.submitted:.1%}" if item.submitted else "–",
        "reason": item.reason,
    }


def say_how_it_was_read(evaluation: EvaluationItem) -> str:
    """Its choices as a sentence, and one for each reason why rows were left out."""
    settings = say_settings(evaluation)
    read = [_("Read as %(settings)s.") % {"settings": settings}] if settings else []
    return " ".join([*read, *map(say_left_out, evaluation.left_out)])
