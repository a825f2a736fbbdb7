"""The command ``countersign export``: the log in one archive, for an auditor."""

from __future__ import annotations

from pathlib import Path

import click

from countersign.errors import CountersignError
from countersign.terminal import YES, connect, out, progress_bar, readable_errors


@click.command()
@click.argument("target", metavar="ARCHIVE.tar", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--project", "name", metavar="NAME", help="Only this project's entries in full, of all others the hash.")
@readable_errors
def export(target: Path, name: str | None) -> int:
    """Download the log with proofs, checkpoints, files and the verifier. Run again, it goes on where it broke off."""
    with connect() as portal:
        project = None if name is None else portal.find_project(name)
        if name is not None and project is None:
            raise CountersignError("no_project", None, f"You see no project named “{name}”.")
        with progress_bar(f"Downloading {target.name}") as progress:
            portal.export_log(target, project=project, progress=progress)
    out.print(f"{target}\nCheck it: countersign verify export {target} --key VKEY", markup=False, highlight=False)
    return YES
