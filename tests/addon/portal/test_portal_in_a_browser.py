"""The portal's pages as real Chromium shows them: axe finds no fault, nothing overflows."""

from datetime import UTC, datetime

import pytest

from addon.policy_in_force import PolicyInForce
from tests.support.identity import policy_with

PAGES = [
    "/",
    "/ask?about=device",
    "/ask?site=facebook.com&reference=7K3QD-9M2XA",
    "/certificate",
    "/no",
]

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 320)])
@pytest.mark.parametrize("path", PAGES)
def test_the_portal_is_for_everybody(faults_of, portal, path, width, scheme):
    assert faults_of(portal.url + path, scheme, width) == ([], True, [])


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 320)])
def test_so_is_the_page_for_signing_in(faults_of, serve, tmp_path, scheme, width):
    policy = policy_with(tmp_path, {"sources": ["sign-in"]})
    portal = serve(policy=PolicyInForce(policy, lambda: datetime.now(UTC)))
    # From this machine itself it says why nobody can sign in; the form is the same.
    assert faults_of(portal.url + "/sign-in", scheme, width) == ([], True, [])


def test_every_link_leads_somewhere(browser, portal):
    page = browser.new_page()
    wanted, seen = {"/"}, set()
    while wanted:
        path = wanted.pop()
        seen.add(path)
        assert portal.get(path).status == 200, path
        if path.startswith(("/proxy", "/healthz", "/certificate/")):
            continue
        page.goto(portal.url + path)
        for link in page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))"):
            if link.startswith("#"):
                assert page.locator(f'[id="{link[1:]}"]').count() == 1, link
            elif link.startswith("/"):
                wanted |= {link} - seen
            else:
                assert link.startswith(("mailto:", "tel:")), link
    page.close()
    assert {"/ask", "/certificate", "/proxy.pac", "/healthz"} <= seen
