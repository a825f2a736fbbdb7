"""Tables on disk, and their record in the portal: shape, digest and origin, never anybody's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from countersign import Client, digest_file
from countersign.types import DatasetVersion, Project


@dataclass(frozen=True)
class Origin:
    """Where a dataset comes from and what it holds about people."""

    source: str
    licence: str
    personal_data: str


@dataclass(frozen=True)
class Table:
    """A table on disk with what is said of it. ``columns`` describes the columns that need it."""

    name: str
    description: str
    path: Path
    origin: Origin
    columns: Mapping[str, str] = field(default_factory=dict)
    sensitive: Sequence[str] = ()


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table so that equal tables are equal bytes: UTF-8, line feeds, every digit of a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(frame.to_csv(index=False, lineterminator="\n").encode())
    return path


def record_table(
    portal: Client, project: Project, table: Table, *, derived_from: Sequence[tuple[DatasetVersion, str]] = ()
) -> DatasetVersion:
    """Record the table's contents as a version of its dataset, unless they are recorded already.

    ``derived_from`` names the versions the table was made from, each with how.
    """
    dataset = portal.find_dataset(project, table.name) or portal.register_dataset(
        project,
        table.name,
        description=table.description,
        personal_data=table.origin.personal_data,
        source=table.origin.source,
        licence=table.origin.licence,
    )
    frame, digest = pd.read_csv(table.path), digest_file(table.path)
    return portal.find_dataset_version(dataset, digest=digest) or portal.register_dataset_version(
        dataset,
        digest=digest,
        row_count=len(frame),
        schema=[
            {"name": name, "type": str(frame[name].dtype), "description": table.columns.get(name, "")}
            for name in frame.columns
        ],
        sensitive_columns=table.sensitive,
        location=f"{table.path.parent.name}/{table.path.name}",
        derived_from=derived_from,
    )
