"""How the lab's gateway hands connections to HAProxy: REDIRECT for IPv4, TPROXY for IPv6."""

from __future__ import annotations

from tests.support.namespace import Namespace

RULES = """
table inet schoolgate {
    chain redirected {
        type nat hook prerouting priority dstnat;
        iifname lan0 meta nfproto ipv4 tcp dport 443 redirect to :8443;
        iifname lan0 meta nfproto ipv4 tcp dport 80 redirect to :8080;
    }
    chain taken_over {
        type filter hook prerouting priority mangle;
        iifname lan0 meta nfproto ipv6 tcp dport 443 tproxy ip6 to [::1]:8443 meta mark set 1;
        iifname lan0 meta nfproto ipv6 tcp dport 80 tproxy ip6 to [::1]:8080 meta mark set 1;
    }
}
"""


def redirect(gateway: Namespace) -> None:
    """Has every connection of the network's to ports 80 and 443 come to HAProxy's two ports."""
    # With it, the bridge asks nft before IPv6 does, and the socket that TPROXY chose is forgotten.
    gateway.run("sysctl", "--quiet", "--write", "net.bridge.bridge-nf-call-ip6tables=0")
    gateway.run("nft", "-f", "-", input=RULES, check=True)
    gateway.run("ip", "-6", "rule", "add", "fwmark", "1", "lookup", "100", check=True)
    here = ("local", "::/0", "dev", "lo", "table", "100")
    gateway.run("ip", "-6", "route", "add", *here, check=True)
