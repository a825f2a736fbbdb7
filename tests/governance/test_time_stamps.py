"""Time stamps by an authority of the test's own, made and checked with openssl."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from governance import time_stamps
from governance.auditlog import database_now
from governance.log_verification import own_trust, verify
from governance.models import Checkpoint, TimeStamp, User
from governance.signer import sign_once
from governance.time_stamps import Authority, StampRefused
from tests.governance.log_history import note
from tests.guards import behind_the_guards

CONFIG = """
[tsa]
default_tsa = tsa1
[tsa1]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
certs = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[stamping]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


def openssl(folder: Path, *words: str) -> str:
    program = shutil.which("openssl")
    assert program is not None
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def authority_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority's key and certificate, and the root that vouches for it."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "serial").write_text("01\n")
    for name, extensions, signed_by in (("ca", "ca", ()), ("tsa", "stamping", ("-CA", "ca.pem", "-CAkey", "ca.key"))):
        (folder / f"{name}.cnf").write_text(CONFIG.format(folder=folder, name=name))
        words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -config {name}.cnf -extensions {extensions}"
        openssl(folder, *words.split(), *signed_by, "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return folder


class TimeStamping(http.server.BaseHTTPRequestHandler):
    """Answers as `openssl ts` does, or with what the test put into ``change``."""

    folder: Path
    change: Callable[[bytes], tuple[int, str, bytes]] | None = None
    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        query = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/timestamp-query"
        (self.folder / "query.tsq").write_bytes(query)
        openssl(self.folder, *["ts", "-reply", "-queryfile", "query.tsq", "-config", "tsa.cnf", "-out", "reply.tsr"])
        reply = (self.folder / "reply.tsr").read_bytes()
        change = type(self).change
        status, kind, body = change(reply) if change is not None else (200, "application/timestamp-reply", reply)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def authority(authority_folder: Path, settings: Any) -> Iterator[type[TimeStamping]]:
    class Handler(TimeStamping):
        folder = authority_folder

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        settings.COUNTERSIGN_TSA_URL = f"http://127.0.0.1:{server.server_address[1]}/"
        yield Handler
        server.shutdown()
        thread.join()


def test_stamp_on_a_checkpoint_is_checked_by_openssl(
    authority: type[TimeStamping], authority_folder: Path, writer: User, tmp_path: Path
) -> None:
    note(writer, count=3)
    made = sign_once()
    assert made is not None
    stamp = TimeStamp.objects.get()
    assert (stamp.checkpoint, abs(stamp.stamped_at - database_now()) < timedelta(minutes=1)) == (made, True)
    (tmp_path / "checkpoint.tsr").write_bytes(bytes(stamp.response))
    (tmp_path / "text").write_text("".join(made.note.splitlines(keepends=True)[:3]))
    words = ["ts", "-verify", "-in", "checkpoint.tsr", "-data", "text", "-CAfile"]
    assert "Verification: OK" in openssl(tmp_path, *words, str(authority_folder / "ca.pem"))
    assert verify(vkeys=own_trust()).problems == ()


def test_one_stamp_a_day_and_none_on_the_same_checkpoint_again(
    authority: type[TimeStamping], writer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        note(writer)
        sign_once()
    assert (authority.asked, TimeStamp.objects.count()) == (1, 1)
    later = database_now() + timedelta(hours=23, minutes=1)
    monkeypatch.setattr(time_stamps, "database_now", lambda: later)
    sign_once()
    assert [stamp.checkpoint_id for stamp in TimeStamp.objects.order_by("pk")] == [2, 4]
    later += timedelta(hours=24)
    sign_once()
    assert TimeStamp.objects.count() == 2


BAD: dict[str, Callable[[bytes], tuple[int, str, bytes]]] = {
    "an error": lambda reply: (500, "text/plain", b"broken"),
    "another type": lambda reply: (200, "text/html", reply),
    "no reply": lambda reply: (200, "application/timestamp-reply", b"<html>"),
    "half a reply": lambda reply: (200, "application/timestamp-reply", reply[: len(reply) // 2]),
    "a refusal": lambda reply: (200, "application/timestamp-reply", bytes.fromhex("30053003020102")),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_answer_that_is_no_stamp_is_not_stored_and_holds_nothing_up(
    authority: type[TimeStamping], writer: User, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    authority.change = BAD[what]
    assert sign_once() is not None
    assert TimeStamp.objects.count() == 0
    assert "No time stamp from" in caplog.text


def test_stamp_over_something_else_is_refused(authority: type[TimeStamping], writer: User) -> None:
    """A replayed answer: genuine, but to another question."""
    sign_once()
    old = bytes(TimeStamp.objects.get().response)
    authority.change = lambda reply: (200, "application/timestamp-reply", old)
    note(writer)
    sign_once()
    checkpoint = Checkpoint.objects.latest("size")
    with pytest.raises(StampRefused, match="over something else"):
        Authority(f"http://127.0.0.1:{_port(authority)}").stamp(checkpoint)


def _port(authority: type[TimeStamping]) -> int:
    from django.conf import settings

    return int(settings.COUNTERSIGN_TSA_URL.rstrip("/").rpartition(":")[2])


def test_stamp_changed_in_the_database_is_found(authority: type[TimeStamping], writer: User) -> None:
    sign_once()
    stamp = TimeStamp.objects.get()
    changes: list[dict[str, Any]] = [
        {"response": b"nonsense"},
        {"stamped_at": stamp.stamped_at - timedelta(days=1)},
    ]
    for change in changes:
        with behind_the_guards():
            TimeStamp.objects.update(**change)
        assert [problem.index for problem in verify(vkeys=own_trust()).problems] == [0]
        with behind_the_guards():
            TimeStamp.objects.update(response=bytes(stamp.response), stamped_at=stamp.stamped_at)
    assert verify(vkeys=own_trust()).problems == ()
