"""Datasets, their frozen versions, derivations and uses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from governance.models import DatasetRole, DatasetVersion, Project
from governance.models.lineage import PersonalData
from portal.api.fields import Reference, Strict, Text, WholeNumber, listed, optional_text
from portal.api.serializers.people import Person, ProjectName

PARTS_WITH_PROJECT = DatasetVersion.objects.select_related("dataset")


class DatasetName(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class DatasetShape(DatasetName):
    project = ProjectName()
    description = serializers.CharField()
    source = serializers.CharField()
    licence = serializers.CharField()
    personal_data = serializers.ChoiceField(choices=PersonalData.choices)
    created_at = serializers.DateTimeField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The diabetes study",
            {
                "project": 1,
                "name": "Diabetes study",
                "source": "Efron et al. 2004",
                "licence": "Public",
                "personal_data": "pseudonymous",
            },
            request_only=True,
        )
    ]
)
class RegisterDataset(Strict):
    project = Reference(Project.objects.all(), noun="project")
    name = Text()
    description = optional_text()
    source = optional_text()
    licence = optional_text()
    personal_data = serializers.ChoiceField(choices=PersonalData.choices)


class Column(Strict):
    name = Text()
    type = optional_text()
    description = optional_text()


class DerivationShape(serializers.Serializer[Any]):
    dataset_version = serializers.IntegerField(source="source_id")
    description = serializers.CharField()


class DatasetVersionShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    dataset = DatasetName()
    number = serializers.IntegerField()
    digest = serializers.CharField()
    row_count = serializers.IntegerField()
    schema = Column(many=True)
    sensitive_columns = serializers.ListField(child=serializers.CharField())
    location = serializers.CharField()
    notes = serializers.CharField()
    derived_from = DerivationShape(many=True, source="derivations.all")
    created_by = Person()
    created_at = serializers.DateTimeField()
    recalled_at = serializers.DateTimeField(allow_null=True, help_text="Since when it must not be relied on.")
    recalled_by = Person(allow_null=True)
    recall_reason = serializers.CharField()


class DerivedFrom(Strict):
    dataset_version = Reference(PARTS_WITH_PROJECT, noun="dataset version")
    description = Text(required=False, default="", help_text="How it was made from that one.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Frozen contents",
            {
                "digest": "sha256:" + "7" * 64,
                "row_count": 442,
                "schema": [{"name": "sex", "type": "string"}, {"name": "age", "type": "integer"}],
                "sensitive_columns": ["sex", "age"],
                "location": "s3://data/diabetes/7",
                "derived_from": [{"dataset_version": 1, "description": "rows with a one-year visit"}],
            },
            request_only=True,
        )
    ]
)
class RegisterDatasetVersion(Strict):
    digest = Text(help_text="sha256: and 64 hexadecimal digits.")
    row_count = WholeNumber()
    schema = Column(many=True, required=False, default=list)
    sensitive_columns = listed(Text(), required=False, default=list)
    location = optional_text()
    notes = optional_text()
    derived_from = DerivedFrom(many=True, required=False, default=list)


class DatasetUseShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id")
    dataset_version = DatasetVersionShape()
    role = serializers.ChoiceField(choices=DatasetRole.choices)


@extend_schema_serializer(
    examples=[OpenApiExample("Test data", {"dataset_version": 1, "role": "test"}, request_only=True)]
)
class DeclareDatasetUse(Strict):
    dataset_version = Reference(PARTS_WITH_PROJECT, noun="dataset version")
    role = serializers.ChoiceField(choices=DatasetRole.choices)
