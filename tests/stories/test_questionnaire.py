"""One question answered in Chromium: saved by itself, counted at once, and shown in the matrix with its log entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests import cast
from tests.portals import Portal
from tests.stories.browser import measure_overflow, open_browser, open_page, settle, sign_in

pytestmark = pytest.mark.story
SCENE = """
from governance.actions import people
from governance.models import Role
from tests import cast
root = cast.make_organisation_administrator()
project = people.create_project(name="Patient pathways", actor=cast.acting(root))
developer = cast.make_member("dana", "Dana Whitfield", project, Role.DEVELOPER, by=root)
model = cast.register_model(project, developer)
print("version", cast.register_version(model, developer).pk)
"""


@pytest.fixture
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def test_question_is_answered_where_it_stands(new_portal: Callable[..., Portal], browser: Browser) -> None:
    portal = new_portal()
    portal.start("--prepare")  # which loads the frameworks that come with the product
    version = portal.manage("shell", text_in=SCENE).stdout.split()[-1]
    page, observed = open_page(browser, portal.url)
    sign_in(page, "dana", cast.PASSWORD)
    page.goto(f"/versions/{version}/questions/?area=design")
    question = page.locator("#q-design-logic")
    expect(question).to_contain_text("Open")
    question.locator("#design-logic-value").fill("A tree of eleven questions.")
    question.get_by_role("button", name="Save the answer").click()
    # Without leaving the page: the question says so, and the section's count goes up.
    expect(page.locator("#q-design-logic")).to_contain_text("Saved")
    expect(page.locator("#questions-progress")).to_contain_text("1 of ")
    expect(page.locator("#q-design-method")).to_contain_text("Open")
    page.goto(f"/versions/{version}/frameworks/eu-ai-act-high-risk/?text=AIA-IV-2b")
    settle(page)
    expect(page.locator("#page-body")).to_contain_text("A tree of eleven questions.")
    page.get_by_role("link", name="log entry").first.click()
    expect(page.locator("h1")).to_contain_text("recorded")
    assert (observed.errors, observed.elsewhere, measure_overflow(page)) == ([], [], 0)
