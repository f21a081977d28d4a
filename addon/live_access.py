"""What grants and withdrawals come to at this worker: who is marked, what is shut, what is cut.

What was let through is cut when it is not permitted any more: see `let_through`.

When a person's web access is withdrawn, their connections are cut, but for those that pass
undecrypted to an essential; so are those at a device where they are known to be from now on. After
that a connection to anything else is refused as it comes: a restricted name is decrypted to show
the page that says why, any other is closed unread, and leaves no more than a number in a count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow

from addon.access_in_force import EVERY, AccessInForce
from addon.flows import client_address
from addon.identity.directory import Directory, Identification
from addon.identity.proxy_sign_in import account_of
from addon.let_through import LetThrough
from addon.sockets import clients, cut
from rules.decision import Outcome
from rules.hosts import HostError
from rules.policy import Policy
from rules.request import Person, WebRequest, request_for


class LiveAccess:
    """Over what is in force, the connections and flows that depend on it."""

    def __init__(
        self, in_force: AccessInForce, directory: Directory, policy: Callable[[], Policy]
    ) -> None:
        self.in_force = in_force
        self._directory = directory
        self._policy = policy
        # What the portal is called: it says whom to talk to, and stays open to everybody.
        self._portal = ""
        self.passing: WeakKeyDictionary[Client, str] = WeakKeyDictionary()
        self.let_through = LetThrough(in_force, directory)
        self._withdrawn: set[str] = set()
        self._withdrawn_at: set[str] = set()

    def set_portal(self, url: str) -> None:
        """Takes the portal's address, or '' if it has none."""
        try:
            self._portal = request_for(url).host if url else ""
        except HostError:
            self._portal = ""

    def person_at(self, client: Client, flow: HTTPFlow | None = None) -> Identification:
        """Who is at a connection, or who asks with a flow of it; marked where their web access is
        withdrawn.
        """
        address, account = client_address(client.peername), account_of(client, flow)
        who = self._directory.person_at(address, datetime.now(UTC), account)
        if who.person and self.in_force.is_withdrawn(who.person.id):
            return replace(who, person=self.in_force.as_it_stands(who.person))
        return who

    def asking(self, person: Person, host: str) -> Person:
        """The person as they count for one canonical host: for the portal, nothing is withdrawn."""
        if person.withdrawn and host == self._portal:
            return replace(person, withdrawn=False)
        return person

    def shuts(self, client: Client, hosts: Sequence[str]) -> bool:
        """Whether a connection that names these hosts, canonical, is refused before decryption.

        Only where the person's access is withdrawn, and one of them is neither open to them nor a
        name that is decrypted anyway, to be answered with a page.
        """
        policy = self._policy()
        person = self.person_at(client).person
        if person is None or not person.withdrawn:
            return False
        return not hosts or any(
            not policy.restricted_site(host)
            and not policy.sees_through(host)
            and self._is_closed(policy, person, host)
            for host in hosts
        )

    async def follow(self) -> None:
        """Cuts what has ended, until it is cancelled."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it every connection
                loop.call_soon_threadsafe(self._has_changed)

        self.in_force.on_change(tell)
        self.in_force.follow()
        self._withdrawn, self._withdrawn_at = self._who_and_where()
        while True:
            self._has_changed()
            await asyncio.sleep(EVERY)

    def _has_changed(self) -> None:
        self.let_through.cut_ended()
        people, places = self._who_and_where()
        new_people, new_places = people - self._withdrawn, places - self._withdrawn_at
        self._withdrawn, self._withdrawn_at = people, places
        if new_people or new_places:
            self._cut_withdrawn(new_people, new_places)

    def _who_and_where(self) -> tuple[set[str], set[str]]:
        """Everybody whose web access is withdrawn, and the addresses where they are known to be."""
        people = {person.id for person in self._policy().people.values() if person.withdrawn}
        people |= self.in_force.withdrawn()
        now = datetime.now(UTC)
        return people, {
            address for person in people for address in self._directory.addresses_of(person, now)
        }

    def _cut_withdrawn(self, people: Collection[str], places: Collection[str]) -> None:
        """Cuts what is closed to these people from now on, or at these addresses.

        Once: what they ask for afterwards is answered with the page that says why.
        """
        policy = self._policy()
        for client in clients():
            person = self.person_at(client).person
            if person is None or not person.withdrawn:
                continue
            if person.id in people or client_address(client.peername) in places:
                host = self.passing.get(client)
                if host is None or self._is_closed(policy, person, host):
                    cut(client, client)

    def _is_closed(self, policy: Policy, person: Person, host: str) -> bool:
        person = self.asking(person, host)
        decision = policy.decide(WebRequest(host), person, datetime.now(UTC))
        return decision.outcome is Outcome.WITHDRAWN
