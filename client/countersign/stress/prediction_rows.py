"""The table of predictions under conditions, in memory or straight on disk."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol

from countersign.stress.catalogue import Condition

Batch = Mapping[str, Sequence[str]]
NAMES = ("row_id", "condition", "y_true", "y_pred", "y_score")


@dataclass(frozen=True)
class PredictionRows:
    """Predictions undisturbed and under every condition, one row for each row and condition; all cells are texts.

    Attributes
    ----------
    names : tuple of str
        The columns: row_id, condition, y_true, y_pred, y_score where there are scores, and the sensitive features.
    counts : dict
        Condition -> rows; “none” is the undisturbed data.
    failures : dict
        Condition -> why the model could not predict under it.
    path : Path or None
        The CSV file that holds the rows; None where they are in memory.
    """

    names: tuple[str, ...]
    conditions: tuple[Condition, ...]
    counts: dict[str, int]
    failures: dict[str, str]
    seed: int
    path: Path | None = None
    kept: dict[str, list[str]] | None = None

    def __len__(self) -> int:
        return sum(self.counts.values())

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Return the names of the sensitive features."""
        return tuple(name for name in self.names if name not in NAMES)

    def each(self) -> Iterator[dict[str, str]]:
        """Yield the rows one by one; a file is not read as a whole."""
        if self.kept is not None:
            for values in zip(*self.kept.values(), strict=True):
                yield dict(zip(self.names, values, strict=True))
        elif self.path is not None:
            with self.path.open(encoding="utf-8", newline="") as file:
                yield from csv.DictReader(file)

    @property
    def columns(self) -> dict[str, list[str]]:
        """Return the whole table in memory, column by column."""
        if self.kept is not None:
            return self.kept
        found: dict[str, list[str]] = {name: [] for name in self.names}
        for row in self.each():
            for name, value in row.items():
                found[name].append(value)
        return found

    def write_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the prediction file. An empty cell is a missing value."""
        target = Path(path)
        if self.path is not None:
            if self.path.resolve() != target.resolve():
                shutil.copyfile(self.path, target)
            return target
        with FileSink(target, self.names) as sink:
            sink.write(self.columns)
        return target


class Sink(Protocol):
    """Where rows go while they are predicted. ``go_back`` forgets what came since ``mark``."""

    def mark(self) -> None: ...

    def go_back(self) -> None: ...

    def write(self, batch: Batch) -> None: ...


class MemorySink:
    """Rows kept in lists."""

    def __init__(self, names: Sequence[str]) -> None:
        self.columns: dict[str, list[str]] = {name: [] for name in names}
        self._length = 0

    def mark(self) -> None:
        self._length = len(next(iter(self.columns.values())))

    def go_back(self) -> None:
        for values in self.columns.values():
            del values[self._length :]

    def write(self, batch: Batch) -> None:
        for name, values in self.columns.items():
            values.extend(batch[name])


class FileSink:
    """Rows written to a CSV file as they come; used as a context manager."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._file = TextIOWrapper(path.open("w+b"), encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(self._names)
        self._place = 0

    def __enter__(self) -> FileSink:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def mark(self) -> None:
        self._file.flush()
        self._place = self._file.buffer.tell()

    def go_back(self) -> None:
        self._file.flush()
        self._file.buffer.seek(self._place)
        self._file.buffer.truncate()

    def write(self, batch: Batch) -> None:
        self._writer.writerows(zip(*(batch[name] for name in self._names), strict=True))
