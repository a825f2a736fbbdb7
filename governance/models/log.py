"""The audit log's tables. Only ``governance.auditlog`` and the signer write them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from governance.models.people import Project, User


class AppendOnly(models.Model):
    """Refuses change and deletion in Python. What goes around Python is found by ``verify_log``."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(f"{type(self).__name__} is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{type(self).__name__} is append-only")


class AuditLogEntryQuerySet(models.QuerySet["AuditLogEntry"]):
    def visible_to(self, user: User) -> AuditLogEntryQuerySet:
        if user.is_organisation_administrator:
            return self
        return self.filter(project__in=Project.objects.visible_to(user))

    def about(self, kind: str, object_id: int) -> AuditLogEntryQuerySet:
        return self.filter(subjects__kind=kind, subjects__object_id=object_id)


class AuditLogEntry(AppendOnly):
    """One thing done. ``body`` is the exact canonical JSON that was hashed; the other columns only help to find it."""

    index = models.PositiveBigIntegerField(primary_key=True)
    body = models.BinaryField()
    leaf = models.BinaryField(max_length=32)
    type = models.CharField(max_length=60, db_index=True)
    at = models.DateTimeField()
    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="+")

    objects = AuditLogEntryQuerySet.as_manager()

    class Meta:
        ordering = ("index",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["project", "index"])]

    def __str__(self) -> str:
        return f"{self.index} {self.type}"


class LogSubject(AppendOnly):
    """Finds the entries about a thing; rebuilt from the bodies by ``verify_log`` and compared."""

    entry = models.ForeignKey(AuditLogEntry, models.PROTECT, related_name="subjects")
    kind = models.CharField(max_length=40)
    object_id = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["entry", "kind", "object_id"], name="log_subject_unique"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["kind", "object_id", "entry"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class LogHead(models.Model):
    """One row: the size of the log and the roots of its complete subtrees, largest first."""

    size = models.PositiveBigIntegerField(default=0)
    frontier = models.BinaryField(default=b"")

    def __str__(self) -> str:
        return f"{self.size} entries"


class LogNode(AppendOnly):
    """A complete interior node of the tree, so that proofs read few rows. Rebuildable, never trusted."""

    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["level", "index"], name="log_node_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class Checkpoint(AppendOnly):
    """A signed size and root, as a C2SP signed note."""

    size = models.PositiveBigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ("-size",)

    def __str__(self) -> str:
        return f"checkpoint {self.size}"
