"""The components of a page. Each answers to a template in templates/includes/ that says what it takes.

Values:    icon  finding_badge  state_badge  progress_badge  decision_badge  tier_badge  digest  person
           project_name  moment  number
Pieces:    verdict_banner  stat_tile  form_field  form_errors  upload_field  key_pages  tab_bar
           chart_figure  lineage_figure  log_entry  empty_state  notice  code_block
           progress_line
Wrappers:  card  data_table  dialog  breadcrumbs (with crumb)  fact  stats  filter_bar
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.forms import BaseForm, BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from governance.metric_titles import title_of_metric
from governance.models import Project
from portal.icons import draw_icon
from portal.presentation import (
    AVATAR_TONES,
    DECISION_LOOKS,
    FINDING_LOOKS,
    PROGRESS_LOOKS,
    STATE_LOOKS,
    TIER_LOOKS,
    Look,
    icon_of_entry,
    look_of,
)
from portal.solo_mode import find_solo_project

register = template.Library()


@register.inclusion_tag("includes/_solo_banner.html", takes_context=True)
def solo_banner(context: template.Context) -> dict[str, Any]:
    """Whether the page is about a project whose people may sign what they made. Stands in the frame of every page."""
    return {"project": find_solo_project(context.flatten().values())}


# --- Values ---------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, label: str = "", extra_class: str = "") -> SafeString:
    """``{% icon "shield-check" %}``; give ``label`` only where no word stands beside it."""
    return draw_icon(name, str(label), extra_class)


def render_badge(look: Look) -> SafeString:
    return render_to_string("includes/_badge.html", {"look": look})


@register.simple_tag
def finding_badge(status: object) -> SafeString:
    """MET, NOT_MET, MISSING, STALE, INCONCLUSIVE or WAIVED as icon, word and colour."""
    return render_badge(look_of(FINDING_LOOKS, status))


@register.simple_tag
def state_badge(state: object) -> SafeString:
    """The state of a model version: DRAFT, IN_REVIEW, APPROVED, RELEASED, RETIRED or REJECTED."""
    return render_badge(look_of(STATE_LOOKS, state))


@register.simple_tag
def progress_badge(state: object) -> SafeString:
    """The state of background work: QUEUED, RUNNING, SUCCEEDED or FAILED."""
    return render_badge(look_of(PROGRESS_LOOKS, state))


@register.simple_tag
def decision_badge(decision: object) -> SafeString:
    """A person's decision: approve, request_changes or reject of a sign-off, go or no_go of a proof of concept."""
    return render_badge(look_of(DECISION_LOOKS, decision))


@register.inclusion_tag("includes/_tier.html")
def tier_badge(tier: object) -> dict[str, Any]:
    """The risk tier (low, medium, high), or that none has been set."""
    level, word = TIER_LOOKS.get(str(getattr(tier, "value", tier) or ""), (0, ""))
    return {"level": level, "word": word}


@register.inclusion_tag("includes/_project_name.html")
def project_name(project: Project | None) -> dict[str, Any]:
    """A project's name in a list; one in solo mode is marked in red."""
    return {"name": project or "", "is_solo": project is not None and project.solo_since is not None}


@register.inclusion_tag("includes/_digest.html")
def digest(value: str | None, length: int = 12) -> dict[str, Any]:
    """A digest: its first hex digits, the whole for copying and for screen readers."""
    text = str(value or "")
    digits = text.rpartition(":")[2]
    return {"value": text, "short": digits[:length], "is_cut": len(digits) > length}


@register.inclusion_tag("includes/_person.html")
def person(who: object, role: object = "", large: bool = False) -> dict[str, Any]:
    """A person (user or name) with initials, and the role they acted in."""
    full_name = getattr(who, "get_full_name", None)
    name = str(full_name() if full_name else who or _("Unknown"))
    words = [word for word in name.split() if word[0].isalnum()]
    initials = "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"
    tone = AVATAR_TONES[sum(name.encode()) % len(AVATAR_TONES)]
    return {
        "name": name,
        "initials": initials,
        "tone": tone,
        "role": str(getattr(role, "label", role) or "").replace("_", " "),
        "large": large,
    }


@register.inclusion_tag("includes/_avatar.html")
def avatar(who: object, large: bool = True) -> dict[str, Any]:
    """The initials alone, where the name is written elsewhere."""
    return person(who, large=large)


@register.inclusion_tag("includes/_moment.html")
def moment(value: datetime | None, form: str = "both") -> dict[str, Any]:
    """A point in time, always UTC and saying so. ``form``: both, absolute, relative or date."""
    if value is None:
        return {"value": None}
    instant = value.astimezone(UTC)
    whole = date_format(instant, "j M Y, H:i") + " UTC"
    return {
        "value": instant,
        "machine": instant.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "exact": date_format(instant, "j F Y, H:i:s") + " UTC",
        "absolute": date_format(instant, "j M Y") if form == "date" else whole,
        "relative": describe_distance(instant),
        "form": form,
    }


def describe_distance(instant: datetime) -> str:
    """Say how far a moment is from now, in its largest unit."""
    now = timezone.now()
    if abs((now - instant).total_seconds()) < 60:
        return _("just now")
    if instant > now:
        return _("in %(time)s") % {"time": timeuntil(instant, now, depth=1)}
    return _("%(time)s ago") % {"time": timesince(instant, now, depth=1)}


@register.filter
def metric_title(name: str) -> str:
    """What people read instead of a metric's machine name."""
    return title_of_metric(name)


@register.filter
def number(value: float | int | None, digits: int = 3) -> str:
    """A measured number: whole numbers with thousands apart, others with ``digits`` decimals."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _("not defined")
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    # Adding 0.0 after rounding takes the sign from a zero.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


# --- Pieces ---------------------------------------------------------------------------------


@register.inclusion_tag("includes/_verdict_banner.html")
def verdict_banner(is_open: bool, findings: Iterable[Any], text: str = "") -> dict[str, Any]:
    """The judgement of the gate over its findings, counted by status."""
    listed = list(findings)
    counts = Counter(str(getattr(item.status, "value", item.status)) for item in listed)
    return {
        "is_open": is_open,
        "blocking": sum(item.blocks and not item.opens for item in listed),
        "counts": [(look, counts[status]) for status, look in FINDING_LOOKS.items() if counts[status]],
        "text": text,
    }


@register.inclusion_tag("includes/_stat_tile.html")
def stat_tile(
    label: str, value: object, hint: str = "", url: str = "", icon: str = "", tone: str = ""
) -> dict[str, Any]:
    """One number with its name; stands inside ``{% stats %}``."""
    return {"label": label, "value": value, "hint": hint, "url": url, "icon": icon, "tone": tone}


@register.inclusion_tag("includes/_form_field.html")
def form_field(field: BoundField, layout: str = "", extra_class: str = "") -> dict[str, Any]:
    """A bound field with label, help and errors tied to it. ``layout="inline"``: choices side by side."""
    widget = field.field.widget
    is_check = isinstance(widget, CheckboxInput)
    is_choices = isinstance(widget, RadioSelect | CheckboxSelectMultiple)
    own = "form-check-input" if is_check else "form-select" if isinstance(widget, Select) else "form-control"
    classes = " ".join(part for part in (own, widget.attrs.get("class", ""), extra_class) if part)
    return {
        "field": field,
        "control": field if is_choices else field.as_widget(attrs={"class": classes}),
        "is_check": is_check,
        "is_choices": is_choices,
        "layout": layout,
    }


@register.inclusion_tag("includes/_form_errors.html")
def form_errors(form: BaseForm) -> dict[str, Any]:
    """Everything wrong with a form, first, with links to the fields; nothing if nothing is."""
    wrong = [form[name] for name in form.errors if name in form.fields]
    return {"form": form, "wrong": wrong, "has_errors": bool(form.is_bound and form.errors)}


@register.inclusion_tag("includes/_upload_field.html")
def upload_field(field: BoundField, accept: str = "", limit: int | None = None) -> dict[str, Any]:
    """A file field one can drop onto; shows the progress of an ``hx-post`` around it. ``limit`` in bytes."""
    attributes: dict[str, str | bool] = {"accept": accept} if accept else {}
    return {"field": field, "control": field.as_widget(attrs=attributes), "limit": limit}


@register.inclusion_tag("includes/_key_pages.html")
def key_pages(next_url: str = "", first_url: str = "", target: str = "#page-body") -> dict[str, Any]:
    """Onward and back to the start in a keyset-paginated list; nothing if there is one page."""
    return {"next_url": next_url, "first_url": first_url, "target": target}


@register.inclusion_tag("includes/_tab_bar.html")
def tab_bar(tabs: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    """Tabs with addresses of their own. Each: label, url, is_current and perhaps count, tone."""
    return {"tabs": tabs, "label": label}


@register.inclusion_tag("includes/_chart_figure.html")
def chart_figure(
    spec: Mapping[str, Any] | str,
    name: str,
    title: str,
    text: str = "",
    alt: str = "",
    columns: Sequence[str] = (),
    rows: Iterable[Sequence[Any]] = (),
) -> dict[str, Any]:
    """A Vega-Lite chart and the same numbers as a table. ``name`` is its id; ``alt`` says it in words."""
    parsed = json.loads(spec) if isinstance(spec, str) else spec
    table = list(rows)
    return {
        "spec": parsed,
        "name": name,
        "title": title,
        "text": text,
        "alt": alt or f"{title}. {text}",
        "columns": columns,
        "rows": table,
    }


@register.inclusion_tag("includes/_lineage_figure.html")
def lineage_figure(svg: str, name: str, title: str, text: str = "") -> dict[str, Any]:
    """Graphviz' SVG, which pans, zooms and shows what a node depends on. A table must stand beside it."""
    drawing = svg[svg.index("<svg") :] if "<svg" in svg else ""
    return {"svg": mark_safe(drawing), "name": name, "title": title, "text": text}  # noqa: S308


@register.inclusion_tag("includes/_log_entry.html")
def log_entry(
    action: str,
    who: object,
    when: datetime,
    text: str = "",
    index: int | None = None,
    url: str = "",
) -> dict[str, Any]:
    """One thing done, inside ``<ol class="timeline">``; ``text`` says it in words, ``action`` in the log's."""
    return {
        "action": action,
        "icon": icon_of_entry(action),
        "who": who,
        "is_project": isinstance(who, Project),
        "when": when,
        "text": text,
        "index": index,
        "url": url,
    }


@register.inclusion_tag("includes/_empty_state.html")
def empty_state(title: str, text: str, icon: str = "inbox", url: str = "", action: str = "") -> dict[str, Any]:
    """What would stand here, and what to do next (``action`` links to ``url``)."""
    return {"title": title, "text": text, "icon": icon, "url": url, "action": action}


@register.inclusion_tag("includes/_notice.html")
def notice(text: str, tone: str = "info", title: str = "") -> dict[str, Any]:
    """A remark in the page. ``tone``: good, bad, warn, info, plum or neutral."""
    icons = {"good": "circle-check", "bad": "alert-circle", "warn": "alert-triangle"}
    return {"text": text, "tone": tone, "title": title, "icon": icons.get(tone, "info-circle")}


@register.inclusion_tag("includes/_code_block.html")
def code_block(text: str, label: str) -> dict[str, Any]:
    """Text to copy as it is: a command, or a secret shown once. ``label`` says what it is."""
    return {"text": text, "label": label}


@register.inclusion_tag("includes/_progress_line.html")
def progress_line(text: str, url: str = "", seconds: int = 2) -> dict[str, Any]:
    """Work under way; asks ``url`` for its replacement every few seconds until that no longer asks."""
    return {"text": text, "url": url, "seconds": seconds}


# --- Wrappers -------------------------------------------------------------------------------


@register.simple_block_tag
def card(
    content: str,
    title: str = "",
    text: str = "",
    count: int | None = None,
    flush: bool = False,
    anchor: str = "",
    level: int = 2,
) -> SafeString:
    """``{% card _("Requirements") count=7 %}…{% endcard %}``; ``flush`` lets a table reach the edges."""
    values = {
        "title": title,
        "text": text,
        "count": count,
        "flush": flush,
        "anchor": anchor,
        "level": level,
    }
    return render_to_string("includes/_card.html", {**values, "content": content})


@register.simple_block_tag(end_name="enddata_table")
def data_table(content: str, label: str, stack: bool = True, hover: bool = True, bare: bool = False) -> SafeString:
    """``{% data_table _("Models") %}<thead>…</thead><tbody>…</tbody>{% enddata_table %}``.

    With ``stack`` rows become cards on narrow screens: give every ``td`` a ``data-label``. Without, it scrolls.
    """
    values = {"label": label, "stack": stack, "hover": hover, "bare": bare}
    return render_to_string("includes/_data_table.html", {**values, "content": content})


@register.simple_block_tag
def dialog(content: str, name: str, title: str, wide: bool = False, opened: bool = False) -> SafeString:
    """A modal. ``<button data-dialog="name">`` opens it; ``opened`` shows it again after an error."""
    values = {"name": name, "title": title, "wide": wide, "opened": opened}
    return render_to_string("includes/_dialog.html", {**values, "content": content})


@register.simple_block_tag
def breadcrumbs(content: str) -> SafeString:
    """The way here: ``{% breadcrumbs %}{% crumb _("Models") url %}{% crumb model.name %}{% endbreadcrumbs %}``."""
    return render_to_string("includes/_breadcrumbs.html", {"content": content})


@register.simple_tag
def crumb(label: str, url: str = "") -> SafeString:
    """One step of the breadcrumbs; without address it is the page itself."""
    if url:
        return format_html('<li><a href="{}">{}</a></li>', url, label)
    return format_html('<li aria-current="page">{}</li>', label)


@register.simple_block_tag
def fact(content: str, label: str) -> SafeString:
    """One line of ``<dl class="facts">``: ``{% fact _("Owner") %}{% person owner %}{% endfact %}``."""
    return format_html("<div><dt>{}</dt><dd>{}</dd></div>", label, content)


@register.simple_block_tag
def stats(content: str, label: str) -> SafeString:
    """A row of stat tiles with a name for those who do not see it."""
    return format_html('<div class="stats" role="group" aria-label="{}">{}</div>', label, content)


@register.simple_block_tag
def filter_bar(content: str, action: str = "", target: str = "#page-body") -> SafeString:
    """Fields that narrow a list; works as a plain form, and without reloading where htmx runs."""
    return render_to_string("includes/_filter_bar.html", {"content": content, "action": action, "target": target})
