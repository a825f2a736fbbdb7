"""What the command line can do: each command turns a specification into a result document."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.json_files import STANDARD_STREAM, read_json

if TYPE_CHECKING:
    from audits.counting.cells import Cells
    from audits.spec import AuditSpec

Progress = Callable[[float, str], None]
Document = dict[str, Any]

TABLES_OF_EXPLAIN = ("predictions", "data", "background")
"""Further tables of an explanation, each an option of the command line."""


def run_bias(options: argparse.Namespace, document: Document, progress: Progress) -> Document:
    """Audit predictions, or counted cells, for bias."""
    from audits.bias.audit import audit_cells, audit_table
    from audits.tables.sources import open_input

    spec = check_bias_spec(options.spec, document)
    if options.cells is not None:
        return name_result(_audit_counted(options.cells, spec, progress), document, options.cells.name)
    if is_elsewhere(options):
        cells, run = _count_elsewhere(options, spec, progress)
        result = audit_cells(cells, spec, run, progress=progress)
        return name_result(result, document, document["file"] if options.sql is None else options.table)
    located = _locate_input(spec, options.spec)
    with naming(*located.files):
        progress(0.0, "checking the file")
        with open_input(located, Path(), limits=_limits()) as file:
            result = audit_table(file, spec, limits=_limits(), progress=progress)
    return name_result(result, document, document["file"])


def is_elsewhere(options: argparse.Namespace) -> bool:
    """Tell whether the rows are to be counted where they live."""
    return options.cluster is not None or options.sql is not None


def _count_elsewhere(options: argparse.Namespace, spec: AuditSpec, progress: Progress) -> tuple[Cells, Document]:
    """Count where the rows live; the cells and the passport of the count."""
    from audits.elsewhere import count_in_postgres, count_on_cluster

    if options.sql is not None:
        progress(0.0, "counting in the database")
        with naming(options.table):
            return count_in_postgres(options.sql, options.table, spec, options.sensitive_table)
    if not spec.files:
        raise BadInput("name the file to be read", column="file")
    progress(0.0, "counting on the cluster")
    with naming(*spec.files):
        return count_on_cluster(options.cluster, spec, find_folder(options.spec))


def _audit_counted(path: Path, spec: AuditSpec, progress: Progress) -> Document:
    from audits.bias.audit import audit_cells
    from audits.bias.job import check_cells, describe_cells
    from audits.counting.cells import Cells

    progress(0.0, "reading the cells")
    with naming(path):
        cells = Cells.from_json(read_json(path))
        check_cells(cells, spec)
    return audit_cells(cells, spec, describe_cells(path, spec.seed), progress=progress)


def run_cells(options: argparse.Namespace, document: Document, progress: Progress) -> Document:
    """Count predictions and return the cells, small ones left out as the specification says."""
    from audits.counting.reduction import reduce_to_cells
    from audits.tables.sources import open_input

    spec = check_bias_spec(options.spec, document)
    if is_elsewhere(options):
        return publish_cells(_count_elsewhere(options, spec, progress)[0], spec)
    located = _locate_input(spec, options.spec)
    with naming(*located.files):
        progress(0.0, "checking the file")
        with open_input(located, Path(), limits=_limits()) as file:
            progress(0.3, "counting")
            cells = reduce_to_cells(file, spec, limits=_limits())
    progress(0.9, "recording")
    return publish_cells(cells, spec)


def publish_cells(cells: Cells, spec: AuditSpec) -> Document:
    """Return cells as a document; scores go along only where nothing has to be withheld."""
    from audits.counting.suppression import suppress_cells

    if spec.minimum_published_count > 1:
        return suppress_cells(cells, spec.minimum_published_count).to_json()
    return cells.to_json(scores=True)


def run_explain(options: argparse.Namespace, document: Document, progress: Progress) -> Document:
    """Check the attributions of an explanation, or compute them from a model document."""
    from audits.explanations.spec import check_explanation_spec
    from audits.portable.spec import check_recompute_spec

    with naming(options.spec):
        (check_explanation_spec if options.model is None else check_recompute_spec)(document)
    tables = {role: path for role in TABLES_OF_EXPLAIN if (path := getattr(options, role)) is not None}
    if options.model is None:
        for role in ("data", "background"):
            if role in tables:
                raise BadInput(f"--{role} is for explanations that are computed here: name the --model too")
        return _check_attributions(options, document, tables, progress)
    from audits.portable.recompute import run_recomputed_explanation

    paths = {"model": options.model, **tables}
    if "data" not in paths:
        paths["data"] = find_files(document, options.spec)[0]
    with naming(*paths.values()):
        result = run_recomputed_explanation(paths, document, progress, limits=_limits())
    return name_result(result, document, paths["data"].name)


def _check_attributions(
    options: argparse.Namespace, document: Document, tables: Mapping[str, Path], progress: Progress
) -> Document:
    from audits.explanations.explain import run_explanation

    files = find_files(document, options.spec)
    with naming(*files, *tables.values()):
        result = run_explanation(
            files[0], document, predictions=tables.get("predictions"), limits=_limits(), progress=progress
        )
    return name_result(result, document, document["file"])


def run_quality(options: argparse.Namespace, document: Document, progress: Progress) -> Document:
    """Profile a table and judge what is expected of it."""
    from audits.quality.profile import run_quality as profile
    from audits.quality.spec import check_quality_spec

    with naming(options.spec):
        spec = check_quality_spec(document)
    files = find_files(document, options.spec)
    others = {role: find_file(find_folder(options.spec), name) for role, name in spec.other_files.items()}
    with naming(*files, *others.values()):
        result = profile(files, document, others=others, limits=_limits(), progress=progress)
    return name_result(result, document, document["file"])


def _limits() -> Any:
    from audits.tables.limits import COMMAND_LINE_LIMITS

    return COMMAND_LINE_LIMITS


def check_bias_spec(path: Path, document: Document) -> AuditSpec:
    """Check the specification of a bias audit, with its name in front of what is wrong."""
    from audits.spec import check_spec

    with naming(path):
        return check_spec(document)


def _locate_input(spec: AuditSpec, spec_path: Path) -> AuditSpec:
    """Return the specification with its files as they are found from here; addresses stay as they are."""
    folder = find_folder(spec_path)
    if not spec.files:
        raise BadInput("name the file to be read", column="file")
    files = tuple(_locate(folder, name) for name in spec.files)
    sensitive = spec.sensitive_file
    if sensitive is not None and sensitive.file is not None:
        sensitive = replace(sensitive, file=_locate(folder, sensitive.file))
    return replace(spec, files=files, sensitive_file=sensitive)


def _locate(folder: Path, name: str) -> str:
    return name if "://" in name else str(find_file(folder, name))


def find_folder(spec_path: Path) -> Path:
    """Return what paths in a specification start from."""
    return Path() if str(spec_path) == STANDARD_STREAM else spec_path.parent


def find_files(document: Mapping[str, Any], spec_path: Path) -> list[Path]:
    """Return the local files a specification names."""
    named = document.get("file")
    if named is None:
        raise BadInput("name the file to be read", column="file")
    names = named if isinstance(named, list) else [named]
    found = [find_file(find_folder(spec_path), str(name)) for name in names]
    for path in found:
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder, not a file", str(path))
    return found


def find_file(folder: Path, name: str) -> Path:
    """Return a file or folder found from `folder`, else from the current one."""
    beside, here = folder / name, Path(name)
    found = beside if beside.exists() or not here.exists() else here
    if not found.exists():
        raise FileNotFoundError(2, "no such file", str(beside))
    return found


def list_inputs(options: argparse.Namespace, document: Mapping[str, Any]) -> list[Path]:
    """Return every local file a command reads, as far as they are there."""
    found = [options.spec, *(path for path in vars(options).values() if isinstance(path, Path) and path != options.out)]
    named = [document.get("file")]
    named += [part.get("file") for part in document.values() if isinstance(part, dict)]
    names = [name for entry in named for name in (entry if isinstance(entry, list) else [entry])]
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            found += [find_file(find_folder(options.spec), name)] if isinstance(name, str) else []
    return found


def name_result(result: Document, document: Mapping[str, Any], file: object) -> Document:
    """Add the names only the command line knows: of the case and of the file."""
    names = {key: document[key] for key in ("case", "title") if key in document}
    if isinstance(result.get("data"), dict):
        result["data"] = {"file": file, **result["data"]}
    return {"format": result["format"], **names, **result}


@contextlib.contextmanager
def naming(*paths: Path | str) -> Iterator[None]:
    """Put the name of the file in front of what is wrong with it."""
    try:
        yield
    except BadInput as error:
        shown = "standard input" if str(paths[0]) == STANDARD_STREAM else str(paths[0])
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        raise BadInput(f"{shown}{more}: {error}") from None
