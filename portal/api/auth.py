"""Token sign-in: ``Authorization: Bearer csn_…``.

Listed before session sign-in, so that an anonymous call is told to sign in (401) and not that it may not (403).
"""

from __future__ import annotations

import hmac

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from governance.models import ApiToken, User
from governance.token_secret import digest_secret
from governance.token_use import note_use

SCHEME = b"bearer"
LONGEST_SECRET = 200
# Compared with when no token has the prefix, so that both answers take the same time.
NOBODY = digest_secret("")
REFUSAL = "This token is unknown, expired or revoked. Make a new one under “API tokens”."


class TokenAuthentication(BaseAuthentication):
    """Find the token by its public prefix and compare its digest in constant time."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != SCHEME:
            return None
        if len(words) != 2 or len(words[1]) > LONGEST_SECRET or not words[1].isascii():
            raise AuthenticationFailed("Send the token as: Authorization: Bearer csn_…", code="invalid_token")
        token = find_token(words[1].decode("ascii"))
        if token is None:
            raise AuthenticationFailed(REFUSAL, code="invalid_token")
        note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="countersign"'


def find_token(secret: str) -> ApiToken | None:
    """Return the usable token with this secret, or None: unknown, expired, revoked, or its owner's account closed."""
    prefix = "_".join(secret.split("_", 2)[:2])  # csn_<public part>_<secret part, which may hold underscores>
    token = ApiToken.objects.usable(now=timezone.now()).select_related("user").filter(prefix=prefix).first()
    kept = token.secret_digest if token else NOBODY
    return token if hmac.compare_digest(kept, digest_secret(secret)) and token else None
