"""The commands ``countersign verify ...``: the stand-alone verifier, with the key fetched where none is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from countersign import report_cells, report_verifier, verifier
from countersign.client import Client
from countersign.config import read_config
from countersign.errors import CountersignError
from countersign.terminal import FILE, NO, YES, connect, err, out, readable_errors
from countersign.verifier import default_receipt


class ReportByDefault(click.Group):
    """``countersign verify REPORT.pdf`` is printed in reports that were issued: it goes on meaning a report."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["report", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=ReportByDefault)
def verify() -> None:
    """Check what the portal handed out, without the portal: give --key or --trust.

    Exit code 0: everything holds, 1: changed or not allowed, 2: it cannot be told.
    """


def key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whom to trust: keys, or a trust file."""
    for option in (
        click.option("--trust", type=FILE, help="A trust file: keys with their ranges, witnesses, quorum."),
        click.option("--key", "keys", multiple=True, metavar="VKEY or @FILE", help="From someone you trust."),
    ):
        command = option(command)
    return command


def trust_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whom to trust: keys, a trust file, or else the portal itself."""
    option = click.option("--url", help="Ask this portal for the key instead. Then you trust the portal.")
    return key_options(option(command))


at_option = click.option("--at", metavar="TIME", help="The moment asked about, as 2026-11-24T12:00:00Z; default: now.")
revocations_option = click.option("--revocations", type=FILE, help="A revocation list of the portal's, not stale.")


@verify.command()
@click.argument("bundle", metavar="BUNDLE.json", type=FILE)
@click.option("--artifact", type=FILE, help="The file that is to run.")
@click.option("--digest", metavar="sha256:...", help="Its digest, instead of the file.")
@click.option("--environment", help="Where it is to run.")
@at_option
@revocations_option
@trust_options
@readable_errors
def attestation(bundle: Path, keys: tuple[str, ...], trust: Path | None, url: str | None, **options: Any) -> int:
    """Check whether an artifact may run."""
    return check(["attestation", bundle], options, keys, trust, url)


@verify.command()
@click.argument("document", type=FILE)
@click.argument("receipt", metavar="RECEIPT.json", type=FILE)
@click.option("--type", help="What the entry must record, such as report.issued.")
@trust_options
@readable_errors
def receipt(
    document: Path, receipt: Path, keys: tuple[str, ...], trust: Path | None, url: str | None, **options: Any
) -> int:
    """Check any document against its receipt."""
    return check(["receipt", document, receipt], options, keys, trust, url)


@verify.command()
@click.argument("document", metavar="REPORT.pdf", type=FILE)
@click.option("--receipt", type=FILE, help="Default: REPORT.pdf.receipt.json beside it.")
@trust_options
@readable_errors
def report(document: Path, keys: tuple[str, ...], trust: Path | None, url: str | None, **options: Any) -> int:
    """Check a signed report by itself, and against its receipt where that is beside it."""
    expected = options["receipt"] or default_receipt(document)
    if is_signed(document):
        return check([document], options, keys, trust, url, run=report_verifier.run)
    if not expected.exists():
        raise CountersignError("no_receipt", None, f"There is no {expected}. Name the receipt with --receipt.")
    return check(["report", document], options, keys, trust, url)


def is_signed(document: Path) -> bool:
    """Whether a report claims to be signed; reports of earlier releases are not."""
    return b"/ByteRange" in document.read_bytes()


@click.command()
@click.argument("document", metavar="REPORT.pdf", type=FILE)
@readable_errors
def recompute(document: Path) -> int:
    """Recompute a report's fairness figures from the cells inside it.

    Exit code 0: all that can be recomputed agree, 1: one differs and is named, 2: there is nothing to recompute.
    """
    code, lines = report_cells.recompute_report(document.read_bytes())
    for line in lines:
        out.print(Text(verifier.plain(line), style="bold red" if line.startswith("differs") else ""))
    return code


@verify.command()
@click.argument("archive", metavar="ARCHIVE.tar", type=FILE)
@click.option("--kept", multiple=True, type=FILE, help="A checkpoint that you kept from earlier.")
@trust_options
@readable_errors
def export(archive: Path, keys: tuple[str, ...], trust: Path | None, url: str | None, **options: Any) -> int:
    """Check an exported log: every entry, checkpoint and file."""
    return check(["export", archive], options, keys, trust, url)


@verify.command()
@click.argument("listed", metavar="LIST.json", type=FILE)
@at_option
@trust_options
@readable_errors
def revocations(listed: Path, keys: tuple[str, ...], trust: Path | None, url: str | None, **options: Any) -> int:
    """Check that a revocation list is genuine and not stale."""
    return check(["revocations", listed], options, keys, trust, url)


def check(
    words: list[Any],
    options: dict[str, Any],
    keys: tuple[str, ...],
    trust: Path | None,
    url: str | None,
    *,
    run: Callable[[list[str]], Any] = verifier.run,
) -> int:
    """Run the stand-alone verifier on its own command line and print what it says."""
    for name, value in options.items():
        for given in value if isinstance(value, tuple) else (value,):
            words += [] if given is None else [f"--{name}", given]
    words += trust_words(keys, trust) or ["--key", fetch_key(url)]
    verdict = run([str(word) for word in words])
    colour = {YES: "green", NO: "bold red"}.get(int(verdict.outcome), "yellow")
    out.print(Text(f"{verdict.word}: {verifier.plain(verdict.message)}", style=colour))
    if verdict and not keys and trust is None:
        err.print("The key came from the portal itself. Against a portal that lies, give --key.", style="yellow")
    return int(verdict.outcome)


def trust_words(keys: tuple[str, ...], trust: Path | None) -> list[str]:
    """What is given, as the verifier's options."""
    words = [word for key in keys for word in ("--key", key)]
    if trust is not None:
        words += ["--trust", str(trust)]
    return words


def fetch_key(url: str | None) -> str:
    """Return the log's key from the portal."""
    config = read_config()
    if url is None or url.rstrip("/") == config.url.rstrip("/"):
        with connect() as portal:
            return portal.log_key()
    with Client(url, None) as portal:
        return portal.log_key()
