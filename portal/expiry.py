"""Releases whose time is up, ended one by one. The sweep asks every few seconds."""

from __future__ import annotations

from governance.actions.withdrawal import withdraw_expired_release
from governance.actors import SYSTEM, Actor
from governance.auditlog import database_now
from governance.models import Release, User


def withdraw_expired_releases() -> int:
    """End every release whose time is up, one transaction each; return how many ended. The sweep asks.

    Nothing hangs on its being asked in time: the gate's answer and the attestation know the end by themselves.
    """
    now = database_now()
    due = list(Release.objects.live().filter(expires_at__lte=now).order_by("pk"))
    actor = Actor(User.objects.system(), SYSTEM) if due else None
    for release in due:
        if actor is not None:
            withdraw_expired_release(release, actor=actor)
    return len(due)
