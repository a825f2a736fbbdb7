"""How drf-spectacular describes the API; a setting of Django's, kept beside what it describes."""

from __future__ import annotations

SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign",
    "DESCRIPTION": "Register model versions, submit evidence, ask the gate, download reports.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.schema.document_problems",
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
    },
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
