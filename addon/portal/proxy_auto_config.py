"""The PAC file: which requests browsers send to the proxy, where the gateway cannot do it.

Only restricted hosts go to the proxy, so that everything else is as fast and as private as before,
and they have no DIRECT to fall back on: with the proxy away they stay closed. Browsers call the
function for every request, so it walks up a host's labels in a table and never searches a list.

The script keeps to ECMAScript 3, because Windows' own PAC engine knows no more.
"""

import json
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from rules.sites import Site

MEDIA_TYPE: Final = "application/x-ns-proxy-autoconfig"

_SCRIPT: Final = """\
// Which requests go to the school's proxy: those to restricted sites. All others go straight out.
var proxy = %(proxy)s;
var domains = %(domains)s;
var networks4 = %(networks4)s;
var networks6 = %(networks6)s;

function known(table, key) {
  return Object.prototype.hasOwnProperty.call(table, key);
}

function inNetworks4(host) {
  var parts = host.split("."), bytes = 0, i;
  for (i = 0; i < 4; i++) bytes = bytes * 256 + parseInt(parts[i], 10);
  for (i = 0; i < networks4.length; i++) {
    if (bytes >= networks4[i][0] && bytes <= networks4[i][1]) return true;
  }
  return false;
}

function digits6(host) {
  var halves = host.split("::"), groups = [], i, left, right;
  left = halves[0] ? halves[0].split(":") : [];
  right = halves.length > 1 && halves[1] ? halves[1].split(":") : [];
  for (i = 0; i < 8; i++) groups[i] = "0000";
  for (i = 0; i < left.length; i++) groups[i] = ("0000" + left[i]).slice(-4);
  for (i = 0; i < right.length; i++) {
    groups[8 - right.length + i] = ("0000" + right[i]).slice(-4);
  }
  return groups.join("");
}

function inNetworks6(host) {
  var digits = digits6(host), i;
  for (i = 0; i < networks6.length; i++) {
    // Hexadecimal of one length sorts as text the way the numbers do.
    if (digits >= networks6[i][0] && digits <= networks6[i][1]) return true;
  }
  return false;
}

function FindProxyForURL(url, host) {
  var at;
  host = host.toLowerCase().replace(/^\\[|\\]$/g, "").replace(/\\.$/, "");
  if (host.indexOf(":") >= 0) return inNetworks6(host) ? proxy : "DIRECT";
  if (/^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(host)) return inNetworks4(host) ? proxy : "DIRECT";
  while (true) {
    if (known(domains, host)) return proxy;
    at = host.indexOf(".");
    if (at < 0) return "DIRECT";
    host = host.slice(at + 1);
  }
}
"""


def proxy_auto_config(sites: Iterable[Site], proxy: str) -> str:
    """The script that sends only the sites' hosts and networks to `proxy` ('host:port')."""
    restricted = tuple(sites)
    networks = [network for site in restricted for network in site.networks]
    domains = sorted({domain for site in restricted for domain in site.domains})
    return _SCRIPT % {
        "proxy": _javascript(f"PROXY {proxy}"),
        "domains": _javascript(dict.fromkeys(domains, 1)),
        "networks4": _javascript(
            [[int(n[0]), int(n[-1])] for n in networks if isinstance(n, IPv4Network)]
        ),
        "networks6": _javascript(
            [
                [f"{int(n[0]):032x}", f"{int(n[-1]):032x}"]
                for n in networks
                if isinstance(n, IPv6Network)
            ]
        ),
    }


def _javascript(value: object) -> str:
    # JSON is a literal of ECMAScript 3 as long as it is ASCII, which json.dumps makes it.
    return json.dumps(value, separators=(",", ":"))
