"""Icons, drawn inline from the Tabler icons that tools/vendor.py installs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SHAPES = re.compile(r"<svg[^>]*>(?P<shapes>.*)</svg>", re.DOTALL)
# Tabler starts every icon with an invisible square that only holds the size.
SPACER = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')

SILENT = mark_safe('aria-hidden="true"')
DRAWING = (
    '<svg class="{}" viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" '
    'stroke-linecap="round" stroke-linejoin="round" focusable="false" {}>{}</svg>'
)


class IconNotInstalled(LookupError):
    """A template names an icon that static/vendor/tabler-icons does not hold."""


@cache
def read_shapes(name: str) -> SafeString:
    """Return what stands between the svg tags of an icon. The files are ours, so it is markup."""
    if not NAME.fullmatch(name):
        raise IconNotInstalled(f"{name!r} is not an icon name: small letters, digits and hyphens.")
    found = finders.find(f"vendor/tabler-icons/{name}.svg")
    if found is None:
        raise IconNotInstalled(
            f"The icon {name!r} is not installed. Name it in static/icons.txt and run tools/vendor.py again."
        )
    match = SHAPES.search(Path(found).read_text(encoding="utf-8"))
    if match is None:
        raise IconNotInstalled(f"{found} is not an SVG picture; run tools/vendor.py again.")
    return mark_safe(" ".join(SPACER.sub("", match["shapes"]).split()))  # noqa: S308


def draw_icon(name: str, label: str = "", extra_class: str = "") -> SafeString:
    """Return an icon as SVG: silent beside words, or named by ``label`` where it stands alone."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else SILENT
    return format_html(DRAWING, f"icon {extra_class}".strip(), spoken, read_shapes(name))
