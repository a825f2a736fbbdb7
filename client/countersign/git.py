"""What git knows of the code: which commit it is, and a clean copy of it. Without git, nothing is known."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from countersign.errors import CountersignError

PATIENCE = 600


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run git in the folder that is named, whatever repository a hook or a script around us works in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *words], capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment
    )


def _ask(folder: Path, *words: str) -> str | None:
    """What git answers in a folder; None where there is no git, no work tree, or a refusal."""
    try:
        done = _run("-C", str(folder), *words)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def read_revision(folder: Path) -> tuple[str, bool | None]:
    """Return the commit of the work tree that holds a folder, and whether the tree is clean; ("", None) without git."""
    revision = _ask(folder, "rev-parse", "HEAD")
    if not revision:
        return "", None
    changes = _ask(folder, "status", "--porcelain", "--untracked-files=no")
    return revision, None if changes is None else not changes


def find_root(folder: Path) -> Path | None:
    """Return the top of the work tree that holds a folder."""
    root = _ask(folder, "rev-parse", "--show-toplevel")
    return Path(root).resolve() if root else None


def copy_revision(root: Path, revision: str, target: Path) -> str:
    """Check a revision of the repository at ``root`` out into the new folder ``target``; return its full commit.

    Raises ``CountersignError`` (``no_revision``) where the repository does not hold it.
    """
    commit = _ask(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise CountersignError(
            "no_revision", None, f"The repository {root} does not hold the recorded revision “{revision}”. Fetch it."
        )
    for words in (
        ["clone", "--quiet", "--shared", "--no-checkout", str(root), str(target)],
        ["-C", str(target), "checkout", "--quiet", "--detach", commit],
    ):
        done = _run(*words)
        if done.returncode:
            raise CountersignError("no_revision", None, f"git cannot check {commit} out: {done.stderr.strip()[:500]}")
    return commit
