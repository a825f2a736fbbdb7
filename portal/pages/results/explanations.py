"""An explanation's result document, arranged for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from portal.pages.results.numbers import Number
from portal.pages.results.verdicts import present_verdicts


@dataclass(frozen=True)
class OrderRow:
    """How the order of importance agrees with that of another computation."""

    name: str
    number: Number
    remark: str


def present_explanation(result: dict[str, Any]) -> dict[str, Any]:
    populations = [
        {"population": group["population"], "n": group["n"], "is_small": group["below_minimum_size"]}
        for group in result["importance_by_group"]
    ]
    return {
        "importance": result["importance"],
        "populations": populations,
        "verdicts": present_verdicts(result.get("verdicts", [])),
        "uncertainty": _say_uncertainty(result.get("sampling")),
        "orders": list_orders(result),
        "protected": _say_protected(result.get("protected_in_top")),
    }


def _say_uncertainty(sampling: Mapping[str, Any] | None) -> str:
    """How sure the rows that were explained leave the least certain importance."""
    if not sampling or sampling["relative_uncertainty"] is None:
        return ""
    return _("%(rows)s rows leave the least certain importance (%(feature)s) uncertain by %(share)s %%.") % {
        "rows": f"{sampling['explained_rows']:,}",
        "feature": sampling["worst_feature"],
        "share": f"{100 * sampling['relative_uncertainty']:.1f}",
    }


def list_orders(result: Mapping[str, Any]) -> list[OrderRow]:
    """The orders of importance that were compared with this one."""
    stability = result.get("stability")
    if not stability:
        return []
    rows = [_order(_("Resamples of the rows"), stability, _say_same_top(stability))]
    rows += [_order(repeat["name"], repeat, "") for repeat in stability["repeats"]]
    if result["former"]:
        rows.append(_order(_("The former version"), result["former"], _say_changes(result["former"])))
    if result["permutation"]:
        rows.append(_order(_("Permutation importance, a second opinion"), result["permutation"], ""))
    return rows


def _order(name: str, part: Mapping[str, Any], remark: str) -> OrderRow:
    return OrderRow(name, Number(part["value"], part["low"], part["high"]), remark or part.get("reason") or "")


def _say_same_top(part: Mapping[str, Any]) -> str:
    if part["value"] is None:
        return ""
    share = f"{100 * part['same_top']:.0f}"
    return _("The same first %(top)d in %(share)s %% of the resamples") % {"top": part["top"], "share": share}


def _say_changes(former: Mapping[str, Any]) -> str:
    said = [_("%(n)d of the first %(top)d in common") % {"n": former["top_in_common"], "top": former["top"]}]
    if former["new_features"]:
        said.append(_("new: %(names)s") % {"names": ", ".join(former["new_features"][:5])})
    if former["gone_features"]:
        said.append(_("gone: %(names)s") % {"names": ", ".join(former["gone_features"][:5])})
    return "; ".join(said)


def _say_protected(part: Mapping[str, Any] | None) -> str:
    if not part:
        return ""
    if not part["features"]:
        return _("No declared protected feature is among the first %(top)d.") % {"top": part["top"]}
    return _("Declared protected features among the first %(top)d: %(names)s.") % {
        "top": part["top"],
        "names": ", ".join(part["features"]),
    }
