"""Accounts, projects, roles and tokens."""

from __future__ import annotations

from collections.abc import Sequence

from countersign.answers import read_answer
from countersign.transport import Transport
from countersign.types import Me, Membership, Project, Token, User


class PeopleVerbs(Transport):
    """What concerns people. Most of it needs an administrator's token with the scope ``administer``."""

    def whoami(self) -> Me:
        """Return whom this token or session speaks for, with their roles."""
        return read_answer(Me, self.get("me"))

    def users(self) -> list[User]:
        """Return the accounts that may be seen."""
        return [read_answer(User, item) for item in self.each("users", limit=200)]

    def find_user(self, username: str) -> User | None:
        """Return the account with this login, or None."""
        return next((read_answer(User, item) for item in self.each("users", username=username)), None)

    def create_user(
        self,
        username: str,
        *,
        full_name: str,
        email: str,
        password: str,
        is_organisation_administrator: bool = False,
    ) -> User:
        """Open an account. A login is never given twice, and an account is closed, never deleted."""
        body = {
            "username": username,
            "full_name": full_name,
            "email": email,
            "password": password,
            "is_organisation_administrator": is_organisation_administrator,
        }
        return read_answer(User, self.write("users", body))

    def close_user(self, user: User, *, reason: str) -> None:
        """Close an account; its tokens stop working at once."""
        self.write(f"users/{user.id}/close", {"reason": reason})

    def projects(self) -> list[Project]:
        """Return the projects that may be seen."""
        return [read_answer(Project, item) for item in self.each("projects", limit=200)]

    def find_project(self, name: str) -> Project | None:
        """Return the project of that name, or None."""
        return next((read_answer(Project, item) for item in self.each("projects", name=name)), None)

    def create_project(self, name: str, *, description: str = "") -> Project:
        """Open a project, with the built-in requirement template of each risk tier."""
        return read_answer(Project, self.write("projects", {"name": name, "description": description}))

    def memberships(self, project: Project) -> list[Membership]:
        """Return who holds which role in a project."""
        return [read_answer(Membership, item) for item in self.each(f"projects/{project.id}/memberships", limit=200)]

    def grant_role(self, project: Project, *, username: str, role: str) -> Membership:
        """Give a person a role: developer, validator, approver, compliance, auditor or administrator."""
        body = {"username": username, "role": role}
        return read_answer(Membership, self.write(f"projects/{project.id}/memberships", body))

    def end_role(self, membership: Membership, *, reason: str = "", for_cause: bool = False) -> None:
        """Take a role back. It stays in the record, with its end; for cause, what was signed in it counts no more."""
        self.write(f"memberships/{membership.id}/end", {"reason": reason, "for_cause": for_cause})

    def tokens(self) -> Sequence[Token]:
        """Return your own tokens, without their secrets."""
        return [read_answer(Token, item) for item in self.each("tokens", limit=200)]

    def revoke_token(self, token: Token) -> None:
        """End a token at once."""
        self.write(f"tokens/{token.id}", method="DELETE")
