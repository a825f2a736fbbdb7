"""The parts of an exported log that come from the log's own tables, each written line by line."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from governance import auditlog
from governance.exceptions import StoreUnavailable
from governance.log_entries import iterate_batches
from governance.merkle import consistency_proof
from governance.models import AuditLogEntry, Checkpoint, Cosignature, LogNode, Project, TimeStamp
from governance.projections.base import row_batches

LEAF_LINE_BYTES = 46  # "=", a hash in base64, a line break
ANY_HASH = bytes(32)
README = """This is an exported audit log of Countersign. Check it with nothing but Python 3.11 or newer:

    python verifier.py export THIS-ARCHIVE.tar --key VKEY

VKEY is the log's verifier key. Get it, and better verifier.py too, from somebody you trust: whoever could
change this archive could change what lies in it. Instead of a key you can give a trust file that you were
handed (--trust FILE); the one in here only tells you what to ask for. A checkpoint that you kept from
earlier (--kept FILE) shows that the log was neither cut nor rewritten since.

    log.json        the log's name, its size and root, and whether it is whole or one project's
    time-stamps/    what an authority of time said about a checkpoint (RFC 3161), by the checkpoint's size;
                    the verifier sees what it is about, and openssl whether the authority signed it: write the
                    first three lines of the checkpoint's note, each with its line break, into a file "text", and
                    openssl ts -verify -in FILE.tsr -data text -CAfile AUTHORITY.pem
    checkpoints/    signed sizes and roots, each with the proof that it continues the one before
    leaves/         the SHA-256 leaf hash of every entry (RFC 6962), 32 bytes each
    entries/        every entry, one a line, byte for byte as it was hashed. A line that starts with "=" is
                    the leaf hash of an entry of another project
    evidence/       files that entries name by their SHA-256: evidence and issued reports
    contents/       evidence that is values and not a file, as canonical JSON
    dossiers/       what was judged and signed
    results/        what evaluations measured
    policies/       promotion policies in their exact words
    attestations/   signed statements about releases (in-toto in DSSE)
"""


def read_verifier() -> bytes:
    """The stand-alone verifier as the client package carries it. Raises ``StoreUnavailable`` where that is missing."""
    return verifier_path().read_bytes()


def verifier_path() -> Path:
    """Where the stand-alone verifier is. The package is looked up and not imported."""
    found = find_spec("countersign")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        path = Path(folder) / "verifier.py"
        if path.is_file():
            return path
    raise StoreUnavailable("The client package is not installed here, so its verifier cannot be handed out.")


def iterate_entries(start: int, end: int, project: Project | None) -> Iterator[bytes]:
    """The lines of the entries from ``start`` to before ``end``; with a project, those of others as hashes."""
    for rows in iterate_batches(start, end):
        lines = []
        for row in rows:
            if project is None or row.project_id == project.pk:
                lines.append(bytes(row.body))
            else:
                lines.append(b"=" + base64.b64encode(row.leaf))
        yield b"\n".join(lines) + b"\n"


def iterate_leaves(start: int, end: int) -> Iterator[bytes]:
    rows = AuditLogEntry.objects.filter(index__gte=start, index__lt=end).order_by("index")
    yield b"".join(bytes(leaf) for leaf in rows.values_list("leaf", flat=True))


def iterate_stamps(start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(size of the checkpoint, an authority's answer about it) for checkpoints over more than ``start`` entries."""
    stamps = TimeStamp.objects.filter(checkpoint__gt=start, checkpoint__lte=end).order_by("checkpoint")
    for size, response in stamps.values_list("checkpoint_id", "response"):
        yield size, bytes(response)


def measure_checkpoints(start: int, end: int) -> int:
    """How many bytes ``iterate_checkpoints`` gives. The length of a proof follows from the two sizes."""
    return sum(len(_spell(note, old, size, lambda level, index: ANY_HASH)) for old, size, note in _pairs(start, end))


def iterate_checkpoints(start: int, end: int) -> Iterator[bytes]:
    """The checkpoints over more than ``start`` and at most ``end`` entries, with their proofs, one a line."""
    nodes = _Nodes(start, end)
    for old, size, note in _pairs(start, end):
        yield _spell(note, old, size, nodes)


def _pairs(start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """(size of the checkpoint before, size, note with its cosignatures)."""
    before = Checkpoint.objects.filter(size__lte=start).order_by("-size").values_list("size", flat=True).first() or 0
    for rows in row_batches(Checkpoint, "note", after=start):
        cosigned: dict[int, str] = {}
        lines = Cosignature.objects.filter(checkpoint__gte=rows[0][0], checkpoint__lte=min(rows[-1][0], end))
        for size, line in lines.order_by("pk").values_list("checkpoint_id", "line"):
            cosigned[size] = cosigned.get(size, "") + line
        for size, note in rows:
            if size > end:
                return
            yield before, size, note + cosigned.get(size, "")
            before = size


def _spell(note: str, old: int, size: int, node_at: Callable[[int, int], bytes]) -> bytes:
    proof = consistency_proof(old, size, node_at) if old else []
    said = {"consistency": [base64.b64encode(item).decode() for item in proof], "note": note}
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


class _Nodes:
    """The stored nodes over a range of entries, read at once, and those above it as they are asked for."""

    def __init__(self, start: int, end: int) -> None:
        self.found: dict[tuple[int, int], bytes] = {}
        self.start, self.end = start, end

    def __call__(self, level: int, index: int) -> bytes:
        if not self.found:
            self._load()
        if (level, index) not in self.found:
            self.found[level, index] = auditlog.node_at(level, index)
        return self.found[level, index]

    def _load(self) -> None:
        rows = AuditLogEntry.objects.filter(index__gte=self.start, index__lt=self.end)
        for place, leaf in rows.values_list("index", "leaf"):
            self.found[0, place] = bytes(leaf)
        for level in range(1, (self.end - self.start).bit_length()):
            low, high = self.start >> level, (self.end - 1) >> level
            nodes = LogNode.objects.filter(level=level, index__gte=low, index__lte=high)
            for place, value in nodes.values_list("index", "hash"):
                self.found[level, place] = bytes(value)
