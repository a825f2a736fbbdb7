#!/usr/bin/env python3
"""Check a report's PDF by itself, without the portal: three files, the standard library, no network.

    python report_verifier.py REPORT.pdf --key VKEY [--receipt RECEIPT.json] [--extract FOLDER]

Needs `verifier.py` and `cms.py` beside it. Checked are: that the signature covers the whole file and fits its
certificate; that the log recorded exactly this content and this certificate, by the receipt inside the signature; that
the receipt's checkpoint is signed by a key you trust; and that the attached dossier is the one that was recorded. In a
report of a past day also: that the log it was told from is the beginning of the one that was signed, and holds the
entries it was told from. With
the receipt of the issued file beside it, its SHA-256 as well. Exit code 0: everything holds. 1: something was changed.
2: it cannot be told. Never 0 when in doubt.

Reads PDF (ISO 32000) as the portal writes it. Written apart from the portal's own code on purpose.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not sys.flags.safe_path:
    # Run as a script, Python looks beside this file first, where another module may bear a standard one's name.
    del sys.path[0]

import argparse
import importlib
import importlib.util
import re
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any


def _find_beside(name: str) -> Any:
    """A module beside this one, whether it is installed or a file in the same folder."""
    if __package__:
        return importlib.import_module(f"{__package__}.{name}")
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, Path(__file__).resolve().with_name(f"{name}.py"))
        if found is None or found.loader is None or not Path(str(found.origin)).exists():
            raise SystemExit(f"{name}.py must lie beside this file")
        module = importlib.util.module_from_spec(found)
        sys.modules[name] = module
        found.loader.exec_module(module)
    return sys.modules[name]


verifier, cms = _find_beside("verifier"), _find_beside("cms")
Tampered, NotVerifiable = verifier.Tampered, verifier.NotVerifiable

MAX_REPORT_BYTES = 512 * 1024 * 1024
MAX_ATTACHED_BYTES = 256 * 1024 * 1024
AS_OF, AS_OF_PROOF, AS_OF_FORMAT = "as_of.json", "as_of-proof.json", "countersign/as-of-proof/1"
# The fields of what is told of a past day that name an entry by its place.
NAMING = {
    *("index", "state_index", "settled_index", "ended_index", "fulfilled_index"),
    *("stale_since", "replaced_by", "overruled_by", "superseded_by"),
}
ATTACHED = re.compile(rb"\n<<[^\n]*/EF << /F (\d+) 0 R[^\n]*/Type /Filespec[^\n]*/UF \(([^()\\\n]{1,200})\)")


# The check.


@verifier._judged
def verify_report(pdf: bytes, trusted: Any, *, receipt: Any = None) -> Any:
    """Check a signed report. `receipt` is the parsed one of the issued file, where it is at hand. A `Verdict`."""
    trust = verifier._trust(trusted)
    start, end = find_signature(pdf)
    covered = pdf[:start] + pdf[end:]
    try:
        signed = cms.open_signature(pdf[start:end], covered)
    except cms.Changed as error:
        raise Tampered(str(error)) from error
    except cms.Unreadable as error:
        raise NotVerifiable(str(error)) from error
    if receipt is not None:
        issued = verifier.verify_receipt(pdf, receipt, trust, entry_type="report.issued")
        if not issued or signed.receipt is None:
            return issued
    if signed.receipt is None:
        verifier._refuse(
            "the signature fits, but no receipt inside it says that the log recorded this report: check the file "
            "against the receipt that the portal gives with it"
        )
    recorded = verifier.parse_json(signed.receipt, "the receipt")
    found = verifier.verify_receipt(covered, recorded, trust, entry_type="report.rendered")
    if not found:
        return found
    entry = found.entry
    _check_entry(entry["data"], pdf, signed)
    past = _check_past(dict(list_attachments(pdf)), trust)
    size = found.checkpoint.size
    beside = "; its SHA-256 is the one that was issued" if receipt is not None else ""
    message = (
        f"the report is whole, signed by {signed.name!r} and recorded at {entry.get('at')!r} as entry"
        f" {entry['index']} of {size} in {found.checkpoint.origin}; {signed.stamp}{past}{beside}"
    )
    return verifier.Verdict(verifier.Outcome.GOOD, message, entry, found.checkpoint)


def _check_entry(said: Any, pdf: bytes, signed: Any) -> None:
    """Compare what the log recorded of the rendering with the file."""
    what = "the entry of the rendering"
    certificates = verifier._field(said, "certificates", list, what)
    if certificates[:1] != [signed.fingerprint] or {*certificates} != {*signed.fingerprints}:
        raise Tampered(f"the file is signed with {signed.fingerprint}, the log recorded another certificate")
    unsigned = verifier._field(said, "unsigned", str, what)
    ends = [found.end() for found in re.finditer(rb"\n%%EOF\n", pdf)]
    if not any(verifier.digest_of(pdf[:end]) == unsigned for end in ends[:-1][:20]):
        raise Tampered("what was rendered is not the beginning of the file")
    dossier = dict(list_attachments(pdf)).get("dossier.json")
    if said.get("dossier") and (dossier is None or verifier.digest_of(dossier) != said["dossier"]):
        raise Tampered("the attached dossier is not the one that was recorded")
    document = said.get("document")
    if document is not None:
        name = verifier._field(document, "name", str, what)
        attached = dict(list_attachments(pdf)).get(name)
        if attached is None or verifier.digest_of(attached) != verifier._field(document, "digest", str, what):
            raise Tampered(f"the attached {name} is not the one that was recorded")


# A report of a past day.


def _check_past(attached: dict[str, bytes], trust: Any) -> str:
    """Check the proof in a report of a past day, and say so; nothing in any other report."""
    if AS_OF not in attached:
        return ""
    if not {AS_OF_PROOF, "checkpoint.txt"} <= attached.keys():
        verifier._refuse("the report is of a past day and carries no proof of the log of that day")
    document, proof = (verifier.parse_json(attached[name], name) for name in (AS_OF, AS_OF_PROOF))
    then = check_as_of(document, proof, attached["checkpoint.txt"].decode("utf-8", "replace"), trust)
    return f"; the log of {proof['at']}, {then.size} entries, is the beginning of the one that was signed"


def check_as_of(document: Any, proof: Any, note: str, trust: Any) -> Any:
    """Check that what is told of a past moment names only entries of the log of that moment, and that this is the
    beginning of the log that the checkpoint `note` signs. Returns that log's size and root."""
    what = "the proof of the past log"
    if verifier._field(proof, "format", str, what) != AS_OF_FORMAT:
        verifier._refuse(f"{what} is not in the format {AS_OF_FORMAT}")
    if verifier._field(document, "at", str, AS_OF) != verifier._field(proof, "at", str, what):
        raise Tampered("what is told and its proof are of different moments")
    present = verifier._open_checkpoint(note, trust)
    root = verifier._decode_hash(verifier._field(proof, "root", str, what), "the root")
    then = verifier.Checkpoint(present.origin, verifier._field(proof, "size", int, what), root)
    indexes = verifier._field(proof, "indexes", list, what)
    leaves, hashes = (_cut(verifier._field(proof, name, str, what)) for name in ("leaves", "hashes"))
    if _root_over(then.size, indexes, leaves, hashes) != root:
        raise Tampered("the entries that the report is told from are not in the log of that moment")
    missing = {*_list_indexes(document)} - {*indexes}
    if missing:
        raise Tampered(f"the report names entry {min(missing)}, which its proof does not cover")
    verifier.check_consistency(then, present, _hashes(proof, what))
    before = proof.get("before")
    if before is not None:
        earlier, _lacking = verifier._read_checkpoint(verifier._field(before, "note", str, what), trust)
        verifier.check_consistency(earlier, then, _hashes(before, what))
    return then


def _hashes(proof: Any, what: str) -> list[bytes]:
    found: list[bytes] = verifier._decode_hashes(verifier._field(proof, "consistency", list, what), what)
    return found


def _cut(text: str) -> list[bytes]:
    """A row of hashes of 32 bytes each, written one after the other."""
    data = verifier._decode_base64(text, "the hashes")
    if len(data) % 32:
        verifier._refuse("a row of hashes is damaged")
    return [data[start : start + 32] for start in range(0, len(data), 32)]


def _root_over(size: int, indexes: Sequence[int], leaves: Sequence[bytes], hashes: Sequence[bytes]) -> bytes:
    """The root over `size` entries of which the leaves at `indexes` are known; for each part without one, a hash."""
    ordered = all(isinstance(index, int) for index in indexes) and all(a < b for a, b in pairwise([-1, *indexes, size]))
    if not ordered or len(indexes) != len(leaves):
        raise Tampered("the entries of the proof are not in order, or lie outside of the log")
    left = iter(hashes)

    def climb(start: int, end: int, first: int, last: int) -> bytes:
        if first == last:
            return next(left)
        if end - start == 1:
            return leaves[first]
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        cut = bisect_left(indexes, middle, first, last)
        found: bytes = verifier._hash_node(climb(start, middle, first, cut), climb(middle, end, cut, last))
        return found

    try:
        root = climb(0, size, 0, len(indexes))
    except StopIteration:
        raise Tampered("the proof of the past log is too short") from None
    if next(left, None) is not None:
        raise Tampered("the proof of the past log is too long")
    return root


def _list_indexes(value: Any) -> Iterator[int]:
    """The places in the log that a document names, wherever they stand in it."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in NAMING and isinstance(item, int):
                yield item
            yield from _list_indexes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_indexes(item)


# The PDF, as the portal writes it.


def find_signature(pdf: bytes) -> tuple[int, int]:
    """Where the digits of the signature begin and end, brackets included; it must cover everything else."""
    if not pdf.startswith(b"%PDF-"):
        verifier._refuse("this is not a PDF")
    found = list(re.finditer(rb"/ByteRange \[0 (\d{1,12}) (\d{1,12}) (\d{1,12})\]", pdf))
    if not found:
        verifier._refuse("the PDF is not signed, so only a receipt of the issued file can show what it is")
    start, end, rest = (int(number) for number in found[-1].groups())
    if len(found) > 1 or end + rest != len(pdf):
        raise Tampered("the signature does not cover the whole file: something was added or taken away")
    if not start < end <= len(pdf) or pdf[start : start + 1] != b"<" or pdf[end - 1 : end] != b">":
        raise Tampered("the place of the signature does not hold one")
    return start, end


def list_attachments(pdf: bytes) -> Iterator[tuple[str, bytes]]:
    """The files inside. Only sensible once the file is known to be whole, or to look what it says."""
    for found in re.finditer(
        rb"\n<<[^\n]*/EF << /F (\d+) 0 R[^\n]*/Type /Filespec[^\n]*/UF \(([^()\\\n]{1,200})\)", pdf
    ):
        head = re.search(rb"\n%s 0 obj\n<<([^\n]*)/Length (\d{1,10}) >>\nstream\n" % found[1], pdf)
        if head is None:
            raise verifier.NotVerifiable("an attached file cannot be found inside the PDF")
        content = pdf[head.end() : head.end() + int(head[2])]
        yield found[2].decode("utf-8", "replace"), _unpack(content) if b"/FlateDecode" in head[1] else content


def _unpack(content: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(content, MAX_ATTACHED_BYTES)
    except zlib.error as error:
        raise NotVerifiable("an attached file is damaged") from error
    if not unpacker.eof:
        verifier._refuse("an attached file is damaged or too large")
    return found


# The command line.


def run(arguments: Sequence[str] | None = None) -> Any:
    """Run the check that a command line asks for. A `Verdict`; wrong usage ends the program with exit code 2."""
    parser = argparse.ArgumentParser(prog="report_verifier", description="Check a report's PDF by itself, offline.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--receipt", type=Path, help="of the issued file; default: REPORT.pdf.receipt.json, if there")
    parser.add_argument("--extract", type=Path, metavar="FOLDER", help="write the attached files there, if all is well")
    verifier._add_trust(parser)
    options = parser.parse_args(arguments)
    verdict = verifier._judged(_run)(options)
    if verdict and options.extract is not None:
        options.extract.mkdir(parents=True, exist_ok=True)
        for name, content in list_attachments(options.report.read_bytes()):
            (options.extract / re.sub(r"[^A-Za-z0-9._-]", "_", name)).write_bytes(content)
    return verdict


def _run(options: argparse.Namespace) -> Any:
    beside = options.receipt or verifier.default_receipt(options.report)
    receipt = None
    if options.receipt is not None or beside.exists():
        receipt = verifier._read_json(beside, verifier.MAX_RECEIPT_BYTES)
    pdf = verifier._read(options.report, MAX_REPORT_BYTES)
    return verify_report(pdf, verifier._read_trust(options), receipt=receipt)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check, print its verdict in one line of plain ASCII, return the exit code."""
    verdict = run(arguments)
    print(f"{verdict.word}: {verifier.plain(verdict.message)}")
    return int(verdict.outcome)


if __name__ == "__main__":
    sys.exit(main())
