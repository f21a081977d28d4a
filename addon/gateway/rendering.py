"""All that a gateway consists of, as texts by file name. Nothing is changed by rendering."""

from __future__ import annotations

from dataclasses import dataclass

from addon.endpoint import Endpoint
from addon.gateway.dnsmasq import render_dnsmasq
from addon.gateway.facts import Address, Facts, Mode
from addon.gateway.facts_file import facts_text
from addon.gateway.front import Front
from addon.gateway.haproxy import haproxy_config
from addon.gateway.kernel_settings import render_settings
from addon.gateway.names import GatewayNames
from addon.gateway.nftables import TABLE_FILE, render_table
from addon.gateway.places import Places
from addon.gateway.units import render_units
from addon.portal.proxy_auto_config import proxy_auto_config
from addon.state_folder import haproxy_folder
from rules.policy import Policy

NAME_SERVER_FILE = "dnsmasq.conf"
SETTINGS_FILE = "sysctl.conf"
FACTS_FILE = "facts.yaml"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the texts depend on beside facts and policy; the caller has looked at the machine."""

    upstreams: tuple[Address, ...]
    portal: Endpoint
    dnsmasq: tuple[int, int]  # its version


def render(
    facts: Facts, policy: Policy, names: GatewayNames, around: Surroundings
) -> dict[str, str]:
    """What is put in force, by file name."""
    files = {FACTS_FILE: facts_text(facts)}
    if facts.mode is Mode.EXPLICIT:
        sites = [site for site in policy.catalogue if site.id in policy.restricted]
        host = f"[{around.portal.host}]" if ":" in around.portal.host else around.portal.host
        script = proxy_auto_config(sites, f"{host}:{facts.http_port}")
        return files | {"proxy.pac": script, "wpad.dat": script}
    return files | {
        TABLE_FILE: render_table(facts, sorted(names.networks, key=str)),
        NAME_SERVER_FILE: render_dnsmasq(
            facts, names.domains, around.upstreams, around.portal.host, around.dnsmasq
        ),
        SETTINGS_FILE: render_settings(facts),
    }


def render_for_reading(
    files: dict[str, str], facts: Facts, names: GatewayNames, places: Places
) -> dict[str, str]:
    """The same, with the units that keep it running, and HAProxy's part.

    HAProxy's own files are written by `schoolgate run`, which knows how many workers there are;
    here they are as for one.
    """
    units = render_units(places)
    explicit = facts.mode is Mode.EXPLICIT
    if explicit:
        around = ("gateway", "dnsmasq")
        units = {
            name: text for name, text in units.items() if not any(word in name for word in around)
        }
    front = Front(
        folder=haproxy_folder(places.state),
        workers=1,
        tls=None if explicit else Endpoint("::", facts.https_port),
        http=None if explicit else Endpoint("::", facts.http_port),
        explicit=Endpoint("::", facts.http_port) if explicit else None,
        paths=names.paths,
    )
    return (
        files
        | {f"systemd/{name}": text for name, text in units.items()}
        | {"haproxy/haproxy.cfg": haproxy_config(front)}
    )
