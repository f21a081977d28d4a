"""All in one run, as staff would see it: Chromium on a device that knows of no proxy."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from tests.lab.browser import chromium
from tests.lab.evasion.ground import SCHOOL, Ground
from tests.lab.internet import WAN, WAN_6, lab_missing
from tests.support.running_gate import wait_until
from tests.support.schoolgate import moment

_WHY_NOT = lab_missing("haproxy", "chromium", "certutil")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]


@pytest.fixture(scope="module")
def browser(ground: Ground, folder: Path) -> Iterator[BrowserContext]:
    trusted = {"school": ground.school_authority, "web": ground.net.internet.authority}
    office = ground.net.clients[0].namespace
    with chromium(folder, office, trusted, proxy=None) as browser:
        yield browser


def worker_counts(ground: Ground) -> tuple[int, int]:
    """How many requests all workers have decided, and how many connections they passed on, up to
    now: each worker writes it down every second, so this takes one.
    """
    now = datetime.now(UTC)

    def written() -> list[dict[str, Any]]:
        files = (ground.gate.state / "status").glob("proxy-*.json")
        found = [json.loads(file.read_text()) for file in files]
        return [one for one in found if datetime.fromisoformat(one["at"]) >= now]

    wait_until(lambda: len(written()) == 2)
    found = written()
    return sum(one["decided"] for one in found), sum(one["passed"] for one in found)


def test_the_news_opens_untouched_facebook_is_refused_and_the_schools_page_opens(
    full: Ground, browser: BrowserContext
) -> None:
    ground, internet = full, full.net.internet
    began, counts, requests = moment(), worker_counts(ground), len(internet.requests())
    page = browser.new_page()
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")

    # An unrelated site: its own certificate, and no worker had anything to do with it.
    answer = page.goto("https://www.bbc.co.uk/news")
    assert answer is not None
    assert answer.text() == "origin www.bbc.co.uk /news\n"
    shown = tools.send("Network.getCertificate", {"origin": "https://www.bbc.co.uk"})
    assert base64.b64decode(shown["tableNames"][0]) == internet.certificate("www.bbc.co.uk")
    seen = internet.requests()[requests:]
    assert {request["host"] for request in seen} == {"www.bbc.co.uk"}
    assert {request["sender"] for request in seen} <= {WAN, WAN_6}
    assert worker_counts(ground) == counts

    # Facebook: the block page, without a certificate warning.
    answer = page.goto("https://www.facebook.com/")
    assert answer is not None
    assert answer.status == 403
    assert SCHOOL in page.inner_text("body")
    assert "Facebook" in page.title()
    assert not [one for one in internet.requests()[requests:] if "facebook" in one["host"]]
    wait_until(lambda: worker_counts(ground)[0] > counts[0])

    # The school's own page on it, for the office.
    time.sleep(0.7)  # as quick as people are: two pages at once are nobody's doing
    answer = page.goto("https://www.facebook.com/BarninghamPrimarySchool")
    assert answer is not None
    assert answer.text() == "origin www.facebook.com /BarninghamPrimarySchool\n"
    ground.gate.event(began, kind="navigation", outcome="no-purpose")
    verdicts = [
        (event["person"], event["outcome"])
        for event in ground.gate.events(began)
        if event["kind"] == "navigation"
    ]
    assert verdicts == [("fern.example", "no-purpose"), ("fern.example", "purpose")]
    assert worker_counts(ground)[1] == counts[1], "no worker passed anything on undecrypted"
