"""HAProxy's configuration: sorting by name, in C, before anything reaches a worker.

What it decides is only who looks at a connection. One to an unrelated name is joined to the place
it was going to, untouched and unseen; the rest goes to the workers, which decide. Anything in doubt
(no name, a number for a name, a name that cannot be read) is not unrelated.

Redirected IPv4 connections keep their destination in the kernel, where HAProxy asks for it. For
IPv6 it does not ask; those arrive by TPROXY, on a socket that is bound for it, with the
destination as its own address. One socket for both families would lose the destination of both.

It writes no log of traffic. Seen with 2.6.12; the words are in its configuration manual.
"""

from __future__ import annotations

from collections.abc import Iterator

from addon.endpoint import Endpoint
from addon.gateway.front import (
    KNOWN_ADDRESS,
    NETWORKS,
    RESTRICTED,
    WITHDRAWN,
    Front,
    files_for,
    quoted,
)
from addon.gateway.own_pages import CLOSED, own_pages, page

_EVERYWHERE = "::"
_ALL_IPV4 = "0.0.0.0"  # noqa: S104 - a spelling; what is bound is the admin's to say

_KNOWN = 100  # the number that sockets for known addresses go by

# The forms that `rules.hosts` calls a name: labels, none empty, the last of them no number.
_LABEL = "[a-z0-9_-]{1,63}"
_NAME = rf"(?:{_LABEL}\.)*(?!(?:0x[0-9a-f]*|[0-9]+)\.?(?::|$)){_LABEL}\.?"


def haproxy_config(front: Front) -> str:
    """The whole text of the configuration."""
    parts = [_global(front), _workers(front)]
    if front.tls:
        parts.append(_tls(front, front.tls))
    if front.http:
        parts.append(_http(front, front.http))
    if front.explicit:
        parts.append(_explicit(front, front.explicit))
    return "\n".join(parts)


def _global(front: Front) -> str:
    # Where another starts HAProxy, HAProxy itself counts what fits into the files it may open.
    most = front.connections
    bound = f"fd-hard-limit {files_for(most)}" if front.external else f"maxconn {most}"
    return f"""\
# Written by Schoolgate from the policy and the options it runs with; changes here are lost.
global
    {bound}
    stats socket {quoted(front.socket)} mode 600 level admin
    stats timeout 60s
    # A TLS record, and with it the largest ClientHello, fits as a whole.
    tune.bufsize 32768
    tune.maxrewrite 1024
    log stderr format raw daemon warning

defaults
    mode tcp
    backlog 4096
    option clitcpka
    option srvtcpka
    option splice-auto
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    timeout client-fin 30s
    timeout server-fin 30s
    timeout queue 10s
    timeout check 2s

# How much each client has open; nothing is sent here.
backend clients
    stick-table type ipv6 size 100k expire 60s store conn_cur,conn_rate(10s)

backend decided
    stick-table type ipv6 size 100k expire 60s store conn_cur
"""


def _workers(front: Front) -> str:
    def servers(how: str) -> str:
        return "\n".join(
            f"    server worker{number} 127.0.0.1:{front.first_worker_port + number}"
            f" send-proxy-v2 maxconn {front.per_worker} {how.format(number=number)}"
            for number in range(front.workers)
        )

    checked = servers("check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions")
    tracked = servers("track workers/worker{number}")
    return f"""\
# A client stays with its worker; when one dies, only its own clients move.
backend workers
    balance source
    hash-type consistent
    option redispatch 1
    retries 3
    timeout connect 1s
    option tcp-check
    tcp-check connect send-proxy
    tcp-check expect string ready
{checked}

backend workers_http
    mode http
    balance source
    hash-type consistent
    option redispatch 1
    retries 3
    http-reuse never
    timeout connect 1s
{page(502, CLOSED)}
{page(503, CLOSED)}
{tracked}
"""


def _tls(front: Front, endpoint: Endpoint) -> str:
    return f"""\
frontend tls
{_redirected_binds(front, endpoint)}
{_limits(front)}
    tcp-request inspect-delay 5s
    # A ClientHello, whole; whatever else speaks here is shown the door.
    tcp-request content reject unless {{ req.payload(0,1) -m bin 16 }}
    tcp-request content reject unless {{ req.payload_lv(3,2) -m found }}
    tcp-request content reject unless {{ req.payload(5,1) -m bin 01 }}
    tcp-request content set-var(txn.name) req.ssl_sni,lower,rtrim(.)
    acl readable req.ssl_sni,lower -m reg '^{_NAME}$'
    tcp-request content set-var(txn.decided) bool(1) unless readable
{_sorting(front, "tcp-request content")}
    tcp-request content track-sc1 src table decided if {{ var(txn.decided) -m bool }}
    tcp-request content reject if {{ sc1_conn_cur gt {front.decided_per_client} }}
    use_backend workers if {{ var(txn.decided) -m bool }}
    default_backend untouched

backend untouched
    option transparent
    retries 1
"""


def _http(front: Front, endpoint: Endpoint) -> str:
    telling = (
        f"    http-request set-var(txn.decided) bool(1) if {{ path_beg {' '.join(front.paths)} }}\n"
        if front.paths
        else ""
    )
    return f"""\
frontend http
    mode http
{_redirected_binds(front, endpoint, "proto h1")}
{_limits(front)}
{own_pages()}
    timeout http-request 10s
    timeout http-keep-alive 60s
    http-request deny deny_status 405 if METH_CONNECT
    # HTTP/2 in the clear could not be looked into; over HTTP/1 the site is there too.
    acl to_http2 req.fhdr(upgrade) -m sub -i h2c
    http-request del-header http2-settings if to_http2
    http-request del-header upgrade if to_http2
    http-request set-var(txn.name) req.fhdr(host),lower,field(1,:),rtrim(.)
    acl readable req.fhdr(host),lower -m reg '^{_NAME}(?::[0-9]{{1,5}})?$'
    acl one_host req.fhdr_cnt(host) eq 1
    acl for_a_path url_beg /
    http-request set-var(txn.decided) bool(0)
    http-request set-var(txn.decided) bool(1) unless readable one_host for_a_path
{telling}{_sorting(front, "http-request")}
    http-request track-sc1 src table decided if {{ var(txn.decided) -m bool }}
    http-request deny deny_status 429 if {{ sc1_conn_cur gt {front.decided_per_client} }}
    use_backend workers_http if {{ var(txn.decided) -m bool }}
    default_backend untouched_http

# A server without an address stands for where the client was going. With `option transparent` in
# its place, HAProxy 2.6.12 dies of the first WebSocket.
backend untouched_http
    mode http
    server there 0.0.0.0
    # The site's business, not ours.
    option accept-invalid-http-response
    http-reuse never
    retries 1
{page(502, "This site did not answer as it should.")}
{page(503, "This site cannot be reached now.")}
{page(504, "This site did not answer.")}
"""


def _explicit(front: Front, endpoint: Endpoint) -> str:
    return f"""\
frontend explicit
{_explicit_bind(endpoint)}
{_limits(front)}
    tcp-request inspect-delay 10s
    tcp-request content reject unless {{ req.len gt 0 }}
    default_backend workers
"""


def _limits(front: Front) -> str:
    ends = [end.port for end in (front.tls, front.http) if end]
    ports = sorted({*ends, *(port + KNOWN_ADDRESS for port in ends)})
    # Such a connection was not redirected, and would be joined to this very port for ever.
    straight = (
        f"    tcp-request connection reject if {{ dst_port {' '.join(map(str, ports))} }}\n"
        if ports
        else ""
    )
    return f"""\
{straight}    tcp-request connection track-sc0 src table clients
    tcp-request connection reject if {{ sc0_conn_cur gt {front.per_client} }}
    tcp-request connection reject if {{ sc0_conn_rate gt {front.new_per_client} }}"""


def _sorting(front: Front, rule: str) -> str:
    """Each reason for a worker's look. Look-ups are in trees, by the last labels of the name."""

    def lines() -> Iterator[str]:
        for count in range(2, 7):
            yield f"var(txn.name),field(-1,.,{count}) -m str -M -f {table(RESTRICTED)}"
        # While no worker lives, a name that is not restricted goes where it wants to.
        yield f"so_id ge {_KNOWN} }} {{ nbsrv(workers) gt 0"
        yield f"dst -m ip -M -f {table(NETWORKS)}"
        yield f"src -m ip -M -f {table(WITHDRAWN)}"

    def table(name: str) -> str:
        return quoted(front.folder / name)

    return "\n".join(f"    {rule} set-var(txn.decided) bool(1) if {{ {test} }}" for test in lines())


def _redirected_binds(front: Front, endpoint: Endpoint, how: str = "") -> str:
    host, port = endpoint
    if host != _EVERYWHERE:
        hosts = [host]
    else:
        hosts = [_ALL_IPV4, _EVERYWHERE] if front.ipv6 else [_ALL_IPV4]
    return "\n".join(
        f"    bind {Endpoint(each, port + above)} {family} {how} {number}".rstrip()
        for above, first in ((0, 0), (KNOWN_ADDRESS, _KNOWN))
        for place, each in enumerate(hosts)
        for family in ("v6only transparent" if ":" in each else "",)
        for number in (f"id {first + place}" if first else "",)
    )


def _explicit_bind(endpoint: Endpoint) -> str:
    both = " v4v6" if endpoint.host == _EVERYWHERE else ""
    return f"    bind {endpoint}{both}"
