"""The one error the laboratory raises about what it was given."""

from __future__ import annotations


class BadInput(Exception):
    """A file or a specification that cannot be audited, and what to do about it.

    Parameters
    ----------
    message : str
        What is wrong and what to do, in one or two sentences. Safe to show to the submitter.
    column : str, optional
        The column (or, for a specification, the key) at fault.
    row : int, optional
        The data row at fault, counted from 1 without the header.
    line : int, optional
        The line of the text file on which that row ends, counted from 1.
    """

    def __init__(
        self,
        message: str,
        *,
        column: str | None = None,
        row: int | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.row = row
        self.line = line

    def __str__(self) -> str:
        """Return the message with the place in front, so that a log line is enough."""
        places = []
        if self.column is not None:
            places.append(f"column {self.column!r}")
        if self.row is not None:
            places.append(f"row {self.row}")
        if self.line is not None:
            places.append(f"line {self.line}")
        return f"{', '.join(places)}: {self.message}" if places else self.message
