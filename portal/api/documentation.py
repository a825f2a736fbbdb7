"""How drf-spectacular describes the API; a setting of Django's, kept beside what it describes."""

from __future__ import annotations

DESCRIPTION = """\
Register model versions, submit evidence, have it evaluated, ask the gate, download reports.

**Signing in.** Programs send `Authorization: Bearer csn_…` with a token made under “API tokens”. Its scopes
(`read`, `submit`, `report`, `administer`) and its project narrow its owner's rights, and it never stands in for a
person: sign-offs, waivers, go decisions, promotion and retirement need somebody who signed in with a password.

**Bodies** are UTF-8 JSON that can be read in one way: no unknown or doubled keys, no NaN, times with their zone.
Files go as `multipart/form-data`.

**Refusals** are `application/problem+json`. `code` is stable and for programs; `detail` says what is wrong and what to
do; `findings` are the gate's reasons. What is missing and what you may not see answer the same 404.

**Trying again.** Send an `Idempotency-Key` with a write: the same request with the same key is done once, and its first
answer comes again with `Idempotency-Replayed: true`. A refused request is not remembered.

**Editing.** Send the `ETag` you read as `If-Match`; 412 says that somebody was faster.

**Lists** come newest first in pages; follow `next` until it is null.
"""

SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.schema.document_problems",
    ],
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "list", "defaultModelsExpandDepth": 0},
    "TAGS": [
        {"name": name, "description": description}
        for name, description in (
            ("models", "The inventory: what is used for what, on whom, at which risk."),
            ("model versions", "One candidate with fixed artifact digests, from draft to retirement."),
            ("proofs of concept", "What was to be shown first, and the go or no go."),
            ("frameworks", "The texts that models are held against, and what is recorded against them."),
            ("requirements", "What must hold, with acceptance criteria."),
            ("datasets", "Frozen contents by digest, and what they were made from."),
            ("evidence", "Metrics, files, reviews: digest-bound and never overwritten."),
            ("evaluations", "Bias audits and explanations, computed by the laboratory."),
            ("judgement", "Dossier, gate, sign-offs, waivers."),
            ("releases", "What runs where, with its attestation."),
            ("reports", "Compliance reports as PDF, with receipts."),
            ("audit log", "One Merkle tree of everything done."),
            ("policies", "What a version needs before an environment, by its risk tier."),
            ("projects", "Teams' spaces, roles, requirement templates."),
            ("people", "Accounts and tokens."),
        )
    ],
    # Names for choices whose fields are called alike.
    "ENUM_NAME_OVERRIDES": {
        "Role": "governance.models.Role",
        "DatasetRole": "governance.models.DatasetRole",
        "Decision": "governance.models.Decision",
        "PocDecision": "governance.models.PocDecision",
        "EvaluationKind": "governance.models.EvaluationKind",
        "EvidenceKind": "governance.models.EvidenceKind",
        "ReportKind": "governance.models.ReportKind",
        "WorkStatus": "governance.models.WorkStatus",
        "FindingStatus": "governance.findings.FindingStatus",
        "ControlState": "governance.frameworks.judging.ControlState",
        "State": "governance.lifecycle.State",
    },
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
