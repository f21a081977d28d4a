"""Several devices' worth of requests, for as long as it runs: `python -m tests.lab.kills.clients`.

Each client keeps its connections to the sites open for as long as they last, as a browser does, and
asks for a place of its own with every request, once. What came of each it writes to a file, one
JSON object on a line: the status is 0 without an answer, `at` is when it was asked on this
machine's steady clock, and `took` how long the answer took, both in seconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import signal
import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final

OPEN: Final = "www.linkedin.com"
"""The policy opens its /jobs, and so has the path put on record."""

SHUT: Final = "www.facebook.com"
UNRELATED: Final = "www.unrelated.example"

# From a page of the site itself, or else two openings within half a second would be a browser's
# that brings tabs back.
_PAGE: Final = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
}
_PICTURE: Final = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Dest": "image",
    "Referer": "https://news.example/",
}
SORTS: Final[dict[str, tuple[str, dict[str, str], int]]] = {
    "opened": (OPEN, {**_PAGE, "Referer": f"https://{OPEN}/jobs"}, 10),
    "unmarked": (OPEN, {}, 2),
    "picture": (OPEN, _PICTURE, 4),
    "refused": (SHUT, {**_PAGE, "Referer": f"https://{SHUT}/"}, 4),
    "refused picture": (SHUT, _PICTURE, 1),
    "unrelated": (UNRELATED, {}, 3),
}
"""By name: the site, the headers, and how many in every 24."""

_REFERENCE: Final = re.compile(rb"\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b")
_PATIENCE: Final = 10.0  # seconds

type Tell = Callable[[dict[str, object]], None]


class Client:
    """One of them, in a thread of its own."""

    def __init__(
        self, name: str, proxy: tuple[str, int], trust: ssl.SSLContext, seed: int, tell: Tell
    ) -> None:
        self._name, self._proxy, self._trust, self._tell = name, proxy, trust, tell
        self._dice = random.Random(f"{seed} {name}")
        self._kept: dict[str, HTTPSConnection] = {}

    def run(self, stop: threading.Event) -> None:
        weights = [weight for *_, weight in SORTS.values()]
        for number in itertools.count():
            if stop.is_set():
                return
            (sort,) = self._dice.choices(list(SORTS), weights)
            place = f"/jobs/{self._name}-{number}"
            at = time.monotonic()
            status, reference = self._ask(sort, place)
            took = round(time.monotonic() - at, 4)
            self._tell(
                {
                    "place": place,
                    "sort": sort,
                    "status": status,
                    "reference": reference,
                    "at": at,
                    "took": took,
                }
            )
            if not status:
                stop.wait(0.2)

    def _ask(self, sort: str, place: str) -> tuple[int, str]:
        host, headers, _ = SORTS[sort]
        try:
            connection = self._kept.get(host) or self._connected(host)
            connection.request("GET", place, headers={**headers, "User-Agent": self._name})
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            if kept := self._kept.pop(host, None):
                kept.close()
            return 0, ""
        found = _REFERENCE.search(body) if response.status != 200 else None
        return response.status, found[0].decode() if found else ""

    def _connected(self, host: str) -> HTTPSConnection:
        connection = HTTPSConnection(*self._proxy, timeout=_PATIENCE, context=self._trust)
        connection.set_tunnel(host, 443)
        self._kept[host] = connection
        return connection


def main() -> None:
    """Until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--trust", required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    host, _, port = chosen.proxy.rpartition(":")
    trust = ssl.create_default_context(cafile=chosen.trust)
    stop, one_at_a_time = threading.Event(), threading.Lock()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with chosen.log.open("w", encoding="utf-8") as log:

        def tell(facts: dict[str, object]) -> None:
            with one_at_a_time:
                log.write(json.dumps(facts) + "\n")
                log.flush()

        clients = [
            Client(f"device-{number}", (host, int(port)), trust, chosen.seed, tell)
            for number in range(chosen.clients)
        ]
        threads = [threading.Thread(target=each.run, args=(stop,)) for each in clients]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            time.sleep(0.05)
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
