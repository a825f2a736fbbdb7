"""How controls of a framework are shown: `control_badge` and `strength_badge`."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from governance.frameworks.recorded import Strength
from portal.presentation import CONTROL_LOOKS, STRENGTH_LOOKS, look_of
from portal.templatetags.portal import render_badge

register = template.Library()


@register.simple_tag
def control_badge(state: object) -> SafeString:
    """What is recorded against a control: missing, partial, stale, unknown, waived, met or not applicable."""
    return render_badge(look_of(CONTROL_LOOKS, state))


@register.simple_tag
def strength_badge(strength: Strength | None) -> SafeString:
    """How strong a word a control rests on; nothing where it rests on none."""
    return render_badge(STRENGTH_LOOKS[strength]) if strength is not None else SafeString("")
