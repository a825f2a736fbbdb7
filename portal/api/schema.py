"""The OpenAPI document: what views share is described once, from the tables the views themselves use."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from portal.api.errors import MEDIA_TYPE

ALWAYS = {"400": "Malformed or unknown input", "401": "Not signed in", "403": "Not permitted", "404": "Not found"}
LISTING = {key: ALWAYS[key] for key in ("400", "401", "403")}
WRITING = {
    "409": "Not now: the state, the gate or another change stands against it",
    "411": "The body's length is not announced",
    "412": "The revision named by If-Match is not the present one",
    "413": "Too large",
    "415": "Neither JSON nor, where a file may come, multipart",
    "422": "The Idempotency-Key was used for another request",
    "429": "Too many wrong passwords",
    "507": "The evidence store is full",
}
UNFORESEEN = {"503": "The server cannot work on this now"}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable and for programs, `detail` is for people.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "The field at fault, such as `artifacts[0].digest`."},
        "line": {"type": "integer", "description": "Of a policy's text, the line at fault."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "findings": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
        "request_id": {"type": "string"},
    },
}


class PortalSchema(AutoSchema):
    """Adds filters, ``Idempotency-Key`` and ``If-Match`` to the operations that read them."""

    def get_summary(self) -> str:
        """The operation's id in words: registerModel is “Register model”."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.get_operation_id())
        return words[:1].upper() + words[1:].lower()

    def _get_pagination_parameters(self) -> list[Any]:
        if not getattr(self.view, "is_list", False):
            return []
        return list(super()._get_pagination_parameters())  # type: ignore[no-untyped-call]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Shape")

    def get_override_parameters(self) -> list[Any]:
        if self.method == "GET":
            return [
                OpenApiParameter(name, dict(item.schema), description=item.description)
                for name, item in getattr(self.view, "filters", {}).items()
            ]
        parameters = [
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
                OpenApiParameter.HEADER,
                description="The same key with the same request gets the first answer again and does nothing.",
            )
        ]
        if getattr(self.view, "sends_revision", False) and self.method in ("PUT", "PATCH"):
            parameters.append(
                OpenApiParameter(
                    "If-Match",
                    {"type": "string"},
                    OpenApiParameter.HEADER,
                    description="The ETag you read. The edit is refused with 412 when somebody was faster.",
                )
            )
        return parameters


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the token is described in the OpenAPI document."""

    target_class = "portal.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from “API tokens”. Its scopes and project narrow its owner's rights.",
        }


def document_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Describe the refusals of every operation (a post-processing hook of drf-spectacular)."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    for name, schema in components["schemas"].items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False  # unknown fields are refused
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            told = ALWAYS if "{" in path else LISTING
            for status, description in {**told, **(WRITING if method != "get" else {}), **UNFORESEEN}.items():
                content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
                operation["responses"].setdefault(status, {"description": description, "content": content})
    return result
