"""A passkey in Chromium, with a virtual authenticator: added, used to sign a dossier, and used to sign in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import cast
from tests.portals import Portal
from tests.stories.browser import open_browser, open_page, sign_in

pytestmark = pytest.mark.story
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
# What the portal holds before the browser comes: a version in review and somebody who may sign it.
SCENE = """
from governance.actions import people, submission
from governance.models import Role
from tests import cast
root = cast.make_organisation_administrator()
project = people.create_project(name="Patient pathways", actor=cast.acting(root))
developer = cast.make_member("dana", "Dana Whitfield", project, Role.DEVELOPER, by=root)
administrator = cast.make_member("adele", "Adele Brandt", project, Role.ADMINISTRATOR, by=root)
cast.make_member("viktor", "Viktor Hahn", project, Role.VALIDATOR, by=root)
model = cast.register_model(project, developer)
cast.record_go(model, developer=developer, administrator=administrator)
version = submission.submit_version(cast.register_version(model, developer), actor=cast.acting(developer))
print("version", version.pk)
"""


@pytest.fixture
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def add_authenticator(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def test_passkey_signs_a_dossier_and_signs_in(new_portal: Callable[..., Portal], browser: Browser) -> None:
    portal = new_portal()
    portal.start("--prepare")
    version = portal.manage("shell", text_in=SCENE).stdout.split()[-1]
    # Passkeys belong to a name: the portal at 127.0.0.1 has them at localhost.
    page, observed = open_page(browser, f"http://localhost:{urlsplit(portal.url).port}")
    sign_in(page, "viktor", cast.PASSWORD)
    add_authenticator(page)

    page.goto("/account/passkeys/new/")
    page.fill("input[name=name]", "Laptop")
    page.fill("input[name=password]", cast.PASSWORD)
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_text("The passkey is made.")).to_be_visible()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("“Laptop” is added.")).to_be_visible()

    page.goto(f"/versions/{version}/sign/")
    page.get_by_label("Request changes").check()
    page.fill("textarea[name=reason]", "The labels are not described.")
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_text("Signed. Your sign-off is entry")).to_be_visible()
    expect(page.get_by_text("The labels are not described.").first).to_be_visible()

    page.context.clear_cookies()
    page.goto("/sign-in/")
    page.fill("input[name=username]", "viktor")
    page.fill("input[name=password]", cast.PASSWORD)
    page.locator("form[method=post] button[type=submit]").click()
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("heading", name="What waits for you")).to_be_visible()
    assert (observed.errors, observed.elsewhere) == ([], [])
