"""Marionette, the protocol in which every Firefox is steered: the few words of it that are needed.

A message is its length in decimal, a colon, and JSON: `[0, number, command, parameters]` asks and
`[1, number, error, result]` answers, one at a time (Firefox source docs, "Marionette: Protocol").
It is spoken here as it is because what speaks it for others, geckodriver, is not in Debian, and
Mozilla's own Python client brings sixteen packages along.

Unlike what is made for pages only, it reaches the browser's own window: an address can be typed
where people type addresses.
"""

from __future__ import annotations

import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tests.support.namespace import Namespace

PORT: Final = 2828
ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
"""The name of an element's reference (W3C WebDriver, section 12)."""


class MarionetteError(Exception):
    """The browser could not do what it was asked."""


class Marionette:
    """A conversation with one browser, until `close`."""

    def __init__(self, namespace: Namespace, within: float = 60.0) -> None:
        namespace.wait_for(PORT, within)
        self._socket = _connect(namespace, within)
        self._unread = b""
        self._number = 0
        self._receive()
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})

    def ask(self, command: str, **parameters: Any) -> Any:
        """What the browser answers. Raises MarionetteError."""
        self._number += 1
        text = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, number, error, result = self._receive()
        assert number == self._number
        if error:
            raise MarionetteError(f"{command}: {error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and "value" in result else result

    def script(self, source: str, *arguments: object) -> Any:
        """What the body of a function, run where the context is, gives back."""
        return self.ask("WebDriver:ExecuteScript", script=source, args=list(arguments))

    def find(self, selector: str, within: float = 20.0) -> str:
        """The first element of a CSS selector, waited for."""
        end = time.monotonic() + within
        while True:
            try:
                found = self.ask("WebDriver:FindElement", using="css selector", value=selector)
                return str(found[ELEMENT])
            except MarionetteError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def click(self, selector: str) -> None:
        self.ask("WebDriver:ElementClick", id=self.find(selector))

    def point(self, selector: str) -> None:
        """Moves the mouse over the middle of an element and clicks there."""
        there = {ELEMENT: self.find(selector)}
        steps = [
            {"type": "pointerMove", "origin": there, "x": 0, "y": 0},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": steps}
        self.ask("WebDriver:PerformActions", actions=[mouse])

    def press(self, keys: str) -> None:
        """Presses keys one after the other, wherever the focus is."""
        strokes = [{"type": type_, "value": key} for key in keys for type_ in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": strokes}
        self.ask("WebDriver:PerformActions", actions=[keyboard])

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> Any:
        while b":" not in self._unread:
            self._more()
        length, _, self._unread = self._unread.partition(b":")
        while len(self._unread) < int(length):
            self._more()
        text, self._unread = self._unread[: int(length)], self._unread[int(length) :]
        return json.loads(text)

    def _more(self) -> None:
        some = self._socket.recv(65536)
        if not some:
            raise MarionetteError("The browser has ended.")
        self._unread += some


def _connect(namespace: Namespace, within: float) -> socket.socket:
    """A socket that belongs to the namespace: it stays where the thread that made it was."""

    def inside() -> socket.socket:
        with closing(os.fdopen(os.open(Path("/run/netns") / namespace.name, os.O_RDONLY))) as place:
            os.setns(place.fileno(), os.CLONE_NEWNET)
        return socket.create_connection(("127.0.0.1", PORT), within)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(inside).result()
