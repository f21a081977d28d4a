"""Whether the legal holds on record are those that the chain tells of."""

from __future__ import annotations

from sqlalchemy import Connection

from storage.chain_facts import ChainFacts
from storage.holds import sealed_holds
from storage.sealed_rows import Broken


def check_holds(connection: Connection, facts: ChainFacts) -> None:
    """Raises Broken with the first difference."""
    there = sealed_holds(connection)
    for number in sorted(there.keys() | facts.holds.keys()):
        told, found = facts.holds.get(number), there.get(number)
        person = (told or found or {}).get("person")
        name = f"The legal hold {number} on {person}'s events"
        if found is None:
            raise Broken(f"{name} was taken away.")
        if told is None:
            raise Broken(f"{name} was put in from outside: no seal stands for it.")
        if told != found:
            raise Broken(f"{name} was changed.")
