"""How numbers, times and digests are written in a report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.translation import gettext as _

from governance.dossier_items import EvaluationItem
from governance.evaluation_words import say_how_it_was_read
from governance.frameworks.catalogue import Framework, Need
from governance.frameworks.judging import ControlFinding
from governance.frameworks.printing import print_value
from governance.metric_titles import title_of_metric
from governance.models import EvaluationKind
from governance.text import as_sentence

register = template.Library()


@register.filter
def figure(value: Any) -> str:
    """A measured number with four significant digits; a dash where nothing is defined."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}"


@register.filter
def percent(rate: float | None) -> str:
    """A rate with one decimal, as a share of a hundred; a dash where it is not defined."""
    return "–" if rate is None else f"{100 * rate:.1f} %"


@register.filter
def ratio(value: float | None) -> str:
    """A ratio of rates with three decimals, rounded once from the unrounded value."""
    return "–" if value is None else f"{value:.3f}"


@register.filter
def interval(bounds: Any) -> str:
    """ "0.71 to 0.84", from anything with ``low`` and ``high``."""
    if not bounds:
        return "–"
    low, high = (bounds["low"], bounds["high"]) if isinstance(bounds, dict) else (bounds.low, bounds.high)
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


@register.filter
def utc(moment: datetime | str | None) -> str:
    """A time to the second, always in UTC and always saying so."""
    if not moment:
        return "–"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@register.filter
def short_digest(digest: str) -> str:
    """The first twelve hexadecimal digits."""
    return digest.removeprefix("sha256:")[:12] if digest else "–"


@register.filter
def breakable(digest: str) -> list[str]:
    """A digest in groups of eight, for a line that may break between them."""
    text = digest.removeprefix("sha256:")
    return [text[start : start + 8] for start in range(0, len(text), 8)]


@register.filter
def pairs(content: dict[str, Any], key: str) -> list[tuple[str, Any]]:
    """The entries of ``content[key]``. Asked of a template, a value that is named "items" would be taken for them."""
    return list(content.get(key, {}).items())


@register.filter
def words(name: str) -> str:
    """A machine name as words: ``demographic_parity_difference`` -> "demographic parity difference"."""
    return str(name).replace("_", " ")


@register.filter
def metric(name: str) -> str:
    """A metric by its title: ``tpr`` -> "True positive rate"."""
    return str(title_of_metric(name))


@register.filter
def evaluation_name(evaluation: EvaluationItem) -> str:
    """ "Bias audit on Calls v2"."""
    kind = EvaluationKind(evaluation.kind).label
    return _("%(kind)s on %(dataset)s") % {"kind": kind, "dataset": evaluation.dataset}


@register.filter
def sentence(text: str) -> str:
    """With a capital letter and an end."""
    return as_sentence(text)


@register.filter
def reading(evaluation: EvaluationItem) -> str:
    """How an evaluation read its rows, in a sentence or two; nothing for kinds that are told nothing of columns."""
    return say_how_it_was_read(evaluation)


@register.filter
def passport_value(value: Any) -> str:
    """An entry of a passport as text: nested parts with their names, a dash where there is nothing."""
    if value is None or value == {} or value == []:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{words(name)} {passport_value(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@register.filter
def file_size(size: int | None) -> str:
    """Bytes in the unit that reads best (1 kB = 1,000 bytes)."""
    if size is None:
        return "–"
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"


@register.filter
def fact_lines(value: Any) -> list[str]:
    """A recorded fact's value as lines to print."""
    return print_value(value)


@register.simple_tag
def fact_texts(framework: Framework, facts: Iterable[str]) -> str:
    """What several facts are, as one sentence's end."""
    return "; ".join(framework.fact(fact).text for fact in facts) + "."


@register.simple_tag
def need_text(framework: Framework, need: Need) -> str:
    """What a need asks for: the fact in words, and which part of it."""
    text = framework.fact(need.fact).text
    return f"{text}: {words(need.key)}" if need.key else text


@register.filter
def lacking_lines(finding: ControlFinding, framework: Framework) -> list[str]:
    """What a control lacks: first, in one line, all of which nothing is recorded."""
    silent = [need_text(framework, item.need) for item in finding.lacking if item.recorded is None]
    lines = [_("Not recorded: %(facts)s.") % {"facts": "; ".join(silent)}] if silent else []
    return lines + [f"{need_text(framework, item.need)}: {item.lacking}" for item in finding.lacking if item.recorded]
