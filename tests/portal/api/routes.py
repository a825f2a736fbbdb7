"""Every address of the API with who uses it, and what they send: the happy path and the stranger's path of each.

A test walks the URL resolver: an address that is not in this table fails it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cast import ANSWERS, PASSWORD, PREDICTIONS_SPEC
from tests.governance.framework_texts import SMALL
from tests.governance.policy_texts import next_text

NOW = "2026-01-02T03:04:05Z"
CRITERION = {"metric": "recall", "comparator": "at_least", "threshold": "0.5"}
REQUIREMENT = {"title": "Finds them", "statement": "It finds most.", "criteria": [CRITERION]}
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


ROUTES = [
    # First, while nobody who confirms has touched what is to be confirmed.
    Route("api-emergencies", "GET", "model-versions/{ready}/emergencies"),
    Route(
        "api-emergencies",
        "POST",
        "model-versions/{ready}/emergencies",
        "approver",
        {"reason": "Fire.", "hours": 4, "dossier_digest": "{digest}", "password": PASSWORD},
        201,
    ),
    Route("api-emergency-withdraw", "POST", "emergencies/{emergency}/withdraw", "approver", {"reason": "Over."}),
    # Taken back, so that what is live stays: test_emergencies.py confirms one.
    Route(
        "api-emergency-confirm",
        "POST",
        "emergencies/{emergency}/confirm",
        "compliance",
        {"dossier_digest": "{emergency_digest}", "password": PASSWORD},
        409,
        refusal=True,
    ),
    # There is no former release to go back to: tests of rollback are in test_releases.py.
    Route(
        "api-roll-back",
        "POST",
        "releases/{release}/roll-back",
        "approver",
        {"reason": "It fails.", "password": PASSWORD},
        409,
        refusal=True,
    ),
    Route("api-me", "GET", "me", stranger=200),
    Route("api-users", "GET", "users", stranger=200),
    Route(
        "api-users",
        "POST",
        "users",
        "organisation_administrator",
        {"username": "new", "full_name": "Nia Weber", "email": "nia@example.org", "password": PASSWORD},
        201,
        403,
    ),
    Route("api-tokens", "GET", "tokens", stranger=200),
    Route("api-tokens", "POST", "tokens", body={"name": "n", "scopes": ["read"], "days": 1}, status=201, stranger=201),
    Route("api-token", "DELETE", "tokens/{token}", status=204),
    # Nobody of the cast has a passkey that could be asked; test_proofs.py has.
    Route("api-passkey-questions", "POST", "passkey-questions", body={"purpose": "x"}, status=400, stranger=400),
    Route("api-questionnaires", "GET", "questionnaires", stranger=200),
    Route("api-projects", "GET", "projects", stranger=200),
    Route("api-projects", "POST", "projects", "organisation_administrator", {"name": "Another"}, 201, 403),
    Route("api-project", "GET", "projects/{project}"),
    Route("api-memberships", "GET", "projects/{project}/memberships"),
    Route(
        "api-memberships",
        "POST",
        "projects/{project}/memberships",
        "administrator",
        {"username": "aoife", "role": "validator"},
        201,
    ),
    Route("api-template", "GET", "projects/{project}/templates/high"),
    Route(
        "api-template",
        "PUT",
        "projects/{project}/templates/low",
        "compliance",
        {"text": "- {title: a, statement: b}"},
    ),
    Route("api-policies", "GET", "projects/{project}/policies"),
    Route(
        "api-policies",
        "POST",
        "projects/{project}/policies",
        "compliance",
        {"risk_tier": "high", "environment": "production", "text": next_text(), "reason": "Calmer."},
        201,
    ),
    Route("api-policies-in-force", "GET", "projects/{project}/policies/in-force"),
    Route(
        "api-policies-dry-run",
        "POST",
        "projects/{project}/policies/dry-run",
        "administrator",
        {"text": next_text()},
        writes=False,
    ),
    Route("api-policy", "GET", "policies/{policy}"),
    Route("api-policy-dry-run", "GET", "policies/{policy}/dry-run"),
    Route("api-policy-adopt", "POST", "policies/{policy}/adopt", "administrator", {"password": PASSWORD}),
    Route("api-policy-withdraw", "POST", "policies/{spare_policy}/withdraw", "compliance", {"reason": "Not now."}),
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
    Route("api-models", "GET", "models", stranger=200),
    Route("api-models", "POST", "models", "developer", {"project": "{project}", "name": "Second"}, 201, 400),
    Route("api-model", "GET", "models/{model}"),
    Route("api-model", "PATCH", "models/{model}", "developer", {"description": "Third try."}),
    Route(
        "api-risk-tier",
        "PUT",
        "models/{model}/risk-tier",
        "compliance",
        {"questionnaire": "general", "answers": ANSWERS["high"], "rationale": "It decides."},
    ),
    Route("api-requirements", "GET", "models/{model}/requirements"),
    Route("api-requirements", "POST", "models/{model}/requirements", "developer", REQUIREMENT, 201),
    Route("api-requirements-generate", "POST", "models/{model}/requirements/generate", "developer", {}, 201),
    Route("api-requirement", "GET", "requirements/{requirement}"),
    Route("api-requirement", "PUT", "requirements/{requirement}", "developer", REQUIREMENT),
    Route(
        "api-requirement-withdraw",
        "POST",
        "requirements/{requirement}/withdraw",
        "developer",
        {"reason": "Doubled."},
    ),
    Route("api-proof-of-concept", "GET", "models/{model}/proof-of-concept"),
    Route(
        "api-proof-of-concept",
        "PUT",
        "models/{model}/proof-of-concept",
        "developer",
        {
            "problem_statement": "Too many.",
            "success_criteria": [CRITERION | {"statement": "Better.", "evaluation": "{evaluation}"}],
        },
    ),
    Route(
        "api-proof-of-concept-decision",
        "POST",
        "models/{model}/proof-of-concept/decision",
        "administrator",
        {"decision": "go", "reason": "Again."},
    ),
    Route("api-versions-of-model", "GET", "models/{model}/versions"),
    Route("api-versions-of-model", "POST", "models/{model}/versions", "developer", {"parent": "{version}"}, 201),
    Route("api-model-versions", "GET", "model-versions", stranger=200),
    Route("api-model-version", "GET", "model-versions/{version}"),
    Route("api-dossier", "GET", "model-versions/{version}/dossier"),
    Route("api-gate-of-version", "GET", "model-versions/{version}/gate"),
    Route("api-submit", "POST", "model-versions/{draft}/submit", "developer", {}),
    Route("api-sign-offs", "GET", "model-versions/{version}/sign-offs"),
    Route(
        "api-sign-offs",
        "POST",
        "model-versions/{ready}/sign-offs",
        "validator",
        {
            "role": "validator",
            "decision": "request_changes",
            "meaning": "I have read it.",
            "reason": "Say more.",
            "dossier_digest": "{digest}",
            "password": PASSWORD,
        },
        201,
    ),
    Route("api-remarks", "GET", "model-versions/{version}/remarks"),
    Route("api-remarks", "POST", "model-versions/{version}/remarks", body={"text": "@dana, why?"}, status=201),
    Route("api-question-resolve", "POST", "remarks/{question}/resolve", body={}),
    Route("api-waivers", "GET", "model-versions/{draft}/waivers"),
    Route(
        "api-waivers",
        "POST",
        "model-versions/{draft}/waivers",
        "compliance",
        {
            "finding_key": "evidence:privacy_review",
            "reason": "It is booked.",
            "expires_at": "{next_week}",
            "password": PASSWORD,
        },
        201,
    ),
    Route(
        "api-promote",
        "POST",
        "model-versions/{ready}/promote",
        "approver",
        {"environment": "production", "dossier_digest": "{digest}", "password": PASSWORD},
        409,
        refusal=True,
    ),
    Route("api-retire", "POST", "model-versions/{version}/retire", "approver", {"reason": "Old."}),
    Route("api-dataset-uses", "GET", "model-versions/{version}/dataset-uses"),
    Route(
        "api-dataset-uses",
        "POST",
        "model-versions/{draft}/dataset-uses",
        "developer",
        {"dataset_version": "{dataset_version}", "role": "validation"},
        201,
    ),
    Route("api-evidence-of-version", "GET", "model-versions/{version}/evidence"),
    Route(
        "api-evidence-of-version",
        "POST",
        "model-versions/{draft}/evidence",
        "developer",
        {
            "kind": "metrics",
            "title": "Metrics",
            "observed_at": NOW,
            "content": {"metrics": [{"name": "accuracy", "value": 0.5}]},
        },
        201,
    ),
    Route("api-evaluations", "GET", "model-versions/{version}/evaluations"),
    Route(
        "api-evaluations",
        "POST",
        "model-versions/{ready}/evaluations",
        "developer",
        {"kind": "bias_audit", "evidence": "{ready_evidence}", "spec": PREDICTIONS_SPEC},
        201,
    ),
    Route("api-reports", "GET", "model-versions/{version}/reports"),
    Route("api-reports", "POST", "model-versions/{version}/reports", "auditor", {}, 201),
    Route("api-datasets", "GET", "datasets", stranger=200),
    Route(
        "api-datasets",
        "POST",
        "datasets",
        "developer",
        {"project": "{project}", "name": "Fresh", "personal_data": "none"},
        201,
        400,
    ),
    Route("api-dataset", "GET", "datasets/{dataset}"),
    Route("api-dataset-versions", "GET", "datasets/{dataset}/versions"),
    Route(
        "api-dataset-versions",
        "POST",
        "datasets/{dataset}/versions",
        "developer",
        {"digest": DIGEST, "row_count": 9, "derived_from": [{"dataset_version": "{dataset_version}"}]},
        201,
    ),
    Route("api-dataset-version", "GET", "dataset-versions/{dataset_version}"),
    Route("api-evidence", "GET", "evidence/{evidence}"),
    Route("api-evidence-file", "GET", "evidence/{evidence}/file"),
    Route("api-evaluation", "GET", "evaluations/{evaluation}"),
    Route("api-evaluation-cancel", "POST", "evaluations/{waiting}/cancel", "developer", {}),
    Route("api-evaluation-result", "GET", "evaluations/{evaluation}/result"),
    Route("api-report", "GET", "reports/{report}"),
    Route("api-report-file", "GET", "reports/{report}/file"),
    Route("api-report-companion", "GET", "reports/{report}/companion"),
    Route("api-report-receipt", "GET", "reports/{report}/receipt"),
    Route("api-releases", "GET", "releases", stranger=200),
    Route("api-release", "GET", "releases/{release}"),
    Route("api-attestation", "GET", "releases/{release}/attestation"),
    Route("api-in-use", "GET", "in-use", stranger=200),
    Route("api-follow-ups", "GET", "follow-ups", stranger=200),
    Route("api-follow-up-close", "POST", "follow-ups/{follow_up}/close", "validator", {"reason": "Looked into."}),
    Route("api-gate", "GET", "gate?model={model}&version=1"),
    Route("api-log-entries", "GET", "log/entries", stranger=200),
    Route("api-log-entry", "GET", "log/entries/{entry}"),
    Route("api-checkpoints", "GET", "log/checkpoints", stranger=200),
    Route("api-checkpoint", "GET", "log/checkpoint", stranger=200),
    Route("api-log-export", "GET", "log/export", "organisation_administrator", stranger=403),
    Route("api-project-log-export", "GET", "projects/{project}/log/export"),
    Route("api-verifier", "GET", "verifier.py", stranger=200),
    Route("api-time-stamp", "GET", "log/checkpoints/1/time-stamp", status=404),
    Route("api-consistency", "GET", "log/consistency?old=1", stranger=200),
    Route("api-log-trust", "GET", "log/trust", stranger=200),
    Route("api-revocations", "GET", "revocations", stranger=200),
    Route("api-log-key", "GET", "log/key", stranger=200),
    Route("api-metrics", "GET", "metrics", stranger=200),
    Route("api-schema", "GET", "schema/", stranger=200),
    Route("api-documentation", "GET", "docs/", stranger=200),
    Route("api-nowhere", "GET", "nowhere", status=404),
    Route("api-delegations", "GET", "projects/{project}/delegations"),
    Route(
        "api-delegations",
        "POST",
        "projects/{project}/delegations",
        "approver",
        {
            "to_user": "aoife",
            "role": "approver",
            "starts_at": NOW,
            "ends_at": "{next_week}",
            "reason": "On leave.",
            "password": PASSWORD,
        },
        400,  # seven days from now are more than ninety from then; test_rights.py
    ),
    # What these need is made in test_rights.py.
    Route("api-delegation-end", "POST", "delegations/0/end", body={}, status=404),
    Route("api-overrule", "POST", "sign-offs/0/overrule", "administrator", {}, 404),
    Route("api-condition-fulfil", "POST", "conditions/0/fulfil", "validator", {}, 404),
    Route(
        "api-membership-confirm", "POST", "memberships/{membership}/confirm", "administrator", {"password": PASSWORD}
    ),
    # Last, because they take away what others above need.
    Route(
        "api-framework-withdraw",
        "POST",
        "frameworks/nyc-ll144/withdraw",
        "organisation_administrator",
        {"reason": "A new edition is out."},
        stranger=403,
    ),
    Route(
        "api-dataset-version-recall",
        "POST",
        "dataset-versions/{dataset_version}/recall",
        "compliance",
        {"reason": "The wrong clinic."},
    ),
    Route(
        "api-solo-mode",
        "PUT",
        "projects/{project}/solo-mode",
        "organisation_administrator",
        {"on": True, "reason": "We are two.", "password": PASSWORD},
    ),
    Route("api-membership", "DELETE", "memberships/{membership}", "administrator", status=204),
    Route("api-membership-end", "POST", "memberships/{spare_membership}/end", "administrator", {}),
    Route("api-user-close", "POST", "users/{user}/close", "organisation_administrator", {"reason": "Left."}),
]
