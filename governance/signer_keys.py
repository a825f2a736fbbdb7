"""The log's keys as the signer holds them: one file each, open to nobody else, and what was ordered about them.

A key begins and ends by an entry of the log. The entry alone is not enough: whoever can write to the database could
append one. So the operator's command leaves its order in this folder first, and the signer follows only such entries
as it finds an order for. What the signer believes of its keys stands in its memory, and is published as trust file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from governance.notes import NoteError, SigningKey, VerifierKey, generate_key
from governance.signer_files import PUBLIC, SECRET, SignerError, keys_folder, read_trust, replace_file, write_through
from governance.trust import ADDED, RETIRED, Trust, TrustedKey


class KeyRing:
    """The private keys in the folder, by their verifier keys."""

    def __init__(self, private: dict[str, SigningKey], first: str) -> None:
        self.private = private
        self.first = first

    @classmethod
    def load(cls) -> KeyRing:
        """Read every key; make the first one at the first start. Raises ``SignerError`` for a key others may read.

        The log's name is part of its keys, so a later change of the setting changes nothing: a log keeps its name.
        """
        path = keys_folder() / "log.key"
        trust = None if path.exists() else read_trust()  # the first key may have been lost and revoked
        if not path.exists() and trust is None:
            _create_first(path)
        private = {key.vkey: key for key in map(_read_key, sorted(keys_folder().glob("log*.key")))}
        return cls(private, trust.keys[0].vkey if trust is not None else _read_key(path).vkey)

    def check(self, keys: Sequence[TrustedKey]) -> None:
        """Raise ``SignerError`` when a current one among ``keys`` is gone.

        One may be missing once its end was ordered: that is how the log gets over a lost key.
        """
        missing = [key for key in keys if key.is_current and key.vkey not in self.private]
        for key in missing:
            if not _is_ending(key.key_id):
                raise SignerError(
                    f"The log's key {key.key_id} is gone, though entries were signed with it. Restore {key_file(key)} "
                    "from your backup. If it is lost for ever: manage.py log_keys add, then revoke it."
                )

    def signing(self, keys: Sequence[TrustedKey]) -> list[SigningKey]:
        """The current ones among ``keys``, ready to sign, one at least. Raises ``SignerError`` as ``check`` does."""
        self.check(keys)
        found = [self.private[key.vkey] for key in keys if key.is_current and key.vkey in self.private]
        if not found:
            raise SignerError("None of the log's current keys is here. Restore them from your backup.")
        return found


def key_file(key: TrustedKey) -> Path:
    """Where the private half of a key is kept."""
    named = keys_folder() / f"log-{key.key_id}.key"
    return named if named.exists() or key.from_size else keys_folder() / "log.key"


def is_ordered(type: str, vkey: str) -> bool:
    """Whether the operator ordered, in this folder, what an entry of this type says of the key."""
    key_id = VerifierKey.from_text(vkey).key_id.hex()
    if type == ADDED:
        path = _public_file(key_id)
        return path.exists() and path.read_text().strip() == vkey
    return _order_file(key_id, type).exists()


def prepare_key(known: Sequence[TrustedKey]) -> str:
    """Make a further key and return its verifier key, or the one that was made and never entered into the log."""
    name = VerifierKey.from_text(known[0].vkey).name
    taken = {key.vkey for key in known}
    for path in sorted(keys_folder().glob("log-*.key")):
        made = _read_key(path)
        if made.vkey not in taken:
            return made.vkey
    key = generate_key(name)
    key_id = key.verifier_key.key_id.hex()
    write_through(_public_file(key_id), key.vkey + "\n", PUBLIC)
    _create(keys_folder() / f"log-{key_id}.key", key)
    return key.vkey


def order_end(type: str, key: TrustedKey) -> bool:
    """Leave the order to retire or revoke a key, for the signer to find with the entry. False: it was there already."""
    path = _order_file(key.key_id, type)
    is_new = not path.exists()
    replace_file(path, key.vkey + "\n")
    return is_new


def forget_order(type: str, key: TrustedKey) -> None:
    """Take an order back whose entry was refused."""
    _order_file(key.key_id, type).unlink(missing_ok=True)


def publish(trust: Trust) -> None:
    """Write the trust file, and the current keys one per line. A line that is not ours is tampering, not age."""
    path = keys_folder() / "log.vkey"
    known = {key.vkey for key in trust.keys}
    if path.exists() and not known.issuperset(path.read_text().split()):
        raise SignerError(f"{path} is not the public half of the log's key. Find out why, then delete {path}.")
    for file, text in (
        (keys_folder() / "log.trust.json", trust.to_json()),
        (path, "".join(f"{vkey}\n" for vkey in trust.current_vkeys)),
    ):
        if not file.exists() or file.read_text() != text:
            replace_file(file, text)


def _read_key(path: Path) -> SigningKey:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SignerError(
            f"The log's key {path} can be read by others (mode {mode:04o}). Find out who could have copied it, "
            f"then close it: chmod 600 {path}"
        )
    try:
        return SigningKey.from_text(path.read_text().strip())
    except (NoteError, UnicodeDecodeError) as error:
        raise SignerError(f"The log's key {path} cannot be used ({error}). Restore it from your backup.") from error


def _create_first(path: Path) -> None:
    if (keys_folder() / "signer-state.json").exists():
        raise SignerError(
            f"The log's key {path} is gone, though entries were signed with it. Restore it from your backup: a new "
            "key would leave everything signed so far without a successor."
        )
    _create(path, generate_key(settings.COUNTERSIGN_LOG_ORIGIN))


def _create(path: Path, key: SigningKey) -> None:
    draft = path.with_name(f"draft.{path.name}.{os.getpid()}")
    write_through(draft, key.to_text() + "\n", SECRET)
    try:
        os.link(draft, path)  # refuses an existing name: two first starts agree on one key
    except FileExistsError:
        pass
    draft.unlink()


def _public_file(key_id: str) -> Path:
    return keys_folder() / f"log-{key_id}.vkey"


def _order_file(key_id: str, type: str) -> Path:
    return keys_folder() / f"log-{key_id}.{'retired' if type == RETIRED else 'revoked'}"


def _is_ending(key_id: str) -> bool:
    return any((keys_folder() / f"log-{key_id}.{end}").exists() for end in ("retired", "revoked"))
