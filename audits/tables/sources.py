"""Where a table is: local files, a folder of parts, or objects on S3-compatible storage.

Only the command line comes this way: a specification there may name s3://bucket/key, and what it
names is fetched. A portal hands local paths to `frames.read_predictions`, which opens no URL.

Objects are streamed to temporary files, whose bytes are what is digested and what is counted.
Endpoint and credentials come from the environment as every AWS tool reads it: AWS_ENDPOINT_URL_S3
or AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or
AWS_DEFAULT_REGION.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from audits.errors import BadInput
from audits.spec import AuditSpec
from audits.tables.frames import COMMAND_LINE_LIMITS, Limits, TableFile, read_predictions

CHUNK = 8 << 20
ATTEMPTS = 3
CONNECT_SECONDS, REQUEST_SECONDS = 10, 60
URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
HIDDEN = (".", "_")
"""First letters of files that writers of many parts leave beside them (_SUCCESS, .crc)."""


@contextmanager
def open_input(spec: AuditSpec, folder: Path, *, limits: Limits = COMMAND_LINE_LIMITS) -> Iterator[TableFile]:
    """Find, fetch and check the table that a specification names.

    Temporary copies of objects live as long as the block.

    Parameters
    ----------
    spec : AuditSpec
        Its `file` names one file, a folder (ending in /) or several of them.
    folder : Path
        What relative paths start from: the folder of the specification.
    limits : Limits

    Raises
    ------
    BadInput
        Naming the file, column, row or limit.
    """
    if not spec.files:
        raise BadInput("name the file with the predictions", column="file")
    with fetch_files(spec.files, folder, column="file", limits=limits) as paths:
        if spec.sensitive_file is None:
            yield read_predictions(paths, spec, limits=limits)
            return
        if spec.sensitive_file.file is None:
            raise BadInput("name the file with sensitive values", column="sensitive_file.file")
        with fetch_files((spec.sensitive_file.file,), folder, column="sensitive_file.file", limits=limits) as others:
            if len(others) > 1:
                raise BadInput("the sensitive values must be in one file", column="sensitive_file.file")
            yield read_predictions(paths, spec, sensitive=others[0], limits=limits)


@contextmanager
def fetch_files(locations: Sequence[str], folder: Path, *, column: str, limits: Limits) -> Iterator[list[Path]]:
    """Return local paths of everything at some locations, in the order given.

    Parameters
    ----------
    locations : sequence of str
        Paths or s3:// addresses; one that ends in / stands for all files in it, sorted by name.
    folder : Path
        What relative paths start from.
    column : str
        The key of the specification that names them, for errors.
    limits : Limits
    """
    with tempfile.TemporaryDirectory(prefix="countersign-") as scratch:
        paths: list[Path] = []
        for number, location in enumerate(locations):
            if location.startswith("s3://"):
                paths += _fetch_objects(location, Path(scratch) / str(number), column, limits)
            elif URL.match(location):
                raise BadInput(f"{location[:200]!r}: only local files and s3:// are read", column=column)
            else:
                paths += _list_local(folder / location, location, column)
        if len(paths) > limits.parts:
            raise BadInput(f"the table has {len(paths):,} files, at most {limits.parts:,} are read", column=column)
        yield paths


def _list_local(path: Path, location: str, column: str) -> list[Path]:
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith(HIDDEN))
        if not found:
            raise BadInput(f"{location[:200]!r} is a folder without files", column=column)
        return found
    if not path.is_file():
        raise BadInput(f"there is no file {location[:200]!r}", column=column)
    return [path]


def _fetch_objects(location: str, target: Path, column: str, limits: Limits) -> list[Path]:
    """Copy an object, or all objects under a prefix, to local files."""
    import pyarrow as pa

    key = location.removeprefix("s3://")
    if "/" not in key.strip("/"):
        raise BadInput(f"{location[:200]!r} names no object; write s3://bucket/key", column=column)
    try:
        storage = _open_storage(os.environ)
        sizes = _list_objects(storage, key, location, column)
        if len(sizes) > limits.parts:
            raise BadInput(f"the table has {len(sizes):,} files, at most {limits.parts:,} are read", column=column)
        target.mkdir()
        _check_room(target, sum(sizes.values()), location, column)
        return [_copy_object(storage, name, size, target) for name, size in sizes.items()]
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise BadInput(f"cannot read {location[:200]!r}: {reason}", column=column) from None


def _open_storage(environment: Mapping[str, str]) -> Any:
    """Return a client of the object store that the environment names."""
    from pyarrow import fs

    options: dict[str, Any] = {
        "region": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
        "connect_timeout": CONNECT_SECONDS,
        "request_timeout": REQUEST_SECONDS,
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    }
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if endpoint:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadInput("the environment variable AWS_ENDPOINT_URL must be like https://storage.example.org")
        options |= {"scheme": parts.scheme, "endpoint_override": parts.netloc}
    return fs.S3FileSystem(**options)


def _list_objects(storage: Any, key: str, location: str, column: str) -> dict[str, int]:
    """Return key -> bytes of the objects at a location."""
    from pyarrow import fs

    if key.endswith("/"):
        found = storage.get_file_info(fs.FileSelector(key.rstrip("/"), allow_not_found=True))
        found = [one for one in found if one.type == fs.FileType.File and not one.base_name.startswith(HIDDEN)]
    else:
        found = [one for one in storage.get_file_info([key]) if one.type == fs.FileType.File]
    if not found:
        raise BadInput(f"there is no object {location[:200]!r}", column=column)
    return {one.path: int(one.size) for one in sorted(found, key=lambda one: str(one.path))}


def _check_room(target: Path, needed: int, location: str, column: str) -> None:
    free = shutil.disk_usage(target).free
    if needed > free:
        raise BadInput(
            f"{location[:200]!r} has {needed:,} bytes; {target.parent} has room for {free:,} "
            "(the environment variable TMPDIR names another place)",
            column=column,
        )


def _copy_object(storage: Any, key: str, size: int, target: Path) -> Path:
    """Stream one object to a file of its own name."""
    path = target / key.rsplit("/", 1)[-1]
    copied = 0
    with storage.open_input_stream(key) as source, path.open("xb") as stream:
        while chunk := source.read(CHUNK):
            copied += len(chunk)
            stream.write(chunk)
    if copied != size:
        raise OSError(f"the object was cut short after {copied:,} of {size:,} bytes")
    return path
