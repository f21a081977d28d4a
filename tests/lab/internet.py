"""A school's network and an internet behind it, in network namespaces of the test's own.

    clients ── lan0 (a bridge) [gateway] wan0 ── wan0 [internet]

The gateway forwards, both families, without address translation, so that the internet's servers
see who it was that connected: a client itself, or the gateway for it. It has no rules of its own:
a test gives it some. Clients ask the gateway for names, the gateway asks the internet's name
server. What the internet's servers hear is in `Internet.requests` and `Internet.connections`.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from tests.lab.world import NAME_SERVER, addresses, name_server_settings
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import wait_until

ROOT = Path(__file__).parent.parent.parent
LAN, LAN_6 = "10.77.0.0/24", "fd77::/64"
GATEWAY, GATEWAY_6 = "10.77.0.1", "fd77::1"
WAN, WAN_6 = "198.51.100.1", "2001:db8:ffff::1"
FAR, FAR_6 = "198.51.100.2", "2001:db8:ffff::2"

FORWARD = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
)


def lab_missing(*programs: str) -> str | None:
    """Why the lab's internet cannot be here, or None."""
    return missing("dnsmasq", "nft", *programs)


_FAR_AWAY = """table inet far_away {
    chain arriving {
        # Servers are several steps behind the gateway, not one.
        type filter hook input priority 0;
        ip ttl 1 drop
        ip6 hoplimit 1 drop
    }
}
"""


class Internet:
    """The namespace behind the gateway, its servers, and the authority that vouches for them."""

    def __init__(self, folder: Path, namespace: Namespace) -> None:
        self.namespace = namespace
        self.folder = folder
        folder.mkdir()
        authority = trustme.CA(organization_name="The public web")
        self.authority = folder / "authority.crt"
        authority.cert_pem.write_to_path(str(self.authority))
        authority.private_key_pem.write_to_path(str(folder / "authority.key"))
        for name in ("requests.jsonl", "connections.jsonl"):
            (folder / name).touch()

    def start(self) -> None:
        """Gives the namespace its addresses and starts the servers; returns when they listen."""
        lines = [f"address add {one} dev lo" + " nodad" * (":" in one) for one in addresses()]
        self.namespace.run("ip", "-batch", "-", input="\n".join(lines) + "\n", check=True)
        self.namespace.run("nft", "-f", "-", input=_FAR_AWAY, check=True)
        settings = self.folder / "dnsmasq.conf"
        settings.write_text(name_server_settings())
        with (self.folder / "errors").open("w") as errors:
            self.names = self.namespace.start(
                *("dnsmasq", "--keep-in-foreground", f"--conf-file={settings}", "--user=root"),
                *("--pid-file", "--cache-size=0", "--log-queries", "--log-facility=-"),
                stderr=errors,
            )
            self.servers = self.namespace.start(
                *(sys.executable, "-m", "tests.lab.origins", "--folder", self.folder),
                cwd=ROOT,
                stderr=errors,
            )
        for port in (53, 80, 443, 8443, 853):
            self.namespace.wait_for(port)

    def requests(self) -> list[dict[str, Any]]:
        """Every HTTP request that the servers understood, in order."""
        return _lines(self.folder / "requests.jsonl")

    def connections(self) -> list[dict[str, Any]]:
        """Every TCP connection that arrived: `reached`, `port`, `sender`."""
        return _lines(self.folder / "connections.jsonl")

    def certificate(self, name: str) -> bytes:
        """The certificate that a name was served with, DER."""
        pem = (self.folder / "certificates" / f"{name}.pem").read_text()
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first, mark, _ = pem[pem.index(begin) :].partition(end)
        return ssl.PEM_cert_to_DER_cert(first + mark)

    def questions(self) -> str:
        """What the name server was asked, and by whom, as dnsmasq tells it."""
        return (self.folder / "errors").read_text()


@dataclass(frozen=True)
class Client:
    """A device on the school's network."""

    namespace: Namespace
    address: str
    address_6: str
    hardware: str

    def run(self, *command: str | Path, **how: Any) -> subprocess.CompletedProcess[Any]:
        """Runs a program on the device, to the end."""
        return self.namespace.run(*command, **how)

    def curl(self, *options: str | Path, within: int = 10) -> subprocess.CompletedProcess[Any]:
        """What curl says on the device."""
        return self.run(*("curl", "--silent", "--show-error", "--max-time", str(within), *options))


@dataclass(frozen=True)
class Lab:
    """The whole of it. `clients[n]` is 10.77.0.(n+2) and fd77::(n+2)."""

    folder: Path
    gateway: Namespace
    clients: tuple[Client, ...]
    internet: Internet


@contextmanager
def lab(folder: Path, clients: int = 3) -> Iterator[Lab]:
    """The network, until the end of the `with`."""
    with ExitStack() as stack:
        internet = stack.enter_context(Namespace())
        gateway = stack.enter_context(Namespace(name_server=NAME_SERVER[0]))
        gateway.join(internet, "wan0", "wan0")
        gateway.address("wan0", f"{WAN}/24", f"{WAN_6}/64")
        internet.address("wan0", f"{FAR}/24", f"{FAR_6}/64")
        _route(gateway, ("default", FAR), ("default", FAR_6))
        _route(internet, (LAN, WAN), (LAN_6, WAN_6))
        bridge = ("type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        gateway.run("ip", "link", "add", "lan0", *bridge, check=True)
        gateway.address("lan0", f"{GATEWAY}/24", f"{GATEWAY_6}/64")
        gateway.run("sysctl", "--quiet", "--write", *FORWARD, check=True)
        devices = tuple(
            _client(gateway, stack.enter_context(Namespace(name_server=GATEWAY)), number)
            for number in range(clients)
        )
        behind = Internet(folder / "internet", internet)
        behind.start()
        wait_until(lambda: _reach(gateway) and all(_reach(device.namespace) for device in devices))
        yield Lab(folder, gateway, devices, behind)


def _client(gateway: Namespace, namespace: Namespace, number: int) -> Client:
    client = Client(
        namespace,
        f"10.77.0.{number + 2}",
        f"fd77::{number + 2:x}",
        f"02:77:00:00:00:{number + 2:02x}",
    )
    gateway.join(namespace, f"port{number}", "eth0")
    gateway.run("ip", "link", "set", f"port{number}", "master", "lan0", "up", check=True)
    namespace.run("ip", "link", "set", "eth0", "address", client.hardware, check=True)
    namespace.address("eth0", f"{client.address}/24", f"{client.address_6}/64")
    _route(namespace, ("default", GATEWAY), ("default", GATEWAY_6))
    return client


def _route(namespace: Namespace, *routes: tuple[str, str]) -> None:
    for to, via in routes:
        namespace.run("ip", "route", "add", to, "via", via, check=True)


def _reach(namespace: Namespace) -> bool:
    """Whether the internet answers, over both families."""
    knock = (
        f"import socket\nfor a in {NAME_SERVER!r}: socket.create_connection((a, 80), 2).close()\n"
    )
    return bool(namespace.run(sys.executable, "-c", knock).returncode == 0)


def _lines(file: Path) -> list[dict[str, Any]]:
    whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]
