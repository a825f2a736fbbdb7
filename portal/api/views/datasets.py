"""Datasets, their versions, and which model version used which."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions import lineage
from governance.models import Dataset, DatasetRole, DatasetUse, DatasetVersion
from governance.models.lineage import PersonalData
from portal.api import filters
from portal.api.base import ApiView
from portal.api.serializers.lineage import (
    DatasetShape,
    DatasetUseShape,
    DatasetVersionShape,
    DeclareDatasetUse,
    RegisterDataset,
    RegisterDatasetVersion,
)
from portal.api.serializers.people import Reason
from portal.api.views.versions import VERSIONS

DATASETS = Dataset.objects.select_related("project")
DATASET_VERSIONS = DatasetVersion.objects.select_related(
    "dataset__project", "created_by", "recalled_by"
).prefetch_related("derivations")
USES = DatasetUse.objects.select_related(
    "dataset_version__dataset", "dataset_version__created_by", "dataset_version__recalled_by"
).prefetch_related("dataset_version__derivations")


class DatasetsView(ApiView):
    is_list = True
    filters = {
        "project": filters.whole_number("project"),
        "name": filters.text("name"),
        "personal_data": filters.choice("personal_data", PersonalData.values),
    }

    @extend_schema(operation_id="listDatasets", responses=DatasetShape(many=True), tags=["datasets"])
    def get(self, request: Request) -> Response:
        return self.page(self.visible(DATASETS), DatasetShape)

    @extend_schema(
        operation_id="registerDataset", request=RegisterDataset, responses={201: DatasetShape}, tags=["datasets"]
    )
    def post(self, request: Request) -> Response:
        """Enter a dataset, with where it comes from and what personal data it holds."""
        given = self.read(RegisterDataset)
        dataset = lineage.register_dataset(given.pop("project"), **given, actor=self.actor)
        return self.answer(DatasetShape, dataset, status=201, location="api-dataset")


class DatasetView(ApiView):
    @extend_schema(operation_id="getDataset", responses=DatasetShape, tags=["datasets"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(DatasetShape, self.find(DATASETS, pk=pk))


class DatasetVersionsView(ApiView):
    is_list = True
    filters = {"digest": filters.text("digest"), "number": filters.whole_number("number")}

    @extend_schema(operation_id="listDatasetVersions", responses=DatasetVersionShape(many=True), tags=["datasets"])
    def get(self, request: Request, pk: int) -> Response:
        dataset = self.find(DATASETS, pk=pk)
        return self.page(self.visible(DATASET_VERSIONS).filter(dataset=dataset), DatasetVersionShape)

    @extend_schema(
        operation_id="registerDatasetVersion",
        request=RegisterDatasetVersion,
        responses={201: DatasetVersionShape},
        tags=["datasets"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Record frozen contents by digest, and what they were made from."""
        dataset = self.find(DATASETS, pk=pk)
        given = self.read(RegisterDatasetVersion)
        sources = [(item["dataset_version"], item["description"]) for item in given.pop("derived_from")]
        made = lineage.register_dataset_version(dataset, **given, derived_from=sources, actor=self.actor)
        found = self.find(DATASET_VERSIONS, pk=made.pk)
        return self.answer(DatasetVersionShape, found, status=201, location="api-dataset-version")


class DatasetVersionView(ApiView):
    @extend_schema(operation_id="getDatasetVersion", responses=DatasetVersionShape, tags=["datasets"])
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(DatasetVersionShape, self.find(DATASET_VERSIONS, pk=pk))


class RecallView(ApiView):
    @extend_schema(
        operation_id="recallDatasetVersion", request=Reason, responses=DatasetVersionShape, tags=["datasets"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Say that data must not be relied on any more. Approvals of every model that uses it are taken back."""
        found = self.find(DATASET_VERSIONS, pk=pk)
        lineage.recall_dataset_version(found, **self.read(Reason), actor=self.actor)
        return self.answer(DatasetVersionShape, self.find(DATASET_VERSIONS, pk=pk))


class DatasetUsesView(ApiView):
    is_list = True
    filters = {"role": filters.choice("role", DatasetRole.values)}

    @extend_schema(operation_id="listDatasetUses", responses=DatasetUseShape(many=True), tags=["model versions"])
    def get(self, request: Request, pk: int) -> Response:
        version = self.find(VERSIONS, pk=pk)
        return self.page(USES.filter(version=version), DatasetUseShape)

    @extend_schema(
        operation_id="declareDatasetUse",
        request=DeclareDatasetUse,
        responses={201: DatasetUseShape},
        tags=["model versions"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Record that the version used a dataset version for training, validation or test."""
        version = self.find(VERSIONS, pk=pk)
        use = lineage.declare_dataset_use(version, **self.read(DeclareDatasetUse), actor=self.actor)
        return self.answer(DatasetUseShape, USES.get(pk=use.pk), status=201)
