"""The hooks in which mitmproxy's traffic meets the policy.

The story of a request is in the README; here each hook is one step of it: translate, decide,
record, answer. Two things shape all of them. mitmproxy logs an exception in a hook and lets the
request go on, so every hook is guarded and an error refuses. And a body starts to move as soon
as the headers' hook is done, so everything is decided there.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from mitmproxy.connection import Client
from mitmproxy.dns import DNSFlow
from mitmproxy.flow import Error
from mitmproxy.http import Headers, HTTPFlow, Response
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData

from addon.block_page import Answer
from addon.bounds import drop_trailers
from addon.flows import (
    Nameless,
    Unjudgeable,
    client_address,
    connection_hosts,
    is_number,
    is_private,
    was_nameless,
    web_request,
)
from addon.framing import LENGTH_REQUIRED, body_was_held_back
from addon.fronting import fronts, may_front
from addon.gate import Gate
from addon.gateway.hidden_names import hides
from addon.guard import guarded
from addon.judging import Judging
from addon.passage import completion_of, passage_of
from addon.sent_on import note_where_it_leads
from addon.sink import Replace
from addon.sockets import cut, hold, release
from addon.undecrypted import opens_unseen
from rules.hosts import HostError
from rules.policy import Outcome
from rules.request import WebRequest


class Enforcer:
    """mitmproxy's hooks, over the policy, the record and the sink that the gate holds."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    # An error here leaves the connection to be decrypted, and so to be judged again below.
    @guarded
    async def tls_clienthello(self, data: ClientHelloData) -> None:
        """By server name, before decryption: an unrelated name passes through untouched."""
        server = data.context.server
        target, port = server.address[:2] if server.address else ("", 443)
        try:
            hosts = connection_hosts(data.client_hello.sni, target)
        except HostError:
            return  # its request is refused, where the reason can be told
        names = [host for host in hosts if not is_number(host)]
        if names:
            # The site is given the name in its one form too: mitmproxy fails over a final dot.
            server.sni = names[0]
        client = data.context.client
        hidden = bool(self.gate.policy.now.policy.restricted) and any(map(hides, names))
        if hidden or self.gate.access.shuts(client, names or hosts):
            cut(client, client)
            self.gate.counts.refused += 1
            return
        if self._must_decide(names, client):
            if await opens_unseen(self.gate, client, names):
                server.address = (names[0], port)
                data.ignore_connection = True
            return
        if names and await may_front(self.gate.policy.now.policy, names[0]):
            return
        if names:
            # The name that the client claimed is dialled, not the address that it chose, so that
            # a false name leads to the site of that name.
            server.address = (names[0], port)
        elif not target or not is_private(hosts[-1]):
            # No name out here; inside there may be one. Where it leads is what counts: a number
            # for a server name is only the client's word.
            return
        data.ignore_connection = True
        self.gate.access.passing[client] = (names or hosts)[0]
        self.gate.counts.passed += 1

    @guarded
    async def requestheaders(self, flow: HTTPFlow) -> None:
        """Decides. An allowed request waits here until the record holds it."""
        if flow.response:
            return  # nobody has signed in to the proxy yet, and it has asked them to
        judging = Judging(self.gate, flow)
        if flow.error:
            judging.note_malformed()  # mitmproxy has refused it already
            return
        try:
            request = web_request(flow)
        except Unjudgeable as fault:
            judging.refuse_unjudgeable(fault)
            return
        decision = judging.decide(request)
        if decision.outcome is Outcome.NOT_RESTRICTED:
            if was_nameless(flow):
                judging.refuse_unjudgeable(Nameless())
            else:
                judging.pass_on(request)
        elif decision.allowed:
            await judging.allow(request, decision)
        else:
            judging.refuse(request, decision)

    @guarded
    def request(self, flow: HTTPFlow) -> None:
        """The request is whole. A refused one that had no body is answered here."""
        drop_trailers(flow)
        passage = passage_of(flow)
        if passage and passage.answer and not passage.up.used:
            flow.response = _response(passage.answer)

    @guarded
    def responseheaders(self, flow: HTTPFlow) -> None:
        """Streams what comes back; puts the real answer in place of the sink's."""
        assert flow.response
        passage = passage_of(flow)
        if body_was_held_back(flow):
            flow.response.status_code = LENGTH_REQUIRED
            flow.response.reason = ""
            flow.response.headers = Headers(content_length="0", cache_control="no-store")
            flow.response.stream = Replace(b"")
        elif passage is None:
            flow.response.stream = True
        elif passage.answer is None:
            note_where_it_leads(self.gate, flow, passage)
            # An offer of HTTP/3 would only lead the browser to a port that is closed.
            flow.response.headers.pop("alt-svc", None)
            flow.response.stream = passage.down
        elif self.gate.sink.answered(flow):
            flow.response.status_code = passage.answer.status
            flow.response.reason = ""
            flow.response.headers = _headers(passage.answer.headers)
            flow.response.stream = Replace(passage.answer.body)

    @guarded
    def response(self, flow: HTTPFlow) -> None:
        """The response is whole; a WebSocket's end comes later."""
        drop_trailers(flow)
        if flow.websocket is None:
            self._complete(flow)

    @guarded
    def error(self, flow: HTTPFlow) -> None:
        """One side went away."""
        self._complete(flow)

    @guarded
    def websocket_message(self, flow: HTTPFlow) -> None:
        """Counts a message and lets it go: mitmproxy would keep them all until the end."""
        assert flow.websocket
        message = flow.websocket.messages[-1]
        if passage := passage_of(flow):
            count = passage.up if message.from_client else passage.down
            count.bytes += len(message.content)
        del flow.websocket.messages[:-1]

    @guarded
    def websocket_end(self, flow: HTTPFlow) -> None:
        """Either side closed the WebSocket."""
        self._complete(flow)

    @guarded
    def dns_request(self, flow: DNSFlow) -> None:
        """mitmproxy takes whatever goes to a name server's port for DNS, and would hand it on
        without a decision.
        """
        flow.error = Error("the gate carries no DNS")

    @guarded
    async def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuses to be its own destination, which would go round for ever."""
        if data.server.address is None:
            return
        client = client_address(data.client.peername)
        if await self.gate.is_off_limits(client, data.server.address[:2]):
            data.server.error = "the proxy does not lead to itself"
        hold(data.client, data.server)

    @guarded
    def server_connected(self, data: ServerConnectionHookData) -> None:
        """What the client sends can go on, unless the name led elsewhere than when it was asked."""
        release(data.client, data.server)
        assert data.server.address
        assert data.server.peername
        client = client_address(data.client.peername)
        name, number = data.server.address[0], data.server.peername[0]
        access, policy = self.gate.access, self.gate.policy.now.policy
        if (
            self.gate.is_astray(client, number, data.server.address[1])
            or (data.client in access.passing and fronts(policy, name, number))
            or access.let_through.came_too_late(data.client, name)
        ):
            cut(data.client, data.server)

    @guarded
    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """Nothing will be sent on."""
        release(data.client, data.server)

    # mitmproxy forgets to close a connection that it gives up just while something arrives on it.

    @guarded
    def client_disconnected(self, client: Client) -> None:
        """Nobody is served on this connection any more."""
        self.gate.access.let_through.forget(client)
        cut(client, client)

    @guarded
    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Nothing is asked on this connection any more."""
        cut(data.client, data.server)

    def refuse_after_error(self, hook: str, subject: object) -> None:
        """What the guard calls when a hook has failed: closed, where it can still be closed."""
        if isinstance(subject, ServerConnectionHookData):
            subject.server.error = "an error in the gate"
            cut(subject.client, subject.server)
        elif isinstance(subject, HTTPFlow) and hook in ("requestheaders", "request"):
            Judging(self.gate, subject).refuse_after_error()
            if hook == "request":
                subject.response = Response.make(403, b"", {"cache-control": "no-store"})

    def _must_decide(self, names: list[str], client: Client) -> bool:
        """Whether the policy has a say in a connection to these hosts from this client."""
        policy = self.gate.policy.now.policy
        person = self.gate.access.person_at(client).person
        now = datetime.now(UTC)
        return any(
            policy.sees_through(name)
            or policy.decide(WebRequest(name), person, now).outcome is not Outcome.NOT_RESTRICTED
            for name in names
        )

    def _complete(self, flow: HTTPFlow) -> None:
        """The second, lazy write: how it ended and how much went each way."""
        self.gate.access.let_through.end(flow)
        passage = passage_of(flow)
        completion = completion_of(flow, passage, datetime.now(UTC)) if passage else None
        if completion:
            self.gate.recorder.complete(completion)


def _response(answer: Answer) -> Response:
    """The answer, its Content-Length untouched: to a HEAD request it is that of the page."""
    now = time.time()
    headers = _headers(answer.headers)
    return Response(b"HTTP/1.1", answer.status, b"", headers, answer.body, None, now, now)


def _headers(fields: tuple[tuple[str, str], ...]) -> Headers:
    return Headers([(name.encode("ascii"), value.encode("utf-8")) for name, value in fields])
