"""The commands of a deployer: fetch an attestation, start nothing without one, compare what runs with what may."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click
from rich.table import Table
from rich.text import Text

from countersign import verifier
from countersign.client import Client
from countersign.deploying import Permits, Reconciliation, judge_bundles, read_running, reconcile
from countersign.errors import CountersignError
from countersign.files import digest_file
from countersign.terminal import FILE, NO, YES, connect, err, out, readable_errors
from countersign.types import Release
from countersign.verify_commands import at_option, key_options, revocations_option, trust_words

DEFAULT_ENVIRONMENT = "production"
environment_option = click.option("--environment", default=DEFAULT_ENVIRONMENT, show_default=True)


@click.command()
@click.argument("output", metavar="BUNDLE.json", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--artifact", type=FILE, help="The file that is to run.")
@click.option("--digest", metavar="sha256:...", help="Its digest, instead of the file.")
@environment_option
@click.option("--revocations", type=click.Path(dir_okay=False, path_type=Path), help="Write the newest list here.")
@readable_errors
def attestation(
    output: Path, artifact: Path | None, digest: str | None, environment: str, revocations: Path | None
) -> int:
    """Download the attestation by which an artifact may run, to be checked where there is no network.

    Exit code 1: no live release has this artifact.
    """
    if (artifact is None) == (digest is None):
        raise click.UsageError("Give either --artifact or --digest.")
    wanted = digest_file(artifact) if artifact is not None else digest or ""
    with connect() as portal:
        release = live_artifacts(portal, environment).get(wanted)
        if release is None:
            err.print(f"No live release in {environment} has {wanted}.", markup=False)
            return NO
        write_whole(output, json.dumps(portal.attestation(release), indent=1))
        if revocations is not None:
            write_whole(revocations, json.dumps(portal.revocations(), indent=1))
    out.print(f"{output}: {release.model.name} in {release.environment}", markup=False, highlight=False)
    return YES


@click.command()
@click.argument("command", nargs=-1, required=True)
@click.option("--attestation", "bundle", type=FILE, required=True, metavar="BUNDLE.json")
@click.option("--artifact", type=FILE, required=True, help="The file that COMMAND serves.")
@click.option("--environment", required=True)
@revocations_option
@click.option("--without-revocations", is_flag=True, help="Start although a withdrawal could not be seen.")
@key_options
@readable_errors
def run(
    command: tuple[str, ...],
    bundle: Path,
    artifact: Path,
    environment: str,
    revocations: Path | None,
    without_revocations: bool,
    keys: tuple[str, ...],
    trust: Path | None,
) -> int:
    """Start COMMAND (after “--”) only if these very bytes may run here. Exit code 1: they may not, 2: unknown.

    COMMAND takes this process's place, so that signals reach it and its exit code is the answer.
    """
    if (revocations is None) is not without_revocations:
        raise click.UsageError("Give either --revocations LIST.json or --without-revocations.")
    require_trust(keys, trust)
    words = ["attestation", str(bundle), "--artifact", str(artifact), "--environment", environment]
    words += [] if revocations is None else ["--revocations", str(revocations)]
    verdict = verifier.run([*words, *trust_words(keys, trust)])
    err.print(Text(f"{verdict.word}: {verifier.plain(verdict.message)}", style="green" if verdict else "bold red"))
    return replace_process(command) if verdict else int(verdict.outcome)


def replace_process(command: tuple[str, ...]) -> NoReturn:
    """Become another program. Raises OSError where there is none of that name."""
    os.execvp(command[0], command)  # noqa: S606 - the very command that the person typed


def require_trust(keys: tuple[str, ...], trust: Path | None) -> None:
    """Whoever decides offline is told beforehand whom to trust, and asks no portal."""
    if not keys and trust is None:
        raise click.UsageError("Give --key or --trust, from someone you trust and not from the portal you check.")


@click.command(name="reconcile")
@click.argument("running", metavar="RUNNING.txt", type=FILE)
@environment_option
@click.option(
    "--attestations",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Ask no portal: judge the attestations in this folder (*.json). Needs --revocations.",
)
@revocations_option
@at_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@key_options
@readable_errors
def reconcile_command(
    running: Path,
    environment: str,
    attestations: Path | None,
    revocations: Path | None,
    at: str | None,
    as_json: bool,
    keys: tuple[str, ...],
    trust: Path | None,
) -> int:
    """Compare the digests in RUNNING.txt (one a line, as sha256sum prints them) with what may run.

    Exit code 0: everything that runs may, 1: something may not, 2: it cannot be told.
    """
    items = read_running(running)
    if attestations is None:
        if revocations is not None or at is not None:
            raise click.UsageError("--revocations and --at go with --attestations; the portal knows by itself.")
        with connect() as portal:
            permits = ask_portal(portal, environment)
    elif revocations is None:
        raise click.UsageError("--attestations needs --revocations: a withdrawal is seen nowhere else.")
    else:
        require_trust(keys, trust)
        permits = judge_folder(attestations, revocations, at, environment, trust_words(keys, trust))
    found = reconcile(items, permits)
    out.print_json(data=asdict(found)) if as_json else show_reconciliation(found)
    return YES if found.is_clean else NO


def ask_portal(portal: Client, environment: str) -> Permits:
    """What the portal lets run now, and what it let run before."""
    allowed = {
        digest: f"{release.model.name} v{release.version.number}"
        for digest, release in live_artifacts(portal, environment).items()
    }
    ended = {
        digest: f"ended {release.ended_at}: {release.end_reason}"
        for digest, release in artifacts_of(portal, environment, live=False).items()
    }
    return Permits(allowed, ended)


def live_artifacts(portal: Client, environment: str) -> dict[str, Release]:
    """Digest -> the live release in the environment that has it."""
    return artifacts_of(portal, environment, live=True)


def artifacts_of(portal: Client, environment: str, *, live: bool) -> dict[str, Release]:
    """Digest -> the newest release, live or ended, that has it."""
    found: dict[str, Release] = {}
    for release in portal.releases(live=live):
        if release.environment == environment:
            for artifact in portal.version(release.version.id).artifacts:
                found.setdefault(artifact.digest, release)
    return found


def judge_folder(folder: Path, revocations: Path, at: str | None, environment: str, words: list[str]) -> Permits:
    """What the attestations in a folder permit. Raises CountersignError for a file that is not to be believed."""
    try:
        trust = verifier.trust_of(words)
        moment = None if at is None else verifier.parse_moment(at, "--at")
        listed = verifier.parse_json(revocations.read_bytes(), revocations.name)
        bundles = {
            path.name: verifier.parse_json(path.read_bytes(), path.name) for path in sorted(folder.glob("*.json"))
        }
    except verifier.NotVerifiable as error:
        raise CountersignError("not_verifiable", None, str(error)) from None
    checked = verifier.verify_revocations(listed, trust, at=moment)
    if not checked:
        raise CountersignError("bad_revocations", None, f"{revocations.name} is {checked.word}: {checked.message}")
    return judge_bundles(bundles, trust, environment=environment, revocations=listed, at=moment)


def show_reconciliation(found: Reconciliation) -> None:
    """Print a table with the worst first."""
    table = Table("", "Digest", "What", "Why")
    for item in found.unpermitted:
        word = "NOT PERMITTED" if item.is_known else "UNKNOWN"
        table.add_row(Text(word, style="bold red"), item.running.digest, item.running.name, Text(item.reason))
    for running in found.permitted:
        table.add_row(Text("permitted", style="green"), running.digest, running.name, "")
    for digest, what in found.idle:
        table.add_row(Text("not running", style="yellow"), digest, "", Text(what))
    out.print(table)
    out.print(
        f"{len(found.permitted)} permitted, {len(found.unpermitted)} not, {len(found.idle)} permitted and not running."
    )


def write_whole(path: Path, text: str) -> None:
    """Put a file in place whole or not at all: what half arrived must not be mistaken for an answer."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
