"""The signer and its witnesses: cosignatures stand under checkpoints, and a history signed anew gets none."""

from __future__ import annotations

import http.server
import random
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from countersign import verifier
from countersign.witness import Register, Witness, WitnessServer, load_or_create_key
from governance import signer
from governance.auditlog import latest_checkpoint, node_at
from governance.checkpoints import covering_checkpoint, served_note
from governance.cosignatures import find_cosignatures
from governance.log_verification import own_trust, verify
from governance.merkle import consistency_proof
from governance.models import Checkpoint, Cosignature, User
from governance.notes import NoteError
from governance.receipts import receipt_for
from governance.signer import Signer, SignerError, sign_once
from governance.signer_files import read_trust
from governance.vouching import Vouching
from governance.witnesses import read_quorum, read_states, read_witnesses
from tests.governance.log_history import note
from tests.governance.rewriting import rewrite, sign_again_with_stolen_keys
from tests.governance.rotating import end_key, rotate_to_overlap
from tests.guards import behind_the_guards


class Machines:
    """Witnesses, each on a port of its own as on a machine of its own, configured in the settings."""

    def __init__(self, folder: Path, settings: Any, stack: ExitStack) -> None:
        self.folder = folder
        self.settings = settings
        self.stack = stack
        self.servers: list[WitnessServer] = []
        self.lines: list[str] = []

    def start(self, count: int = 1, *, quorum: int | None = None) -> None:
        Signer.start()
        for _ in range(count):
            name = f"witness.example.org/w{len(self.servers)}"
            key = load_or_create_key(self.folder / f"{len(self.servers)}.key", name)
            register = self.stack.enter_context(closing(Register(self.folder / f"{len(self.servers)}")))
            server = WitnessServer(("127.0.0.1", 0), Witness(key, [key.vkey for key in own_trust().keys], register))
            self.servers.append(self.stack.enter_context(server))
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.stack.callback(thread.join)
            self.stack.callback(server.shutdown)
            self.lines.append(f"http://127.0.0.1:{server.server_address[1]} {key.vkey}")
        self.configure(quorum=quorum)

    def configure(self, *, quorum: int | None = None) -> None:
        self.settings.COUNTERSIGN_WITNESSES = list(self.lines)
        self.settings.COUNTERSIGN_WITNESS_QUORUM = quorum

    def learn_keys(self) -> None:
        for server in self.servers:
            server.witness.log_keys = list({*server.witness.log_keys, *(key.vkey for key in own_trust().keys)})


@pytest.fixture
def machines(writer: User, settings: Any, tmp_path: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield Machines(tmp_path / "machines", settings, stack)


@pytest.fixture(autouse=True)
def folder_of_machines(tmp_path: Path) -> None:
    (tmp_path / "machines").mkdir()


def newest() -> Checkpoint:
    found = latest_checkpoint()
    assert found is not None
    return found


def test_every_witness_cosigns_and_the_served_note_says_so(machines: Machines, writer: User) -> None:
    machines.start(3)
    for count in (1, 4, 9):
        note(writer, count=count)
        sign_once()
        found = find_cosignatures(served_note(newest()), own_trust().witnesses)
        assert [item.witness.name for item in found] == [f"witness.example.org/w{number}" for number in range(3)]
    trust = own_trust()
    assert (len(trust.witnesses), trust.quorum) == (3, 2)
    assert trust.has_quorum(served_note(newest()))
    assert verifier.compare(served_note(newest()), served_note(newest()), [], verifier.read_trust(_as_json(trust)))
    assert {name: said["state"] for name, said in read_states().items()} == {
        f"witness.example.org/w{number}": "well" for number in range(3)
    }
    assert verify(vkeys=trust).problems == ()


def _as_json(trust: Any) -> Any:
    return verifier.parse_json(trust.to_json().encode(), "the trust file")


def test_receipt_waits_for_the_quorum_and_takes_what_there_is_until_then(machines: Machines, writer: User) -> None:
    sign_once()
    alone = receipt_for(0)
    assert "witness" not in alone["checkpoint"]
    machines.start(2, quorum=2)
    machines.servers[1].witness.origins = set()
    note(writer)
    sign_once()
    assert covering_checkpoint(0) == Checkpoint.objects.get(pk=1)
    machines.servers[1].witness.origins = machines.servers[0].witness.origins
    note(writer)
    sign_once()
    assert covering_checkpoint(0) == Checkpoint.objects.get(pk=3)
    receipt = receipt_for(0)
    assert verifier.verify_entry(receipt, verifier.read_trust(_as_json(own_trust())))
    assert not verifier.verify_entry(alone, verifier.read_trust(_as_json(own_trust())))


def test_witness_that_was_away_is_asked_again_and_catches_up(machines: Machines, writer: User) -> None:
    machines.start()
    vouching = Vouching()
    address = machines.lines[0].split()[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    note(writer, count=3)
    machines.settings.COUNTERSIGN_WITNESSES = [f"{away} {address}"]
    sign_once()
    assert read_states()["witness.example.org/w0"]["state"] == "silent"
    assert Cosignature.objects.count() == 0
    assert (vouching.run_round(), vouching.run_round()) == (1, 0)
    assert read_states()["witness.example.org/w0"]["state"] == "well"


def test_witness_that_knows_more_than_we_remember_is_believed(machines: Machines, writer: User) -> None:
    """Our cosignatures were lost with the database; what it saw is a prefix of our log, so it goes on."""
    machines.start()
    note(writer, count=3)
    sign_once()
    with behind_the_guards():
        Cosignature.objects.all().delete()
    note(writer, count=2)
    sign_once()
    assert list(Cosignature.objects.values_list("checkpoint", flat=True)) == [6]


class Answering(http.server.BaseHTTPRequestHandler):
    """A witness that answers what it was told to."""

    answer: tuple[int, str, bytes] = (200, "text/plain", b"")
    pause = 0.0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.pause)
        status, content_type, body = self.answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering(machines: Machines) -> Iterator[type[Answering]]:
    """Such a witness, configured instead of a real one under its key."""
    machines.start()

    class Handler(Answering):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = machines.lines[0].split()[1]
        machines.settings.COUNTERSIGN_WITNESSES = [f"http://127.0.0.1:{server.server_address[1]} {address}"]
        yield Handler
        server.shutdown()
        thread.join()


FOREIGN_LINE = f"\u2014 witness.example.org/w0 {b64encode(bytes(76)).decode()}\n".encode()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((500, "text/plain", b"broken"), "silent"),
        ((302, "text/plain", b""), "silent"),
        ((403, "text/plain", b"no"), "silent"),
        ((200, "text/plain", b""), "silent"),
        ((200, "text/plain", b"\xff\xfe"), "silent"),
        ((200, "text/plain", b"thank you\n"), "silent"),
        ((200, "text/plain", FOREIGN_LINE), "silent"),
        ((200, "text/plain", b"x" * 300_000), "silent"),
        ((409, "text/plain", b"5\n"), "conflict"),
        ((409, "text/x.tlog.size", b"05\n"), "conflict"),
        ((409, "text/x.tlog.size", b"9000\n"), "conflict"),
        ((422, "text/plain", b"no"), "conflict"),
    ],
)
def test_answer_that_is_no_cosignature_is_not_stored_and_holds_nothing_up(
    answering: type[Answering], writer: User, answer: tuple[int, str, bytes], state: str
) -> None:
    answering.answer = answer
    made = sign_once()
    assert made is not None
    assert Cosignature.objects.count() == 0
    assert read_states()["witness.example.org/w0"]["state"] == state
    assert served_note(made) == made.note


@pytest.mark.django_db(transaction=True)
def test_slow_witness_does_not_hold_up_the_sealing(answering: type[Answering], writer: User) -> None:
    answering.pause = 2.0
    stop = threading.Event()

    def work() -> None:
        try:
            signer.run(stop, interval=0.02)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for size in range(2, 7):
            note(writer)
            began = time.monotonic()
            while not Checkpoint.objects.filter(pk=size).exists():
                assert time.monotonic() - began < 1.0, "the signer waits for its witness"
                time.sleep(0.01)
    finally:
        stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "lines",
    [
        ["ftp://witness.example.org key"],
        ["https:// key"],
        ["https://witness.example.org"],
        ["https://witness.example.org example.org/log+00000000+AAAA"],
    ],
)
def test_misconfigured_witness_is_named(keys: Path, settings: Any, lines: list[str]) -> None:
    settings.COUNTERSIGN_WITNESSES = lines
    with pytest.raises(ValueError, match="witness"):
        read_witnesses()
    with pytest.raises(SignerError, match="not configured as they should"):
        Signer.start().trust()


def test_log_key_is_no_witness_key_and_names_are_not_shared(machines: Machines, settings: Any) -> None:
    machines.start()
    settings.COUNTERSIGN_WITNESSES = [f"http://127.0.0.1:1 {own_trust().keys[0].vkey}"]
    with pytest.raises(ValueError, match="no usable key"):
        read_witnesses()
    settings.COUNTERSIGN_WITNESSES = machines.lines * 2
    with pytest.raises(ValueError, match="of a name of its own"):
        read_witnesses()


@pytest.mark.parametrize(
    ("count", "wanted", "quorum"), [(0, None, 0), (1, None, 1), (2, None, 2), (5, None, 3), (5, 1, 1)]
)
def test_quorum_is_more_than_half_or_as_set(settings: Any, count: int, wanted: int | None, quorum: int) -> None:
    settings.COUNTERSIGN_WITNESS_QUORUM = wanted
    assert read_quorum(count) == quorum


@pytest.mark.parametrize("wanted", [-1, 3])
def test_quorum_that_makes_no_sense_is_refused(settings: Any, wanted: int) -> None:
    settings.COUNTERSIGN_WITNESS_QUORUM = wanted
    with pytest.raises(ValueError, match="makes no sense"):
        read_quorum(2)


def test_receipt_from_before_a_revocation_stays_valid_where_witnesses_cosigned_it(
    machines: Machines, writer: User
) -> None:
    machines.start()
    sign_once()
    before = receipt_for(0)
    old = rotate_to_overlap()
    machines.learn_keys()
    end_key("revoke", old)
    trust = read_trust()
    assert trust is not None
    assert trust.open_checkpoint(before["checkpoint"]).size == 1
    assert verifier.verify_entry(before, verifier.read_trust(_as_json(trust)))
    bare = Checkpoint.objects.get(pk=1).note
    with pytest.raises(NoteError, match="0 witnesses vouch"):
        trust.open_checkpoint(bare)


def test_cosignature_changed_in_the_database_is_found(machines: Machines, writer: User) -> None:
    machines.start()
    sign_once()
    row = Cosignature.objects.get()
    spoilt: list[Callable[[], dict[str, Any]]] = [
        lambda: {"line": row.line.replace("/w0 ", "/w1 ")},
        lambda: {"line": FOREIGN_LINE.decode()},
        lambda: {"line": "no signature\n"},
        lambda: {"signed_at": row.signed_at.replace(year=2020)},
        lambda: {"witness": "somebody.else"},
    ]
    for change in spoilt:
        with transaction.atomic():
            with behind_the_guards():
                Cosignature.objects.update(**change())
            assert [problem.index for problem in verify(vkeys=own_trust()).problems] == [0]
            transaction.set_rollback(True)
    assert verify(vkeys=own_trust()).problems == ()


# --- T4: the keys are in the wrong hands ------------------------------------------------------------


def check_anchors(chance: random.Random, machines: Machines, writer: User) -> None:
    """Rewrite and re-sign the history once; everybody who kept something from before sees it."""
    with transaction.atomic():
        sign_once()
        signed = newest().size
        kept = [receipt_for(chance.randrange(signed))["checkpoint"], served_note(newest())]
        before = [server.witness.register.last(own_trust().origin) for server in machines.servers]
        index = rewrite(chance, signed, checkpoints_too=True)
        note(writer, count=signed - index + chance.randrange(1, 9))
        sign_again_with_stolen_keys()
        assert newest().size > signed
        assert verify(vkeys=own_trust()).problems == (), "the forger did it well"
        for old in kept:
            size = int(old.split("\n")[1])
            proof = [b64encode(step).decode() for step in consistency_proof(size, newest().size, node_at)]
            verdict = verifier.compare(old, newest().note, proof, list(own_trust().vkeys))
            assert verdict.outcome is (verifier.Outcome.TAMPERED if size > index else verifier.Outcome.GOOD)
        assert Cosignature.objects.filter(checkpoint=newest()).count() == 0
        assert [server.witness.register.last(own_trust().origin) for server in machines.servers] == before
        assert {said["state"] for said in read_states().values()} == {"conflict"}
        transaction.set_rollback(True)
    sign_again_with_stolen_keys()


def test_history_signed_anew_is_seen_by_receipt_checkpoint_and_witness(machines: Machines, writer: User) -> None:
    note(writer, count=12)
    machines.start(2)
    sign_once()
    for seed in range(6):
        check_anchors(random.Random(seed), machines, writer)


@pytest.mark.soak
def test_fifty_histories_signed_anew_are_all_seen(machines: Machines, writer: User) -> None:
    note(writer, count=40)
    machines.start(2)
    sign_once()
    for seed in range(100, 150):
        check_anchors(random.Random(seed), machines, writer)
