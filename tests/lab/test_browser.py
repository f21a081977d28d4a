"""Real Chromium through the real gate, on a name that browsers will only ever open over TLS."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from storage.events import event_id
from tests.lab.browser import chromium
from tests.lab.palette import with_palette
from tests.lab.scene import Scene
from tests.support.namespace import missing
from tests.support.running_gate import wait_until
from tests.support.schoolgate import moment

_WHY_NOT = missing("chromium", "certutil")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

FACEBOOK = "https://www.facebook.com/"


@pytest.fixture(scope="module")
def browser(scene: Scene, folder: Path) -> Iterator[BrowserContext]:
    trusted = {"school": scene.school_authority, "web": scene.web.authority}
    with chromium(folder, scene.namespace, trusted, scene.gate.proxy) as browser:
        yield browser


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    # Of pages that are asked for within half a second none is taken for somebody's doing.
    page.wait_for_timeout(600)
    yield page
    page.close()


class Watch:
    """What is put on record, and what reaches the web, from here on."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        scene.settle()
        self._began = moment()
        self._counted = scene.gate.counted()
        self._seen = len(scene.web.seen())

    def events(self, count: int) -> list[tuple[str, str, int]]:
        """The site, kind and verdict of each new event, once there are `count` of them."""
        wait_until(lambda: len(self._scene.gate.events(self._began)) >= count)
        return [
            (event["site"], event["kind"], event["allowed"])
            for event in self._scene.gate.events(self._began)
        ]

    def counted(self, count: int) -> dict[tuple[str, str, int], int]:
        """How many requests were counted by site, kind and verdict, once there are `count`."""
        wait_until(lambda: (self._scene.gate.counted() - self._counted).total() >= count)
        return dict(self._scene.gate.counted() - self._counted)

    def reached(self) -> list[str]:
        """The hosts whose requests reached the origin."""
        return [seen["host"] for seen in self._scene.web.seen()[self._seen :]]


@pytest.fixture
def watch(scene: Scene) -> Watch:
    return Watch(scene)


def test_a_typed_address_shows_the_block_page_without_a_certificate_warning(
    page: Page, watch: Watch, folder: Path
) -> None:
    complaints: list[str] = []

    def said(message: ConsoleMessage) -> None:
        # That the document itself is a 403 is what the browser always remarks on.
        if not (message.location.get("url") == FACEBOOK and "status of 403" in message.text):
            complaints.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(FACEBOOK)
    assert answer is not None
    assert answer.status == 403
    details = answer.security_details()
    assert details is not None
    assert str(details.get("issuer")).startswith("Schoolgate gateway")
    assert page.url == FACEBOOK
    assert "Facebook" in page.title()
    text = page.inner_text("body")
    assert "Fernhill Test School" in text
    assert "Access will only be allowed where use of such websites is for school purposes" in text
    assert "What is recorded, and what is not" in text
    assert "head@school.example" in text
    pictures = Path(os.environ.get("SCHOOLGATE_SCREENSHOTS") or folder)
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "facebook.png", full_page=True)
    assert watch.events(1) == [("facebook", "navigation", 0)]
    assert watch.reached() == []
    assert complaints == []


def test_the_reference_shown_is_that_of_the_event(page: Page, watch: Watch, scene: Scene) -> None:
    page.goto(FACEBOOK)
    watch.events(1)
    shown = page.locator("footer .reference").inner_text()
    assert event_id(shown) == scene.gate.events()[-1]["id"]


def test_a_clicked_link_is_a_navigation(page: Page, watch: Watch) -> None:
    page.goto("https://news.example/front")
    page.click("#link")
    page.wait_for_url(FACEBOOK + "**")
    assert "Facebook" in page.inner_text("h1")
    assert watch.events(1) == [("facebook", "navigation", 0)]


def test_a_page_that_moves_itself_on_is_no_deliberate_navigation(page: Page, watch: Watch) -> None:
    page.goto("https://news.example/moves-on", wait_until="commit")
    page.wait_for_url(FACEBOOK)
    assert watch.events(1) == [("facebook", "background", 0)]


def test_an_embedded_frame_stays_empty_and_counts_as_embedded(
    page: Page, watch: Watch, folder: Path
) -> None:
    page.goto("https://news.example/comments", wait_until="load")
    assert page.inner_text("h1") == "An article with a comment box"
    assert watch.counted(1) == {("facebook", "embed", 0): 1}
    inside = page.frame(url="**/plugins/comments")
    pictures = Path(os.environ.get("SCHOOLGATE_SCREENSHOTS") or folder)
    page.screenshot(path=pictures / "frame.png")
    assert inside is not None, [frame.url for frame in page.frames]
    assert inside.inner_text("body") == ""
    assert watch.reached() == ["news.example"]


def test_an_embedded_picture_is_empty_and_counts_as_embedded(page: Page, watch: Watch) -> None:
    page.goto("https://news.example/picture", wait_until="load")
    assert page.evaluate("document.getElementById('picture').naturalWidth") == 0
    assert watch.counted(1) == {("facebook", "embed", 0): 1}


def test_what_a_script_fetches_is_refused_and_counts_as_embedded(page: Page, watch: Watch) -> None:
    page.goto("https://news.example/front")
    outcome = page.evaluate(
        "url => fetch(url, {mode: 'no-cors'}).then(answer => answer.type, error => error.name)",
        "https://www.facebook.com/tr?id=1",
    )
    assert outcome == "opaque"
    assert watch.counted(1) == {("facebook", "embed", 0): 1}
    assert watch.reached() == ["news.example"]


def test_a_prefetch_is_told_apart_from_a_navigation(page: Page, watch: Watch) -> None:
    page.goto("https://news.example/front")
    page.evaluate(
        "url => { const link = document.createElement('link');"
        " link.rel = 'prefetch'; link.as = 'document'; link.href = url;"
        " document.head.append(link) }",
        FACEBOOK,
    )
    assert watch.counted(1) == {("facebook", "prefetch", 0): 1}


def test_an_allowed_site_opens(page: Page, watch: Watch) -> None:
    answer = page.goto("https://x.com/school")
    assert answer is not None
    assert (answer.status, answer.text()) == (200, "origin x.com /school\n")
    assert watch.events(1)[0] == ("x", "navigation", 1)
    assert "x.com" in watch.reached()


def test_an_unrelated_site_shows_its_own_certificate_and_leaves_no_row(
    page: Page, watch: Watch, scene: Scene
) -> None:
    site = "https://www.unrelated.example"
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    answer = page.goto(f"{site}/page")
    assert answer is not None
    assert answer.status == 200
    shown = tools.send("Network.getCertificate", {"origin": site})
    assert base64.b64decode(shown["tableNames"][0]) == scene.web.certificate()
    # A later decided request proves that an earlier one would be on record by now.
    page.goto(FACEBOOK)
    assert [site for site, _, _ in watch.events(1)] == ["facebook"]


def test_a_blocked_upload_from_a_page_is_refused(page: Page, watch: Watch) -> None:
    page.goto("https://news.example/front")
    outcome = page.evaluate(
        "url => fetch(url, {mode: 'no-cors', method: 'POST', body: new Uint8Array(5e6)})"
        ".then(answer => answer.type, error => error.name)",
        "https://www.facebook.com/upload",
    )
    assert outcome == "opaque"
    assert watch.counted(1) == {("facebook", "embed", 0): 1}
    assert watch.reached() == ["news.example"]


def test_a_websocket_from_a_page_is_refused(page: Page, watch: Watch) -> None:
    page.goto("https://news.example/front")
    outcome = page.evaluate(
        "url => new Promise(done => { const socket = new WebSocket(url);"
        " socket.onopen = () => done('open'); socket.onerror = () => done('refused') })",
        "wss://www.facebook.com/socket",
    )
    assert outcome == "refused"
    assert watch.counted(1) == {("facebook", "embed", 0): 1}


def test_a_picture_of_the_page_with_a_palette_is_whole_and_far_smaller(page: Page) -> None:
    page.goto(FACEBOOK)
    full = page.screenshot()
    small = with_palette(full)
    assert len(small) < len(full) / 2
    page.goto("about:blank")
    sizes = page.evaluate(
        "pictures => Promise.all(pictures.map(async text => { const image = new Image();"
        " image.src = 'data:image/png;base64,' + text; await image.decode();"
        " return [image.naturalWidth, image.naturalHeight] }))",
        [base64.b64encode(picture).decode() for picture in (full, small)],
    )
    assert sizes[0] == sizes[1]
