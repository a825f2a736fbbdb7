"""The command ``countersign witness``."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import click

from countersign.errors import CountersignError
from countersign.terminal import YES, err, out, readable_errors
from countersign.witness import Register, Witness, WitnessServer, load_or_create_key


@click.command()
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), required=True, help="What it saw last.")
@click.option(
    "--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Made if missing."
)
@click.option("--name", default="", help="For a new key, such as witness.example.org/w1.")
@click.option(
    "--log-key", "log_keys", multiple=True, metavar="VKEY or @FILE", help="The key of a log; every one of it."
)
@click.option("--listen", default="127.0.0.1:8765", show_default=True, metavar="HOST:PORT")
@click.option("--show-key", is_flag=True, help="Print the witness's verifier key, and end.")
@readable_errors
def witness(state: Path, key_file: Path, name: str, log_keys: tuple[str, ...], listen: str, show_key: bool) -> int:
    """Watch over a log from another machine: cosign its checkpoints as long as it only grows.

    The log's operator enters “http://HOST:PORT VKEY” under COUNTERSIGN_WITNESSES. It runs until it is stopped, and
    remembers in STATE what it saw: whoever deletes that makes it blind to what was before. Put a proxy with TLS before
    it where others could listen in; nothing that it says is secret.
    """
    key = load_or_create_key(key_file, name)
    out.print(key.vkey, markup=False, highlight=False, soft_wrap=True)
    if show_key:
        return YES
    keys = read_log_keys(log_keys)
    host, port = _split_address(listen)
    # A service manager stops what it started by SIGTERM: as tidy an end as Ctrl-C, which a background job ignores.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with closing(Register(state)) as register, WitnessServer((host, port), Witness(key, keys, register)) as server:
        err.print(f"Witnessing {len(keys)} keys at http://{host}:{server.server_address[1]}. Ctrl-C ends it.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
    return YES


def read_log_keys(given: tuple[str, ...]) -> list[str]:
    """The keys themselves, and those in files named @FILE. Raises ``CountersignError``."""
    keys: list[str] = []
    for item in given:
        try:
            keys += Path(item[1:]).read_text(encoding="utf-8").split() if item.startswith("@") else [item]
        except (OSError, UnicodeDecodeError) as error:
            raise CountersignError("bad_keys", None, f"{item[1:]} cannot be read: {error}.") from None
    if not keys or any(key.count("+") < 2 for key in keys):
        raise CountersignError("bad_keys", None, "Give the log's keys with --log-key, each written name+keyid+base64.")
    return keys


def _split_address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise CountersignError("bad_address", None, f"“{listen}” is not HOST:PORT.")
    return host.strip("[]"), int(port)
