"""The witness: it cosigns growth and nothing else, remembers before it answers, and speaks C2SP tlog-witness."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from countersign.cli import main
from countersign.errors import CountersignError
from countersign.witness import Register, Witness, WitnessKey, WitnessServer, load_or_create_key
from governance.canonical import canonical_bytes
from governance.cosignatures import WitnessKey as PublicKey
from governance.cosignatures import find_cosignatures
from governance.notes import add_signature
from tests.client.small_log import KEY, LOG, LOG_SIZE, NEXT_KEY, ORIGIN, STRANGER, VKEYS, Log, entry, verifier

NAME = "witness.example.org/w1"
FORKED = Log([canonical_bytes(entry(index) | {"at": "2020-01-01T00:00:00.000000Z"}) for index in range(LOG_SIZE)])


def request(old: int, size: int, log: Log = LOG, **given: Any) -> bytes:
    note = given.get("note") or log.checkpoint(size)
    proof = given.get("proof", log.consistency(old, size) if 0 < old < size else [])
    return "\n".join([f"old {old}", *proof, "", note]).encode()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    with closing(Register(tmp_path / "state")) as register:
        yield Witness(load_or_create_key(tmp_path / "w.key", NAME), VKEYS, register)


def test_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "w.key", NAME)
    assert load_or_create_key(tmp_path / "w.key", "ignored") == key
    assert (tmp_path / "w.key").stat().st_mode & 0o777 == 0o600
    assert PublicKey.from_text(key.vkey).to_text() == key.vkey
    assert repr(key) == f"WitnessKey(name='{NAME}')"
    (tmp_path / "w.key").chmod(0o644)
    with pytest.raises(CountersignError, match="can be read by others"):
        load_or_create_key(tmp_path / "w.key", NAME)


@pytest.mark.parametrize("text", ["", "PRIVATE+KEY+a+b+c", "PRIVATE+KEY+x+00000000+" + "A" * 44, "no key"])
def test_damaged_key_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "w.key").touch(0o600)
    (tmp_path / "w.key").write_text(text)
    with pytest.raises(CountersignError, match="cannot be used"):
        load_or_create_key(tmp_path / "w.key", NAME)


def test_growing_log_is_cosigned_for_everybody_to_check(witness: Witness) -> None:
    old = 0
    for size in (1, 2, 5, 5, LOG_SIZE):
        before = int(time.time())
        answer = witness.add_checkpoint(request(old, size))
        assert (answer.status, answer.body.count("\n")) == (200, 1), answer.body
        (found,) = find_cosignatures(LOG.checkpoint(size) + answer.body, [witness.key.vkey])
        assert before <= found.at <= time.time()
        trust = verifier.read_trust(
            {
                "format": "countersign/trust/1",
                "origin": ORIGIN,
                "keys": [{"vkey": VKEYS[0], "from_size": 0, "to_size": None, "revoked": False}],
                "witnesses": [witness.key.vkey],
                "quorum": 1,
            }
        )
        assert verifier.compare(*[LOG.checkpoint(size) + answer.body] * 2, [], trust)
        assert not verifier.compare(*[LOG.checkpoint(size)] * 2, [], trust)
        old = size


def test_specified_answers_to_what_is_not_cosigned(witness: Witness) -> None:
    assert witness.add_checkpoint(request(0, 5)).status == 200
    wrong_origin = LOG.checkpoint(6, KEY).replace(ORIGIN, "audit.example.org/lag")
    broken = LOG.checkpoint(6).replace("\n6\n", "\n7\n")
    proof = LOG.consistency(5, 8)
    answers = {
        "unknown origin": (witness.add_checkpoint(request(5, 6, note=wrong_origin)), 404),
        "unknown key": (witness.add_checkpoint(request(5, 6, note=LOG.checkpoint(6, NEXT_KEY))), 403),
        "bad signature": (witness.add_checkpoint(request(5, 6, note=broken)), 403),
        "old is larger": (witness.add_checkpoint(request(7, 6, proof=[])), 400),
        "behind": (witness.add_checkpoint(request(3, 8)), 409),
        "ahead": (witness.add_checkpoint(request(8, 9)), 409),
        "anew": (witness.add_checkpoint(request(0, 8)), 409),
        "other root": (witness.add_checkpoint(request(5, 5, FORKED)), 409),
        "no proof": (witness.add_checkpoint(request(5, 8, proof=[])), 422),
        "short proof": (witness.add_checkpoint(request(5, 8, proof=proof[:-1])), 422),
        "long proof": (witness.add_checkpoint(request(5, 8, proof=[*proof, proof[0]])), 422),
        "proof of a fork": (witness.add_checkpoint(request(5, 8, FORKED)), 422),
        "proof where none is due": (witness.add_checkpoint(request(5, 5, proof=proof[:1])), 422),
        "too many lines": (witness.add_checkpoint(request(5, 8, proof=proof * 40)), 400),
        "no hash": (witness.add_checkpoint(request(5, 8, proof=["AAAA"])), 400),
        "no note": (witness.add_checkpoint(b"old 5\n"), 400),
        "leading zero": (witness.add_checkpoint(b"old 05\n\n" + LOG.checkpoint(8).encode()), 400),
        "no text": (witness.add_checkpoint(b"old 5\n\n\xff"), 400),
        "nothing": (witness.add_checkpoint(b""), 400),
    }
    assert {name: answer.status for name, (answer, _) in answers.items()} == {
        name: status for name, (_, status) in answers.items()
    }
    assert [(answers[name][0].content_type, answers[name][0].body) for name in ("behind", "ahead", "anew")] == [
        ("text/x.tlog.size", "5\n")
    ] * 3
    assert witness.register.last(ORIGIN).size == 5


def test_signatures_by_strangers_are_ignored(witness: Witness) -> None:
    note = add_signature(add_signature(LOG.checkpoint(4), STRANGER), NEXT_KEY)
    assert witness.add_checkpoint(request(0, 4, note=note)).status == 200


def test_what_it_saw_survives_its_end(witness: Witness, tmp_path: Path) -> None:
    witness.add_checkpoint(request(0, 7))
    with pytest.raises(CountersignError, match="Another witness is at work"):
        Register(tmp_path / "state")
    witness.register.close()
    with closing(Register(tmp_path / "state")) as register:
        again = Witness(witness.key, VKEYS, register)
        assert again.add_checkpoint(request(0, 9)).body == "7\n"
        assert again.add_checkpoint(request(7, 9)).status == 200


def test_nothing_is_cosigned_that_cannot_be_written_down(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("countersign.witness._write_through", fail)
    answer = witness.add_checkpoint(request(0, 3))
    assert (answer.status, "No space left" in answer.body) == (500, True)


def test_damaged_memory_is_told_and_cosigns_nothing(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 3))
    (path,) = witness.register.folder.glob("*.json")
    for text in ("", "{}", "[]", json.dumps({"format": "countersign/witness-state/1", "origin": ORIGIN, "root": "00"})):
        path.write_text(text)
        assert witness.add_checkpoint(request(3, 5)).status == 500


def test_many_at_once_never_roll_the_memory_back(witness: Witness) -> None:
    """The race that the specification names: the smaller of two growths must not be written over the larger."""
    witness.add_checkpoint(request(0, 1))
    start = threading.Barrier(8)

    def ask(size: int) -> int:
        start.wait()
        return witness.add_checkpoint(request(1, size)).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, range(2, 10)))
    assert sorted(statuses) == [200] + [409] * 7
    assert witness.register.last(ORIGIN).size == statuses.index(200) + 2


@pytest.fixture
def served(witness: Witness) -> Iterator[WitnessServer]:
    with WitnessServer(("127.0.0.1", 0), witness) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(port: int, path: str, body: bytes, **headers: str) -> tuple[int, str, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request("POST", path, body, headers)
        answer = link.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        link.close()


def test_server_answers_post_and_nothing_else(served: WitnessServer) -> None:
    port = served.server_address[1]
    assert post(port, "/add-checkpoint", request(0, 5))[0] == 200
    assert post(port, "/below/a/prefix/add-checkpoint", request(0, 5)) == (409, "text/x.tlog.size", b"5\n")
    assert post(port, "/elsewhere", b"")[0] == 404
    assert post(port, "/add-checkpoint", b"x" * 70_000)[0] == 413
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("GET", "/add-checkpoint")
    assert link.getresponse().status == 501
    link.close()


def test_command_witnesses_until_it_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "log.vkey").write_text(f"{VKEYS[0]}\n{NEXT_KEY.vkey}\n")
    words = ["--state", tmp_path / "state", "--key", tmp_path / "w.key", "--name", NAME]
    asked = CliRunner().invoke(main, ["witness", *map(str, words), "--show-key"])
    command = [sys.executable, "-m", "countersign.cli", "witness", *map(str, words), "--listen", "127.0.0.1:0"]
    command += ["--log-key", f"@{tmp_path / 'log.vkey'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == asked.output
            port = int(process.stderr.readline().partition("127.0.0.1:")[2].partition(".")[0])
            assert post(port, "/add-checkpoint", request(0, 5))[0] == 200
            assert post(port, "/add-checkpoint", request(5, 8, note=LOG.checkpoint(8, NEXT_KEY)))[0] == 200
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "Give the log's keys"),
        (["--log-key", "nonsense"], "Give the log's keys"),
        (["--log-key", "@missing"], "cannot be read"),
        (["--log-key", VKEYS[0], "--listen", "8765"], "is not HOST:PORT"),
    ],
)
def test_command_says_what_it_lacks(tmp_path: Path, words: list[str], what: str) -> None:
    given = ["witness", "--state", str(tmp_path / "s"), "--key", str(tmp_path / "k"), "--name", NAME, *words]
    done = CliRunner().invoke(main, given)
    assert (done.exit_code, what in done.stderr) == (2, True), done.stderr


def test_key_without_a_name_is_not_made(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["witness", "--state", str(tmp_path), "--key", str(tmp_path / "k"), "--show-key"])
    assert (done.exit_code, (tmp_path / "k").exists()) == (2, False)
    assert WitnessKey.from_text(load_or_create_key(tmp_path / "k", NAME).to_text()).name == NAME
