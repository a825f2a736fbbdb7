"""Lists: pages that stay in step while rows are added, filters, and queries that do not grow."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.actions import catalog, evidence, lineage, people, reports, requirements
from governance.models import Dataset, ModelVersion, Project, RegisteredModel, Requirement, User
from tests import cast
from tests.cast import acting, assess
from tests.portal.api.calling import Caller, answered, as_person, refused
from tests.portal.api.conftest import Scene


def names_of(caller: Caller, path: str) -> list[str]:
    return [item["name"] for item in answered(caller.get(path))["results"]]


def add_models(project: Project, developer: User, *names: str) -> None:
    for name in names:
        catalog.register_model(project, name=name, actor=acting(developer))


def test_pages_follow_each_other_while_rows_are_added(project: Project, developer: User) -> None:
    add_models(project, developer, *"abcde")
    person = as_person(developer)
    first = answered(person.get("models?limit=2"))
    add_models(project, developer, "f", "g")
    second = answered(person.client.get(first["next"]))
    third = answered(person.client.get(second["next"]))
    assert [[item["name"] for item in page["results"]] for page in (first, second, third)] == [
        ["e", "d"],
        ["c", "b"],
        ["a"],
    ]
    assert (first["previous"], third["next"]) == (None, None)
    assert first["next"].startswith("http://testserver/api/v1/models?cursor=")


def test_a_page_that_is_just_full_has_no_next(project: Project, developer: User) -> None:
    add_models(project, developer, "a", "b")
    assert answered(as_person(developer).get("models?limit=2"))["next"] is None


FILTERS = [
    ("models?name=a", ["a"]),
    ("models?risk_tier=low", ["b"]),
    ("models?state=DRAFT", ["c"]),
    ("models?project={project}&name=c", ["c"]),
    ("models?project=0", []),
    ("models?name=A", []),
]


@pytest.mark.parametrize(("path", "names"), FILTERS)
def test_models_are_filtered(path: str, names: list[str], project: Project, developer: User) -> None:
    add_models(project, developer, "a", "b", "c")
    actor = acting(developer)
    assess(RegisteredModel.objects.get(name="b"), "low", by=developer)
    catalog.register_version(RegisteredModel.objects.get(name="c"), actor=actor)
    assert names_of(as_person(developer), path.format(project=project.pk)) == names


def test_filters_of_the_other_lists(scene: Scene, developer: User) -> None:
    person = as_person(developer)

    def count(path: str) -> int:
        return len(answered(person.get(scene.address(path)))["results"])

    evidence_count = count("model-versions/{version}/evidence")
    assert count("model-versions/{version}/evidence?kind=predictions") == 1
    assert count("model-versions/{version}/evidence?is_current=true") == evidence_count
    assert count("model-versions/{version}/evidence?is_current=false") == 0
    assert count("model-versions?state=RELEASED") == 1
    assert count("model-versions?digest=" + cast.ARTIFACT) == 4
    assert count("model-versions?model={model}&number=2") == 1
    assert count("releases?live=true&environment=production&model={model}") == 1
    assert count("releases?live=false") == 0
    assert count("model-versions/{version}/sign-offs?role=approver") == 1
    assert count("model-versions/{version}/dataset-uses?role=test") == 1
    assert count("model-versions/{version}/evaluations?kind=explanation&status=SUCCEEDED") == 1
    assert count("log/entries?type=version.promoted") == 1
    assert count("log/entries?subject_kind=release&subject_id={release}") == 1
    assert count("log/entries?type=version.promoted&project={project}") == 1
    refused(person.get("log/entries?subject_kind=release"), 400, "invalid_input")
    assert count("projects/{project}/memberships?role=developer&is_current=true") == 1
    assert count("models/{model}/requirements?is_current=true&key=R-1") == 1


def test_people_see_those_they_share_a_project_with(
    developer: User, validator: User, stranger: User, organisation_administrator: User
) -> None:
    def seen_by(user: User) -> set[str]:
        return {item["username"] for item in answered(as_person(user).get("users"))["results"]}

    assert seen_by(developer) == {"dana", "viktor"}
    assert seen_by(stranger) == {"stan"}
    assert seen_by(organisation_administrator) == {"root", "dana", "viktor", "stan"}


def grow(scene: Scene, developer: User, administrator: User, auditor: User) -> None:
    """Add two of everything that is listed."""
    actor = acting(developer)
    for number in range(2):
        model = cast.register_model(scene.project, developer, name=f"Model {number}")
        requirement = requirements.write_requirement(
            scene.model, title=f"t{number}", statement="s", criteria=[CRITERION] * 3, actor=actor
        )
        version = cast.register_version(scene.model, developer)
        cast.register_version(model, developer)
        dataset = lineage.register_dataset(scene.project, name=f"d{number}", personal_data="none", actor=actor)
        first = version.dataset_uses.earliest("pk").dataset_version
        frozen = lineage.register_dataset_version(
            first.dataset, digest=f"sha256:{number + 500:064x}", row_count=1, derived_from=[(first, "")], actor=actor
        )
        lineage.register_dataset_version(
            Dataset.objects.get(pk=scene.address("{dataset}")),
            digest=f"sha256:{number + 600:064x}",
            row_count=1,
            derived_from=[(first, ""), (frozen, "")],
            actor=actor,
        )
        lineage.declare_dataset_use(scene.draft, dataset_version=frozen, role="validation", actor=actor)
        add_to_draft(scene.draft, developer, requirement)
        reports.request_report(scene.version, actor=acting(auditor))
        person = cast.make_person(f"p{number}", f"Person {number}", by=User.objects.get(username="root"))
        people.grant_role(scene.project, user=person, role="auditor", actor=acting(administrator))
        people.create_token(name=f"t{number}", scopes=["read"], days=1, project=scene.project, actor=actor)
        assert dataset.pk


CRITERION = {"metric": "recall", "comparator": "at_least", "threshold": "0.5"}


def add_to_draft(draft: ModelVersion, developer: User, requirement: Requirement) -> None:
    first = cast.submit(
        draft, "validation_report", by=developer, file=[b"a"], file_name="a.md", requirements=[requirement]
    )
    evidence.submit_evidence(
        draft,
        kind="validation_report",
        title="Corrected",
        observed_at=first.observed_at,
        file=[b"b"],
        file_name="b.md",
        requirements=[requirement],
        supersedes=first,
        actor=acting(developer),
    )


LISTS = [
    "projects",
    "users",
    "tokens",
    "projects/{project}/memberships",
    "models",
    "models/{model}/requirements",
    "models/{model}/versions",
    "model-versions",
    "model-versions/{draft}/dataset-uses",
    "model-versions/{draft}/evidence",
    "model-versions/{version}/evaluations",
    "model-versions/{version}/sign-offs",
    "model-versions/{version}/reports",
    "model-versions/{draft}/waivers",
    "datasets",
    "datasets/{dataset}/versions",
    "releases",
    "log/entries",
    "log/checkpoints",
    "me",
    "models/{model}",
    "model-versions/{draft}",
    "model-versions/{version}/dossier",
    "model-versions/{version}/gate",
    "gate?model={model}&version=1",
]


def test_reading_costs_the_same_however_much_there_is(
    scene: Scene, developer: User, administrator: User, auditor: User
) -> None:
    person = as_person(developer)

    def measure() -> dict[str, tuple[int, Any]]:
        measured = {}
        for path in LISTS:
            with CaptureQueriesContext(connection) as queries:
                answer = answered(person.get(addresses[path]))
            measured[path] = (len(queries), len(answer.get("results", [])))
        return measured

    add_to_draft(scene.draft, developer, scene.model.requirements.earliest("pk"))
    people.create_token(name="t", scopes=["read"], days=1, project=scene.project, actor=acting(developer))
    addresses = {path: scene.address(path) for path in LISTS}
    before = measure()
    grow(scene, developer, administrator, auditor)
    after = measure()
    assert {path: queries for path, (queries, _) in after.items()} == {
        path: queries for path, (queries, _) in before.items()
    }
    grown = {path for path in LISTS if after[path][1] > before[path][1]}
    still = {
        "model-versions/{version}/evaluations",
        "model-versions/{version}/sign-offs",
        "releases",
        "log/checkpoints",
    }
    still |= {"model-versions/{draft}/waivers", "projects", "log/entries"}  # of entries, a page is full before
    assert set(LISTS[:19]) - grown == still
    assert max(queries for queries, _ in after.values()) <= 48
