"""How a refusal of the record office is told over HTTP: one table, used by pages and APIs alike."""

from __future__ import annotations

from http import HTTPStatus

from governance.exceptions import (
    Duplicate,
    GateClosed,
    GovernanceError,
    IntegrityBroken,
    InvalidInput,
    NotPermitted,
    NotSealedYet,
    ReauthenticationFailed,
    StaleReading,
    StoreUnavailable,
    TooLarge,
    TransitionNotAllowed,
)
from governance.idempotency import AnswerNotKept, KeyReused, UnderWay
from portal.actors import LockedOut

STATUSES: dict[type[GovernanceError], HTTPStatus] = {
    NotPermitted: HTTPStatus.FORBIDDEN,
    ReauthenticationFailed: HTTPStatus.FORBIDDEN,
    TransitionNotAllowed: HTTPStatus.CONFLICT,
    GateClosed: HTTPStatus.CONFLICT,
    StaleReading: HTTPStatus.CONFLICT,
    InvalidInput: HTTPStatus.BAD_REQUEST,
    Duplicate: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    IntegrityBroken: HTTPStatus.CONFLICT,
    NotSealedYet: HTTPStatus.CONFLICT,
    StoreUnavailable: HTTPStatus.INSUFFICIENT_STORAGE,
    LockedOut: HTTPStatus.TOO_MANY_REQUESTS,
    UnderWay: HTTPStatus.CONFLICT,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    AnswerNotKept: HTTPStatus.CONFLICT,
}


def status_of(error: GovernanceError) -> HTTPStatus:
    """Return the HTTP status of a refusal: its own class's, or its nearest parent's; 400 for any other."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return HTTPStatus.BAD_REQUEST
