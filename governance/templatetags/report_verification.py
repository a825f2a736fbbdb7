"""Where a printed report leads back to: the portal's page that checks files, as an address and as a picture of it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from django import template
from django.conf import settings

PLACE = "/verify"

register = template.Library()


@dataclass(frozen=True)
class Way:
    """``address`` as a reader types it, and its QR code as a picture that needs no fetching."""

    address: str
    picture: str


@register.simple_tag
def way_to_verification() -> Way:
    """The verification page of this portal."""
    # Imported here: only what prints draws codes.
    import segno

    address = settings.COUNTERSIGN_ORIGIN + PLACE
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", border=2, dark="#0e2a33", light="#ffffff")
    picture = "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()
    return Way(address.partition("://")[2], picture)
