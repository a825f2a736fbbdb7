"""What is kept of an API token's secret."""

from __future__ import annotations

import hashlib


def digest_secret(secret: str) -> str:
    """The SHA-256 of the secret in hexadecimal. A plain digest is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
