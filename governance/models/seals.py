"""What is added to the log's seals: cosignatures of witnesses, time stamps, and lists of withdrawn attestations."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from governance.models.log import AppendOnly, Checkpoint


class Cosignature(AppendOnly):
    """A witness's signature line under a checkpoint. ``signed_at`` is the time that the witness signed with it."""

    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, related_name="cosignatures")
    witness = models.CharField(max_length=200)
    line = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["checkpoint", "witness"], name="one_cosignature_per_witness"),
        ]

    def __str__(self) -> str:
        return f"{self.witness} on {self.checkpoint}"


class TimeStamp(AppendOnly):
    """A time-stamp authority's answer (RFC 3161) over a checkpoint's three lines; openssl can check it."""

    checkpoint = models.OneToOneField(Checkpoint, models.PROTECT, related_name="time_stamp")
    authority = models.CharField(max_length=500)
    response = models.BinaryField()
    stamped_at = models.DateTimeField()

    class Meta:
        ordering = ("-checkpoint",)

    def __str__(self) -> str:
        return f"time stamp on {self.checkpoint}"


class RevocationList(AppendOnly):
    """The attestations that were withdrawn as of a size of the log, signed by it (DSSE) and valid for a day."""

    issued_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    log_size = models.PositiveBigIntegerField()
    envelope = models.TextField()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"revocation list of {self.issued_at}"
