"""The command line: ``countersign login, whoami, submit, audit, gate, report`` and the commands added at the end.

Exit codes: 0 yes or done, 1 no (the gate is closed, a document was tampered with), 2 it could not be told.
"""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from countersign import __version__
from countersign.client import Client, Session
from countersign.config import Config, read_config, write_config
from countersign.deploy_commands import attestation, reconcile_command, run
from countersign.errors import CountersignError
from countersign.export_commands import export
from countersign.files import digest_file
from countersign.reproduce_commands import record, reproduce_command
from countersign.showing import gate_table
from countersign.stress_commands import stress
from countersign.terminal import (
    FILE,
    NO,
    YES,
    connect,
    err,
    find_version,
    out,
    progress_bar,
    read_json,
    readable_errors,
    show_evaluation,
    version_option,
)
from countersign.types import Gate, Project, Report, Version
from countersign.verifier import default_receipt
from countersign.verify_commands import recompute, verify
from countersign.witness_commands import witness

SCOPES = ("read", "submit", "report")
TOKEN_DAYS = 30
STRUCTURED = ("metrics", "load_test", "ab_result", "security_review", "privacy_review", "reproduction")
WITH_FILE = (
    *("predictions", "cells", "attributions", "model_document", "onnx_model", "table"),
    *("document", "validation_report", "test_report", "file"),
)
EVIDENCE_FOR = {
    "bias_audit": ("predictions", "cells"),
    "explanation": ("attributions", "model_document", "onnx_model"),
    "data_quality": ("table", "predictions"),
    "reproduction": ("reproduction",),
}
"""The kinds of evidence that each kind of evaluation reads; the newest of them is meant."""
ENDED = ("REJECTED", "RETIRED")
LOOK_EVERY = 5.0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Submit evidence, ask for audits, ask the gate, download and verify reports.

    Address and token come from COUNTERSIGN_URL and COUNTERSIGN_TOKEN, or from “countersign login”.
    """


@main.command()
@click.option("--url", prompt="Address of the portal", default=lambda: read_config().url or None)
@click.option("--username", help="Sign in and make a token for this machine.")
@click.option("--token", "with_token", is_flag=True, help="Enter a token you have made instead.")
@readable_errors
def login(url: str, username: str | None, with_token: bool) -> int:
    """Keep an address and a token for the other commands."""
    if with_token:
        token = click.prompt("Token", hide_input=True)
    else:
        username = username or click.prompt("Login")
        password = click.prompt("Password", hide_input=True)
        with Session(url, username, password) as session:
            made = session.create_token(f"countersign on {platform.node()}"[:100], scopes=SCOPES, days=TOKEN_DAYS)
            token = made.secret
    with Client(url, token) as portal:
        me = portal.whoami()
    path = write_config(Config(url, token))
    out.print(f"Signed in as {me.full_name}. The token is kept in {path}.", markup=False)
    return YES


@main.command()
@readable_errors
def whoami() -> int:
    """Say whom the token speaks for, and in which roles."""
    with connect() as portal:
        me = portal.whoami()
        out.print(f"{me.full_name} ({me.username}) at {portal.url}", markup=False)
    table = Table("Project", "Role")
    for held in me.roles:
        table.add_row(Text(held.project.name), held.role)
    out.print(table if me.roles else "No role in any project.")
    return YES


@main.command()
@click.argument("file", type=FILE)
@version_option
@click.option("--kind", required=True, type=click.Choice([*WITH_FILE, *STRUCTURED]))
@click.option("--title", help="Default: the file's name.")
@click.option("--description", default="")
@click.option("--requirement", "keys", multiple=True, metavar="KEY", help="What it is offered for, such as R-2.")
@readable_errors
def submit(file: Path, version_text: str, kind: str, title: str | None, description: str, keys: tuple[str, ...]) -> int:
    """Submit FILE as evidence. Structured kinds (metrics, reviews, tests of load) are JSON files."""
    with connect() as portal:
        version = find_version(portal, version_text)
        known = {requirement.key: requirement for requirement in portal.requirements(version.model)}
        for key in keys:
            if key not in known:
                raise CountersignError("bad_requirement", None, f"{version.model.name} has no requirement {key}.")
        given: dict[str, Any] = {
            "kind": kind,
            "title": title or file.name,
            "description": description,
            "requirements": [known[key] for key in keys],
        }
        if kind in STRUCTURED:
            evidence = portal.submit_evidence(version, content=read_json(file), **given)
        else:
            with progress_bar(f"Uploading {file.name}") as progress:
                evidence = portal.submit_evidence(version, file=file, progress=progress, **given)
    out.print(f"Evidence {evidence.id} of {version}, log entry {evidence.log_index}", markup=False)
    out.print(evidence.digest)
    return YES


@main.command()
@version_option
@click.option("--kind", type=click.Choice(list(EVIDENCE_FOR)), default="bias_audit", show_default=True)
@click.option("--spec", "spec_file", type=FILE, required=True, help="JSON: columns, sensitive features...")
@click.option("--role", type=click.Choice(["training", "validation", "test"]), default="test", show_default=True)
@click.option("--no-wait", is_flag=True, help="Do not wait for the result.")
@readable_errors
def audit(version_text: str, kind: str, spec_file: Path, role: str, no_wait: bool) -> int:
    """Have the newest predictions (SHAP values, rows, report of a rerun) evaluated. Exit code 1: it failed."""
    with connect() as portal:
        version = find_version(portal, version_text)
        kinds = EVIDENCE_FOR[kind]
        submitted = [item for item in portal.evidence(version, is_current=True) if item.kind in kinds]
        if not submitted:
            what = f"{version} has no evidence of kind {' or '.join(kinds)} to evaluate. Submit it first."
            raise CountersignError("no_evidence", None, what)
        asked = portal.request_evaluation(kind, version, submitted[0], read_json(spec_file), dataset_role=role)
        if no_wait:
            out.print(f"Evaluation {asked.id} is {asked.status}.")
            return YES
        with err.status(f"Evaluation {asked.id}") as status:
            done = portal.wait_for(asked, tell=lambda text: status.update(f"Evaluation {asked.id}: {text}"))
    return show_evaluation(done)


@main.command()
@click.option("--version", "version_text", metavar="ID or MODEL@NUMBER", help="Judge this version.")
@click.option("--artifact", type=FILE, help="Ask whether this file is released, as a pipeline does.")
@click.option("--environment", default="production", show_default=True, help="With --artifact.")
@click.option(
    "--wait",
    "timeout",
    is_flag=False,
    flag_value=3600.0,
    type=float,
    metavar="[SECONDS]",
    default=None,
    help="With --version: look again until the gate is open, an hour at most or so many seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@readable_errors
def gate(
    version_text: str | None, artifact: Path | None, environment: str, timeout: float | None, as_json: bool
) -> int:
    """Ask the gate. Exit code 0: open, 1: closed, 2: it could not be told."""
    if (version_text is None) == (artifact is None):
        raise click.UsageError("Give either --version or --artifact.")
    with connect() as portal:
        if artifact is not None:
            answer = portal.may_run(digest=digest_file(artifact), environment=environment)
            out.print_json(data=asdict(answer)) if as_json else out.print(answer.reason, markup=False)
            return YES if answer.allowed else NO
        judged = judge(portal, find_version(portal, version_text or ""), timeout)
    if as_json:
        out.print_json(data=asdict(judged))
    else:
        out.print(gate_table(judged))
    return gate_answer(judged)


def gate_answer(judged: Gate) -> int:
    """Return the exit code of a judgement. What is rejected or retired may not run, however well its dossier reads."""
    if judged.is_open and judged.state in ENDED:
        err.print(f"The version is {judged.state}: it may not run, although nothing in its dossier is missing.")
        return NO
    return YES if judged.is_open else NO


def judge(portal: Client, version: Version, timeout: float | None) -> Gate:
    """Return the gate's judgement; with a timeout in seconds, wait for it to open or the version to end."""
    until = time.monotonic() + (timeout or 0)
    with err.status(f"Asking the gate for {version}") as status:
        while True:
            judged = portal.gate(version)
            if judged.is_open or judged.state in ENDED or time.monotonic() >= until:
                return judged
            status.update(f"{version}: {len(judged.closing)} findings keep the gate closed")
            time.sleep(min(LOOK_EVERY, max(0.0, until - time.monotonic())))


@main.command()
@click.option("--version", "version_text", metavar="ID or MODEL@NUMBER")
@click.option("--kind", default="release_dossier", show_default=True, help="Of a version: such as signature_record.")
@click.option("--framework", default="", help="With --kind framework: its id, such as eu-ai-act-high-risk.")
@click.option("--dataset-version", type=int, metavar="ID", help="The datasheet of a dataset version instead.")
@click.option("--project", type=int, metavar="ID", help="The portfolio of a project instead.")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    metavar="MOMENT",
    help="Of a version or a project: what was recorded then, such as 2026-11-21T09:30:00Z.",
)
@click.option("--organisation", is_flag=True, help="The portfolio of the whole organisation instead.")
@click.option("--output", type=click.Path(path_type=Path), default=Path(), help="A file or a folder; default: here.")
@readable_errors
def report(output: Path, **about: Any) -> int:
    """Have a report issued as PDF (the release dossier of a version, if nothing else is said) and download it with its
    receipt."""
    with connect() as portal:
        asked = ask_for_report(portal, **about)
        with err.status("Report") as status:
            done = portal.wait_for(asked, tell=lambda text: status.update(f"Report: {text}"))
        if done.failure or done.file is None:
            err.print(Text(f"The report failed: {done.failure}", style="red"))
            return NO
        with progress_bar(f"Downloading {done.file.name}") as progress:
            path = portal.download_report(done, output, progress=progress)
        with err.status("Waiting for the log to be sealed"):
            receipt = portal.receipt(done)
    receipt_path = default_receipt(path)
    receipt_path.write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
    out.print(f"{path}\n{receipt_path}\n{done.file.digest}", markup=False, highlight=False)
    return YES


def ask_for_report(
    portal: Client,
    *,
    version_text: str | None,
    kind: str,
    framework: str,
    dataset_version: int | None,
    project: int | None,
    organisation: bool,
    as_of: datetime | None,
) -> Report:
    """Ask for the report that the options name. Raises ``UsageError`` unless they name exactly one subject."""
    if [version_text is not None, dataset_version is not None, project is not None, organisation].count(True) != 1:
        raise click.UsageError("Name one of --version, --dataset-version, --project and --organisation.")
    if as_of is not None:
        return portal.request_report(find_past(portal, version_text, project), kind="as_of", as_of=as_of)
    if dataset_version is not None:
        return portal.request_datasheet(dataset_version)
    if version_text is None:
        return portal.request_portfolio(project)
    return portal.request_report(find_version(portal, version_text), kind=kind, framework=framework)


def find_past(portal: Client, version_text: str | None, project: int | None) -> Version | Project:
    """What a report of a past moment is about. Raises ``UsageError`` for what has no such report."""
    if version_text is not None:
        return find_version(portal, version_text)
    if project is None:
        raise click.UsageError("--as-of goes with --version or --project.")
    found = next((item for item in portal.projects() if item.id == project), None)
    if found is None:
        raise CountersignError("not_found", None, f"You see no project {project}.")
    return found


main.add_command(record)
main.add_command(reproduce_command)
main.add_command(stress)
main.add_command(verify)
main.add_command(recompute)
main.add_command(attestation)
main.add_command(run)
main.add_command(reconcile_command)
main.add_command(export)
main.add_command(witness)

if __name__ == "__main__":
    main()
