"""Photograph pages in light, dark and narrow, to be looked at.

    python -m tests.stories.screenshots --base http://127.0.0.1:8000 --sign-in NAME --out FOLDER [PATH ...]

The password is read from COUNTERSIGN_PASSWORD or asked for. Without paths, every page the side navigation leads to
is taken. Prints what each page complained of: console errors, requests to elsewhere, sideways scrolling.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from pathlib import Path
from typing import Literal

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


def name_file(path: str, variant: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"
    return f"{slug}.{variant}.png"


def list_paths(page: Page) -> list[str]:
    """Return the addresses the side navigation leads to."""
    links = page.locator("#navigation a.nav-item").all()
    return sorted({str(link.get_attribute("href")) for link in links})


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
    for path in paths or list_paths(page):
        observed.errors.clear()
        page.goto(path)
        settle(page)
        page.screenshot(path=out / name_file(path, name), full_page=True)
        overflow = measure_overflow(page)
        wrong = [*observed.errors, *observed.elsewhere]
        wrong += [f"{overflow} px wider than the window"] if overflow > 0 else []
        complaints += len(wrong)
        print(f"{name:7} {path}", *(f"\n        {line}" for line in wrong))
    page.context.close()
    return complaints


def main() -> int:
    """Read the arguments, take the pictures; 1 if a page complained."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--base", default="http://127.0.0.1:8000")
    parser.add_argument("--sign-in", dest="username")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    account = None
    if arguments.username:
        password = os.environ.get("COUNTERSIGN_PASSWORD") or getpass.getpass()
        account = (arguments.username, password)
    with open_browser() as browser:
        complaints = sum(
            shoot(browser, arguments.base, variant, arguments.out, arguments.paths, account) for variant in VARIANTS
        )
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
