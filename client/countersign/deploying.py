"""What is running against what may run: digests read from a list, attestations judged, the difference told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from countersign import verifier
from countersign.errors import CountersignError

LINE = re.compile(r"(?:sha256:)?([0-9a-f]{64})(?:\s+(.*))?", re.ASCII)
LONGEST_LIST = 64 << 20


@dataclass(frozen=True)
class Running:
    """An artifact that runs somewhere: its digest, and what the list calls it."""

    digest: str
    name: str


@dataclass(frozen=True)
class Unpermitted:
    """Something that runs and may not, with the reason: ``unknown`` where nothing speaks of it."""

    running: Running
    reason: str
    is_known: bool


@dataclass(frozen=True)
class Reconciliation:
    """What runs and may, what runs and may not, and what may run and does not."""

    permitted: tuple[Running, ...]
    unpermitted: tuple[Unpermitted, ...]
    idle: tuple[tuple[str, str], ...]

    @property
    def is_clean(self) -> bool:
        return not self.unpermitted


@dataclass
class Permits:
    """Digests that may run, with a name each, and digests that are known and may not, with a reason each."""

    allowed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def read_running(path: Path) -> list[Running]:
    """Read a list of digests, one a line: ``sha256:<hex>``, or what ``sha256sum`` prints. ``#`` begins a comment.

    Raises CountersignError for a line that is none: something that runs must not go unseen.
    """
    found = []
    if path.stat().st_size > LONGEST_LIST:
        raise CountersignError("bad_list", None, f"{path} is larger than {LONGEST_LIST} bytes.")
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = LINE.fullmatch(text)
        if match is None:
            raise CountersignError("bad_list", None, f"Line {number} of {path} is no SHA-256 digest: {text[:80]!a}")
        found.append(Running(f"sha256:{match[1]}", (match[2] or "").lstrip("*").strip()))
    return found


def judge_bundles(
    bundles: Mapping[str, Any],
    trust: verifier.Trust,
    *,
    environment: str,
    revocations: dict[str, Any],
    at: datetime | None = None,
) -> Permits:
    """Return what attestations permit in an environment. Raises CountersignError for one that cannot be believed."""
    permits = Permits()
    for name, bundle in bundles.items():
        verdict = verifier.verify_attestation(bundle, trust, environment=environment, at=at, revocations=revocations)
        if verdict:
            permits.allowed |= dict.fromkeys(_subjects(verdict.statement), f"{name}: {verdict.message}")
        elif verdict.word == "not allowed":
            # It is genuine, only not in force here and now: so what it names is known.
            genuine = verifier.read_statement(bundle)
            permits.refused |= dict.fromkeys(_subjects(genuine), f"{name}: {verdict.message}")
        else:
            raise CountersignError("bad_attestation", None, f"{name} is {verdict.word}: {verdict.message}")
    return permits


def _subjects(statement: Any) -> list[str]:
    return ["sha256:" + subject["digest"]["sha256"] for subject in statement["subject"]]


def reconcile(running: Iterable[Running], permits: Permits) -> Reconciliation:
    """Compare. One valid attestation is enough for a digest, whatever an older one says of it."""
    permitted, unpermitted, seen = [], [], set()
    for item in running:
        seen.add(item.digest)
        if item.digest in permits.allowed:
            permitted.append(item)
        elif item.digest in permits.refused:
            unpermitted.append(Unpermitted(item, permits.refused[item.digest], is_known=True))
        else:
            unpermitted.append(Unpermitted(item, "nothing speaks of it", is_known=False))
    idle = tuple((digest, what) for digest, what in permits.allowed.items() if digest not in seen)
    return Reconciliation(tuple(permitted), tuple(unpermitted), idle)
