"""Datasets and their versions."""

from __future__ import annotations

import pytest

from governance.actions import lineage
from governance.models import AuditLogEntry, Dataset, DatasetVersion
from tests import cast
from tests.portal.pages.browsing import browse, count_queries, text_of

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def dataset(project, developer) -> Dataset:
    return lineage.register_dataset(
        project, name="Diabetes study", personal_data="special", licence="BSD-3-Clause", actor=cast.acting(developer)
    )


def new_version(**changes: str) -> dict[str, str]:
    filled = {
        "digest": DIGEST,
        "row_count": "442",
        "schema": "sex, text, Sex as recorded\n\nage, float",
        "sensitive_columns": "sex, age",
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-source": "",
        "form-0-how": "",
    }
    return {**filled, **changes}


def test_list_shows_a_dataset_with_its_newest_contents(version, developer) -> None:
    page = text_of(browse(developer).get("/datasets/"))

    assert "Readmission triage data 1" in page
    assert f"sha256:{1001:064x}" in page
    assert "Pseudonymous" in page


def test_list_asks_as_often_with_three_as_with_one(model, developer) -> None:
    cast.register_version(model, developer)
    client = browse(developer)
    with_one = count_queries(client, "/datasets/")
    for _number in range(2):
        cast.register_version(model, developer)

    assert count_queries(client, "/datasets/") == with_one


def test_list_is_narrowed_and_says_when_nothing_fits(dataset, developer) -> None:
    client = browse(developer)

    assert "Diabetes study" in text_of(client.get("/datasets/?q=diab&personal_data=special"))
    assert "No dataset fits" in text_of(client.get("/datasets/?personal_data=none"))
    assert "No dataset fits" in text_of(client.get("/datasets/?project=999999"))


def test_list_goes_on_after_a_page(project, developer, monkeypatch) -> None:
    for number in range(3):
        lineage.register_dataset(project, name=f"D{number}", personal_data="none", actor=cast.acting(developer))
    monkeypatch.setattr("portal.pages.views.datasets.read_page.__kwdefaults__", {"size": 2})
    client = browse(developer)

    first = client.get("/datasets/?q=D")
    page = first.context["page"]
    second = client.get(page.next_url).context["page"]

    assert [row.name for row in page.rows] == ["D2", "D1"]
    assert page.next_url == f"/datasets/?q=D&after={page.rows[-1].pk}"
    assert [row.name for row in second.rows] == ["D0"]
    assert (second.next_url, second.first_url) == ("", "/datasets/?q=D")


@pytest.mark.parametrize("after", ["x", "-1", "9" * 40, "²"])
def test_list_bears_a_mangled_place(after, dataset, developer) -> None:
    assert browse(developer).get("/datasets/", {"after": after}).status_code == 200


def test_page_shows_lineage_both_ways_and_use(version, developer) -> None:
    dataset = version.dataset_uses.first().dataset_version.dataset
    page = text_of(browse(developer).get(f"/datasets/{dataset.pk}/"))

    assert page.count("every second row") == 2
    assert "Made into" in page
    assert f'href="/versions/{version.pk}/?tab=lineage"' in page
    assert "as test data" in page


def test_page_asks_as_often_with_three_versions_as_with_one(dataset, version, developer) -> None:
    actor = cast.acting(developer)

    def add(letter: str, sources: list[DatasetVersion]) -> DatasetVersion:
        made = lineage.register_dataset_version(
            dataset,
            digest="sha256:" + letter * 64,
            row_count=1,
            derived_from=[(source, "cut") for source in sources],
            actor=actor,
        )
        lineage.declare_dataset_use(version, dataset_version=made, role="training", actor=actor)
        return made

    source = version.dataset_uses.first().dataset_version
    first = add("1", [source])
    client = browse(developer)
    with_one = count_queries(client, f"/datasets/{dataset.pk}/")
    second = add("2", [first])
    add("3", [first, second])

    assert count_queries(client, f"/datasets/{dataset.pk}/") == with_one


def test_developer_registers_a_dataset(project, developer) -> None:
    answer = browse(developer).post(
        "/datasets/new/", {"project": project.pk, "name": "Wards", "personal_data": "none", "licence": "CC0"}
    )

    made = Dataset.objects.get(name="Wards")
    assert answer["Location"] == f"/datasets/{made.pk}/"
    assert (made.personal_data, made.licence) == ("none", "CC0")
    assert AuditLogEntry.objects.latest("index").type == "dataset.registered"


def test_second_dataset_of_a_name_is_refused_at_the_name(dataset, developer) -> None:
    given = {"project": dataset.project_id, "name": "diabetes STUDY", "personal_data": "none", "source": "Kept text"}
    answer = browse(developer).post("/datasets/new/", given)

    assert answer.status_code == 409
    assert "has a dataset named" in answer.context["form"].errors["name"][0]
    assert "Kept text" in text_of(answer)
    assert Dataset.objects.count() == 1


def test_validator_is_offered_no_registration(project, validator) -> None:
    client = browse(validator)

    assert "You develop in no project" in text_of(client.get("/datasets/new/"))
    answer = client.post("/datasets/new/", {"project": project.pk, "name": "Wards", "personal_data": "none"})
    assert answer.status_code == 400
    assert Dataset.objects.count() == 0


def test_developer_records_a_version_with_its_sources(dataset, version, developer) -> None:
    source = version.dataset_uses.first().dataset_version
    given = new_version(**{"form-0-source": str(source.pk), "form-0-how": "cleaned"})
    answer = browse(developer).post(f"/datasets/{dataset.pk}/versions/new/", given)

    made = dataset.versions.get()
    assert answer["Location"] == f"/datasets/{dataset.pk}/#version-1"
    assert made.schema == [
        {"name": "sex", "type": "text", "description": "Sex as recorded"},
        {"name": "age", "type": "float", "description": ""},
    ]
    assert made.sensitive_columns == ["sex", "age"]
    assert [(link.source, link.description) for link in made.derivations.all()] == [(source, "cleaned")]


def test_another_source_can_be_added_without_losing_what_was_typed(dataset, developer) -> None:
    answer = browse(developer).post(f"/datasets/{dataset.pk}/versions/new/", new_version(add_row="1", row_count="7"))

    assert answer.status_code == 200
    assert len(answer.context["form"].rows.forms) == 2
    assert answer.context["form"]["row_count"].value() == "7"
    assert DatasetVersion.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("digest", "sha256:short", 400),
        ("row_count", "-1", 400),
        ("schema", ", text", 400),
        ("schema", "sex, text\nsex, text", 400),
        ("sensitive_columns", "postcode", 400),
    ],
)
def test_bad_version_is_refused_at_its_field(field, value, status, dataset, developer) -> None:
    answer = browse(developer).post(f"/datasets/{dataset.pk}/versions/new/", new_version(**{field: value}))

    assert answer.status_code == status
    assert list(answer.context["form"].errors) == [field]
    assert DatasetVersion.objects.count() == 0


def test_source_of_another_project_cannot_be_named(dataset, developer, stranger) -> None:
    elsewhere = stranger.memberships.first().project
    actor = cast.acting(stranger)
    hidden = lineage.register_dataset(elsewhere, name="Hidden", personal_data="none", actor=actor)
    source = lineage.register_dataset_version(hidden, digest=DIGEST, row_count=1, actor=actor)
    given = new_version(**{"form-0-source": str(source.pk)})

    answer = browse(developer).post(f"/datasets/{dataset.pk}/versions/new/", given)

    assert answer.status_code == 400
    assert "Hidden" not in text_of(answer)
    assert dataset.versions.count() == 0
