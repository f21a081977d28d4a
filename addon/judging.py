"""One request at the gate: everything it is judged by, taken once, and what can be done with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property

from mitmproxy.http import HTTPFlow

from addon.account import Account
from addon.flows import (
    Malformed,
    Nameless,
    Unjudgeable,
    carried_hosts,
    client_address,
    header_texts,
    is_number,
    scheme_of,
)
from addon.framing import Framed
from addon.gate import Gate
from addon.passage import Passage, attach
from addon.refusal import block_page, refusal_answer
from addon.sink import Discard
from addon.sockets import hold, release
from rules.policy import Decision, Outcome, Policy
from rules.request import WebRequest
from rules.sites import Site
from storage.recorder import NotDurable, RecordFull
from storage.tallies import Tally


class Judging:
    """A flow whose headers have arrived, with the policy, person and time it is judged by."""

    def __init__(self, gate: Gate, flow: HTTPFlow) -> None:
        self.gate = gate
        self.flow = flow
        self.now = datetime.now(UTC)
        self.policy: Policy = gate.policy.now.policy
        self.address = client_address(flow.client_conn.peername)
        self.who = gate.access.person_at(flow.client_conn, flow)

    @cached_property
    def headers(self) -> dict[str, str]:
        """The request's headers by name in lower case, as they were before any redirection."""
        return header_texts(self.flow.request)

    @cached_property
    def account(self) -> Account:
        """What the record will be told of it."""
        return Account(self.gate, self.policy, self.who, self.address, self.now, self.headers)

    def decide(self, request: WebRequest) -> Decision:
        """The policy's decision on the request for the person behind it, now."""
        person = self.who.person
        if person is None:
            return self.policy.decide(request, None, self.now)
        person = self.gate.access.asking(person, request.host)
        grants = self.gate.access.in_force.grants_of(person.id, self.now)
        return self.policy.decide(request, person, self.now, grants)

    def pass_on(self, request: WebRequest) -> None:
        """Sends an unrelated request on its way, streamed, and forgets it."""
        self.flow.request.stream = Framed(self.flow)
        self._dial_by_name(request)

    async def allow(self, request: WebRequest, decision: Decision) -> None:
        """Sends an allowed request on its way once its event is durable; refuses it otherwise."""
        noted = self.account.allowed(request, decision)
        number = None if isinstance(noted, Tally) else noted.id
        hold(self.flow.client_conn, self)
        try:
            await self.gate.recorder.durable(noted, self.gate.record_within)
        except RecordFull:
            # Nothing of it is on its way to the record, so it is refused as any other request is.
            self.refuse(request, self.policy.refuse(Outcome.RECORD_FULL, decision.site))
            return
        except NotDurable:
            unsaved = self.policy.refuse(Outcome.RECORD_UNAVAILABLE, decision.site)
            self._answer(unsaved, request.host, number)
            return
        finally:
            release(self.flow.client_conn, self)
        let_through = self.gate.access.let_through
        permit = let_through.permit(self.policy, self.who, decision.grant)
        if not let_through.holds(permit, self.flow.client_conn, self.flow):
            outcome = Outcome.NO_PURPOSE if decision.grant else Outcome.UNIDENTIFIED
            ended = self.policy.refuse(outcome, decision.site)
            self._answer(ended, request.host, number)
            return
        let_through.begin(self.flow, permit)
        self.gate.counts.allowed += 1
        opened = self.account.opened(request, decision)
        attach(self.flow, Passage(number, up=Framed(self.flow), opened=opened))
        self.account.note_use(request, decision)
        self._dial_by_name(request)

    def refuse(self, request: WebRequest, decision: Decision, status: int | None = None) -> None:
        """Answers the request here. It is on record where it concerns a restricted site."""
        number = None
        if decision.site and decision.site.id in self.policy.restricted:
            number = self.account.note_refused(request, decision)
        self._answer(decision, request.host, number, status)

    def refuse_unjudgeable(self, fault: Unjudgeable) -> None:
        """A request without one clear destination goes nowhere."""
        match fault:
            case Malformed():
                outcome = Outcome.MALFORMED
            case Nameless():
                outcome = Outcome.NAMELESS
            case _:
                outcome = Outcome.MISMATCH
        host, site = self._restricted(carried_hosts(self.flow))
        self.refuse(self._pathless(host), self.policy.refuse(outcome, site), fault.status)

    def note_malformed(self) -> None:
        """Puts on record that mitmproxy has refused the request, and why."""
        host, site = self._restricted(carried_hosts(self.flow))
        if site:
            refused = self.policy.refuse(Outcome.MALFORMED, site)
            self.gate.counts.refused += 1
            self.gate.recorder.note(self.account.event(self._pathless(host), refused))

    def refuse_after_error(self) -> None:
        """After an error of ours: closed where it restricts, open where it certainly does not."""
        hosts = carried_hosts(self.flow)
        host, site = self._restricted(hosts)
        if hosts and site is None and not self.flow.client_conn.tls:
            self.flow.request.stream = Framed(self.flow)
            return
        self.refuse(self._pathless(host), self.policy.refuse(Outcome.INTERNAL_ERROR, site))

    def _answer(
        self, decision: Decision, host: str, number: int | None, status: int | None = None
    ) -> None:
        self.gate.counts.refused += 1
        page = block_page(self.policy, decision, host, self.gate.portal_url)
        if status:
            page = replace(page, status=status)
        method = self.flow.request.method
        answer = refusal_answer(page, self.policy, host, number, method, self.headers, self.now)
        attach(self.flow, Passage(number, up=Discard(), answer=answer))
        self.gate.sink.redirect(self.flow)

    def _dial_by_name(self, request: WebRequest) -> None:
        """One canonical name wherever the destination is named: what was judged is dialled."""
        self.flow.request.host = request.host

    def _pathless(self, host: str) -> WebRequest:
        """What can be said of a request that names no one destination."""
        request = self.flow.request
        return WebRequest(host, scheme_of(self.flow), request.port, request.method, None)

    def _restricted(self, hosts: tuple[str, ...]) -> tuple[str, Site | None]:
        """The first host that is restricted, and its site; without one, the first host and None.

        An unrelated host that stands beside a restricted one is thus never put on record.
        """
        policy = self.policy
        for host in hosts:
            site = (policy.restricted_network if is_number(host) else policy.restricted_site)(host)
            if site:
                return host, site
        return hosts[0] if hosts else "", None
