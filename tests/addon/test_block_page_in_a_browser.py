"""The block page as real Chromium shows it: no fault for axe, nothing cut off, nothing fetched.

axe-core's rules for WCAG 2.0 to 2.2, A and AA, run in light and dark, at 1200 and at 320 pixels.
"""

import re
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle

import pytest

from addon.block_page import BlockPage, answer
from addon.block_words import WORDS

pytestmark = pytest.mark.lab

LONG_HOST = "a-rather-long-name-for-a-host.static.xx." + "x" * 60 + ".facebook.com"


class Refusal(BaseHTTPRequestHandler):
    """Refuses every request as the proxy would; `/frame` is an outside page that embeds a site."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("sec-fetch-dest")))
        if self.path == "/frame":
            body = b'<!doctype html><title>News</title><iframe src="/embedded"></iframe>'
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)
            return
        outcome, _, host = self.path.strip("/").partition("/")
        made = answer(
            page_for(outcome),
            host=host or LONG_HOST,
            reference="7K3QD-9M2XA",
            at=datetime(2026, 6, 8, 9, 5, tzinfo=UTC),
            method="GET",
            headers=self.headers,
        )
        self.send_response(made.status)
        for name, value in made.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(made.body)

    def log_message(self, *_):
        pass


def page_for(outcome):
    return BlockPage(
        outcome=outcome,
        school="Barningham CEVC Primary School",
        site="Facebook",
        reason="At school it opens only for a school purpose, "
        "and none of your school purposes covers this.",
        clause_heading="Personal use of the internet",
        clause_text="Access will only be allowed where use is for school purposes.",
        contact_name="Rowan Example (fictitious)",
        contact_role="Head Teacher",
        contact_email="a.rather.long.name.for.a.head.teacher@school.example",
        contact_phone="01632 960 001",
        portal_url="http://127.0.0.1:8081",
    )


@pytest.fixture(scope="module")
def refusals():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


LOOKS = [
    ("no-purpose", "light", 1200),
    ("no-purpose", "dark", 1200),
    *(
        (outcome, scheme, 320)
        for outcome, scheme in zip(WORDS, cycle(["light", "dark"]), strict=False)
    ),
]


@pytest.mark.parametrize(("outcome", "scheme", "width"), LOOKS)
def test_the_block_page_is_for_everybody(faults_of, refusals, outcome, width, scheme):
    assert faults_of(f"{refusals.url}/{outcome}", scheme, width) == ([], True, [])


def test_the_block_page_asks_for_nothing_more(browser, refusals):
    refusals.asked.clear()
    page = browser.new_page()
    page.goto(f"{refusals.url}/no-purpose")
    page.wait_for_timeout(500)
    page.close()
    assert refusals.asked == [("/no-purpose", "document")]


def test_the_stylesheet_is_applied_under_its_own_policy(browser, refusals):
    page = browser.new_page(color_scheme="light")
    page.goto(f"{refusals.url}/no-purpose")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()
    assert colour == "rgb(247, 245, 238)"


def test_a_frame_of_a_refused_site_stays_empty(browser, refusals):
    page = browser.new_page()
    page.goto(f"{refusals.url}/frame")
    frame = page.frames[1]
    assert frame.evaluate("document.body.innerText") == ""
    assert ("/embedded", "iframe") in refusals.asked
    page.close()


def test_text_can_grow_to_twice_its_size_on_a_small_screen(browser, refusals):
    page = browser.new_page(viewport={"width": 640, "height": 800})
    page.goto(f"{refusals.url}/no-purpose")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    page.close()


def test_it_prints_on_one_sheet(browser, refusals):
    page = browser.new_page()
    page.goto(f"{refusals.url}/no-purpose/www.facebook.com")
    margin = dict.fromkeys(("top", "right", "bottom", "left"), "15mm")
    sheets = page.pdf(format="A4", margin=margin)
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", sheets)) == 1
