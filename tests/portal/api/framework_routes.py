"""A line of the table of routes, and the lines about frameworks; see routes.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cast import PASSWORD
from tests.governance.framework_texts import SMALL

DIGEST = "sha256:" + "c" * 64


@dataclass(frozen=True)
class Route:
    """``who`` may do it and gets ``status``; a stranger gets ``stranger``. ``{digest}`` is the ready dossier's."""

    name: str
    method: str
    path: str
    who: str = "auditor"
    body: Any = None
    status: int = 200
    stranger: int = 404
    writes: bool = True  # what is not a GET, and succeeds
    refusal: bool = False  # what is refused, and the refusal recorded


FRAMEWORK_ROUTES = [
    Route("api-frameworks", "GET", "frameworks", stranger=200),
    Route("api-frameworks", "POST", "frameworks", "organisation_administrator", {"text": f"# Ours\n{SMALL}"}, 201, 403),
    Route("api-framework", "GET", "frameworks/nyc-ll144", stranger=200),
    Route("api-coverage", "GET", "model-versions/{version}/coverage?framework=nyc-ll144"),
    Route("api-answers", "GET", "model-versions/{version}/answers"),
    # How a released version is doing may be told at any time; what was signed may not be told anew.
    Route(
        "api-answers",
        "POST",
        "model-versions/{version}/answers",
        "developer",
        {"answers": [{"fact": "change.log", "value": ["None yet."]}]},
        201,
    ),
    Route(
        "api-carry-over", "POST", "model-versions/{draft}/answers/carry-over", "validator", {"fact": "change.log"}, 201
    ),
    Route("api-organisation-answers", "GET", "organisation/answers", stranger=200),
    Route(
        "api-organisation-answers",
        "POST",
        "organisation/answers",
        "organisation_administrator",
        {"fact": "org.roles", "value": "Owner, validator, approver."},
        201,
        403,
    ),
    Route(
        "api-rulings",
        "POST",
        "model-versions/{draft}/rulings",
        "compliance",
        {
            "framework": "nyc-ll144",
            "control": "LL144-301b4",
            "kind": "not_applicable",
            "reason": "It sorts nobody into groups.",
            "password": PASSWORD,
        },
        201,
    ),
    Route("api-signatures", "GET", "model-versions/{draft}/signatures"),
    Route(
        "api-signatures",
        "POST",
        "model-versions/{draft}/signatures",
        "developer",
        {"fact": "conformity.declaration", "meaning": "m", "seen_digest": DIGEST, "password": PASSWORD},
        400,  # nothing is declared yet; test_frameworks.py signs
    ),
    Route(
        "api-requirements-from-framework",
        "POST",
        "models/{model}/requirements/from-framework",
        "developer",
        {"framework": "nyc-ll144"},
        201,
    ),
]
