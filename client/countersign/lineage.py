"""Where data come from, and which version used which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from countersign.answers import read_answer
from countersign.transport import Transport
from countersign.types import Dataset, DatasetUse, DatasetVersion, ProjectName, Version


class LineageVerbs(Transport):
    """Datasets, their frozen versions, derivations and uses. The data stay with you; the portal keeps digests."""

    def find_dataset(self, project: ProjectName, name: str) -> Dataset | None:
        """Return the project's dataset of that name, or None."""
        found = (read_answer(Dataset, item) for item in self.each("datasets", project=project.id, name=name))
        return next((dataset for dataset in found if dataset.name == name), None)

    def register_dataset(
        self,
        project: ProjectName,
        name: str,
        *,
        personal_data: str,
        description: str = "",
        source: str = "",
        licence: str = "",
    ) -> Dataset:
        """Enter a dataset by name. ``personal_data`` is none, pseudonymous, personal or special."""
        body = {
            "project": project.id,
            "name": name,
            "personal_data": personal_data,
            "description": description,
            "source": source,
            "licence": licence,
        }
        return read_answer(Dataset, self.write("datasets", body))

    def find_dataset_version(self, dataset: Dataset, *, digest: str) -> DatasetVersion | None:
        """Return the dataset's version with these contents, or None."""
        found = self.each(f"datasets/{dataset.id}/versions", digest=digest)
        return next((read_answer(DatasetVersion, item) for item in found), None)

    def register_dataset_version(
        self,
        dataset: Dataset,
        *,
        digest: str,
        row_count: int,
        schema: Sequence[Mapping[str, str]] = (),
        sensitive_columns: Sequence[str] = (),
        location: str = "",
        notes: str = "",
        derived_from: Sequence[tuple[DatasetVersion, str]] = (),
    ) -> DatasetVersion:
        """Record frozen contents by digest.

        ``schema`` lists {"name", "type", "description"}; ``derived_from`` the dataset versions these contents were
        made from, each with how.
        """
        body = {
            "digest": digest,
            "row_count": row_count,
            "schema": [dict(column) for column in schema],
            "sensitive_columns": list(sensitive_columns),
            "location": location,
            "notes": notes,
            "derived_from": [{"dataset_version": source.id, "description": how} for source, how in derived_from],
        }
        return read_answer(DatasetVersion, self.write(f"datasets/{dataset.id}/versions", body))

    def recall_dataset_version(self, dataset_version: DatasetVersion, *, reason: str) -> DatasetVersion:
        """Say that data must not be relied on any more. Approvals of every model that uses it are taken back."""
        answer = self.write(f"dataset-versions/{dataset_version.id}/recall", {"reason": reason})
        return read_answer(DatasetVersion, answer)

    def dataset_uses(self, version: Version) -> list[DatasetUse]:
        """Return which dataset versions a model version used, and for what."""
        return [read_answer(DatasetUse, item) for item in self.each(f"model-versions/{version.id}/dataset-uses")]

    def declare_dataset_use(self, version: Version, dataset_version: DatasetVersion, *, role: str) -> DatasetUse:
        """Say that a model version used a dataset version for ``training``, ``validation`` or ``test``."""
        body = {"dataset_version": dataset_version.id, "role": role}
        return read_answer(DatasetUse, self.write(f"model-versions/{version.id}/dataset-uses", body))
