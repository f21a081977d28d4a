"""What somebody in front of a browser can do, whichever browser it is.

A scene is written in these words, and each browser has its own way to carry them out: with real
keys and clicks as far as it lets itself be steered. All that open a page return once it has loaded.
"""

from __future__ import annotations

from typing import Any, Protocol


class Tab(Protocol):
    """A page in a tab or a window of its own. Elements are named by CSS selectors."""

    def type(self, url: str, *, leads_to: str | None = None) -> None:
        """Types an address, and waits for `leads_to` where the page moves on by itself."""

    def bookmark(self, url: str) -> None:
        """Opens a bookmark for an address."""

    def reload(self) -> None: ...

    def back(self) -> None: ...

    def click(self, selector: str, *, frame: str | None = None) -> None:
        """Clicks, in the page or in a frame of it, and waits for nothing."""

    def follow(self, selector: str) -> None:
        """Clicks a link, and waits for the page that it leads to in the same tab."""

    def opens(self, selector: str, *, frame: str | None = None) -> Tab:
        """Clicks what opens a tab or a window, and gives that back."""

    def arrives(self, url: str) -> None:
        """Returns once the page at an address has loaded."""

    def until(self, condition: str) -> None:
        """Returns once a JavaScript expression holds."""

    def script(self, source: str, *arguments: object) -> Any:
        """What the body of a function gives back; the function is async."""

    def wheel(self, pixels: int) -> None:
        """Turns the mouse's wheel down."""

    def save(self, selector: str) -> None:
        """Clicks a link to a file and waits until it is saved."""

    def print(self) -> None: ...

    def leave(self) -> None:
        """Goes to an empty page."""


class Browser(Protocol):
    """A running browser with a profile of its own."""

    name: str

    def tab(self) -> Tab:
        """A new tab, in front of the others."""

    def clear(self) -> None:
        """Leaves every page, so that each can tell that it is hidden, and closes its tab."""

    def close(self) -> None:
        """Ends the browser as a person does, and keeps its profile."""
