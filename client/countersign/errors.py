"""The one error of the client. It carries what the portal said, so that a program can branch and a person can act."""

from __future__ import annotations

from collections.abc import Sequence

from countersign.types import Finding

UNREACHABLE = "unreachable"
UNEXPECTED_ANSWER = "unexpected_answer"


class CountersignError(Exception):
    """The portal refused, or could not be asked.

    Attributes
    ----------
    code : str
        Stable and made for programs: ``gate_closed``, ``not_permitted``, ``unreachable``...
    status : int or None
        The HTTP status; None where no answer came.
    detail : str
        What is wrong and what to do, for a person.
    findings : tuple of Finding
        Why a gate is closed, where that is the reason.
    field : str or None
        The part of the request that was refused.
    request_id : str or None
        What an operator looks up.
    """

    def __init__(
        self,
        code: str,
        status: int | None,
        detail: str,
        findings: Sequence[Finding] = (),
        *,
        field: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        self.detail = detail
        self.findings = tuple(findings)
        self.field = field
        self.request_id = request_id

    def __str__(self) -> str:
        lines = [self.detail]
        lines += [f"  {finding.status:<12} {finding.title}: {finding.detail}" for finding in self.findings]
        place = ", ".join(
            f"{name} {value}"
            for name, value in (("status", self.status), ("field", self.field), ("request", self.request_id))
            if value is not None
        )
        lines.append(f"  ({self.code}{', ' + place if place else ''})")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"CountersignError({self.code!r}, {self.status!r}, {self.detail!r})"
