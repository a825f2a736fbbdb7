"""What the log keeps of a password or a token's secret: enough to see that another one was put in its place."""

from __future__ import annotations

from governance.canonical import sha256_hex


def digest_credential(stored: str) -> str:
    """The digest of what the table holds, which is itself a salted hash: nobody can try passwords against it, because
    the salt is not in the log."""
    return sha256_hex(stored.encode())
