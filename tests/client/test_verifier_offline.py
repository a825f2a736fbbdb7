"""The offline verifier is one file, needs the standard library only, and works where there is no network at all."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.small_inputs import TARGETS
from tests.client.small_log import FILE, KEY, LOG
from tests.client.small_release import ARTIFACT, BUNDLE, LIST

# A network namespace of its own, without any interface that is up. Whoever is not root first becomes it in a sandbox.
UNSHARE = ["unshare", "--net", "--map-root-user"]
BARE = [sys.executable, "-I", "-S"]
REACH_OUT = "import socket; socket.create_connection(('127.0.0.1', {port}), 2)"


def run(*words: object) -> tuple[int, str]:
    done = subprocess.run([*map(str, words)], capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout.decode("ascii")


def test_verifier_is_one_file_of_the_standard_library() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 1_500
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])
    assert imported <= sys.stdlib_module_names
    assert imported & {"socket", "ssl", "urllib", "http", "subprocess", "pickle", "shelve", "ctypes"} == set()


def test_where_it_is_tried_there_really_is_no_network() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        reach = REACH_OUT.format(port=server.getsockname()[1])
        assert run(*BARE, "-c", reach)[0] == 0
        assert run(*UNSHARE, *BARE, "-c", reach)[0] != 0


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_every_check_works_without_a_network(inputs: Path, target) -> None:
    code, output = run(*UNSHARE, *BARE, FILE, *target.words)
    assert (code, output.startswith("good: "), output.count("\n")) == (0, True, 1), output
    (inputs / target.name).write_bytes(target.data[:-40])
    code, output = run(*UNSHARE, *BARE, FILE, *target.words)
    assert code in (1, 2), output


def test_exit_codes_of_an_attestation(inputs: Path) -> None:
    (inputs / "model.bin").write_bytes(ARTIFACT)
    (inputs / "list.json").write_text(json.dumps(LIST))
    words = [*UNSHARE, *BARE, FILE, "attestation", "good.json", "--artifact", "model.bin", "--key", KEY.vkey]
    at = ["--at", "2026-11-24T12:00:00Z"]
    listed = ["--revocations", "list.json"]
    assert run(*words, *at, *listed, "--environment", "production")[0] == 0
    assert run(*words, *at, *listed, "--environment", "staging") == (
        1,
        "not allowed: it was promoted into 'production', not into 'staging'\n",
    )
    assert run(*words, "--at", "2026-11-26T12:00:00Z", *listed)[0] == 2  # the list is stale
    assert run(*words, "--at", "2026-11-26T12:00:00", *listed)[0] == 2  # a time without its zone
    assert run(*words, *at, "--digest", "sha256:" + "0" * 64)[0] == 1
    (inputs / "model.bin").write_bytes(ARTIFACT + b".")
    assert run(*words, *at, *listed)[0] == 1
    assert run(*words[:-2], *at)[0] == 2  # whom to trust?


def test_report_is_checked_with_the_receipt_beside_it(inputs: Path) -> None:
    (inputs / "document").rename(inputs / "report.pdf")
    (inputs / "receipt.json").rename(inputs / "report.pdf.receipt.json")
    assert run(*BARE, FILE, "report", "report.pdf", "--key", KEY.vkey)[0] == 0
    (inputs / "other.json").write_text(json.dumps(LOG.receipt(9)))
    code, output = run(*BARE, FILE, "report", "report.pdf", "--receipt", "other.json", "--key", KEY.vkey)
    assert (code, output) == (1, "tampered: entry 9 is 'report.requested', not 'report.issued'\n")


def test_entry_is_checked_by_its_receipt_alone(inputs: Path) -> None:
    code, output = run(*BARE, FILE, "receipt", "receipt.json", "--key", KEY.vkey)
    assert (code, output.startswith("good: the log recorded 'report.issued' by 'ada'")) == (0, True)


def test_bundle_is_what_the_tests_think() -> None:
    assert set(BUNDLE) == {"envelope", "receipt"}
