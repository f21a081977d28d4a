"""TLS with a client: what it is shown, and what is noted when it will not have it.

An app that knows its site's own certificate by heart ("pinning") refuses ours, and so does a device
that was never told to trust the school. Either way nothing is sent; it must not become a way round,
since anybody can refuse at will. It is on record once a minute for each device and site, however
often the app tries.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import ctx
from mitmproxy.addons.tlsconfig import AppData, alpn_select_callback
from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow
from mitmproxy.net import tls
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from addon.flows import client_address, connection_hosts, is_number
from addon.gate import Gate
from addon.guard import guarded
from addon.leaves import Leaf
from rules.hosts import HostError
from rules.policy import Decision, Outcome
from rules.request import WebRequest
from rules.sites import Site
from storage.events import Event

SILENT: Final = 2.0
"""Seconds after the handshake in which hanging up without a word means that ours was not wanted.

Some libraries look at the certificate only then. A browser that connects ahead waits longer; but it
drops a second connection once the first one speaks HTTP/2, so it must not have been heard either.
"""

HEARD_WITHIN: Final = 10.0
"""Seconds in which a device that asks a site for something has plainly accepted the certificate."""

NOTED_EVERY: Final = 60.0
"""Seconds between two rows about one device and one site."""

_MOST_NOTED: Final = 4096
_CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
)
"""For TLS 1.2, with our kind of key. Every browser of the last ten years has one of them."""

# A client that speaks no such TLS has refused nothing of ours.
_NO_COMMON_LANGUAGE: Final = ("agree on a TLS version", "no shared cipher", "not speak TLS")


@dataclass(slots=True)
class _Met:
    """A restricted site's connection whose handshake is done, and whether anything was asked."""

    site: Site
    host: str
    since: float
    spoke: bool = False


class Handshakes:
    """mitmproxy's hooks about TLS with clients."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._closed: WeakSet[Client] = WeakSet()
        self._met: WeakKeyDictionary[Client, _Met] = WeakKeyDictionary()
        self._heard: dict[tuple[str, str], float] = {}
        self._noted: dict[tuple[str, str], float] = {}

    def running(self) -> None:
        """Takes this part of its work from mitmproxy's own addon."""
        theirs = ctx.master.addons.get("tlsconfig")
        if theirs:
            theirs.tls_start_client = _leave_it_to_us

    @guarded
    def tls_start_client(self, start: TlsData) -> None:
        """Shows the client a certificate for the name it asked for, or none at all."""
        context = start.context
        host, leaf = self._leaf(context)
        if leaf is None:
            self._closed.add(context.client)
            self._note_closed(context.client, host)
        connection = SSL.Connection(_tls_context(leaf))
        if leaf:
            connection.use_certificate(leaf.certificate)
            connection.use_privatekey(self.gate.signatory.leaves.key)
        # In an explicit proxy's own TLS, CONNECT is only spoken in HTTP/1.
        outer = len(context.layers) == 2 and isinstance(context.layers[0], modes.HttpProxy)
        connection.set_app_data(
            AppData(
                client_alpn=b"http/1.1" if outer else context.client.alpn,
                server_alpn=context.server.alpn,
                http2=ctx.options.http2,
            )
        )
        connection.set_accept_state()
        start.ssl_conn = connection

    @guarded
    def tls_failed_client(self, data: TlsData) -> None:
        """The client hung up or complained."""
        client = data.context.client
        error = client.error or ""
        if client in self._closed or any(words in error for words in _NO_COMMON_LANGUAGE):
            return
        if found := self._restricted(data.context):
            self._note_refusal(client, *found)

    @guarded
    def tls_established_client(self, data: TlsData) -> None:
        """The client took the certificate, or will look at it in a moment."""
        if found := self._restricted(data.context):
            self._met[data.context.client] = _Met(*found, time.monotonic())

    @guarded
    def requestheaders(self, flow: HTTPFlow) -> None:
        """It took the certificate."""
        if met := self._met.get(flow.client_conn):
            met.spoke = True
            self._heard[client_address(flow.client_conn.peername), met.site.id] = time.monotonic()
            if len(self._heard) > _MOST_NOTED:
                self._heard.pop(next(iter(self._heard)))

    @guarded
    def client_disconnected(self, client: Client) -> None:
        """Was there a word from it? Its other connections are given a moment to say one."""
        met = self._met.pop(client, None)
        if met and not met.spoke and time.monotonic() - met.since < SILENT:
            asyncio.get_running_loop().call_later(SILENT, self._note_silent, client, met)

    def _note_silent(self, client: Client, met: _Met) -> None:
        address = client_address(client.peername)
        heard = self._heard.get((address, met.site.id), -HEARD_WITHIN)
        speaking = any(
            other.spoke and other.site is met.site and client_address(each.peername) == address
            for each, other in self._met.items()
        )
        if not speaking and time.monotonic() - heard >= HEARD_WITHIN:
            self._note_refusal(client, met.site, met.host)

    def refuse_after_error(self, hook: str, subject: object) -> None:
        """Without a certificate there is no connection, so nothing is left to refuse."""

    def _leaf(self, context: Context) -> tuple[str, Leaf | None]:
        """The host that a connection is for, and what it is shown."""
        now, leaves = datetime.now(UTC), self.gate.signatory.leaves
        host = _host(context)
        leaf = leaves.for_host(host, now) if host else None
        if leaf is None and not (host and self._is_decided(context.client, host)):
            leaf = leaves.for_nobody(now)  # somebody looks inside
        return host, leaf

    def _is_decided(self, client: Client, host: str) -> bool:
        """Whether the policy has a say in a name that may not be signed for."""
        return not is_number(host) and (
            self.gate.policy.now.policy.sees_through(host)
            or self._decision(client, host).outcome is not Outcome.NOT_RESTRICTED
        )

    def _decision(self, client: Client, host: str) -> Decision:
        policy, access, now = self.gate.policy.now.policy, self.gate.access, datetime.now(UTC)
        person = access.person_at(client).person
        if person is None:
            return policy.decide(WebRequest(host), None, now)
        grants = access.in_force.grants_of(person.id, now)
        return policy.decide(WebRequest(host), access.asking(person, host), now, grants)

    def _restricted(self, context: Context) -> tuple[Site, str] | None:
        host, policy = _host(context), self.gate.policy.now.policy
        site = (policy.restricted_network if is_number(host) else policy.restricted_site)(host)
        return (site, host) if site else None

    def _note_closed(self, client: Client, host: str) -> None:
        decision = self._decision(client, host)
        if decision.allowed:
            policy = self.gate.policy.now.policy
            decision = policy.refuse(Outcome.NO_CERTIFICATE, decision.site)
        if decision.site:
            self._note(client, host, decision)

    def _note_refusal(self, client: Client, site: Site, host: str) -> None:
        policy = self.gate.policy.now.policy
        self._note(client, host, policy.refuse(Outcome.APP_REFUSED, site))

    def _note(self, client: Client, host: str, decision: Decision) -> None:
        """Puts it on record, unless the same is there from just before."""
        assert decision.site
        self.gate.counts.refused += 1
        address, moment = client_address(client.peername), time.monotonic()
        subject = (address, decision.site.id)
        if moment - self._noted.get(subject, -NOTED_EVERY) < NOTED_EVERY:
            return
        if len(self._noted) >= _MOST_NOTED:
            self._noted = {
                each: noted for each, noted in self._noted.items() if moment - noted < NOTED_EVERY
            }
        self._noted[subject] = moment
        policy, now = self.gate.policy.now.policy, datetime.now(UTC)
        who = self.gate.access.person_at(client)
        self.gate.recorder.note(
            Event(
                id=self.gate.event_ids.next(now),
                at=now,
                person=who.person.id if who.person else None,
                source=who.source,
                address=address,
                site=decision.site.id,
                host=host,
                scheme="https",
                method="",
                kind="app",
                allowed=False,
                outcome=decision.outcome,
                reason=decision.reason,
                rule=None,
                clause=decision.clause.id if decision.clause else None,
                path=None,
                policy=policy.digest[:12],
                confidence=who.confidence,
            )
        )


def _leave_it_to_us(_: TlsData) -> None:
    pass


def _host(context: Context) -> str:
    """The canonical host that a client expects to meet, or '' if it says none that can be read."""
    target = context.server.address[0] if context.server.address else ""
    try:
        hosts = connection_hosts(context.client.sni, target)
    except HostError:
        return ""
    return hosts[0] if hosts else ""


def _tls_context(leaf: Leaf | None) -> SSL.Context:
    """mitmproxy keeps one for each combination; without a certificate, the handshake fails."""
    return tls.create_client_proxy_context(
        method=tls.Method.TLS_SERVER_METHOD,
        min_version=tls.Version[ctx.options.tls_version_client_min],
        max_version=tls.Version[ctx.options.tls_version_client_max],
        cipher_list=_CIPHERS,
        ecdh_curve=None,
        chain_file=None,
        alpn_select_callback=alpn_select_callback,
        request_client_cert=False,
        extra_chain_certs=(leaf.intermediate,) if leaf else (),
        dhparams=None,
    )
