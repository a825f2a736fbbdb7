"""A deployer's and an auditor's commands against a running portal."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from countersign import Client, CountersignError, digest_bytes
from countersign.types import Release, Version
from tests.client.conftest import Office
from tests.client.small_log import FILE


@pytest.fixture
def artifact(office: Office, released: Version) -> Path:
    """The very file that was registered."""
    return office.folder / released.artifacts[0].name


@pytest.fixture
def key(office: Office, cleo: Client, tmp_path: Path) -> str:
    path = tmp_path / "log.vkey"
    path.write_text(cleo.log_key())
    return f"@{path}"


def has_list(cleo: Client) -> bool:
    try:
        return bool(cleo.revocations())
    except CountersignError:
        return False


def sealed(cleo: Client, released: Version) -> Release:
    """The version's release, once the signer has sealed it and made a list."""
    for _ in range(100):
        (release,) = [item for item in cleo.releases(live=True) if item.version.id == released.id]
        if release.is_sealed and has_list(cleo):
            return release
        time.sleep(0.3)
    raise AssertionError("the signer does not seal")


def test_attestation_is_fetched_verified_and_lets_the_command_run(
    office: Office,
    run: Callable[..., Result],
    released: Version,
    cleo: Client,
    artifact: Path,
    key: str,
    tmp_path: Path,
) -> None:
    sealed(cleo, released)
    bundle, listed = tmp_path / "bundle.json", tmp_path / "list.json"

    fetched = run("cleo", "attestation", bundle, "--artifact", artifact, "--revocations", listed)
    shared = ["--artifact", artifact, "--environment", "production", "--revocations", listed, "--key", key]
    verified = run(None, "verify", "attestation", bundle, *shared)
    listing = run(None, "verify", "revocations", listed, "--key", key)
    words = ["run", "--attestation", bundle, *shared, "--", "echo", "it runs"]
    started = subprocess.run(
        [sys.executable, "-m", "countersign.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (fetched.exit_code, verified.exit_code, listing.exit_code) == (0, 0, 0), verified.output + listing.output
    assert verified.output.startswith(f"good: {released.model.name} version {released.number} may run in production")
    assert (started.returncode, started.stdout) == (0, "it runs\n"), started.stderr


def test_b29_unknown_artifact_has_no_attestation(office: Office, run: Callable[..., Result], tmp_path: Path) -> None:
    unknown = run("cleo", "attestation", tmp_path / "bundle.json", "--digest", digest_bytes(b"unknown"))
    undecided = run("cleo", "attestation", tmp_path / "bundle.json")

    assert (unknown.exit_code, undecided.exit_code) == (1, 2)
    assert "No live release in production" in unknown.stderr
    assert not (tmp_path / "bundle.json").exists()


def test_reconcile_asks_the_portal(
    office: Office, run: Callable[..., Result], released: Version, cleo: Client, tmp_path: Path
) -> None:
    sealed(cleo, released)
    running = tmp_path / "running.txt"
    running.write_text(f"{released.artifacts[0].digest}  model\n")
    clean = run("cleo", "reconcile", running, "--environment", "production")
    running.write_text(f"{released.artifacts[0].digest}\n{digest_bytes(b'unknown')}\n")
    unknown = run("cleo", "reconcile", running, "--json")
    elsewhere = run("cleo", "reconcile", running, "--environment", "staging")

    assert (clean.exit_code, unknown.exit_code, elsewhere.exit_code) == (0, 1, 1), clean.output
    (unpermitted,) = json.loads(unknown.stdout)["unpermitted"]
    assert unpermitted["running"]["digest"] == digest_bytes(b"unknown")
    assert "2 not" in elsewhere.output


def test_log_is_exported_goes_on_and_is_verified(
    office: Office, run: Callable[..., Result], released: Version, cleo: Client, key: str, tmp_path: Path
) -> None:
    sealed(cleo, released)
    archive = tmp_path / "log.tar"

    exported = run("odile", "export", archive, "--project", office.project.name)
    verified = run(None, "verify", "export", archive, "--key", key)
    whole = archive.read_bytes()

    assert (exported.exit_code, verified.exit_code) == (0, 0), exported.output + verified.output
    assert f"of the project {office.project.name}, are here in full" in verified.output
    assert run("cleo", "export", archive, "--project", office.project.name).exit_code == 2  # she is no auditor
    assert run("odile", "export", archive).exit_code == 2  # nor is he the organisation's administrator
    assert run("odile", "export", archive, "--project", "Nothing of the kind").exit_code == 2

    with Client(office.url, office.token("odile")) as portal:
        answer = portal._http.head(f"/api/v1/projects/{office.project.id}/log/export?size={size_in(whole)}")
        part = tmp_path / "again.tar.part"
        part.write_bytes(whole[:30_000])
        part.with_name("again.tar.part.etag").write_text(answer.headers["ETag"])
        portal.export_log(tmp_path / "again.tar", project=office.project)
    assert (tmp_path / "again.tar").read_bytes() == whole
    assert not part.exists()


def size_in(archive: bytes) -> int:
    start = archive.index(b'"size": ') + 8
    return int(archive[start : archive.index(b",", start)])


def test_verifier_from_the_portal_is_the_one_in_the_package(office: Office, cleo: Client) -> None:
    assert cleo.get_text("verifier.py") == FILE.read_text(encoding="utf-8")
    assert cleo._http.get("/verifier.py").text == FILE.read_text(encoding="utf-8")


def test_pipeline_step_of_the_recipe(
    office: Office, released: Version, cleo: Client, artifact: Path, tmp_path: Path
) -> None:
    sealed(cleo, released)
    (tmp_path / "trust.json").write_text(cleo.get_text("log/trust"))
    (tmp_path / "model.json").write_bytes(artifact.read_bytes())
    step = FILE.parents[1] / "examples" / "deploy_gate" / "pipeline_step.sh"
    environment = {
        "COUNTERSIGN_URL": office.url,
        "COUNTERSIGN_TOKEN": office.token("cleo"),
        "COUNTERSIGN_TRUST": str(tmp_path / "trust.json"),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
    }

    def ship(name: str, where: str = "production") -> int:
        words = shlex.split(f"sh {shlex.quote(str(step))} {name} {where}")
        return subprocess.run(words, cwd=tmp_path, env=environment, timeout=120, check=False).returncode

    assert ship("model.json") == 0
    assert ship("model.json", "staging") == 1
    (tmp_path / "other.json").write_bytes(b"other")
    assert ship("other.json") == 1
    environment["COUNTERSIGN_TOKEN"] = "nonsense"
    assert ship("model.json") == 2
