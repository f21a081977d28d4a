"""What is missing from a gateway's facts, or cannot be meant, before anything is rendered."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from addon.gateway.facts import Facts, Mode, Network
from addon.gateway.front import KNOWN_ADDRESS

_LAST_PORT = 65535
_LOOKUPS = 53


def missing_facts(facts: Facts) -> str | None:
    """What has to be said before there is a gateway, as a sentence, or None.

    In explicit mode browsers find the proxy by themselves, so only its ports count.
    """
    if facts.mode is Mode.EXPLICIT:
        return _ports_wrong(facts)
    if not facts.lan or facts.wan is None:
        lacking = "--lan" if not facts.lan else "--wan"
        return (
            f"A gateway in {facts.mode} mode stands between two interfaces: name the one that"
            f" {'staff are' if lacking == '--lan' else 'the internet is'} behind with {lacking},"
            " or use --mode explicit where the gateway is another machine."
        )
    if facts.wan in facts.lan:
        return (
            f"{facts.wan} cannot be both --lan and --wan; a gateway needs a second interface,"
            " or --mode explicit."
        )
    return _ports_wrong(facts) or _nobody_left(facts)


def let_past(facts: Facts) -> tuple[Network, ...]:
    """The networks that are let past, neighbours joined into one."""
    past = facts.exempt_networks
    return (
        *collapse_addresses(n for n in past if isinstance(n, IPv4Network)),
        *collapse_addresses(n for n in past if isinstance(n, IPv6Network)),
    )


def _ports_wrong(facts: Facts) -> str | None:
    explicit = facts.mode is Mode.EXPLICIT
    options = {"--http-port": facts.http_port}
    if not explicit:
        options = {"--https-port": facts.https_port} | options
    above = 0 if explicit else KNOWN_ADDRESS
    taken = {name: sorted({port, port + above}) for name, port in options.items()}
    for name, ports in taken.items():
        if ports[-1] > _LAST_PORT:
            return (
                f"{name} {ports[0]} is too high: HAProxy takes the port {above} above it as well,"
                f" and {_LAST_PORT} is the last one."
            )
    haproxy = [port for ports in taken.values() for port in ports]
    if len({*haproxy, facts.portal_port}) <= len(haproxy):
        return (
            f"HAProxy's ports ({', '.join(map(str, haproxy))}) and the portal's"
            f" ({facts.portal_port}) must all be different."
        )
    first, last = facts.workers
    for name, ports in (*taken.items(), ("--portal", [facts.portal_port])):
        for port in ports:
            if port == _LOOKUPS and not explicit:
                return f"{name} takes port {port}, which is the name server's; choose another."
            if first <= port <= last:
                return (
                    f"{name} takes port {port}, and those from {first} to {last} are for the"
                    " proxy's workers; choose another."
                )
    return None


def _nobody_left(facts: Facts) -> str | None:
    for network in let_past(facts):
        if network.prefixlen == 0:
            return (
                f"What is exempt or open adds up to {network}, which would let everybody past;"
                " to restrict nobody any more, use 'schoolgate gateway remove'."
            )
    return None
