"""Answers remembered by Idempotency-Key, so that a repeated write gives the first answer and does nothing."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.models.people import User


class IdempotencyRecord(models.Model):
    """``request_digest`` covers method, path and body: the same key with another request is refused."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=71)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty while the first is under way.")
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_unique_per_user"),
        ]

    def __str__(self) -> str:
        return self.key
