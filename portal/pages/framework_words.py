"""What the words of a framework mean to a reader."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KINDS: dict[str, str | Promise] = {
    "law": _("Law"),
    "local-law": _("Local law"),
    "guidance": _("Guidance"),
    "standard": _("Standard"),
    "internal": _("Our own"),
}
FORCES: dict[str, str | Promise] = {
    "binding": _("Binding"),
    "supervisory": _("Supervisory guidance"),
    "voluntary": _("Voluntary"),
}
LEVELS: dict[str, str | Promise] = {"must": _("must"), "should": _("should"), "may": _("may")}
OWNERS: dict[str, str | Promise] = {
    "team": _("Model's team"),
    "org": _("Organisation"),
    "portal": _("This portal"),
    "reviewer": _("Independent reviewer"),
    "auditor": _("Bias auditor"),
}
GATES: dict[str, str | Promise] = {
    "intake": _("Intake"),
    "design": _("Design"),
    "data": _("Data"),
    "evaluate": _("Evaluation"),
    "review": _("Review"),
    "release": _("Release"),
    "operate": _("In use"),
    "retire": _("Retirement"),
    "org": _("Organisation"),
    "portal": _("This portal"),
}
TESTS: dict[str, str | Promise] = {
    "filled": _("something is recorded"),
    "attested": _("something is recorded"),
    "listed": _("a list with an item"),
    "linked": _("a document is attached"),
    "is_true": _("recorded as true"),
    "is_false": _("recorded as false"),
    "fresh": _("recorded recently"),
    "signed": _("signed"),
    "independent": _("recorded by somebody independent"),
    "value": _("a certain value"),
}
# The word before the point of a fact's id.
AREAS: dict[str, str | Promise] = {
    "system": _("The system"),
    "requirement": _("Requirements"),
    "design": _("Design"),
    "dataset": _("Data"),
    "evaluation": _("Evaluation"),
    "fairness": _("Fairness"),
    "bias_audit": _("Bias audit"),
    "explanation": _("Explanations"),
    "risk": _("Risk"),
    "impact": _("Impact"),
    "validation": _("Validation"),
    "approval": _("Approval"),
    "deployment": _("Deployment"),
    "change": _("Changes"),
    "oversight": _("Human oversight"),
    "monitoring": _("Monitoring"),
    "incident": _("Incidents"),
    "log": _("Logs"),
    "notice": _("Notices"),
    "rights": _("Rights of people"),
    "conformity": _("Conformity"),
    "org": _("Organisation"),
    "portal": _("This portal"),
    "private": _("Our own questions"),
}


def name_area(area: str) -> str:
    """The area in words; one that a later vocabulary brings is shown as it is."""
    return str(AREAS.get(area, area.replace("_", " ").capitalize()))
