"""Origins with the test's own authority, a gate in front of them, and a real Chromium."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate

NAMES = (
    "www.facebook.com",
    "x.com",
    "www.linkedin.com",
    "www.unrelated.example",
    "web.archive.org",
    "www.gov.uk",
    "localhost",
)
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*NAMES).configure_cert(context)
    return context


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


@pytest.fixture
def tls_origin(server_tls: ssl.SSLContext) -> Iterator[Origin]:
    with Origin(server_tls) as origin:
        yield origin


@pytest.fixture
def gate(tmp_path: Path, authority_file: Path) -> Iterator[RunningGate]:
    with RunningGate(tmp_path / "state", authority_file) as gate:
        yield gate


# Not for the whole session: while it runs, Playwright keeps an event loop running in this thread,
# and no other test could run one.
@pytest.fixture(scope="module")
def browser():
    """Chromium without a window. Tests that want it are skipped where it is missing."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture(scope="module")
def faults_of(browser):
    """Load a page; give back axe-core's violations, whether it fits its width, and odd messages."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def look(url, scheme, width):
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
        try:
            said = []
            page.on("console", lambda message: said.append(message.text))
            page.goto(url)
            options = {"runOnly": STANDARDS, "resultTypes": ["violations"]}
            found = axe.run(page, options=options).response["violations"]
            fits = page.evaluate("document.documentElement.scrollWidth") <= width
            # A refusal is an error to the console, whatever its page is like.
            odd = [line for line in said if "status of" not in line]
            return [(each["id"], each["nodes"][0]["html"]) for each in found], fits, odd
        finally:
            page.close()

    return look
