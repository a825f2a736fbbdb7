"""The witnesses that the operator configured, how many of them must have cosigned, and what each said last.

A witness runs on another machine (``countersign witness``). The signer asks it; ``witnesses.json`` in the signer's
folder says for the pages how that went.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from governance.cosignatures import WitnessKey
from governance.notes import NoteError
from governance.signer_files import keys_folder, replace_file

MOST_WITNESSES = 20
WELL, SILENT, CONFLICT = "well", "silent", "conflict"


@dataclass(frozen=True)
class Witness:
    """Where a witness is asked, and the key by which its cosignature is known."""

    url: str
    key: WitnessKey


def read_witnesses() -> tuple[Witness, ...]:
    """The witnesses of COUNTERSIGN_WITNESSES, each "URL VKEY". Raises ``ValueError`` naming what is wrong."""
    found: list[Witness] = []
    for line in settings.COUNTERSIGN_WITNESSES:
        url, _, vkey = line.partition(" ")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(f"“{url}” is not the address of a witness")
        try:
            found.append(Witness(url.rstrip("/"), WitnessKey.from_text(vkey.strip())))
        except NoteError as error:
            raise ValueError(f"the witness at {url} has no usable key: {error}") from error
    names = [witness.key.name for witness in found]
    if len(set(names)) < len(names) or len(names) > MOST_WITNESSES:
        raise ValueError(f"there are at most {MOST_WITNESSES} witnesses, each of a name of its own")
    return tuple(found)


def read_quorum(count: int) -> int:
    """How many of ``count`` witnesses must have cosigned: as set, or more than half. Raises ``ValueError``."""
    wanted: int | None = settings.COUNTERSIGN_WITNESS_QUORUM
    if wanted is None:
        return count // 2 + 1 if count else 0
    if not 0 <= wanted <= count:
        raise ValueError(f"a quorum of {wanted} among {count} witnesses makes no sense")
    return wanted


def note_state(witness: Witness, state: str, what: str, at: str) -> bool:
    """Write down how asking a witness went. True when that is news."""
    known = read_states()
    before = known.get(witness.key.name, {})
    if (before.get("state"), before.get("what")) == (state, what):
        return False
    known[witness.key.name] = {"state": state, "what": what, "since": at}
    replace_file(keys_folder() / "witnesses.json", json.dumps(known, indent=1) + "\n")
    return True


def read_states() -> dict[str, dict[str, Any]]:
    """Name of a witness -> {"state": well, silent or conflict, "what", "since"}. A damaged file says nothing."""
    try:
        read = json.loads((keys_folder() / "witnesses.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): said for name, said in read.items() if isinstance(said, dict)} if isinstance(read, dict) else {}
