"""Who does a thing, and how they proved who they are. Every action takes one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from governance.models import User

SESSION = "session"
API_TOKEN = "api-token"  # noqa: S105  (the name of a way to sign in, not a secret)
SYSTEM = "system"
COMMAND = "command"


@dataclass(frozen=True)
class Actor:
    """A user acting through one door.

    ``authentication`` is SESSION (signed in by password in a browser or a session client), API_TOKEN, COMMAND (an
    operator's command line) or SYSTEM (automatic work). ``scopes`` limits a token; None means no such limit.
    """

    user: User
    authentication: str
    scopes: frozenset[str] | None = None
    token_prefix: str = ""
    token_project_id: int | None = None
    request_id: str = ""

    @property
    def is_interactive(self) -> bool:
        return self.authentication == SESSION
