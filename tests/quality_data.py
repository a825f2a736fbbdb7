"""A table, its training data and its source, as tests of the quality pages and the API submit them."""

from __future__ import annotations

import hashlib
from typing import Any

from governance.actions import lineage
from governance.models import DatasetVersion, ModelVersion, User
from tests.cast import acting

SHARES = {"female": 0.5, "male": 0.5}


def make_table(rows: int = 120, start: int = 0) -> bytes:
    """Rows with a key, two gaps, one impossible age, an address column and a label."""
    lines = ["id,sex,age,entered,left,mail,y"]
    for number in range(start, start + rows):
        age = {3: "", 4: "190"}.get(number, str(20 + number % 50))
        sex = "" if number == 5 else "female" if number % 3 == 0 else "male"
        lines.append(
            f"{number},{sex},{age},2024-01-{1 + number % 28:02},2024-02-{1 + number % 28:02},"
            f"person{number}@mail.example.org,{int(number % 4 == 0)}"
        )
    return "\n".join(lines).encode() + b"\n"


def declare_table(version: ModelVersion, table: bytes, *, by: User) -> DatasetVersion:
    """Record the table as a dataset version that the model version is validated on."""
    dataset = lineage.register_dataset(
        version.model.project, name="Call-backs", personal_data="personal", actor=acting(by)
    )
    recorded = lineage.register_dataset_version(
        dataset,
        digest=f"sha256:{hashlib.sha256(table).hexdigest()}",
        row_count=table.count(b"\n") - 1,
        schema=[
            {"name": "id", "type": "int64"},
            {"name": "sex", "type": "string"},
            {"name": "age", "type": "integer"},
            {"name": "entered", "type": "date"},
        ],
        sensitive_columns=["sex"],
        actor=acting(by),
    )
    lineage.declare_dataset_use(version, dataset_version=recorded, role="validation", actor=acting(by))
    return recorded


def find_measure(result: dict[str, Any], metric: str, population: str = "overall") -> dict[str, Any]:
    """One measure of a result document."""
    return next(item for item in result["measures"] if (item["metric"], item["population"]) == (metric, population))
