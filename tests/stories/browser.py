"""Chromium for the stories: opened once, signed in through the form, strict about what pages do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = (1360, 900)
NARROW = (390, 844)


@dataclass
class Observed:
    """What a page complained of while it was looked at."""

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Debian's Chromium without a window and close it at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def open_page(
    browser: Browser,
    base: str,
    *,
    theme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = WIDE,
) -> tuple[Page, Observed]:
    """Return a fresh page (its own cookies) and what it complains of; addresses are below `base`.

    `elsewhere` collects requests to any other origin: there must be none.
    """
    context = browser.new_context(
        base_url=base,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    )
    page, observed = context.new_page(), Observed()
    page.on(
        "console",
        lambda message: observed.errors.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: observed.errors.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((base, "data:", "blob:")) else observed.elsewhere.append(request.url)
        ),
    )
    return page, observed


def sign_in(page: Page, username: str, password: str) -> None:
    """Sign in through the form; raise AssertionError with the page's own words if it refuses."""
    page.goto("/sign-in/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]:not([data-theme-choice])")
    page.wait_for_load_state()
    if page.locator("[data-sign-in]").count():
        raise AssertionError(f"{username} could not sign in: {page.inner_text('main')}")


def settle(page: Page) -> None:
    """Wait until charts are drawn and nothing is under way."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function(
        "[...document.querySelectorAll('[data-chart]')].every("
        "figure => figure.querySelector('svg:not(.icon), [data-chart-failed]:not([hidden])'))"
    )


def measure_overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window; 0 is what it should be."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
