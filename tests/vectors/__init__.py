"""Published test vectors, and where to find those that are not carried here. See SOURCES.md."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent


def load_vectors(name: str) -> Any:
    """Return the parsed vector file; skip the test, saying where it was looked for, when absent."""
    folders = [HERE, REPOSITORY.parent / "shared" / "vectors"]
    if named := os.environ.get("COUNTERSIGN_VECTORS"):
        folders.insert(0, Path(named))
    for folder in folders:
        path = folder / name
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    pytest.skip(f"{name} is not carried here; set COUNTERSIGN_VECTORS to a folder that has it")
