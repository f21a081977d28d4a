"""Debian's Chromium, steered through Playwright."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import BrowserContext, Page

from tests.lab.browser import chromium
from tests.lab.browsing.steered import Tab
from tests.support.namespace import Namespace

NEEDS: Final = ("chromium", "certutil")


class ChromiumTab:
    """See `Tab`."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def type(self, url: str, *, leads_to: str | None = None) -> None:
        # The same load as from the address bar, which a headless Chromium does not have.
        self._page.goto(url, wait_until="commit" if leads_to else "load")
        if leads_to:
            self.arrives(leads_to)

    def bookmark(self, url: str) -> None:
        tools = self._page.context.new_cdp_session(self._page)
        tools.send("Page.navigate", {"url": url, "transitionType": "auto_bookmark"})
        self.arrives(url)

    def reload(self) -> None:
        self._page.reload()

    def back(self) -> None:
        self._page.go_back()

    def click(self, selector: str, *, frame: str | None = None) -> None:
        place = self._page.frame_locator(frame) if frame else self._page
        place.locator(selector).click()

    def follow(self, selector: str) -> None:
        with self._page.expect_navigation():
            self._page.click(selector)

    def opens(self, selector: str, *, frame: str | None = None) -> Tab:
        with self._page.context.expect_page() as opened:
            self.click(selector, frame=frame)
        opened.value.wait_for_load_state()
        return ChromiumTab(opened.value)

    def arrives(self, url: str) -> None:
        self._page.wait_for_url(url)

    def until(self, condition: str) -> None:
        self._page.wait_for_function(condition)

    def script(self, source: str, *arguments: object) -> Any:
        return self._page.evaluate(
            f"given => (async (...arguments) => {{ {source} }})(...given)", list(arguments)
        )

    def wheel(self, pixels: int) -> None:
        self._page.mouse.wheel(0, pixels)

    def save(self, selector: str) -> None:
        with self._page.expect_download() as saved:
            self._page.click(selector)
        saved.value.path()

    def print(self) -> None:
        self._page.pdf()

    def leave(self) -> None:
        self._page.goto("about:blank")


class Chromium:
    """See `Browser`. What an earlier one left in `folder` it finds again, if `restore` its tabs."""

    name = "Chromium"

    def __init__(
        self,
        folder: Path,
        namespace: Namespace,
        trusted: dict[str, Path],
        proxy: str,
        restore: bool = False,
    ) -> None:
        self._stack = ExitStack()
        flags = ("--restore-last-session",) if restore else ()
        self._context: BrowserContext = self._stack.enter_context(
            chromium(folder, namespace, trusted, f"http://{proxy}", flags=flags)
        )

    def tab(self) -> Tab:
        return ChromiumTab(self._context.new_page())

    def clear(self) -> None:
        for page in self._context.pages:
            page.goto("about:blank")
        for page in self._context.pages[1:]:
            page.close()

    def close(self) -> None:
        self._stack.close()
