"""Trust: which keys speak for the log, each over which sizes, and which witnesses vouch for it.

The trust file is what an outsider needs besides a receipt. A key that was retired is trusted up to the last size it
was to sign, so that what it signed before stays valid and what is signed with it afterwards is refused. A key that was
revoked is trusted no longer by itself: what it signed before counts only where witnesses cosigned it.

Pure: nothing is read or stored. Errors are those of ``governance.notes``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from governance.cosignatures import WitnessKey, find_cosignatures
from governance.notes import Checkpoint, NoteError, NoTrustedSignature, VerifierKey, open_note, parse_checkpoint

FORMAT = "countersign/trust/1"
ADDED, RETIRED, REVOKED = "log.key_added", "log.key_retired", "log.key_revoked"
KEY_ENTRIES = frozenset({ADDED, RETIRED, REVOKED})


class KeyHistoryError(ValueError):
    """An entry about the log's keys does not follow from those before it."""


@dataclass(frozen=True)
class TrustedKey:
    """A key of the log and the sizes, both ends included, over which its signature counts."""

    vkey: str
    from_size: int = 0
    to_size: int | None = None
    revoked: bool = False

    @property
    def key_id(self) -> str:
        return VerifierKey.from_text(self.vkey).key_id.hex()

    @property
    def is_current(self) -> bool:
        return self.to_size is None

    def covers(self, size: int) -> bool:
        """Whether the key was the log's when it had this size, revoked later or not."""
        return self.from_size <= size and (self.to_size is None or size <= self.to_size)

    def seals(self, index: int) -> bool:
        """Whether the key may have sealed what entry ``index`` records: it was not retired before that entry."""
        return self.to_size is None or index < self.to_size


@dataclass(frozen=True)
class Trust:
    """The keys of one log, oldest first, its witnesses, and how many of these must have cosigned."""

    origin: str
    keys: tuple[TrustedKey, ...]
    witnesses: tuple[str, ...] = ()
    quorum: int = 0

    @classmethod
    def of(cls, given: Trust | Iterable[str]) -> Trust:
        """Trust in plain verifier keys counts for every size. Raises ``NoteError`` for a malformed one."""
        if isinstance(given, Trust):
            return given
        keys = [VerifierKey.from_text(vkey) for vkey in given]
        return cls(keys[0].name if keys else "", tuple(TrustedKey(key.to_text()) for key in keys))

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The keys that are trusted today for what they signed in their time."""
        return tuple(key.vkey for key in self.keys if not key.revoked)

    @property
    def current_vkeys(self) -> tuple[str, ...]:
        """The keys that the log signs with now."""
        return tuple(key.vkey for key in self.keys if key.is_current)

    def sealing_vkeys(self, index: int) -> tuple[str, ...]:
        """The keys that may have signed the envelope of what entry ``index`` records."""
        return tuple(key.vkey for key in self.keys if key.seals(index))

    def signers(self, note: str) -> tuple[Checkpoint, tuple[TrustedKey, ...]]:
        """The checkpoint and those of the log's keys that signed it and were its keys at that size.

        Raises ``NoteError`` when none did: a key that was retired before that size signs nothing.
        """
        opened = open_note(note, [key.vkey for key in self.keys])
        checkpoint = parse_checkpoint(opened.text)
        signed_by = {key.to_text() for key in opened.signers if key.name == checkpoint.origin}
        own = tuple(key for key in self.keys if key.vkey in signed_by)
        if not own:
            raise NoTrustedSignature(f"no trusted key of {checkpoint.origin} signed its checkpoint")
        covering = tuple(key for key in own if key.covers(checkpoint.size))
        if not covering:
            raise NoTrustedSignature(
                f"its key {own[0].key_id} was not the log's at {checkpoint.size} entries: {_spoken_range(own[0])}"
            )
        return checkpoint, covering

    def open_checkpoint(self, note: str) -> Checkpoint:
        """Return what the log has signed. Raises ``NoteError``.

        The signature of a key that was revoked since counts only beside as many cosignatures as the quorum, one at
        least.
        """
        checkpoint, keys = self.signers(note)
        if all(key.revoked for key in keys):
            cosigned = len(find_cosignatures(note, self.witnesses))
            if cosigned < max(1, self.quorum):
                raise NoTrustedSignature(
                    f"its key {keys[0].key_id} was revoked, and {cosigned} witnesses vouch for what it signed before"
                )
        return checkpoint

    def open_stored(self, note: str) -> Checkpoint:
        """The same for whoever recomputes the root from the entries: there a revoked key proves what it always did."""
        return self.signers(note)[0]

    def has_quorum(self, note: str) -> bool:
        """Whether as many of the witnesses cosigned as they should."""
        return len(find_cosignatures(note, self.witnesses)) >= self.quorum

    def to_json(self) -> str:
        """Write the trust file."""
        keys = [asdict(key) for key in self.keys]
        document = {"format": FORMAT, "origin": self.origin, "keys": keys}
        return json.dumps({**document, "witnesses": list(self.witnesses), "quorum": self.quorum}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Trust:
        """Read a trust file. Raises ``NoteError`` when it is none, or when a key in it is malformed."""
        try:
            read = json.loads(text)
            if read["format"] != FORMAT:
                raise NoteError(f"the trust file is not in the format {FORMAT}")
            keys = tuple(read_key(item) for item in read["keys"])
            witnesses = tuple(WitnessKey.from_text(vkey).to_text() for vkey in read["witnesses"])
            trust = cls(str(read["origin"]), keys, witnesses, int(read["quorum"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoteError(f"this is not a trust file: {error}") from error
        if not 0 <= trust.quorum <= len(witnesses):
            raise NoteError(f"a quorum of {trust.quorum} among {len(witnesses)} witnesses makes no sense")
        return trust


def read_key(item: dict[str, Any]) -> TrustedKey:
    """A key as the trust file and the signer's memory write it. Raises ``NoteError`` and what a wrong shape raises."""
    from_size, to_size, revoked = item["from_size"], item["to_size"], item["revoked"]
    if type(from_size) is not int or type(to_size) not in (int, type(None)) or type(revoked) is not bool:
        raise NoteError("sizes are whole numbers, and revoked is true or false")
    return TrustedKey(VerifierKey.from_text(item["vkey"]).to_text(), from_size, to_size, revoked)


def follow(keys: Sequence[TrustedKey], body: dict[str, Any]) -> tuple[TrustedKey, ...]:
    """The keys after an entry about them. Raises ``KeyHistoryError`` for one that cannot follow.

    A key added by entry i signs from size i + 1 on; one retired or revoked by entry i signed at most size i.
    """
    try:
        index, type, vkey = int(body["index"]), body["type"], str(body["data"]["vkey"])
        name = VerifierKey.from_text(vkey).name
    except (KeyError, TypeError, NoteError) as error:
        raise KeyHistoryError(f"it does not name a verifier key: {error}") from error
    known = {key.vkey: key for key in keys}
    if type == ADDED:
        if vkey in known or any(VerifierKey.from_text(key.vkey).name != name for key in keys):
            raise KeyHistoryError("it adds a key that the log has or had already, or a key of another log")
        return (*keys, TrustedKey(vkey, index + 1))
    key = known.get(vkey)
    if key is None or key.revoked or (type == RETIRED and not key.is_current):
        raise KeyHistoryError("it ends a key that is not the log's any more, or never was")
    if not any(other.is_current for other in keys if other != key):
        raise KeyHistoryError("it ends the only key that the log has")
    ended = replace(key, to_size=index if key.to_size is None else key.to_size, revoked=type == REVOKED)
    return tuple(ended if other == key else other for other in keys)


def _spoken_range(key: TrustedKey) -> str:
    end = "on" if key.to_size is None else f"to {key.to_size}"
    return f"it signs from {key.from_size} {end}"
