"""`manage.py export_log`: write the log into one archive that anybody can check without the portal."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.exceptions import GovernanceError
from governance.exporting import Export, export_at
from governance.models import Project

TELL_EVERY = 8 << 20


class Command(BaseCommand):
    help = "Write entries, proofs, checkpoints, files and the verifier into one archive, for auditors."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="FILE")
        parser.add_argument("--project", metavar="SLUG", help="only this project's entries in full, of others the hash")
        parser.add_argument("--size", type=int, help="as of the checkpoint over so many entries; default: the newest")
        parser.add_argument("--without-files", action="store_true", help="leave evidence, reports and dossiers out")
        parser.add_argument("--resume", action="store_true", help="go on where a run that was stopped left off")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write FILE.part and rename it once it is whole. Exit code 1 and the reason when it cannot be."""
        out: Path = options["out"]
        part, note = out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.part.json")
        try:
            project = _find_project(options["project"])
            known = _read_note(note) if options["resume"] and part.exists() else {}
            size = known.get("size") if options["size"] is None else options["size"]
            export = export_at(project=project, size=size, with_files=not options["without_files"])
            start = part.stat().st_size if known.get("etag") == export.etag else 0
            note.write_text(json.dumps({"size": export.checkpoint.size, "etag": export.etag}))
            if start:
                self.stdout.write(f"Going on at {start:,} of {export.size:,} bytes.")
            self._write(export, part, start)
        except GovernanceError as error:
            raise CommandError(error.message) from None
        except OSError as error:
            raise CommandError(f"The export was not finished: {error}. Go on with --resume.") from error
        part.replace(out)
        note.unlink()
        self.stdout.write(f"{out}: {export.checkpoint.size:,} entries, {export.size:,} bytes.")
        self.stdout.write(f"Check it anywhere: python verifier.py export {out.name} --key VKEY")

    def _write(self, export: Export, part: Path, start: int) -> None:
        told = start
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            for block in export.stream(start):
                file.write(block)
                if sys.stderr.isatty() and file.tell() - told >= TELL_EVERY:
                    told = file.tell()
                    self.stderr.write(f"\r{told * 100 // export.size} % of {export.size:,} bytes", ending="")
                    self.stderr.flush()
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def _find_project(slug: str | None) -> Project | None:
    if slug is None:
        return None
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise CommandError(f"There is no project with the short name {slug}.")
    return project


def _read_note(note: Path) -> dict[str, Any]:
    """What the run that was stopped was writing; empty when that is not known any more."""
    try:
        read = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
