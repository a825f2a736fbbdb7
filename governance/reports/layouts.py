"""How the report on each framework is called and ordered."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from governance.frameworks.catalogue import Framework

EXHIBIT_TITLES: dict[str, str | Promise] = {
    "requirements": gettext_lazy("Requirements"),
    "lineage": gettext_lazy("Data and lineage"),
    "qualities": gettext_lazy("Data quality and reproduction"),
    "evidence": gettext_lazy("Evidence"),
    "audits": gettext_lazy("Bias audits"),
    "explanations": gettext_lazy("Explanations"),
    "sign_offs": gettext_lazy("Sign-offs and releases"),
    "log": gettext_lazy("Audit log"),
}


@dataclass(frozen=True)
class Layout:
    """How a framework's report is called and ordered. ``by_sections``: in the order of the report sections, else in
    that of the text, with the exhibits named behind it."""

    title: str | Promise
    by_sections: bool = False
    exhibits: tuple[str, ...] = tuple(EXHIBIT_TITLES)


LAYOUTS = {
    "eu-ai-act-high-risk": Layout(gettext_lazy("Technical documentation (EU AI Act, Annex IV)")),
    "nyc-ll144": Layout(gettext_lazy("Bias audit record (NYC Local Law 144)"), exhibits=("audits", "evidence", "log")),
    "us-mrm-sr-26-2": Layout(gettext_lazy("Model validation report (SR 26-2)"), by_sections=True),
    "nist-ai-rmf-core": Layout(
        gettext_lazy("Profile (NIST AI RMF 1.0)"), exhibits=("requirements", "sign_offs", "log")
    ),
    "iso-42001-annex-a": Layout(
        gettext_lazy("Statement of applicability (ISO/IEC 42001)"), exhibits=("evidence", "sign_offs", "log")
    ),
    "gdpr-art-22-35": Layout(
        gettext_lazy("Data protection assessment (GDPR)"), exhibits=("lineage", "audits", "explanations", "log")
    ),
    "us-21-cfr-part-11": Layout(
        gettext_lazy("Record of electronic signatures (21 CFR Part 11)"), exhibits=("sign_offs", "log")
    ),
    "us-ecoa-adverse-action": Layout(
        gettext_lazy("Adverse action record (ECOA, Regulation B)"), exhibits=("explanations", "evidence", "log")
    ),
}
OTHERWISE = Layout(gettext_lazy("Framework report"))


def layout_of(framework: Framework) -> Layout:
    return LAYOUTS.get(framework.id, OTHERWISE)


def title_of_report(framework: Framework) -> str:
    """What the report on a framework is called; one that the product does not know is called by the framework."""
    layout = layout_of(framework)
    return str(layout.title) if layout is not OTHERWISE else f"{layout.title}: {framework.title}"
