"""How statuses, states, tiers and log entries look: an icon and a tone beside the office's own word.

Colour never stands alone, and nothing is decided here. ``tests/portal/test_presentation.py`` checks that every value
the record office knows has a look.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from governance.findings import FindingStatus
from governance.frameworks.judging import ControlState
from governance.frameworks.recorded import Strength
from governance.lifecycle import State
from governance.models.catalog import RiskTier
from governance.models.evaluations import WorkStatus
from governance.models.requirements import PocDecision
from governance.models.signoff import Decision


@dataclass(frozen=True)
class Look:
    word: str | Promise
    icon: str
    tone: str
    hint: str | Promise = ""


FINDING_LOOKS: dict[str, Look] = {
    FindingStatus.MET: Look(FindingStatus.MET.label, "circle-check", "good", _("Shown to hold by current evidence")),
    FindingStatus.NOT_MET: Look(FindingStatus.NOT_MET.label, "circle-x", "bad", _("Measured, and does not hold")),
    FindingStatus.MISSING: Look(
        FindingStatus.MISSING.label, "circle-dashed", "missing", _("Nothing has been submitted for it")
    ),
    FindingStatus.STALE: Look(
        FindingStatus.STALE.label, "history", "warn", _("Refers to something that has changed since")
    ),
    FindingStatus.INCONCLUSIVE: Look(
        FindingStatus.INCONCLUSIVE.label, "help-circle", "info", _("The data cannot show it either way")
    ),
    FindingStatus.WAIVED: Look(
        FindingStatus.WAIVED.label, "flag", "plum", _("A signed waiver accepts the gap until its end date")
    ),
}

STATE_LOOKS: dict[str, Look] = {
    State.DRAFT: Look(State.DRAFT.label, "pencil", "neutral"),
    State.IN_REVIEW: Look(State.IN_REVIEW.label, "eye", "info"),
    State.APPROVED: Look(State.APPROVED.label, "signature", "accent"),
    State.RELEASED: Look(State.RELEASED.label, "rocket", "solid"),
    State.EMERGENCY: Look(State.EMERGENCY.label, "alert-triangle", "bad"),
    State.RETIRED: Look(State.RETIRED.label, "archive", "neutral"),
    State.REJECTED: Look(State.REJECTED.label, "ban", "bad"),
}

PROGRESS_LOOKS: dict[str, Look] = {
    WorkStatus.QUEUED: Look(WorkStatus.QUEUED.label, "clock", "neutral"),
    WorkStatus.RUNNING: Look(WorkStatus.RUNNING.label, "loader-2", "info"),
    WorkStatus.SUCCEEDED: Look(WorkStatus.SUCCEEDED.label, "circle-check", "good"),
    WorkStatus.CANCELLED: Look(WorkStatus.CANCELLED.label, "ban", "neutral"),
    WorkStatus.FAILED: Look(WorkStatus.FAILED.label, "alert-triangle", "bad"),
}

# What is recorded against a control of a framework. It says nothing about the law: that is a person's judgement.
CONTROL_LOOKS: dict[str, Look] = {
    ControlState.MISSING: Look(_("Missing"), "circle-dashed", "missing", _("Nothing that it needs is recorded")),
    ControlState.PARTIAL: Look(_("Partial"), "progress", "warn", _("Some of what it needs is recorded")),
    ControlState.STALE: Look(_("Stale"), "history", "bad", _("What is recorded is too old")),
    ControlState.UNKNOWN: Look(_("Not known yet"), "help-circle", "info", _("Whether it applies hangs on an answer")),
    ControlState.WAIVED: Look(_("Gap accepted"), "flag", "plum", _("A signature accepts the gap until a day")),
    ControlState.MET: Look(_("On record"), "circle-check", "good", _("Everything that it needs is recorded")),
    ControlState.NOT_APPLICABLE: Look(_("Does not apply"), "minus", "neutral", _("By its condition, or signed so")),
}

# How strong a word it is that a control rests on.
STRENGTH_LOOKS: dict[Strength, Look] = {
    Strength.MACHINE: Look(_("machine"), "cpu", "good", _("Read from the record or computed")),
    Strength.ARTEFACT: Look(_("artefact"), "file-check", "info", _("A stored file with a digest")),
    Strength.STATEMENT: Look(_("statement"), "message", "neutral", _("A person's word")),
}

# A decision on record reads as what was done, not as a button.
DECISION_LOOKS: dict[str, Look] = {
    Decision.APPROVE: Look(_("Approved"), "signature", "good"),
    Decision.APPROVE_WITH_CONDITIONS: Look(_("Approved with conditions"), "signature", "warn"),
    Decision.ABSTAIN: Look(_("Abstained"), "circle-dashed", "neutral"),
    Decision.REQUEST_CHANGES: Look(_("Changes requested"), "edit", "warn"),
    Decision.REJECT: Look(_("Rejected"), "ban", "bad"),
    PocDecision.GO: Look(PocDecision.GO.label, "circle-check", "good"),
    PocDecision.NO_GO: Look(PocDecision.NO_GO.label, "ban", "bad"),
}

# How many of the three bars are filled, and the words beside them.
TIER_LOOKS: dict[str, tuple[int, str | Promise]] = {
    RiskTier.LOW: (1, _("Low risk")),
    RiskTier.MEDIUM: (2, _("Medium risk")),
    RiskTier.HIGH: (3, _("High risk")),
}

AVATAR_TONES = ("accent", "info", "plum", "good", "warn", "neutral")

# The noun of an audit log entry's type (noun.verbed) -> icon.
ENTRY_ICONS = {
    "project": "building",
    "membership": "users",
    "delegation": "users",
    "user": "user",
    "token": "key",
    "template": "clipboard-list",
    "remark": "message",
    "question": "question-mark",
    "policy": "scale",
    "model": "cube",
    "version": "git-branch",
    "requirement": "target",
    "requirements": "target",
    "proof_of_concept": "bulb",
    "dataset": "database",
    "dataset_version": "database",
    "dataset_use": "sitemap",
    "evidence": "file-text",
    "evaluation": "chart-bar",
    "sign_off": "signature",
    "overrule": "signature",
    "condition": "list-details",
    "waiver": "flag",
    "follow_up": "flag",
    "release": "rocket",
    "promotion": "rocket",
    "rollback": "history",
    "emergency": "alert-triangle",
    "report": "file-certificate",
    "framework": "book",
    "answer": "pencil",
    "dossier": "pencil",
    "control": "flag",
    "fact": "signature",
    "log": "fingerprint",
}
ENTRY_ICON_OTHERWISE = "point"


def look_of(table: dict[str, Look], value: object) -> Look:
    """Return the look of a value; an unknown one is shown as it is rather than hidden."""
    key = str(getattr(value, "value", value) or "")
    words = key.replace("_", " ").lower().capitalize() or _("Unknown")
    return table.get(key, Look(words, "help-circle", "neutral"))


def icon_of_entry(entry_type: str) -> str:
    """Return the icon of a log entry by the noun of its type, such as ``evidence.submitted``."""
    return ENTRY_ICONS.get(entry_type.partition(".")[0], ENTRY_ICON_OTHERWISE)
