"""Debian's Firefox, steered through Marionette, in its own window as well as in its pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.lab.browsing.steered import Tab
from tests.lab.firefox import profile, start
from tests.lab.marionette import Marionette, MarionetteError
from tests.support.namespace import Namespace

NEEDS: Final = ("firefox-esr", "certutil")
WITHIN: Final = 45.0
"""Seconds for a page to load on a busy machine."""

_ENTER: Final = "\ue007"
_F5: Final = "\ue035"
_AS_A_PERSON_HAS_IT: Final = {
    # Nothing that automation usually turns off: prefetching, restored sessions and the rest.
    "remote.prefs.recommended": "false",
    "browser.toolbars.bookmarks.visibility": '"always"',
    "browser.download.useDownloadDir": "true",
    "browser.download.folderList": "2",
    "browser.download.alwaysOpenPanel": "false",
    "browser.search.suggest.enabled": "false",
    "browser.tabs.warnOnClose": "false",
    "browser.sessionstore.interval": "500",
    "browser.newtabpage.enabled": "false",
}


class FirefoxTab:
    """See `Tab`."""

    def __init__(self, browser: Firefox, handle: str) -> None:
        self._browser = browser
        self._handle = handle

    def type(self, url: str, *, leads_to: str | None = None) -> None:
        def typed() -> bool:
            # At once: at each letter the browser would look for what it might be.
            window.script("gURLBar.focus(); gURLBar.inputField.setUserInput(arguments[0])", url)
            return bool(window.script("return gURLBar.inputField.value") == url)

        with self._moved(), self._browser.window() as window:
            _until(typed)  # a new tab takes the focus once more when it is there
            window.press(_ENTER)
        if leads_to:
            self.arrives(leads_to)

    def bookmark(self, url: str) -> None:
        with self._browser.window() as window:
            window.ask(
                "WebDriver:ExecuteAsyncScript",
                script="""const [url, done] = arguments, {bookmarks} = PlacesUtils;
                    bookmarks.eraseEverything().then(() => bookmarks.insert({url,
                    parentGuid: bookmarks.toolbarGuid, title: 'Kept'})).then(() => done(0))""",
                args=[url],
            )
        with self._moved(), self._browser.window() as window:
            window.point("#PlacesToolbarItems .bookmark-item[label=Kept]")

    def reload(self) -> None:
        with self._moved(), self._browser.window() as window:
            window.press(_F5)

    def back(self) -> None:
        with self._moved(), self._browser.window() as window:
            window.click("#back-button")

    def click(self, selector: str, *, frame: str | None = None) -> None:
        page = self._page()
        if frame:
            page.ask("WebDriver:SwitchToFrame", element=page.find(frame))
        try:
            page.click(selector)
        finally:
            if frame:
                page.ask("WebDriver:SwitchToFrame", id=None)

    def follow(self, selector: str) -> None:
        with self._moved():
            self.click(selector)

    def opens(self, selector: str, *, frame: str | None = None) -> Tab:
        before = self._browser.handles()
        self.click(selector, frame=frame)
        _until(lambda: len(self._browser.handles()) > len(before))
        (handle,) = self._browser.handles() - before
        opened = FirefoxTab(self._browser, handle)
        opened.until("location.href != 'about:blank' && document.readyState == 'complete'")
        return opened

    def arrives(self, url: str) -> None:
        self.until(f"location.href == '{url}' && document.readyState == 'complete'")

    def until(self, condition: str) -> None:
        _until(lambda: bool(self._page().script(f"return {condition}")))

    def script(self, source: str, *arguments: object) -> Any:
        return self._page().script(
            f"return (async (...arguments) => {{ {source} }})(...arguments)", *arguments
        )

    def wheel(self, pixels: int) -> None:
        turn = {"type": "scroll", "x": 200, "y": 200, "deltaX": 0, "deltaY": pixels}
        wheel = {"type": "wheel", "id": "wheel", "actions": [turn]}
        self._page().ask("WebDriver:PerformActions", actions=[wheel])

    def save(self, selector: str) -> None:
        before = set(self._browser.saved.iterdir())
        self.click(selector)
        _until(
            lambda: any(
                file.suffix != ".part" and file.stat().st_size
                for file in set(self._browser.saved.iterdir()) - before
            )
        )

    def print(self) -> None:
        self._page().ask("WebDriver:Print")

    def leave(self) -> None:
        self._page().ask("WebDriver:Navigate", url="about:blank")

    def _page(self) -> Marionette:
        return self._browser.at(self._handle)

    @contextmanager
    def _moved(self) -> Iterator[None]:
        """Waits at the end until another page has loaded than the one at the beginning."""
        look = "return [performance.timeOrigin, location.href].join()"
        before = self._page().script(look)
        yield
        _until(lambda: self._page().script(look) != before)
        self.until("document.readyState == 'complete'")


class Firefox:
    """See `Browser`. What an earlier one left in `folder` it finds again, if `restore` its tabs."""

    name = "Firefox"

    def __init__(
        self,
        folder: Path,
        namespace: Namespace,
        trusted: dict[str, Path],
        proxy: str,
        restore: bool = False,
    ) -> None:
        self.saved = folder / "saved"
        self.saved.mkdir(exist_ok=True)
        host, _, port = proxy.rpartition(":")
        more = {
            **_AS_A_PERSON_HAS_IT,
            "network.proxy.type": "1",
            **{f"network.proxy.{kind}": f'"{host}"' for kind in ("http", "ssl")},
            **{f"network.proxy.{kind}_port": port for kind in ("http", "ssl")},
            "browser.download.dir": f'"{self.saved}"',
            "browser.startup.page": "3" if restore else "0",
        }
        self._namespace = namespace
        self._process = start(
            namespace,
            profile(folder, trusted, more),
            *("--marionette", "--remote-allow-system-access"),
        )
        self._marionette = Marionette(namespace)
        self._first = str(self._marionette.ask("WebDriver:GetWindowHandle"))
        self._at = ("", False)
        with self.window() as window:
            _until(lambda: window.script("return gBrowserInit.delayedStartupFinished"))

    def tab(self) -> Tab:
        found = self._marionette.ask("WebDriver:NewWindow", type="tab", focus=True)
        return FirefoxTab(self, found["handle"])

    def clear(self) -> None:
        for handle in self.handles():
            self.at(handle, in_front=False).ask("WebDriver:Navigate", url="about:blank")
        for handle in self.handles() - {self._first}:
            self.at(handle, in_front=False).ask("WebDriver:CloseWindow")
        self.at(self._first)

    def close(self) -> None:
        self._marionette.ask("Marionette:Quit", flags=["eAttemptQuit"])
        self._marionette.close()
        self._process.wait(60)

    def handles(self) -> set[str]:
        return set(self._marionette.ask("WebDriver:GetWindowHandles"))

    def at(self, handle: str, in_front: bool = True) -> Marionette:
        """The conversation, about one tab's page, which comes to the front unless it shall not."""
        wanted = (handle, in_front)
        if wanted != self._at:
            self._marionette.ask("WebDriver:SwitchToWindow", handle=handle, focus=in_front)
            self._at = wanted
        return self._marionette

    @contextmanager
    def window(self) -> Iterator[Marionette]:
        """The conversation, about the browser's own window."""
        self._marionette.ask("Marionette:SetContext", value="chrome")
        try:
            yield self._marionette
        finally:
            self._marionette.ask("Marionette:SetContext", value="content")


def _until(holds: Callable[[], bool]) -> None:
    """Returns once it holds; a page that is just going away cannot tell."""
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        try:
            if holds():
                return
        except MarionetteError:
            pass
        time.sleep(0.03)
    raise TimeoutError("The page did not get there.")
