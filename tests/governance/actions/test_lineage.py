"""Datasets, their frozen versions, derivations and uses."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from governance.actions import lineage, people
from governance.dossier import collect
from governance.exceptions import Duplicate, InvalidInput, TransitionNotAllowed
from governance.lifecycle import State
from governance.models import AuditLogEntry, Dataset, DatasetUse, DatasetVersion, Derivation, ModelVersion
from tests import cast
from tests.governance.actions.races import race


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


@pytest.fixture
def dataset(project, developer) -> Dataset:
    return lineage.register_dataset(project, name="Visits", personal_data="personal", actor=cast.acting(developer))


def register(dataset, developer, number=1, **given) -> DatasetVersion:
    given = {"digest": digest(number), "row_count": 10} | given
    return lineage.register_dataset_version(dataset, **given, actor=cast.acting(developer))


def refuse(act, *, error=InvalidInput):
    def count():
        return [table.objects.count() for table in (Dataset, DatasetVersion, Derivation, DatasetUse, AuditLogEntry)]

    before = count()
    with pytest.raises(error) as caught:
        act()
    assert count() == before
    return caught.value


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"name": ""}, InvalidInput, "name"),
        ({"name": "VISITS"}, Duplicate, "name"),
        ({"personal_data": "some"}, InvalidInput, "personal_data"),
        ({"personal_data": ""}, InvalidInput, "personal_data"),
        ({"licence": "x" * 201}, InvalidInput, "licence"),
        ({"source": "a\x00"}, InvalidInput, "source"),
    ],
)
def test_dataset_that_cannot_be_is_refused(dataset, project, developer, given, error, field):
    given = {"name": "Other", "personal_data": "none"} | given
    act = lambda: lineage.register_dataset(project, **given, actor=cast.acting(developer))  # noqa: E731
    assert refuse(act, error=error).field == field


def test_versions_count_up_and_keep_what_they_were_given(dataset, developer):
    schema = [{"name": "sex", "type": "text", "description": "As recorded."}, {"name": "age"}]
    first = register(dataset, developer, 1, row_count=0, schema=schema, sensitive_columns=["sex"])
    second = register(dataset, developer, 2, sensitive_columns=["age"])
    first.refresh_from_db()
    assert (first.number, second.number, first.row_count) == (1, 2, 0)
    assert first.schema == [
        {"name": "sex", "type": "text", "description": "As recorded."},
        {"name": "age", "type": "", "description": ""},
    ]
    assert (first.sensitive_columns, second.sensitive_columns) == (["sex"], ["age"])


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"digest": digest(1)}, Duplicate, "digest"),
        ({"digest": "1"}, InvalidInput, "digest"),
        ({"row_count": -1}, InvalidInput, "row_count"),
        ({"schema": [{"name": ""}]}, InvalidInput, "schema.name"),
        ({"schema": [{"type": "text"}]}, InvalidInput, "schema.name"),
        ({"schema": [{"name": "a"}, {"name": " a "}]}, InvalidInput, "schema"),
        ({"schema": [{"name": f"c{n}"} for n in range(2001)]}, InvalidInput, "schema"),
        ({"schema": [{"name": "a", "type": "x" * 101}]}, InvalidInput, "schema.type"),
        ({"schema": [{"name": "a"}], "sensitive_columns": ["b"]}, InvalidInput, "sensitive_columns"),
        ({"sensitive_columns": ["a\x00"]}, InvalidInput, "sensitive_columns"),
        ({"location": "x" * 501}, InvalidInput, "location"),
    ],
)
def test_version_that_cannot_be_is_refused(dataset, developer, given, error, field):
    register(dataset, developer, 1)
    assert refuse(lambda: register(dataset, developer, 2, **given), error=error).field == field


def test_same_contents_may_belong_to_two_datasets(dataset, project, developer):
    other = lineage.register_dataset(project, name="Other", personal_data="none", actor=cast.acting(developer))
    register(dataset, developer, 1)
    assert register(other, developer, 1).number == 1


def test_derivation_is_kept_with_how(dataset, developer):
    raw = register(dataset, developer, 1)
    clean = register(dataset, developer, 2, derived_from=[(raw, " rows without a date left out ")])
    (kept,) = Derivation.objects.all()
    assert (kept.derived, kept.source, kept.description) == (clean, raw, "rows without a date left out")


def test_source_of_another_project_or_named_twice_is_refused(dataset, developer, stranger):
    raw = register(dataset, developer, 1)
    elsewhere = lineage.register_dataset(
        stranger.memberships.first().project, name="Elsewhere", personal_data="none", actor=cast.acting(stranger)
    )
    foreign = lineage.register_dataset_version(elsewhere, digest=digest(9), row_count=1, actor=cast.acting(stranger))
    for sources in ([(foreign, "")], [(raw, ""), (raw, "again")], [(raw, "x" * 501)]):
        assert refuse(lambda: register(dataset, developer, 2, derived_from=sources)).field == "derived_from"  # noqa: B023


def test_more_sources_than_the_log_holds_are_refused(dataset, developer):
    sources = [(register(dataset, developer, number), "") for number in range(150)]
    assert (
        "does not fit into one entry" in refuse(lambda: register(dataset, developer, 999, derived_from=sources)).message
    )


def test_database_refuses_a_version_derived_from_itself(dataset, developer):
    made = register(dataset, developer, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Derivation.objects.create(derived=made, source=made)


def test_use_is_declared_once_in_each_role(version, dataset, developer):
    made = register(dataset, developer, 1)
    declare = lambda role: lineage.declare_dataset_use(  # noqa: E731
        version, dataset_version=made, role=role, actor=cast.acting(developer)
    )
    declare("test")
    declare("validation")
    refuse(lambda: declare("test"), error=Duplicate)
    assert refuse(lambda: declare("live")).field == "role"
    assert [item.role for item in collect(version).datasets] == ["test", "test", "training", "validation"]


def test_use_of_another_projects_data_is_refused(version, stranger, developer, organisation_administrator):
    """Also by somebody who may work in both."""
    other = stranger.memberships.first().project
    people.grant_role(other, user=developer, role="developer", actor=cast.acting(organisation_administrator))
    dataset = lineage.register_dataset(other, name="Foreign", personal_data="none", actor=cast.acting(developer))
    made = register(dataset, developer, 1)
    act = lambda: lineage.declare_dataset_use(  # noqa: E731
        version, dataset_version=made, role="test", actor=cast.acting(developer)
    )
    assert refuse(act).field == "dataset_version"


@pytest.mark.parametrize("state", [State.RELEASED, State.RETIRED, State.REJECTED])
def test_use_of_a_closed_version_is_not_now(version, dataset, developer, state):
    made = register(dataset, developer, 1)
    ModelVersion.objects.filter(pk=version.pk).update(state=state)
    act = lambda: lineage.declare_dataset_use(  # noqa: E731
        version, dataset_version=made, role="test", actor=cast.acting(developer)
    )
    refuse(act, error=TransitionNotAllowed)


@pytest.mark.django_db(transaction=True)
def test_registered_at_once_is_registered_once(project, dataset, developer):
    actor = cast.acting(developer)
    assert race(lambda: register(dataset, developer, 1)) == ["done"] + ["duplicate"] * 4
    act = lambda: lineage.register_dataset(project, name="New", personal_data="none", actor=actor)  # noqa: E731
    assert race(act) == ["done"] + ["duplicate"] * 4
