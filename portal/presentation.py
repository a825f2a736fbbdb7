"""How statuses, states, tiers and log entries look: a word, an icon and a tone for each.

Colour never stands alone, and nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Look:
    word: str | Promise
    icon: str
    tone: str
    hint: str | Promise = ""


FINDING_LOOKS = {
    "MET": Look(_("Met"), "circle-check", "good", _("Shown to hold by current evidence")),
    "NOT_MET": Look(_("Not met"), "circle-x", "bad", _("Measured, and does not hold")),
    "MISSING": Look(
        _("Missing"), "circle-dashed", "missing", _("Nothing has been submitted for it")
    ),
    "STALE": Look(_("Stale"), "history", "warn", _("Refers to something that has changed since")),
    "INCONCLUSIVE": Look(
        _("Inconclusive"), "help-circle", "info", _("The data cannot show it either way")
    ),
    "WAIVED": Look(
        _("Waived"), "flag", "plum", _("A signed waiver accepts the gap until its end date")
    ),
}

STATE_LOOKS = {
    "DRAFT": Look(_("Draft"), "pencil", "neutral"),
    "IN_REVIEW": Look(_("In review"), "eye", "info"),
    "APPROVED": Look(_("Approved"), "signature", "accent"),
    "RELEASED": Look(_("Released"), "rocket", "solid"),
    "RETIRED": Look(_("Retired"), "archive", "neutral"),
    "REJECTED": Look(_("Rejected"), "ban", "bad"),
}

# Work in the background, and decisions of people.
PROGRESS_LOOKS = {
    "QUEUED": Look(_("Queued"), "clock", "neutral"),
    "RUNNING": Look(_("Running"), "loader-2", "info"),
    "FINISHED": Look(_("Finished"), "circle-check", "good"),
    "FAILED": Look(_("Failed"), "alert-triangle", "bad"),
    "WITHDRAWN": Look(_("Withdrawn"), "ban", "neutral"),
}

DECISION_LOOKS = {
    "APPROVE": Look(_("Approved"), "signature", "good"),
    "REJECT": Look(_("Refused"), "ban", "bad"),
    "GO": Look(_("Go"), "circle-check", "good"),
    "NO_GO": Look(_("No go"), "ban", "bad"),
}

TIER_LEVELS = {"low": 1, "medium": 2, "high": 3}
TIER_WORDS = {"low": _("Low risk"), "medium": _("Medium risk"), "high": _("High risk")}

AVATAR_TONES = ("accent", "info", "plum", "good", "warn", "neutral")

# First part of an audit log entry's action (noun.verbed) -> icon.
ENTRY_ICONS = {
    "project": "building",
    "membership": "users",
    "user": "user",
    "token": "key",
    "model": "cube",
    "version": "git-branch",
    "requirement": "target",
    "criterion": "target",
    "poc": "bulb",
    "dataset": "database",
    "derivation": "sitemap",
    "evidence": "file-text",
    "evaluation": "chart-bar",
    "signoff": "signature",
    "waiver": "flag",
    "release": "rocket",
    "report": "file-certificate",
    "checkpoint": "fingerprint",
}
ENTRY_ICON_OTHERWISE = "point"


def look_of(table: dict[str, Look], value: object) -> Look:
    """Return the look of a value; an unknown one is shown as it is rather than hidden."""
    key = str(getattr(value, "value", value) or "")
    unknown = Look(key.replace("_", " ").capitalize() or _("Unknown"), "help-circle", "neutral")
    return table.get(key.upper(), unknown)


def icon_of_entry(action: str) -> str:
    """Return the icon of a log entry by the noun of its action, such as ``evidence.submitted``."""
    noun = action.partition(".")[0].replace("_", "")
    return ENTRY_ICONS.get(noun, ENTRY_ICON_OTHERWISE)
