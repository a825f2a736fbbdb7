"""The two ways to speak with a portal: a program with a token, and a person who signs in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from countersign.answers import read_answer
from countersign.catalog import CatalogVerbs
from countersign.errors import CountersignError
from countersign.evidence import EvidenceVerbs
from countersign.frameworks import FrameworkVerbs
from countersign.judgement import JudgementVerbs
from countersign.lineage import LineageVerbs
from countersign.people import PeopleVerbs
from countersign.transport import ATTEMPTS
from countersign.types import Gate, Model, NewToken, ProjectName, ProofOfConcept, Release, SignOff, Version

SIGN_IN = "/sign-in/"
SECOND_STEP = "/sign-in/second/"
CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken"\s+value="([^"]+)"')


class Client(PeopleVerbs, CatalogVerbs, LineageVerbs, EvidenceVerbs, FrameworkVerbs, JudgementVerbs):
    """A program's connection, by a token. Methods are named after what they do in the portal.

    >>> with Client("https://portal.example.org", "csn_...") as portal:  # doctest: +SKIP
    ...     portal.whoami().full_name
    'Mira Osei'
    """

    def __init__(self, url: str, token: str | None, *, attempts: int = ATTEMPTS) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(url, headers, attempts=attempts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Session(Client):
    """A person's connection, signed in by login and password: for what no token may do.

    Signing, deciding and promoting ask for the password again each time; it is never kept here. Whoever has a code
    generator gives its ``code`` with each password; each code is good once.
    """

    def __init__(self, url: str, username: str, password: str, *, code: str = "", attempts: int = ATTEMPTS) -> None:
        super().__init__(url, None, attempts=attempts)
        try:
            self._sign_in(username, password, code)
        except BaseException:
            self.close()
            raise

    def _sign_in(self, username: str, password: str, code: str) -> None:
        """Fill in the sign-in page as a browser does."""
        page = self.page(SIGN_IN)
        field = CSRF_FIELD.search(page)
        if field is None:
            raise CountersignError("no_sign_in_page", None, f"{self.url}{SIGN_IN} is no sign-in page.")
        form = {"username": username, "password": password, "code": code, "csrfmiddlewaretoken": field[1]}
        answer = self._visit("POST", SIGN_IN, data=form, headers={"Referer": self.url + SIGN_IN})
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise CountersignError(
                "locked_out", answer.status_code, "Too many wrong passwords. Wait a quarter of an hour."
            )
        if answer.status_code != HTTPStatus.FOUND:
            raise CountersignError("sign_in_failed", answer.status_code, "Login, password or code is not right.")
        if answer.headers.get("Location", "").endswith(SECOND_STEP):
            raise CountersignError(
                "second_factor_needed", answer.status_code, "This account has a second factor: give its code as well."
            )

    def page(self, path: str) -> str:
        """The HTML of a page of the portal."""
        answer = self._visit("GET", path, headers={"Accept": "text/html"})
        if not answer.is_success:
            raise CountersignError("no_page", answer.status_code, f"{self.url}{path} answered {answer.status_code}.")
        return answer.text

    def _visit(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """Ask for a page. Pages are not repeated: a browser would not do so either."""
        try:
            return self._http.request(method, path, **parts)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _write_headers(self) -> dict[str, str]:
        """The portal wants proof that a change comes from its own visitor, not from a page elsewhere."""
        secrets = [cookie.value for cookie in self._http.cookies.jar if cookie.name.endswith("csrf")]
        return {"X-CSRFToken": secrets[0] or "", "Referer": self.url + "/"} if secrets else {}

    def create_token(
        self, name: str, *, scopes: Sequence[str], days: int = 30, project: ProjectName | None = None
    ) -> NewToken:
        """Make a token for a program. ``secret`` is shown this once.

        ``scopes`` are read, submit, report, administer; ``project`` narrows the token to one project.
        """
        body = {
            "name": name,
            "scopes": list(scopes),
            "days": days,
            "project": project.id if project is not None else None,
        }
        return read_answer(NewToken, self.write("tokens", body))

    def decide_proof_of_concept(
        self, model: Model, proof_of_concept: ProofOfConcept, *, decision: str, reason: str
    ) -> ProofOfConcept:
        """Record ``go`` or ``no_go`` over the text that was read."""
        path = f"models/{model.id}/proof-of-concept/decision"
        answer = self.write(path, {"decision": decision, "reason": reason}, revision=proof_of_concept.revision)
        return read_answer(ProofOfConcept, answer)

    def sign_off(
        self,
        version: Version,
        *,
        role: str,
        dossier_digest: str,
        password: str,
        code: str = "",
        meaning: str,
        decision: str = "approve",
        reason: str = "",
        conditions: Sequence[Mapping[str, str]] = (),
    ) -> SignOff:
        """Sign the dossier that was read. ``decision`` is approve, approve_conditions, request_changes, reject or
        abstain. ``conditions`` lists {"text", "owner", "due_at"}: what, whose login, until which instant.

        Refused with the gate's findings (``gate_closed``) where an approval is not possible yet, and
        (``dossier_changed``) where somebody changed something after it was read.
        """
        body = {
            "role": role,
            "decision": decision,
            "meaning": meaning,
            "reason": reason,
            "dossier_digest": dossier_digest,
            "password": password,
            "code": code,
            "conditions": [dict(condition) for condition in conditions],
        }
        return read_answer(SignOff, self.write(f"model-versions/{version.id}/sign-offs", body))

    def grant_waiver(
        self, version: Version, *, finding_key: str, reason: str, expires_at: datetime, password: str, code: str = ""
    ) -> None:
        """Accept a named gap until a moment. The finding stays visible as WAIVED."""
        body = {
            "finding_key": finding_key,
            "reason": reason,
            "expires_at": expires_at.isoformat(),
            "password": password,
            "code": code,
        }
        self.write(f"model-versions/{version.id}/waivers", body)

    def promote(self, version: Version, gate: Gate, *, password: str, code: str = "") -> Release:
        """Release the version into the environment that the gate was judged for."""
        seen = {"environment": gate.environment, "dossier_digest": gate.dossier_digest}
        body = {**seen, "password": password, "code": code}
        return read_answer(Release, self.write(f"model-versions/{version.id}/promote", body))

    def retire_version(self, version: Version, *, reason: str) -> None:
        """Take a version out of use; its releases end now."""
        self.write(f"model-versions/{version.id}/retire", {"reason": reason})
