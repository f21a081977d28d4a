"""A real Chromium, and what it has to say about a page."""

from pathlib import Path

import pytest

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
def browser():
    """Chromium without a window. Tests that want it are skipped where it is missing."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture(scope="session")
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
