"""Answering a repeated request once: the only writer of ``IdempotencyRecord``.

A key is claimed in a transaction of its own, so that a twin sees it at once. The answer is written in the transaction
of the change it answers, so that a process that dies leaves either both or neither. Refusals are not remembered: they
changed nothing, and the same request may be right later.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.exceptions import GovernanceError
from governance.models import IdempotencyRecord, User

# Longer than any request lives: whoever claimed the key and never answered is dead by then.
ABANDONED_AFTER = timedelta(minutes=15)
KEPT_FOR = timedelta(days=7)
RETRY_AFTER_SECONDS = 2


class KeyReused(GovernanceError):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class UnderWay(GovernanceError):
    """The first request with this key is still being answered."""

    code = "request_under_way"


class AnswerNotKept(GovernanceError):
    """The request was answered before, and its answer holds a secret that is kept nowhere."""

    code = "answer_not_kept"


def claim(user: User, key: str, request_digest: str) -> IdempotencyRecord:
    """Claim the key for this request and return the record: new (``status`` None), or answered already.

    Raises ``KeyReused`` when the key belongs to another request and ``UnderWay`` while a twin is being answered.
    """
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(user=user, key=key, request_digest=request_digest)
    except IntegrityError:
        found = IdempotencyRecord.objects.filter(user=user, key=key).first()
    if found is None:
        raise _under_way()  # the twin was refused this moment and took its claim back
    if found.request_digest != request_digest:
        raise KeyReused("This Idempotency-Key was used for another request. Draw a new key for each request.")
    if found.status is None:
        return _take_over(found)
    return found


def _take_over(found: IdempotencyRecord) -> IdempotencyRecord:
    """Claim what a dead process left behind. ``created_at`` fences: only one claimant moves it."""
    now = timezone.now()
    if found.created_at > now - ABANDONED_AFTER:
        raise _under_way()
    abandoned = IdempotencyRecord.objects.filter(pk=found.pk, status=None, created_at=found.created_at)
    if not abandoned.update(created_at=now):
        raise _under_way()
    found.created_at = now
    return found


def remember(record: IdempotencyRecord, *, status: int, body: str) -> None:
    """Write the answer inside the running transaction of the change. Raises ``UnderWay`` when the claim was lost."""
    held = IdempotencyRecord.objects.filter(pk=record.pk, status=None, created_at=record.created_at)
    if not held.update(status=status, body=body):
        raise _under_way()


def release(record: IdempotencyRecord) -> None:
    """Give the key back after a refusal or a failure."""
    IdempotencyRecord.objects.filter(pk=record.pk, status=None, created_at=record.created_at).delete()


def forget_old() -> int:
    """Delete records past their time and return how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    return old.delete()[0] if old.exists() else 0


def _under_way() -> UnderWay:
    return UnderWay("The first request with this Idempotency-Key is still being answered. Ask again in a moment.")
