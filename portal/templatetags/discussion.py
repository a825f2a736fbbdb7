"""What is said about an item, beside the item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from governance.discussion import MENTION
from portal.pages.threads import Thread

register = template.Library()


@register.filter
def of_item(threads: Mapping[str, Sequence[Thread]] | None, key: str) -> Sequence[Thread]:
    """``{{ talk|of_item:"evidence:12" }}``: the threads about an item."""
    return (threads or {}).get(str(key), ())


@register.filter
def mark_mentions(text: str) -> SafeString:
    """The text, escaped, with its “@login”s set apart."""
    escaped = str(conditional_escape(text))
    return mark_safe(MENTION.sub(r'<span class="called">@\1</span>', escaped))  # noqa: S308 - escaped above
