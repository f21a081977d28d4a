"""The devices of a soak: what a school's browsers do all day, and what goes wrong.

Acts begin at a steady rate and do not wait for one another, except that no more than so many are
under way: what cannot begin in time is counted as late, and not made up for. Beside them run things
that last: downloads read slowly, WebSockets, and clients that say nothing.

Runs by itself, because it has to be inside the network namespace; prints figures as one line of
JSON, at the end or when it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tests.bench.soak_acts import (
    WITHIN,
    Act,
    Devices,
    Wrong,
    download,
    gone_after_asking,
    gone_while_reading,
    gone_while_sending,
    half_a_hello,
    page,
    silent,
    slow_head,
    web_socket,
)
from tests.bench.soak_street import GRANTED, OFFICE, STRANGER, TEACHERS
from tests.bench.stage import ALLOWED, BLOCKED, UNRELATED

_MOST = 300  # acts under way
# What is granted and revoked all the time. Of a request that is under way just then, the gate cuts
# the far side, as it should; the browser hears of that as 502.
_EITHER = (200, 403, 502)
ACTS: dict[str, tuple[int, Act]] = {
    "unrelated, TLS": (40, page(UNRELATED, (*OFFICE, *TEACHERS, STRANGER), tls=True)),
    "unrelated, plain": (14, page(UNRELATED, (*OFFICE, *TEACHERS, STRANGER), tls=False)),
    "refused, TLS": (10, page(BLOCKED, TEACHERS, tls=True, status=(403,), ours=True)),
    "refused, plain": (8, page(BLOCKED, (*OFFICE, *TEACHERS), tls=False, status=(403,))),
    "refused, nobody known": (2, page(BLOCKED, (STRANGER,), tls=True, status=(403,), ours=True)),
    "allowed, TLS, three": (8, page(ALLOWED, OFFICE, tls=True, requests=3, ours=True)),
    "allowed, plain": (8, page(ALLOWED, OFFICE, tls=False)),
    "granted or not": (3, page(GRANTED, TEACHERS, tls=True, status=_EITHER, ours=True)),
    "slow, TLS": (1, slow_head(tls=True)),
    "slow, plain": (1, slow_head(tls=False)),
    "gone in its hello": (1, half_a_hello),
    "gone after asking, TLS": (1, gone_after_asking(tls=True)),
    "gone after asking, plain": (1, gone_after_asking(tls=False)),
    "gone while reading": (1, gone_while_reading),
    "gone while sending": (1, gone_while_sending),
}
"""With their share in a hundred."""

REFUSED = ("refused, TLS", "refused, plain", "refused, nobody known")

LASTING: dict[str, Act] = {
    "download, unrelated": download(UNRELATED, TEACHERS[0], tls=True, ours=False),
    "download, unrelated, plain": download(UNRELATED, OFFICE[3], tls=False, ours=False),
    "download, allowed": download(ALLOWED, OFFICE[0], tls=True, ours=True),
    "download, allowed, plain": download(ALLOWED, OFFICE[1], tls=False, ours=True),
    "WebSocket, unrelated": web_socket(UNRELATED, TEACHERS[1], ours=False),
    "WebSocket, allowed": web_socket(ALLOWED, OFFICE[2], ours=True),
    "WebSocket, allowed, other": web_socket(ALLOWED, OFFICE[3], ours=True),
    "silent": silent,
}
"""Each of these begins again as soon as it has ended."""


class Day:
    """Acts at a steady rate, and how they went."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._took: dict[str, list[float]] = {name: [] for name in (*ACTS, *LASTING)}
        self._wrong: Counter[str] = Counter()
        self._late = 0
        self._under_way: set[asyncio.Task[None]] = set()

    async def _do(self, name: str, act: Act, within: float) -> None:
        begun = time.perf_counter()
        try:
            await asyncio.wait_for(act(self._devices), within)
        except (Wrong, OSError, EOFError, ValueError, TimeoutError) as wrong:
            stamp = time.strftime("%H:%M:%S")
            self._wrong[f"{name}: {type(wrong).__name__} {wrong}"] += 1
            print(f"{stamp} {name}: {wrong!r}", flush=True)
        else:
            self._took[name].append(time.perf_counter() - begun)

    def _begin(self, name: str, act: Act, within: float) -> None:
        task = asyncio.create_task(self._do(name, act, within))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def steady(self, rate: float, stop: asyncio.Event) -> None:
        """Begins so many acts a second, and what lasts, until told to stop; waits for their end."""
        lasting = [asyncio.create_task(self._last(name, stop)) for name in LASTING]
        begun = time.monotonic()
        for number, name in enumerate(_round()):
            due = begun + number / rate
            if (wait := due - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait)
            if stop.is_set():
                break
            if len(self._under_way) >= _MOST or wait < -WITHIN:
                self._late += 1
            else:
                self._begin(name, ACTS[name][1], WITHIN)
        await asyncio.gather(*self._under_way, *lasting)

    async def _last(self, name: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._do(name, LASTING[name], 600)
            await asyncio.sleep(0.5)

    async def flat_out(self, clients: int, seconds: float) -> float:
        """As many acts as so many clients can do, one after the other each: their rate."""
        end, names, done = time.monotonic() + seconds, _round(slow=False), 0

        async def client() -> None:
            nonlocal done
            while time.monotonic() < end:
                name = next(names)
                await self._do(name, ACTS[name][1], WITHIN)
                done += 1

        begun = time.monotonic()
        await asyncio.gather(*(client() for _ in range(clients)))
        return done / (time.monotonic() - begun)

    def figures(self) -> dict[str, Any]:
        """Per act: how many went well, and how long they took, in milliseconds."""
        acts = {}
        for name, took in self._took.items():
            times = sorted(took)
            acts[name] = {
                "done": len(times),
                "p50_ms": statistics.median(times) * 1000 if times else None,
                "p99_ms": times[len(times) * 99 // 100] * 1000 if times else None,
                "most_ms": times[-1] * 1000 if times else None,
            }
        return {"acts": acts, "wrong": dict(self._wrong), "late": self._late}


def _round(*, slow: bool = True) -> Iterator[str]:
    """The acts for ever, each as often as its share, and well mixed."""
    owed = {name: 0 for name in ACTS if slow or not name.startswith("slow")}
    total = sum(ACTS[name][0] for name in owed)
    while True:
        for name in owed:
            owed[name] += ACTS[name][0]
        name = max(owed, key=owed.__getitem__)
        owed[name] -= total
        yield name


async def _main(options: argparse.Namespace) -> None:
    devices = Devices(options.public, options.school, options.run)
    day, stop = Day(devices), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    figures: dict[str, Any] = {}
    if options.rate:
        loop.call_later(options.seconds, stop.set)
        await day.steady(options.rate, stop)
    else:
        figures["rate"] = await day.flat_out(options.clients, options.seconds)
    print("FIGURES", json.dumps({**day.figures(), **figures}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", required=True, help="the authority of the site, PEM")
    parser.add_argument("--school", required=True, help="the school's authority, PEM")
    parser.add_argument("--run", required=True, help="a word for the paths of this run")
    parser.add_argument("--rate", type=float, default=0.0, help="acts a second; 0: flat out")
    parser.add_argument("--clients", type=int, default=30, help="flat out, so many at a time")
    parser.add_argument("--seconds", type=float, required=True)
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
