"""What a newcomer tries first, with curl, through the real gate."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from storage.events import event_id
from tests.lab.scene import Scene
from tests.support.namespace import missing
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import COMMAND, moment

_WHY_NOT = missing("curl")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]


def schoolgate(scene: Scene, *words: str | Path) -> str:
    """What a subcommand prints on the database that the gate is writing to."""
    done = subprocess.run(
        [COMMAND, *words, "--state", scene.gate.state, "--policy", POLICY],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_social_host_gives_the_page_with_reason_and_clause(scene: Scene, scheme: str) -> None:
    before = len(scene.web.seen())
    answer = scene.curl("--include", f"{scheme}://www.facebook.com/somebody?q=secret")
    assert re.search(r"^HTTP/[12.]+ 403", answer, re.MULTILINE)
    assert "Facebook" in answer
    assert "school purposes" in answer
    assert "Access will only be allowed where use of such websites is for school" in answer
    assert len(scene.web.seen()) == before


def test_the_certificate_of_the_page_is_the_schools(scene: Scene) -> None:
    issuer = scene.curl(
        *("--output", "/dev/null", "--write-out", "%{certs}"),
        *("--cacert", scene.school_authority, "https://www.facebook.com/"),
    )
    assert "Schoolgate certificate authority" in issuer


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_site_that_a_purpose_opens_is_reached(scene: Scene, scheme: str) -> None:
    assert scene.curl(f"{scheme}://x.com/closed-today") == "origin x.com /closed-today\n"
    event = scene.gate.events()[-1]
    assert (event["site"], event["allowed"], event["rule"]) == ("x", 1, "news-on-x")
    assert event["path"] is None


def test_an_unrelated_tls_name_shows_the_origins_own_certificate(scene: Scene) -> None:
    began = moment()
    answer = scene.curl(
        *("--cacert", scene.web.authority, "--write-out", "%{certs}"),
        "https://www.unrelated.example/page",
    )
    assert answer.startswith("origin www.unrelated.example /page\n")
    assert "The public web" in answer
    scene.settle()
    assert "www.unrelated.example" not in {event["host"] for event in scene.gate.events(began)}


def test_the_reference_on_the_page_can_be_looked_up_while_the_proxy_writes(scene: Scene) -> None:
    answer = json.loads(
        scene.curl("--header", "Accept: application/json", "https://www.facebook.com/")
    )
    reference = answer["reference"]
    wait_until(lambda: event_id(reference) in {event["id"] for event in scene.gate.events()})
    words = schoolgate(scene, "explain", reference)
    assert words.startswith("Refused: Facebook")
    assert "Personal use of the internet" in words
    assert "fern" not in words.lower()
    facts = json.loads(schoolgate(scene, "explain", reference, "--json"))
    assert (facts["site"], facts["outcome"]) == ("facebook", "no-purpose")


def test_the_overview_shows_the_site_while_the_proxy_writes(scene: Scene) -> None:
    typed = ("Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    headers = [word for header in typed for word in ("--header", header)]
    for _ in range(12):
        scene.curl("--output", "/dev/null", *headers, "http://www.facebook.com/")
    wait_until(lambda: sum(e["kind"] == "navigation" for e in scene.gate.events()) >= 12)
    words = schoolgate(scene, "report", "overview")
    assert "Fernhill Test School" in words
    facts = json.loads(schoolgate(scene, "report", "overview", "--format", "json"))
    # One person alone was at it, so the site is named and the figures are not shown.
    (site,) = [site for site in facts["sites"] if site["site"] == "facebook"]
    assert (site["withheld"], site["refused"]["about"]) == ("few-people", None)
    assert "Facebook" in words
    assert "fern.example" not in words + json.dumps(facts)
