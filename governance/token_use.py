"""When a token was last used: a trace for its owner, not a record of the log."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from governance.models import ApiToken

AT_MOST_EVERY = timedelta(minutes=1)


def note_use(token: ApiToken) -> bool:
    """Write the time of use at most once a minute; return whether it was written."""
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - AT_MOST_EVERY:
        return False
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - AT_MOST_EVERY)
    return bool(ApiToken.objects.filter(due, pk=token.pk).update(last_used_at=now))
