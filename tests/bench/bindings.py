"""How many times a second a worker can say who is at an address.

Three hundred people with two addresses each, known by RADIUS and, half of them, by their device
too; asked for in no order. Rates are of processor time, so that other programs do not count.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from addon.identity.bindings import Bindings
from addon.identity.directory import Directory
from addon.identity.intervals import Interval
from rules.identity import Identity, Source
from rules.loading import SHIPPED_POLICY, load_policy
from rules.policy import Policy
from rules.request import Person, Role

PEOPLE = 300
ASKED = 200_000
_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def school() -> tuple[Policy, Bindings]:
    """A policy with so many people, and where they are."""
    names = [f"p{number}.example" for number in range(PEOPLE)]
    shipped = load_policy(SHIPPED_POLICY)
    identity = Identity(
        sources=tuple(Source), shared=frozenset({"10.9.9.9"}), accounts={n: n for n in names}
    )
    people = {name: Person(name, name, Role.EMPLOYEE) for name in names}
    policy = replace(shipped, people=people, identity=identity, addresses={"10.2.0.1": names[0]})
    bindings, number = Bindings(), 0
    for at, name in enumerate(names):
        hardware = f"a4:5e:60:00:{at >> 8:02x}:{at & 255:02x}"
        for address in (f"10.0.{at >> 8}.{at & 255}", f"fd00::{at:x}"):
            for source in (Source.RADIUS, Source.DEVICE)[: 1 + at % 2]:
                number += 1
                bindings.put(Interval(number, name, address, hardware, source, name, _NOW, _NOW))
    return policy, bindings


def rate(directory: Directory, addresses: Sequence[str]) -> float:
    """Answers a second of processor time."""
    asked = random.Random(1).choices(addresses, k=ASKED)
    now = _NOW + timedelta(minutes=1)
    person_at = directory.person_at
    begun = time.process_time()
    for address in asked:
        person_at(address, now)
    return ASKED / (time.process_time() - begun)


def rates() -> dict[str, float]:
    """Answers a second of processor time, by kind of address."""
    policy, bindings = school()
    directory = Directory(lambda: policy, bindings)
    asked = {
        "one source": [f"10.0.{at >> 8}.{at & 255}" for at in range(0, PEOPLE, 2)],
        "two sources that agree": [f"fd00::{at:x}" for at in range(1, PEOPLE, 2)],
        "a fixed address": ["10.2.0.1"],
        "nobody known": [f"10.3.0.{at}" for at in range(250)],
    }
    return {what: rate(directory, addresses) for what, addresses in asked.items()}
