"""Changing the log's keys as the operator does, for tests that sign."""

from __future__ import annotations

from django.core.management import call_command

from governance.log_state import keys_in_log
from governance.notes import VerifierKey
from governance.signer import sign_once


def add_key() -> str:
    """Add a key, have it sign, and return its verifier key."""
    call_command("log_keys", "add")
    sign_once()
    return keys_in_log()[-1].vkey


def end_key(verb: str, vkey: str, *, seal: bool = True) -> None:
    """Retire or revoke a key and have the rest sign that."""
    call_command("log_keys", verb, key_id(vkey), "--reason", "For the drill.")
    if seal:
        sign_once()


def rotate_to_overlap() -> str:
    """Sign, add a second key, sign with both, and return the first one."""
    sign_once()
    add_key()
    return keys_in_log()[0].vkey


def key_id(vkey: str) -> str:
    return VerifierKey.from_text(vkey).key_id.hex()
