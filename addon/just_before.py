"""What a device did just before, where one request alone cannot tell what it was.

* Tabs that a browser brings back send what they sent when somebody opened them, `Sec-Fetch-User`
  and all (seen with Chromium). They come at once, and people do not: of several pages asked
  for within half a second none is somebody's doing, and the first is unmade when the second comes.
  Each keeps its event, as does each step of a redirection; they are only no acts.
* The steps of a redirection each look like the click that began it. Only the first is one.
* A page asks again and again by itself. Who scrolls does so at no steady pace; a timer does. What
  comes at equal steps is a timer until the person does something there.
* What an app was refused it asks for again at once, and each time is the same event.
* A page that fills a frame of another site's page asks for more by itself, and Firefox does not say
  on whose page it stands. So what came into such a frame is remembered.

All of it is in memory, as digests of addresses, and bounded; a worker that starts anew has
forgotten it, and then counts a little more for a moment.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from addon.evidence import Kind, Signs

TOGETHER: Final = 0.5
"""Seconds within which nobody opens two pages."""

REDIRECTED: Final = 30.0
"""Seconds in which a redirection is followed, if it is."""

SAME_REFUSAL: Final = 60.0
"""Seconds since the last time within which a refusal is a repeat of the one before."""

STEADY: Final = 0.2
"""How far two gaps may differ, as a part of the longer, and still be one timer's."""

_MOST = 10_000  # of each; the oldest go


@dataclass(slots=True)
class _Beat:
    """The requests of one page for one place: the last, the gap before it, whether a timer's."""

    last: float
    gap: float | None = None
    regular: bool = False


@dataclass(slots=True)
class _Refused:
    event: int
    last: float


class JustBefore:
    """The memory of one worker. Moments are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._opened: dict[Hashable, tuple[float, Hashable]] = {}
        self._standing: dict[Hashable, int] = {}
        self._led: dict[Hashable, float] = {}
        self._beats: dict[Hashable, dict[Hashable, _Beat]] = {}
        self._refused: dict[Hashable, _Refused] = {}
        self._framed: dict[Hashable, None] = {}

    def seen_as(self, device: Hashable, place: Hashable, signs: Signs, moment: float) -> Signs:
        """The signs of a request from a device for a place, in the light of what came before.

        For requests that fetch: a form that is sent is nothing that a browser brings back.
        """
        if signs.kind is not Kind.NAVIGATION:
            return signs
        self._framed.pop((device, place), None)  # now it fills a tab
        led = self._led.pop((device, place), None)
        if led is not None and moment - led <= REDIRECTED:
            self._standing.pop(device, None)  # it stands for the whole way
            return replace(signs, kind=Kind.BACKGROUND)
        last, where = self._opened.get(device, (-TOGETHER, None))
        _keep(self._opened, device, (moment, place))
        if moment - last < TOGETHER and where != place and not signs.inside:
            return replace(signs, kind=Kind.BACKGROUND)
        self._standing.pop(device, None)
        return signs

    def asked_by(self, device: Hashable, asker: Hashable, place: Hashable, signs: Signs) -> Signs:
        """The signs of what a page at `asker` asked for, by where that page stands."""
        if (device, asker) in self._framed:
            kind = Kind.EMBED if signs.kind is Kind.BACKGROUND else signs.kind
            signs = replace(signs, kind=kind, inside=False, used=False, led=signs.page)
        if signs.kind is Kind.EMBED and signs.framed:
            _keep(self._framed, (device, place), None)
        return signs

    def opened(self, device: Hashable, event: int) -> None:
        """The page that a device asked for last is on record as an event."""
        _keep(self._standing, device, event)

    def unmade(self, device: Hashable) -> int | None:
        """The event of the page before one that came at once with it, and so was nobody's either.
        Told once.
        """
        return self._standing.pop(device, None)

    def leads(self, device: Hashable, place: Hashable, moment: float) -> None:
        """A page that was opened has sent its device on to another place."""
        _keep(self._led, (device, place), moment)

    def acts(self, page: Hashable) -> None:
        """A person has done something on a site: its timers are found out anew."""
        self._beats.pop(page, None)

    def in_use(self, page: Hashable, place: Hashable, moment: float) -> bool:
        """Whether a request that a page makes by itself shows that somebody uses it.

        `page` is the person and the site, `place` what is asked for. A timer's first two requests
        pass for use: a rhythm shows at the third.
        """
        beats = self._beats.get(page)
        if beats is None:
            beats = {}
            _keep(self._beats, page, beats)
        beat = beats.get(place)
        if beat is None:
            _keep(beats, place, _Beat(moment), 500)
            return True
        gap, before = moment - beat.last, beat.gap
        beat.last, beat.gap = moment, gap
        if before is not None and gap > 0.5 and abs(gap - before) <= STEADY * max(gap, before):
            beat.regular = True
        return not beat.regular

    def repeats(self, refusal: Hashable, moment: float) -> int | None:
        """The event that a refusal repeats, None if it is a new one."""
        known = self._refused.get(refusal)
        if known is None or moment - known.last > SAME_REFUSAL:
            return None
        known.last = moment
        return known.event

    def refused(self, refusal: Hashable, event: int, moment: float) -> None:
        """A refusal is on record as an event."""
        _keep(self._refused, refusal, _Refused(event, moment))


def _keep[T](memory: dict[Hashable, T], key: Hashable, value: T, most: int = _MOST) -> None:
    memory.pop(key, None)
    if len(memory) >= most:
        del memory[next(iter(memory))]
    memory[key] = value
