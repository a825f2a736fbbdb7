"""The OpenAPI document: valid, complete, with examples that the API itself accepts; and its rendering."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from governance.dossier import collect
from governance.models import Evidence, User
from portal.api import urls
from tests import cast
from tests.portal.api.calling import answered, as_person
from tests.portal.api.conftest import Scene
from tests.portal.api.routes import ROUTES
from tests.portals import Portal
from tests.stories.browser import open_browser, open_page, sign_in

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    generated: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return generated


def test_the_document_is_valid_and_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    described = {(path, method.upper()) for path, operations in document["paths"].items() for method in operations}
    unlisted = {"api-schema", "api-documentation", "api-nowhere"}
    assert len(described) == len({(route.name, route.method) for route in ROUTES if route.name not in unlisted})
    ids = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(ids) == len(set(ids))
    assert document["openapi"] == "3.1.1"
    assert len(urls.urlpatterns) - len(unlisted) == len(document["paths"])


def test_refusals_are_described(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            needed = {"400", "401", "403"} | ({"409", "413", "415", "422"} if method != "get" else set())
            assert needed <= set(answers), (path, method)
            assert set(answers["401"]["content"]) == {PROBLEM}
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    problem = document["components"]["schemas"]["Problem"]
    assert problem["required"] == ["type", "title", "status", "code", "detail", "request_id"]


def test_filters_keys_and_revisions_are_described(document: dict[str, Any]) -> None:
    def names(path: str, method: str) -> set[str]:
        return {item["name"] for item in document["paths"][f"/api/v1/{path}"][method]["parameters"]}

    assert names("models", "get") == {"project", "name", "risk_tier", "state", "limit", "cursor"}
    assert names("models/{id}", "patch") == {"id", "Idempotency-Key", "If-Match"}
    assert names("gate", "get") == {"model", "version", "digest", "environment"}


MAIN_WRITES = {
    "registerModel",
    "registerVersion",
    "writeRequirement",
    "writeProofOfConcept",
    "registerDataset",
    "registerDatasetVersion",
    "declareDatasetUse",
    "submitEvidence",
    "requestEvaluation",
    "signOff",
    "promoteVersion",
    "requestReport",
    "createToken",
}


def examples_of(document: dict[str, Any]) -> dict[str, tuple[str, str, Any]]:
    """operation id -> method, path, example."""
    found = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                found[operation["operationId"]] = (method.upper(), path, example["value"])
    return found


def test_the_examples_are_accepted_by_the_api(
    document: dict[str, Any], scene: Scene, request: pytest.FixtureRequest
) -> None:
    """With the ids of what is there, a password that is right and a digest that is current."""
    examples = examples_of(document)
    assert set(examples) >= MAIN_WRITES
    who = {(route.method, route.name): route for route in ROUTES}
    by_path = {path_of(item.pattern): str(item.name) for item in urls.urlpatterns if "rest" not in str(item.pattern)}
    order = sorted(examples, key=lambda name: name in {"signOff", "promoteVersion", "describeModel", "assessRisk"})
    for operation in order:
        method, path, body = examples[operation]
        route = who[method, by_path[path.removeprefix("/api/v1/")]]
        ids = {"id": route.path, "tier": "high"}
        address = scene.address(route.path).split("?")[0]
        given = adapt(body, scene, ids)
        response = as_person(request.getfixturevalue(route.who)).send(method, address, given)
        assert response.status_code == route.status, (operation, response.content)


def path_of(pattern: object) -> str:
    text = str(pattern)
    for wild in ("<int:pk>", "<int:index>"):
        text = text.replace(wild, "{id}" if wild == "<int:pk>" else "{index}")
    return text.replace("<slug:tier>", "{tier}")


def adapt(body: Any, scene: Scene, ids: dict[str, str]) -> Any:
    if isinstance(body, list):
        return [adapt(item, scene, ids) for item in body]
    if not isinstance(body, dict):
        return body
    own: dict[str, Any] = {
        "project": scene.project.pk,
        "dataset_version": int(scene.address("{dataset_version}")),
        "evidence": Evidence.objects.get(version=scene.ready, kind="predictions").pk,
        "dossier_digest": collect(scene.ready).digest,
        "expires_at": (datetime.now(UTC) + timedelta(days=7)).isoformat(),
        "username": "aoife" if "role" in body else "mara",
        "environment": "production",  # the only one that has a policy here
    }
    own |= {"password": cast.PASSWORD} if "email" not in body else {}  # a signature, and no new account
    if "dataset_version" in body and body.get("role") == "test":
        own["role"] = "validation"
    if body.get("decision") == "approve":
        own |= {"decision": "request_changes", "reason": "Say more."}  # the scene's version is not ready to approve
    return {key: own.get(key, adapt(value, scene, ids)) for key, value in body.items()} | {
        key: value for key, value in own.items() if key == "reason" and body.get("decision") == "approve"
    }


def test_the_document_is_served_as_json(auditor: User) -> None:
    response = as_person(auditor).get("schema/")
    assert response.headers["Content-Type"].startswith("application/vnd.oai.openapi+json")
    assert answered(response)["info"]["title"] == "Countersign"


@pytest.mark.story
def test_the_documentation_is_drawn_under_the_strict_policy(running_portal: Portal) -> None:
    running_portal.manage(
        "create_administrator",
        "docs-reader",
        "--full-name",
        "Dora Reader",
        "--email",
        "dora@example.org",
        "--another",
        text_in="seven quiet rivers run\n",
    )
    with open_browser() as browser:
        page, observed = open_page(browser, running_portal.url)
        sign_in(page, "docs-reader", "seven quiet rivers run")
        answer = page.goto("/api/v1/docs/")
        assert answer is not None
        policy = {part.strip() for part in answer.headers["content-security-policy"].split(";")}
        assert {"script-src 'self'", "style-src 'self'"} <= policy
        assert not any("unsafe" in part for part in policy)
        page.wait_for_selector(".opblock")
        assert page.locator(".opblock").count() == len(
            {(route.name, route.method) for route in ROUTES}
            - {("api-schema", "GET"), ("api-documentation", "GET"), ("api-nowhere", "GET")}
        )
        block = page.locator("#operations-projects-createProject")
        block.locator(".opblock-summary").click()
        block.locator(".try-out__btn").click()
        block.locator(".execute").click()
        block.locator(".live-responses-table .response-col_status:has-text('201')").wait_for()
        assert (observed.errors, observed.elsewhere) == ([], [])
