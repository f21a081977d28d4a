"""What has been let through and is not over: for whom, and by which grant if it was one.

A decision is made when a request begins; a video, a chat or an upload can go on for hours after. It
is cut when its grant ends, and when the person that it was let through for is no longer known to be
at its device: they signed out or left, somebody else came, or it can no longer be told. HTTP/2
streams are cut too, because nothing tells a long one from a short one. It is cut on the site's
side: the browser's own connection lives on and gets the block page with its next request.

Who it is, is asked by the terms of the policy that let it through: a changed policy cuts nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow

from addon.access_in_force import AccessInForce
from addon.flows import client_address
from addon.identity.directory import Directory, Identification, Terms, terms_of
from addon.identity.proxy_sign_in import account_of
from addon.sockets import cut
from rules.decision import Grant
from rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Permit:
    """For whom something was let through, by id; None for a device that nobody is known to use."""

    person: str | None
    terms: Terms
    grant: Grant | None


class LetThrough:
    """The flows and undecrypted connections that go on, each with its permit."""

    def __init__(self, in_force: AccessInForce, directory: Directory) -> None:
        self._in_force = in_force
        self._directory = directory
        self._flows: dict[str, tuple[HTTPFlow, Permit]] = {}
        self._unseen: WeakKeyDictionary[Client, Permit] = WeakKeyDictionary()
        self._terms: tuple[str, Terms] | None = None

    def permit(self, policy: Policy, who: Identification, grant: Grant | None) -> Permit:
        """What a decision of a policy's for somebody comes to."""
        if self._terms is None or self._terms[0] != policy.digest:
            self._terms = policy.digest, terms_of(policy)
        return Permit(who.person.id if who.person else None, self._terms[1], grant)

    def holds(self, permit: Permit, client: Client, flow: HTTPFlow | None = None) -> bool:
        """Whether it is still the same person's, and the grant, if any, is live."""
        return self._holds(permit, client, flow, datetime.now(UTC), {})

    def begin(self, flow: HTTPFlow, permit: Permit) -> None:
        """A flow has been let through."""
        self._flows[flow.id] = flow, permit

    def begin_unseen(self, client: Client, permit: Permit) -> None:
        """A connection has been let through undecrypted."""
        self._unseen[client] = permit

    def end(self, flow: HTTPFlow) -> None:
        """A flow is over, whatever let it through."""
        self._flows.pop(flow.id, None)

    def forget(self, client: Client) -> None:
        """A client is gone, with all its flows."""
        for flow, _ in tuple(self._flows.values()):
            if flow.client_conn is client:
                self.end(flow)

    def came_too_late(self, client: Client, host: str) -> bool:
        """Whether a permit has ended while a client's flow waited to be connected to `host`."""
        return any(
            flow.client_conn is client
            and flow.request.host == host
            and not self.holds(permit, client, flow)
            for flow, permit in self._flows.values()
        )

    def cut_ended(self) -> None:
        """Cuts whatever is not permitted any more."""
        now = datetime.now(UTC)
        known: dict[tuple[str, str | None, int], str | None] = {}
        for flow, permit in tuple(self._flows.values()):
            if not self._holds(permit, flow.client_conn, flow, now, known):
                cut(flow.client_conn, flow.server_conn)
        for client, permit in tuple(self._unseen.items()):
            if not self._holds(permit, client, None, now, known):
                cut(client, client)

    def _holds(
        self,
        permit: Permit,
        client: Client,
        flow: HTTPFlow | None,
        now: datetime,
        known: dict[tuple[str, str | None, int], str | None],
    ) -> bool:
        """`known` is who has been asked for already: many flows are one person's."""
        address, account = client_address(client.peername), account_of(client, flow)
        key = address, account, id(permit.terms)
        if key not in known:
            found = self._directory.person_at(address, now, account, permit.terms).person
            known[key] = found.id if found else None
        if known[key] != permit.person:
            return False
        grant = permit.grant
        return grant is None or grant in self._in_force.grants_of(grant.person, now)
