"""What the operator must repair: every message says what is wrong and what to do."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from governance.witnesses import read_quorum, read_witnesses

BROKERS = ("filesystem", "memory", "redis", "rediss", "amqp", "amqps")
LONGEST_LEASE = 3600
LONGEST_JOB = 1700  # Celery's own limit comes shortly after
SMALLEST_MEMORY = 1024


@register(Tags.security)
def check_addresses(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The origin must be a bare http(s) address and the log's origin a single word."""
    messages: list[CheckMessage] = []
    origin = urlsplit(settings.COUNTERSIGN_ORIGIN)
    if origin.scheme not in ("http", "https") or not origin.hostname or origin.path:
        messages.append(
            Error(
                f"COUNTERSIGN_ORIGIN is {settings.COUNTERSIGN_ORIGIN!r}, not an address.",
                hint="Give scheme, host and, if needed, port: https://countersign.example.org",
                id="portal.E001",
            )
        )
    log_origin = settings.COUNTERSIGN_LOG_ORIGIN
    if not log_origin or "+" in log_origin or len(log_origin.split()) != 1:
        messages.append(
            Error(
                f"COUNTERSIGN_LOG_ORIGIN is {log_origin!r}: it needs one word without '+'.",
                hint="Use host/name, for example example.org/log, and never change it later.",
                id="portal.E002",
            )
        )
    return messages


@register()
def check_limits(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Limits that would close or open a door for everybody are refused."""
    messages: list[CheckMessage] = []
    if settings.COUNTERSIGN_UPLOAD_LIMIT < 1:
        messages.append(
            Error(
                "COUNTERSIGN_UPLOAD_LIMIT is below one byte: every upload would be refused.",
                hint="Give a number of bytes, for example 209715200.",
                id="portal.E003",
            )
        )
    if not 1 <= settings.COUNTERSIGN_LEASE_SECONDS <= LONGEST_LEASE:
        messages.append(
            Error(
                "COUNTERSIGN_LEASE_SECONDS must lie between 1 and 3600.",
                hint="Shorter, and a busy worker is taken for dead; longer, and a dead one holds its work. "
                "The default is 30.",
                id="portal.E007",
            )
        )
    if not 1 <= settings.COUNTERSIGN_SANDBOX_SECONDS <= LONGEST_JOB:
        messages.append(
            Error(
                "COUNTERSIGN_SANDBOX_SECONDS must lie between 1 and 1700.",
                hint="The default is 1500; what takes longer counts its predictions where they live.",
                id="portal.E008",
            )
        )
    if settings.COUNTERSIGN_SANDBOX_MEMORY < SMALLEST_MEMORY:
        messages.append(
            Error(
                "COUNTERSIGN_SANDBOX_MEMORY is below 1024 MiB: the numerical libraries would not load.",
                hint="The default is 3072.",
                id="portal.E009",
            )
        )
    return messages


@register()
def check_broker(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Only brokers that were tried are accepted."""
    scheme = urlsplit(settings.CELERY_BROKER_URL).scheme
    if scheme in BROKERS:
        return []
    return [
        Error(
            f"COUNTERSIGN_BROKER_URL begins with {scheme!r}, a broker we do not know.",
            hint="Use filesystem:// (no server), redis://host:6379/0 or amqp://host.",
            id="portal.E005",
        )
    ]


@register(Tags.security)
def check_witnesses(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A witness that is misspelt would leave the log without anybody who watches it."""
    messages: list[CheckMessage] = []
    try:
        read_quorum(len(read_witnesses()))
    except ValueError as error:
        messages.append(
            Error(
                f"COUNTERSIGN_WITNESSES or COUNTERSIGN_WITNESS_QUORUM cannot be used: {error}.",
                hint="Give one line “URL VKEY” for each; the witness prints its VKEY when it starts.",
                id="portal.E020",
            )
        )
    url = settings.COUNTERSIGN_TSA_URL
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        messages.append(
            Error(
                f"COUNTERSIGN_TSA_URL is {url!r}, not an address.",
                hint="Give the address of a time-stamp authority (RFC 3161), or leave it out.",
                id="portal.E021",
            )
        )
    return messages


@register(Tags.security)
def check_data_folder(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Secret and keys must be closed to other users of the machine."""
    messages: list[CheckMessage] = []
    data: Path = settings.COUNTERSIGN_DATA
    for path in (data / "secret_key", data / "keys"):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            messages.append(
                Error(
                    f"{path} can be read by other users of this machine.",
                    hint=f"Run: chmod go-rwx '{path}'",
                    id="portal.E006",
                )
            )
    return messages


@register()
def check_programs(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Without Graphviz the lineage is shown as a table only; without bubblewrap no upload is evaluated."""
    messages: list[CheckMessage] = []
    if not shutil.which("dot"):
        messages.append(
            Warning(
                "Graphviz is not installed: lineage is shown as a table, without the picture.",
                hint="Run: apt-get install graphviz",
                id="portal.W001",
            )
        )
    if not shutil.which("bwrap"):
        messages.append(
            Warning(
                "bubblewrap is not installed: no upload is evaluated, because uploads are read in a sandbox only.",
                hint="Run: apt-get install bubblewrap",
                id="portal.W002",
            )
        )
    return messages
