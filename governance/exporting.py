"""The exported log: one tar archive with everything that an auditor needs to check the log without the portal.

What is in it is settled by one checkpoint: the entries that it covers, the checkpoints up to it with the proofs that
each continues the one before, and the files that these entries name. So the same checkpoint gives the same bytes at any
later time, and a broken transfer goes on where it broke. Nothing is collected first: members are listed one after the
other, each knows its size before it is written, and memory does not grow with the log.

An auditor of one project gets that project's entries in full and of every other entry the leaf hash, which is all that
the roots need.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from django.db.models import BigIntegerField, Case, Count, F, Sum, Value, When
from django.db.models.functions import Length

from governance.auditlog import database_now, latest_checkpoint
from governance.exceptions import InvalidInput, NotSealedYet
from governance.exporting_files import CONTENTS, iterate_files
from governance.exporting_parts import (
    LEAF_LINE_BYTES,
    README,
    iterate_checkpoints,
    iterate_entries,
    iterate_leaves,
    iterate_stamps,
    measure_checkpoints,
    read_verifier,
)
from governance.merkle import HASH_BYTES
from governance.models import AuditLogEntry, Checkpoint, Project, Release
from governance.signer_files import read_trust

FORMAT = "countersign/export/1"
CHUNK = 10_000  # entries in one member
SIGNING_TIME = timedelta(minutes=1)  # a signature that lacks for longer is a fault that an auditor must see
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)

Content = Callable[[int], Iterator[bytes]]
"""Yields the bytes of a member from an offset on."""


@dataclass(frozen=True)
class Member:
    """One file in the archive."""

    name: str
    size: int
    content: Content

    @property
    def padding(self) -> int:
        return -self.size % BLOCK

    @property
    def total(self) -> int:
        return BLOCK + self.size + self.padding


@dataclass(frozen=True)
class Export:
    """The archive of the log up to ``checkpoint``: whole, or with the entries of one project in full."""

    checkpoint: Checkpoint
    project: Project | None = None
    with_files: bool = True

    @property
    def file_name(self) -> str:
        scope = "" if self.project is None else f"-{self.project.slug}"
        return f"countersign-log{scope}-{self.checkpoint.size}.tar"

    def stream(self, start: int = 0) -> Iterator[bytes]:
        """Yield the archive from byte ``start`` on. What lies before is measured and not made."""
        place = 0
        for member in self.members():
            end = place + member.total
            if end > start:
                yield from _cut(self._spell(member, start - place), end - max(start, place), member.name)
            place = end
        if start < place + len(END):
            yield END[max(0, start - place) :]

    @cached_property
    def size(self) -> int:
        """How many bytes the archive has."""
        return self._measure[0]

    @cached_property
    def etag(self) -> str:
        """The same for the same bytes. It starts with the log's size, by which a broken transfer finds its export."""
        return f"{self.checkpoint.size}-{self._measure[1]}"

    @cached_property
    def _measure(self) -> tuple[int, str]:
        total, seen = len(END), hashlib.sha256()
        for member in self.members():
            total += member.total
            seen.update(f"{member.name} {member.size}\n".encode())
            if "/" not in member.name:  # small, and the only members that another day may spell otherwise
                seen.update(b"".join(member.content(0)))
        return total, seen.hexdigest()[:32]

    def members(self) -> Iterator[Member]:
        """Every member in its order. Sizes are read, contents are not."""
        trust = read_trust()
        yield _plain("README.txt", README.encode())
        yield _plain("verifier.py", read_verifier())
        if trust is not None:
            yield _plain("trust.json", trust.to_json().encode())
        yield _plain("log.json", self._manifest())
        for start in range(0, self.checkpoint.size, CHUNK):
            yield from self._chunk(start, min(start + CHUNK, self.checkpoint.size))
        if self.with_files:
            for kind in CONTENTS:
                for file in iterate_files(kind, self.checkpoint.size, self.project):
                    yield Member(file.name, file.size, file.read)

    def _manifest(self) -> bytes:
        project = None if self.project is None else {"id": self.project.pk, "name": self.project.name}
        said = {
            "format": FORMAT,
            "origin": self.checkpoint.note.split("\n", 1)[0],
            "size": self.checkpoint.size,
            "root": bytes(self.checkpoint.root).hex(),
            "project": project,
            "files": self.with_files,
        }
        return json.dumps(said, indent=1, ensure_ascii=False).encode() + b"\n"

    def _chunk(self, start: int, end: int) -> Iterator[Member]:
        """What is about entries first, entries last: so one reading from front to back can check them all."""
        name, project = f"{start:010}", self.project
        for size, stamp in iterate_stamps(start, end):
            yield _plain(f"time-stamps/{size:010}.tsr", stamp)
        checkpoints = measure_checkpoints(start, end)
        if checkpoints:
            yield Member(
                f"checkpoints/{name}.jsonl", checkpoints, lambda offset: _skip(iterate_checkpoints(start, end), offset)
            )
        count, size = self._measure_entries(start, end)
        leaves: Content = lambda offset: _skip(iterate_leaves(start, end), offset)  # noqa: E731
        entries: Content = lambda offset: _skip(iterate_entries(start, end, project), offset)  # noqa: E731
        yield Member(f"leaves/{name}.bin", count * HASH_BYTES, leaves)
        yield Member(f"entries/{name}.jsonl", size, entries)

    def _measure_entries(self, start: int, end: int) -> tuple[int, int]:
        """(entries, bytes of their lines), counted by the database."""
        line = Length("body", output_field=BigIntegerField()) + 1
        shown = (
            line
            if self.project is None
            else Case(
                When(project=self.project, then=line), default=Value(LEAF_LINE_BYTES), output_field=BigIntegerField()
            )
        )
        rows = AuditLogEntry.objects.filter(index__gte=start, index__lt=end).order_by()
        found = rows.annotate(line=shown).aggregate(entries=Count("index"), bytes=Sum(F("line")))
        return found["entries"], found["bytes"] or 0

    def _spell(self, member: Member, offset: int) -> Iterator[bytes]:
        """A member's bytes from ``offset`` on, counted from its header."""
        offset = max(0, offset)
        if offset < BLOCK:
            yield self._header(member)[offset:]
        past = max(0, offset - BLOCK)
        if past < member.size:
            yield from _cut(member.content(past), member.size - past, member.name)
        rest = BLOCK + member.size + member.padding - max(offset, BLOCK + member.size)
        yield bytes(rest)

    def _header(self, member: Member) -> bytes:
        """Nothing in it depends on the machine or the day."""
        header = tarfile.TarInfo(member.name)
        header.size = member.size
        header.mtime = int(self.checkpoint.signed_at.timestamp())
        return header.tobuf(tarfile.GNU_FORMAT)


def export_at(*, project: Project | None, size: int | None = None, with_files: bool = True) -> Export:
    """The export of the newest checkpoint, or of the one of ``size`` entries. Who may have it, the action asks.

    Raises ``NotSealedYet`` and, for a size without a checkpoint, ``InvalidInput``.
    """
    checkpoint = latest_checkpoint() if size is None else Checkpoint.objects.filter(pk=size).first()
    if checkpoint is None and size is not None:
        raise InvalidInput(f"No checkpoint was signed over {size} entries.", field="size")
    if checkpoint is None:
        raise NotSealedYet("The signer has signed nothing yet. Ask again in a moment.")
    if with_files and _lacks_attestations(checkpoint.size):
        raise NotSealedYet("The signer is about to sign an attestation. Ask again in a moment.")
    return Export(checkpoint, project, with_files)


def _lacks_attestations(size: int) -> bool:
    """Whether a release of just now waits for its signature, which is made right after the checkpoint over it."""
    young = Release.objects.filter(started_at__gte=database_now() - SIGNING_TIME, log_index__lt=size)
    return young.filter(envelope="").exists()


def _plain(name: str, data: bytes) -> Member:
    return Member(name, len(data), lambda offset: iter((data[offset:],)))


def _skip(blocks: Iterator[bytes], offset: int) -> Iterator[bytes]:
    for block in blocks:
        if offset < len(block):
            yield block[offset:] if offset else block
        offset = max(0, offset - len(block))


def _cut(blocks: Iterator[bytes], size: int, name: str) -> Iterator[bytes]:
    """Pass on exactly ``size`` bytes. A member that came out otherwise would garble everything behind it."""
    for block in blocks:
        size -= len(block)
        if size < 0:
            break
        yield block
    if size:
        raise OSError(f"{name} is not as long as it was measured: is somebody changing the log?")
