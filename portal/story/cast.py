"""The people of the story, and their sign-ins: drawn at random, kept in two files only their owner can read."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

OWNER_ONLY = 0o600
# No letter or digit that is mistaken for another when it is read from a screen.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP_LENGTH = 4, 5


@dataclass(frozen=True)
class Person:
    """Somebody of the story. ``role`` is empty for the organisation administrator, who holds none."""

    login: str
    full_name: str
    role: str
    to_try: str

    @property
    def email(self) -> str:
        return f"{self.login}@example.org"


ADMINISTRATOR = Person("ines", "Ines Albrecht", "", "People and projects of the whole organisation")
VISITOR = Person("noor", "Noor Haddad", "validator", "Read version 3 of Diabetes triage and sign it off")
MIRA = Person("mira", "Mira Osei", "developer", "Make a token, run client/examples/diabetes_triage.py")
JONAS = Person("jonas", "Jonas Berg", "developer", "The draft of Breast tumour triage: what does it lack?")
TOMAS = Person("tomas", "Tomas Wilk", "validator", "Try to sign version 3: he wrote its validation report")
HANA = Person("hana", "Hana Kimura", "compliance", "She has signed version 3 already; waive a gap of the draft")
SAMUEL = Person("samuel", "Samuel Adeyemi", "compliance", "He reviewed security, so he cannot sign")
ELENA = Person("elena", "Elena Rossi", "compliance", "She reviewed privacy, so she cannot sign")
PETER = Person("peter", "Peter Voss", "approver", "Sign version 3 after Noor, then promote it")
ANNE = Person("anne", "Anne Dubois", "administrator", "Members, requirement templates, proofs of concept")
LUCIA = Person("lucia", "Lucia Ferri", "auditor", "Read everything; download and verify the report on version 2")
MEMBERS = (VISITOR, PETER, MIRA, JONAS, TOMAS, HANA, SAMUEL, ELENA, ANNE, LUCIA)
EVERYBODY = (*MEMBERS, ADMINISTRATOR)


@dataclass(frozen=True)
class SignIns:
    """Everybody's password, and whether the story has been told to its end."""

    path: Path
    passwords: dict[str, str]
    is_told: bool = False

    @classmethod
    def read_or_draw(cls, folder: Path) -> SignIns:
        """Return the sign-ins of a story that was begun, or draw new ones and keep them before anybody uses them."""
        path = folder / "sign-ins.json"
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, kept["passwords"], kept["is_told"])
        drawn = cls(path, {person.login: draw_password() for person in EVERYBODY})
        drawn._write()
        return drawn

    def mark_told(self) -> SignIns:
        """Note that the story is told; a later start has nothing to do."""
        told = SignIns(self.path, self.passwords, True)
        told._write()
        return told

    def _write(self) -> None:
        document = {"is_told": self.is_told, "passwords": self.passwords}
        write_privately(self.path, json.dumps(document, indent=2) + "\n")

    def describe(self, url: str) -> str:
        """Return the sheet of sign-ins that is printed when the portal is up. The visitor's comes first."""
        lines = [
            f"Sign in at {url} as {VISITOR.login}, password {self.passwords[VISITOR.login]}",
            "and sign off version 3 of Diabetes triage. Everybody you can be:",
            "",
            f"{'login':<8} {'password':<24} {'name':<16} {'role':<14} what to try",
        ]
        for person in EVERYBODY:
            role = person.role or "organisation"
            password = self.passwords[person.login]
            lines.append(f"{person.login:<8} {password:<24} {person.full_name:<16} {role:<14} {person.to_try}")
        lines += ["", "These people are invented and their passwords drawn for this portal: for trying out only."]
        return "\n".join(lines) + "\n"


def draw_password() -> str:
    """Draw a password such as ``kx7mp-2bq9w-...``: about 99 bits, easy to type."""
    groups = ("".join(secrets.choice(ALPHABET) for _letter in range(GROUP_LENGTH)) for _group in range(GROUPS))
    return "-".join(groups)


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it appears complete or not at all."""
    draft = path.with_name(f"{path.name}.part")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
