"""Where the command line finds its portal: the environment, else ``~/.config/countersign/config.toml``."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from countersign.errors import CountersignError

URL_VARIABLE = "COUNTERSIGN_URL"
TOKEN_VARIABLE = "COUNTERSIGN_TOKEN"  # noqa: S105  (a variable's name)
OWNER_ONLY = 0o600


@dataclass(frozen=True)
class Config:
    """A portal's address and the token to speak to it; either may be missing."""

    url: str = ""
    token: str = ""


def config_path() -> Path:
    """Return where the configuration file is, whether or not it exists (XDG base directories)."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "countersign" / "config.toml"


def read_config() -> Config:
    """Return address and token. The environment goes before the file.

    A token from the file is used only with the file's address: it is not sent to whatever address a variable names.
    """
    url, token = os.environ.get(URL_VARIABLE, ""), os.environ.get(TOKEN_VARIABLE, "")
    kept = _read_file(config_path())
    if not url:
        url = kept.url
    if not token and url.rstrip("/") == kept.url.rstrip("/"):
        token = kept.token
    return Config(url, token)


def write_config(config: Config) -> Path:
    """Keep address and token in a file that only its owner can read."""
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    # JSON strings are TOML strings; opened with its final mode, so that it is never readable by others.
    text = f"url = {json.dumps(config.url)}\ntoken = {json.dumps(config.token)}\n"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
    return path


def _read_file(path: Path) -> Config:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CountersignError(
            "bad_config", None, f"{path} cannot be read: {error}. Run “countersign login”."
        ) from None
    return Config(str(values.get("url", "")), str(values.get("token", "")))
