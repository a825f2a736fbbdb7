"""What was recorded at a past instant, as tables to print, with the proof of the log it is told from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from governance.canonical import canonical_bytes
from governance.exceptions import NotSealedYet
from governance.models import Checkpoint, ComplianceReport
from governance.past_log import prove
from governance.past_state import Document, PastState, rebuild
from governance.reports.pdf import Attached

PROOF_NAME = "as_of-proof.json"
MOST_ROWS = 300
"""Printed of one table; the attachment has all of them."""
LONG_TEXT = 50
Cells = Callable[[Document], Sequence[Any]]


@dataclass(frozen=True)
class Table:
    """One kind of record. Each row begins with the place of the entry that made it; ``left_out`` are not printed, and
    the column ``wide`` holds long texts, if any does."""

    anchor: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: int
    wide: int


def read_past_of(report: ComplianceReport) -> PastState:
    """What was recorded of the report's subject at its instant."""
    if report.as_of is None or report.project_id is None:
        raise ValueError("a report of a past instant names it, and a project")
    return rebuild(report.project_id, report.as_of, version_id=report.version_id)


def build_context(state: PastState, checkpoint: Checkpoint | None) -> tuple[dict[str, Any], Attached]:
    """What the template prints, and the proof to attach. Raises ``NotSealedYet`` and ``IntegrityBroken``."""
    proof = prove(state.log, checkpoint)
    if checkpoint is None:
        raise NotSealedYet("No checkpoint covers that moment yet. Ask again in a minute.")
    told = state.document
    context = {
        "language": get_language() or "en",
        "state": state,
        "told": told,
        "about": next((item["label"] for item in told["versions"]), "") if told["version"] else told["project"]["name"],
        "log": state.log,
        "root": state.log.root.hex(),
        "present": checkpoint,
        "hashes": len(proof["consistency"]),
        "tables": [_make_table(told, *part) for part in _parts()],
        "stale": [item for item in told["sign_offs"] if item["stale_since"] is not None],
        "emergencies": [item for item in told["releases"] if item["kind"] == "emergency"],
    }
    return context, Attached(PROOF_NAME, "Proof of the log of that moment", canonical_bytes(proof))


def _make_table(told: Document, name: str, title: str, header: tuple[str, ...], cells: Cells) -> Table:
    items = told[name]
    rows = tuple((item["index"], *cells(item)) for item in items[:MOST_ROWS])
    left_out = max(0, len(items) - MOST_ROWS)
    return Table(name.replace("_", "-"), title, header, rows, left_out, _find_wide(rows))


def _find_wide(rows: Sequence[Sequence[Any]]) -> int:
    """The column with the longest text, counted from one; 0 where all are short."""
    longest = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    return longest.index(max(longest)) if longest and max(longest) > LONG_TEXT else 0


def _parts() -> list[tuple[str, str, tuple[str, ...], Cells]]:
    """(part of the document, title, headings, what stands in the cells), most urgent first."""
    return [*_use_parts(), *_judgement_parts(), *_people_parts(), *_record_parts(), *_rule_parts()]


def _use_parts() -> list[tuple[str, str, tuple[str, ...], Cells]]:
    version, environment, by = _("Version"), _("Environment"), _("By")
    return [
        (
            "releases",
            _("In use"),
            (version, environment, _("Kind"), _("Until"), by),
            lambda item: (
                item["version"],
                item["environment"],
                _say(item["kind"]),
                _day(item["expires_at"]),
                item["by"],
            ),
        ),
        (
            "models",
            _("Models"),
            (_("Model"), _("Risk tier"), _("Owner"), _("Registered")),
            lambda item: (item["label"], _say(item["risk_tier"]), item["owner"], _day(item["at"])),
        ),
        (
            "versions",
            _("Versions"),
            (version, _("State"), _("State since entry"), _("Policy"), _("Registered")),
            lambda item: (
                *(item["label"], _say(item["state"]), item["state_index"]),
                *(_short(item["policy"]) or _("none yet"), _day(item["at"])),
            ),
        ),
        (
            "emergencies",
            _("Requests for emergencies"),
            (version, _("Reason"), _("Hours"), _("Status"), by),
            lambda item: (item["version"], item["reason"], item["hours"], _say(item["status"]), item["by"]),
        ),
        (
            "findings",
            _("Open findings"),
            (_("About"), _("Why"), _("Opened")),
            lambda item: (item["about"], item["why"] or _("ended before it was promoted regularly"), _day(item["at"])),
        ),
    ]


def _judgement_parts() -> list[tuple[str, str, tuple[str, ...], Cells]]:
    version, reason = _("Version"), _("Reason")
    return [
        (
            "sign_offs",
            _("Sign-offs"),
            (
                version,
                _("Name and role"),
                _("Decision and meaning"),
                _("Signed"),
                _("Standing, as far as the log tells"),
            ),
            lambda item: (
                item["version"],
                f"{item['by']}, {_say(item['role'])}",
                _say_decision(item),
                _second(item["at"]),
                _say_standing(item),
            ),
        ),
        (
            "conditions",
            _("Conditions"),
            (version, _("Condition"), _("Owner"), _("Due"), _("Fulfilled by entry")),
            lambda item: (item["version"], item["text"], item["owner"], _day(item["due_at"]), item["fulfilled_index"]),
        ),
        (
            "waivers",
            _("Waivers in force"),
            (version, _("Finding"), reason, _("Until"), _("Granted by")),
            lambda item: (item["version"], item["finding"], item["reason"], _day(item["expires_at"]), item["by"]),
        ),
        (
            "rulings",
            _("Rulings on controls"),
            (version, _("Control"), _("Ruling"), reason, _("By")),
            lambda item: (
                *(item["version"], f"{item['framework']} {item['control']}", _say(item["kind"])),
                *(item["reason"], item["by"]),
            ),
        ),
        (
            "questions",
            _("Open questions"),
            (version, _("Question"), _("Asked by")),
            lambda item: (item["version"], item["text"], item["by"]),
        ),
    ]


def _people_parts() -> list[tuple[str, str, tuple[str, ...], Cells]]:
    role = _("Role")
    return [
        (
            "members",
            _("Roles"),
            (_("Name"), role, _("Granted"), _("Granted by"), _("Confirmed")),
            lambda item: (
                *(item["person"], _say(item["role"]), _day(item["at"]), item["by"]),
                _("yes") if item["confirmed"] else _("no"),
            ),
        ),
        (
            "delegations",
            _("Delegations in force"),
            (_("From"), _("To"), role, _("Until")),
            lambda item: (item["from"], item["to"], _say(item["role"]), _day(item["ends_at"])),
        ),
    ]


def _record_parts() -> list[tuple[str, str, tuple[str, ...], Cells]]:
    version, kind, digest = _("Version"), _("Kind"), _("Digest")
    return [
        (
            "evaluations",
            _("Evaluations"),
            (version, kind, _("Data"), _("Status"), _("Digest of the result")),
            lambda item: (
                *(item["version"], _say(item["kind"]), item["dataset"]),
                *(_say(item["status"]), _short(item["result_digest"])),
            ),
        ),
        (
            "evidence",
            _("Evidence"),
            (version, _("Title"), kind, digest, _("Superseded by entry")),
            lambda item: (
                *(item["version"], item["label"], _say(item["kind"])),
                *(_short(item["digest"]), item["superseded_by"]),
            ),
        ),
        (
            "datasets",
            _("Dataset versions"),
            (_("Dataset version"), _("Rows"), digest, _("Derived from"), _("Recalled")),
            lambda item: (
                *(item["label"], item["row_count"], _short(item["digest"]), "; ".join(item["derived_from"])),
                f"{_day(item['recalled_at'])} {item['recall_reason']}" if item["recalled_at"] else "",
            ),
        ),
        (
            "dataset_uses",
            _("Uses of data"),
            (version, _("Dataset version"), _("As"), _("Recalled")),
            lambda item: (item["version"], item["dataset"], _say(item["role"]), _("yes") if item["recalled"] else ""),
        ),
    ]


def _rule_parts() -> list[tuple[str, str, tuple[str, ...], Cells]]:
    return [
        (
            "requirements",
            _("Requirements that bound"),
            (_("Model"), _("Requirement"), _("Revision"), _("Criteria"), _("Digest")),
            lambda item: (
                *(item["model"], item["label"], item["revision"]),
                *("; ".join(" ".join(map(str, criterion)) for criterion in item["criteria"]), _short(item["digest"])),
            ),
        ),
        (
            "proofs_of_concept",
            _("Proofs of concept"),
            (_("Model"), _("Revision"), _("Decision"), _("By")),
            lambda item: (item["model"], item["revision"], _say(item["decision"]) or _("none"), item["by"]),
        ),
        (
            "policies",
            _("Promotion policies in force"),
            (_("Risk tier"), _("Environment"), _("Version"), _("Digest"), _("Adopted by")),
            lambda item: (
                *(_say(item["risk_tier"]), item["environment"], item["number"]),
                *(_short(item["digest"]), item["adopted_by"]),
            ),
        ),
        (
            "frameworks",
            _("Frameworks that the organisation loaded"),
            (_("Framework"), _("Edition"), _("Digest"), _("Loaded by")),
            lambda item: (item["label"], item["number"], _short(item["digest"]), item["by"]),
        ),
    ]


def _say_decision(item: Document) -> str:
    """Decision, meaning and reason as sentences, none ended twice."""
    parts = (_say(item["decision"]), item["meaning"], item["reason"])
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def _say_standing(item: Document) -> str:
    said = []
    if item["replaced_by"] is not None:
        said.append(_("Replaced by entry %(index)s.") % {"index": item["replaced_by"]})
    if item["overruled_by"] is not None:
        said.append(_("Overruled by entry %(index)s.") % {"index": item["overruled_by"]})
    if item["stale_since"] is not None:
        said.append(
            _("Stale since entry %(index)s (%(type)s).") % {"index": item["stale_since"], "type": item["stale_by"]}
        )
    return " ".join(said) or _("Stands; nothing it covers had changed.")


def _say(value: str) -> str:
    text = value.replace("_", " ").lower()
    return text[:1].upper() + text[1:]


def _day(moment: str) -> str:
    return moment[:10]


def _second(moment: str) -> str:
    return f"{moment[:10]} {moment[11:19]} UTC"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
