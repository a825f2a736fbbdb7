"""Photograph pages in light, dark and narrow, to be looked at.

    python -m tests.stories.screenshots --base http://127.0.0.1:8000 --out FOLDER [--sign-in NAME ...] [PATH ...]

The portal runs already and has its story (make run). Without paths, one page of every kind is taken that links lead to,
from the home page on; with several people (by default some of the story's), each kind as the first of them sees it.
Nothing is sent: pages that change something are photographed with their forms empty. Passwords are read from the file
of sign-ins in the data folder, else from COUNTERSIGN_PASSWORD, else asked for. Prints what each page complained of:
console errors, requests to elsewhere, sideways scrolling.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from collections import Counter, deque
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.stories.browser import (
    NARROW,
    WIDE,
    measure_overflow,
    open_browser,
    open_page,
    settle,
    sign_in,
)

VARIANTS: list[tuple[str, Literal["light", "dark"], tuple[int, int]]] = [
    ("light", "light", WIDE),
    ("dark", "dark", WIDE),
    ("narrow", "light", NARROW),
]
# Each sees pages that the others do not: the story's signer, its approver, a developer, both kinds of
# administrators, the auditor.
EVERYBODY = ["ines", "anne", "noor", "peter", "mira", "lucia"]
DATA = Path(os.environ.get("COUNTERSIGN_DATA", "var"))
# What links lead to besides pages: files, the API, and the way out.
NO_PAGE = re.compile(
    r"/api/|/sign-out/|/(file|receipt|body|attestation|time-stamp|trust|checkpoint|text|document)$|/checkpoints/[0-9]+$|\.(tar|py)$"
)
# Frameworks, controls and facts are named in words: pages that differ only in them are of one kind.
NAMED = re.compile(r"/(frameworks|questions|records|from)/(?!(?:N|load|controls)/)[^/]+(?:/[^/]+(?=/rule/))?")
VISITS = 5  # of a kind, because what a page leads to depends on how things stand there


def name_file(path: str, variant: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"
    return f"{slug[:120]}.{variant}.png"


def kind_of(path: str) -> str:
    """The same for pages that differ only in whom or what they are about, or in how a list is cut."""
    parts = urlsplit(path)
    tab = re.search(r"(?:^|&)tab=([^&]*)", parts.query)
    kind = re.search(r"(?:^|&)kind=([^&]*)", parts.query)
    plain = NAMED.sub(r"/\1/X", re.sub(r"/[0-9]+(?=/|$)", "/N", parts.path))
    return plain + "".join(f" {found[0].strip('&')}" for found in (tab, kind) if found)


def list_links(page: Page) -> list[str]:
    """The addresses below this portal that the page shown links to, without downloads."""
    found = page.locator("a[href^='/']:not([download]), a[href^='?']:not([download])").all()
    paths = [str(link.evaluate("link => link.pathname + link.search")) for link in found]
    return [path for path in paths if not NO_PAGE.search(urlsplit(path).path)]


def find_pages(page: Page, seen: set[str]) -> list[str]:
    """One address of every kind not seen before, found by following links from the home page."""
    paths: list[str] = []
    waiting, met = deque(["/"]), {"/"}
    visits: Counter[str] = Counter()
    while waiting:
        path = waiting.popleft()
        kind = kind_of(path)
        visits[kind] += 1
        if visits[kind] > VISITS:
            continue
        answer = page.goto(path)
        if answer is None or answer.status != 200:
            continue
        if kind not in seen:
            seen.add(kind)
            paths.append(path)
        links = [link for link in list_links(page) if link not in met]
        met.update(links)
        waiting.extend(links)
    return paths


def find_password(username: str) -> str:
    """From the story's file of sign-ins, from the environment, or asked for."""
    file = DATA / "sign-ins.txt"
    for line in file.read_text().splitlines() if file.is_file() else ():
        words = line.split()
        if len(words) > 2 and words[0] == username:
            return words[1]
    return os.environ.get("COUNTERSIGN_PASSWORD") or getpass.getpass(f"Password of {username}: ")


def find_pages_of(browser: Browser, base: str, account: tuple[str, str], seen: set[str]) -> list[str]:
    page, _observed = open_page(browser, base)
    sign_in(page, *account)
    paths = find_pages(page, seen)
    page.context.close()
    return paths


def shoot(
    browser: Browser,
    base: str,
    variant: tuple[str, Literal["light", "dark"], tuple[int, int]],
    out: Path,
    paths: list[str],
    account: tuple[str, str] | None,
) -> int:
    """Photograph the paths in one variant and return how many complaints there were."""
    name, theme, size = variant
    page, observed = open_page(browser, base, theme=theme, size=size)
    if account is not None:
        sign_in(page, *account)
    complaints = 0
    for path in paths:
        observed.errors.clear()
        page.goto(path)
        settle(page)
        page.screenshot(path=out / name_file(path, name), full_page=True)
        overflow = measure_overflow(page)
        wrong = [*observed.errors, *observed.elsewhere]
        wrong += [f"{overflow} px wider than the window"] if overflow > 0 else []
        complaints += len(wrong)
        print(f"{name:7} {path}", *(f"\n        {line}" for line in wrong), flush=True)
    page.context.close()
    return complaints


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--base", default="http://127.0.0.1:8000")
    parser.add_argument(
        "--sign-in", dest="people", action="append", metavar="NAME", help="repeatable; default: several"
    )
    parser.add_argument("--out", type=Path, default=Path("build/screenshots"))
    parser.add_argument("paths", nargs="*")
    return parser.parse_args()


def main() -> int:
    """Read the arguments, take the pictures; 1 if a page complained."""
    arguments = read_arguments()
    people = arguments.people or EVERYBODY
    complaints, seen = 0, set[str]()
    with open_browser() as browser:
        for username in people:
            account = (username, find_password(username))
            paths = arguments.paths or find_pages_of(browser, arguments.base, account, seen)
            out = arguments.out / username
            out.mkdir(parents=True, exist_ok=True)
            for variant in VARIANTS:
                complaints += shoot(browser, arguments.base, variant, out, paths, account)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
