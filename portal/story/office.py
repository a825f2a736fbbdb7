"""Where the people of the story sit: each signs in once, makes a token of their own, and runs scripts with it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from threading import RLock

from countersign import Client, Session
from countersign.types import Model, NewToken, Project, Version
from portal.story.cast import MEMBERS, Person, SignIns

EXAMPLES = Path(__file__).resolve().parents[2] / "client" / "examples"
PROJECT = "Clinical decision support"
TOKEN_NAME = "Loading the story"  # noqa: S105  (a label)
SCRIPT_SECONDS = 300
LOOK_AGAIN_SECONDS = 0.2


class StoryError(Exception):
    """The story cannot be told; the message says what went wrong."""


def lock_story(folder: Path) -> int:
    """Return an open lock that one loading at a time can hold, waiting for a predecessor that is still ending.

    The lock belongs to the open file and is passed on to scripts: it is free when the last of them has ended, however
    its loading ended.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + SCRIPT_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(lock)
                raise StoryError("Another loading of the story is under way and does not end.") from None
            time.sleep(LOOK_AGAIN_SECONDS)


class Office:
    """The portal as the people of the story use it."""

    def __init__(self, url: str, folder: Path, sign_ins: SignIns, lock: int) -> None:
        self.url = url
        self.folder = folder
        self.lock = lock
        self.sign_ins = sign_ins
        self._doors = ExitStack()
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, NewToken] = {}
        # Two strands of the story are told at once, and some people play in both.
        self._one_at_a_time = RLock()

    def close(self) -> None:
        """Take back every token that was made, by this start or by one that was killed, and leave."""
        for person in MEMBERS:
            session = self.as_person(person)
            for token in session.tokens():
                if token.name == TOKEN_NAME and token.revoked_at is None:
                    session.revoke_token(token)
        self._doors.close()

    def password_of(self, person: Person) -> str:
        return self.sign_ins.passwords[person.login]

    def as_person(self, person: Person) -> Session:
        """The portal as somebody who has signed in by password."""
        with self._one_at_a_time:
            if person.login not in self._sessions:
                session = Session(self.url, person.login, self.password_of(person))
                self._sessions[person.login] = self._doors.enter_context(session)
            return self._sessions[person.login]

    def as_program(self, person: Person) -> Client:
        """The portal as somebody's script, with a token they made themselves."""
        token = self._token_of(person)
        with self._one_at_a_time:
            return self._doors.enter_context(Client(self.url, token))

    def _token_of(self, person: Person) -> str:
        with self._one_at_a_time:
            if person.login not in self._tokens:
                scopes = ("read", "submit", "report")
                self._tokens[person.login] = self.as_person(person).create_token(TOKEN_NAME, scopes=scopes, days=1)
            return self._tokens[person.login].secret

    def run_script(self, person: Person, script: str, *arguments: str) -> str:
        """Run one of the client's examples as somebody would on their own machine, and return what it printed."""
        environment = {**os.environ, "COUNTERSIGN_URL": self.url, "COUNTERSIGN_TOKEN": self._token_of(person)}
        folder = self.folder / Path(script).stem.replace("_", "-")
        command = [sys.executable, str(EXAMPLES / script), "--project", PROJECT, "--folder", str(folder), *arguments]
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SCRIPT_SECONDS,
                check=False,
                pass_fds=[self.lock],  # a script that outlives us keeps the next start waiting
            )
        except subprocess.TimeoutExpired:
            raise StoryError(f"{script} {' '.join(arguments)} did not end within {SCRIPT_SECONDS} s.") from None
        if done.returncode != 0:
            raise StoryError(
                f"{script} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def find_project(self, person: Person) -> Project:
        found = self.as_person(person).find_project(PROJECT)
        if found is None:
            raise StoryError(f"{person.full_name} sees no project “{PROJECT}”.")
        return found

    def find_model(self, person: Person, name: str) -> Model | None:
        return self.as_person(person).find_model(self.find_project(person), name)

    def find_version(self, person: Person, model_name: str, design: str) -> Version | None:
        """The version that the example script registered for a design, in whatever state it is."""
        model = self.find_model(person, model_name)
        versions = self.as_person(person).versions(model) if model is not None else []
        return next((item for item in versions if item.source_run.endswith(f"--design {design}")), None)
