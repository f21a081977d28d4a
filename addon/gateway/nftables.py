"""The packet filter's rules, in one table of our own.

Names and addresses of others' rules are never touched: everything is in `table inet schoolgate`,
whose comment says that it is ours. Two things are done to a connection that comes in from the
school's side and leaves it again:

- Web connections are redirected to HAProxy: all of them in full mode, those to restricted
  addresses in selective mode. Name look-ups are redirected to the gateway's own name server.
- What cannot be redirected is refused, with an answer, so that nobody waits for a time-out: QUIC,
  encrypted DNS, and any other way to a restricted address.

A connection that crosses the gateway to a restricted address did not come through HAProxy, so it
is refused whatever its age: one that was open before the rules came ends, where it would stay open
outside the record for hours. All others go on.

Addresses of restricted names come into a set as the name server resolves them. A set of single
addresses, not of ranges, because only those can be renewed by use: kernels before 6.12 do not renew
what is added again (commit 4201f3938914), and an address in use must not drop out.
"""

from __future__ import annotations

from collections.abc import Iterable

from addon.gateway.facts import PORTAL_PORT, Facts, Mode, Network
from addon.gateway.front import KNOWN_ADDRESS
from addon.gateway.resolvers import known_resolvers
from addon.gateway.routing import MARK as MARK_BIT

FAMILY, TABLE = "inet", "schoolgate"
TABLE_FILE = "schoolgate.nft"
MARK = "made by schoolgate gateway"
REMEMBERED = "7d"
"""How long an address of a restricted name is remembered after its last use."""

FILLED = ("restricted4", "restricted6")
"""The sets that the name server fills while the rules are in force."""

# Plain DNS, and DNS over TLS and QUIC (RFC 7858, RFC 9250), with the drafts' ports.
_LOOKUPS = "{ 53, 784, 853, 8853 }"


def render_sets() -> str:
    """The table with only the sets that the name server fills: it can begin before the rules."""
    return f"table {FAMILY} {TABLE} {{\n{_comment()}{_filled()}}}\n"


def render_table(facts: Facts, networks: Iterable[Network]) -> str:
    """The whole table, as one transaction that replaces the one that is there.

    Not for explicit mode, which has no rules.
    """
    networks = tuple(networks)
    resolvers = known_resolvers().networks
    parts = (
        _comment(),
        _interfaces(facts),
        _set("exempt_devices", "ether_addr", "", facts.exempt_devices),
        _ranges("exempt", facts.exempt_networks),
        _ranges("networks", networks),
        _ranges("resolvers", resolvers),
        _filled(),
        _PAST,
        _redirects(facts),
        _takeovers(facts),
        _refusals(facts),
        _own_ports(facts),
        _translation(facts),
        _strangers(facts),
    )
    return (
        f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"
        f"table {FAMILY} {TABLE} {{\n{''.join(parts)}}}\n"
    )


def render_elements(elements: dict[str, list[str]]) -> str:
    """Lines that put addresses back into the sets that the name server fills."""
    return "".join(
        f"add element {FAMILY} {TABLE} {name} {{ {', '.join(found)} }}\n"
        for name, found in elements.items()
        if found and name in FILLED
    )


def _comment() -> str:
    return f'    comment "{MARK}"\n\n'


def _set(name: str, kind: str, more: str, elements: Iterable[object]) -> str:
    # Over several lines: nft reads a line of any length, and people do not.
    listed = ",\n            ".join(map(str, elements))
    filled = f"        elements = {{\n            {listed}\n        }}\n" if listed else ""
    return f"    set {name} {{\n        type {kind}\n{more}{filled}    }}\n"


def _ranges(name: str, networks: Iterable[Network]) -> str:
    networks = tuple(networks)
    more = "        flags interval\n        auto-merge\n"
    return "".join(
        _set(
            f"{name}{'4' if version == 4 else '6'}",
            f"ipv{version}_addr",
            more,
            (network for network in networks if network.version == version),
        )
        for version in (4, 6)
    )


def _interfaces(facts: Facts) -> str:
    return _set("lan", "ifname", "", (f'"{name}"' for name in facts.lan))


def _filled() -> str:
    more = f"        size 131072\n        flags dynamic, timeout\n        timeout {REMEMBERED}\n"
    return "".join(_set(f"restricted{v}", f"ipv{v}_addr", more, ()) for v in (4, 6))


_PAST = """
    chain let_past {
        # What the policy has nothing to say about: exempt devices, and what is meant for us.
        ether saddr @exempt_devices accept
        ip saddr @exempt4 accept
        ip6 saddr @exempt6 accept
        fib daddr type { local, broadcast, multicast, anycast } accept
    }
"""


def _redirects(facts: Facts) -> str:
    """IPv4 by address translation: HAProxy asks the kernel where a connection was going."""
    return f"""
    chain redirects {{
        type nat hook prerouting priority dstnat; policy accept;
        iifname != @lan accept
        jump let_past
        fib daddr oifname {_inside(facts)} accept
        meta l4proto {{ tcp, udp }} th dport 53 redirect to :53
        meta nfproto ipv6 accept
        # The middle of a connection that began before the rules is not for HAProxy.
        tcp flags & (fin | syn | rst | ack) != syn accept
        # Left for the refusals.
        ip daddr @resolvers4 accept
        {_renewal(4)}
        {_to_haproxy(facts, 4, "redirect to :{port}")}
    }}
"""


def _takeovers(facts: Facts) -> str:
    """IPv6 by TPROXY, unchanged: HAProxy does not ask for those. See `routing`."""
    marked = f"meta mark set meta mark | {MARK_BIT:#x} accept"
    return f"""
    chain takeovers {{
        type filter hook prerouting priority mangle; policy accept;
        meta nfproto != ipv6 accept
        iifname != @lan accept
        jump let_past
        fib daddr oifname {_inside(facts)} accept
        tcp dport {{ 80, 443 }} socket transparent 1 {marked}
        tcp flags & (fin | syn | rst | ack) != syn accept
        ip6 daddr @resolvers6 accept
        {_renewal(6)}
        {_to_haproxy(facts, 6, f"tproxy ip6 to :{{port}} {marked}")}
    }}
"""


def _to_haproxy(facts: Facts, version: int, how: str) -> str:
    """Rules that hand web connections over: those to restricted addresses, or all.

    HAProxy knows the networks itself. Addresses that a name led to have ports of their own there.
    """
    ways = [(_to("networks", version), 0), (_to("restricted", version), KNOWN_ADDRESS)]
    if facts.mode is Mode.FULL:
        ways.append(("", 0))
    return "\n        ".join(
        f"{where} tcp dport {web} {how.format(port=port + above)}".strip()
        for where, above in ways
        for web, port in ((443, facts.https_port), (80, facts.http_port))
    )


def _renewal(version: int) -> str:
    # An address in use is remembered for longer.
    address = f"ip{'' if version == 4 else '6'} daddr"
    return f"{address} @restricted{version} update @restricted{version} {{ {address} }}"


def _inside(facts: Facts) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in facts.lan) + " }"


def _refusals(facts: Facts) -> str:
    """Every packet that leaves comes by here, and hardly any is meant: so few questions are asked
    of each, and the dear ones (is it exempt, does it stay inside) only where the answer matters.
    """
    quic = "udp dport { 80, 443 }"
    if facts.mode is Mode.FULL:
        # A connection that begins here was not handed over: HAProxy does not listen for its family,
        # or a stray packet went ahead of it, by which the kernel took it for one under way.
        begins = "tcp dport { 80, 443 } tcp flags & (fin | syn | rst | ack) == syn"
        web = [f"{quic} goto refuse", f"{begins} goto refuse"]
    else:
        web = [f"{_to('restricted', version)} {quic} goto refuse" for version in (4, 6)]
    rules = [
        f"meta l4proto {{ tcp, udp }} th dport {_LOOKUPS} goto refuse",
        *(f"{_to('networks', version)} goto refuse" for version in (4, 6)),
        *web,
        *(f"{_to('restricted', version)} meta l4proto tcp goto refuse" for version in (4, 6)),
        *(
            f"{_to('resolvers', version)} meta l4proto {{ tcp, udp }} goto refuse"
            for version in (4, 6)
        ),
    ]
    listed = "\n        ".join(rules)
    return f"""
    chain refuse {{
        jump let_past
        fib daddr oifname {_inside(facts)} accept
        # Look-ups that began before the rules keep their old way; they begin again.
        meta l4proto {{ tcp, udp }} th dport 53 reject with icmpx admin-prohibited
        meta l4proto tcp reject with tcp reset
        meta l4proto udp reject with icmpx port-unreachable
    }}

    chain refusals {{
        type filter hook forward priority filter - 5; policy accept;
        iifname != @lan accept
        {listed}
    }}
"""


def _own_ports(facts: Facts) -> str:
    first, last = facts.workers
    ports = "{ " + ", ".join(map(str, facts.haproxy_ports)) + " }"
    # Where staff are told that it is, and where it listens unless it is told otherwise.
    portals = "{ " + ", ".join(map(str, sorted({facts.portal_port, PORTAL_PORT}))) + " }"
    return f"""
    chain own_ports {{
        # A client that connected to HAProxy itself would make it connect to itself.
        type filter hook input priority filter - 5; policy accept;
        iifname "lo" accept
        # Our own connections to elsewhere may begin at any port, at one of these too.
        ct direction reply accept
        iifname @lan tcp dport {ports} ct status dnat accept
        tcp dport {ports} reject with tcp reset
        tcp dport {first}-{last} reject with tcp reset
        # The portal is for the school; it says more about the gate than strangers should know.
        iifname "{facts.wan}" tcp dport {portals} reject with tcp reset
    }}
"""


def _translation(facts: Facts) -> str:
    if not facts.masquerade:
        return ""
    return f"""
    chain translation {{
        type nat hook postrouting priority srcnat; policy accept;
        meta nfproto ipv4 iifname @lan oifname "{facts.wan}" masquerade
    }}
"""


def _strangers(facts: Facts) -> str:
    """What translates addresses is the school's edge. Elsewhere a firewall is in front of us."""
    if facts.inbound or not facts.masquerade:
        return ""
    return f"""
    chain strangers {{
        type filter hook forward priority filter - 5; policy accept;
        iifname != "{facts.wan}" accept
        # What was not asked for, unless rules for address translation hand it on.
        oifname @lan ct state new ct status ! dnat goto turn_away
    }}

    chain turn_away {{
        # Path MTU discovery and the like (RFC 4890, section 4.3).
        meta l4proto {{ icmp, icmpv6 }} accept
        drop
    }}
"""


def _to(where: str, version: int) -> str:
    return f"ip{'' if version == 4 else '6'} daddr @{where}{version}"
