"""The network of the gateway's benchmark: a school's device, its gateway, and a website.

    device ── lan0 [gateway] wan0 ── wan0 [website]

Three network namespaces, as in the lab, but with nginx for the website, because what loads the
gateway must not be slower than the gateway. The names lead to addresses of their own through a
hosts file, the restricted ones to addresses in the restricted sites' networks.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trustme

from tests.bench.stage import ALLOWED, BLOCKED, PAGE_BYTES, ROOT, UNRELATED, BenchError
from tests.support.namespace import Namespace, missing

LEADS = {
    BLOCKED: "157.240.221.35",
    ALLOWED: "157.240.221.36",  # a network in the catalogue: selective mode knows it without DNS
    UNRELATED: "203.0.113.30",
}
DEVICE, GATEWAY = "10.77.0.2", "10.77.0.1"
FAR = "198.51.100.2"
BULK = "/bulk"
BULK_BYTES = 16 * 1024 * 1024

_HERE = Path(__file__).parent
_NGINX = """\
daemon off; worker_processes 2; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; default_type text/html; root {folder}/site;
  sendfile on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
  ssl_session_cache off; ssl_session_tickets off;
  server {{ listen 80 backlog=4096; listen 443 ssl backlog=4096; }}
}}
"""


def why_not() -> str | None:
    """What is missing here for this benchmark, in a few words, or None."""
    return missing("curl", "nginx", "wrk", "nft", "haproxy", "dnsmasq")


class Street:
    """Up from `with` on. `folder` is an empty folder for everything that is written.

    `leads` are the website's names with their addresses; `nginx` is how it is set up, in which
    `{folder}` stands for the folder.
    """

    def __init__(self, folder: Path, leads: Mapping[str, str] = LEADS, nginx: str = _NGINX) -> None:
        self.folder = folder
        self._leads, self._nginx = leads, nginx
        hosts = {name: (address,) for name, address in leads.items()}
        self.device, self.gateway, self.website = (Namespace(hosts) for _ in range(3))

    def __enter__(self) -> Street:
        entered = []
        try:
            for namespace in (self.device, self.gateway, self.website):
                namespace.__enter__()
                entered.append(namespace)
            self._join()
            self._start_website()
        except BaseException:
            for namespace in entered:
                namespace.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for namespace in (self.device, self.gateway, self.website):
            namespace.__exit__()

    def _join(self) -> None:
        self.device.join(self.gateway, "eth0", "lan0")
        self.gateway.join(self.website, "wan0", "wan0")
        self.device.address("eth0", f"{DEVICE}/24")
        self.gateway.address("lan0", f"{GATEWAY}/24")
        self.gateway.address("wan0", "198.51.100.1/24")
        self.website.address("wan0", f"{FAR}/24")
        self.website.address("lo", *(f"{address}/32" for address in self._leads.values()))
        for here, to, via in (
            (self.device, "default", GATEWAY),
            (self.gateway, "default", FAR),
            (self.website, "10.77.0.0/24", "198.51.100.1"),
        ):
            here.run("ip", "route", "add", to, "via", via, check=True)
        self.gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=1", check=True)
        for namespace in (self.device, self.gateway, self.website):
            # A new connection each time soon has every port of the default range waiting.
            ports = "net.ipv4.ip_local_port_range=1024 65535"
            namespace.run("sysctl", "-qw", ports, "net.ipv4.tcp_tw_reuse=1", check=True)

    def _start_website(self) -> None:
        site = self.folder / "site"
        site.mkdir()
        (site / "index.html").write_text("<p>" + "x" * (PAGE_BYTES - 3))
        (site / BULK.strip("/")).write_bytes(b"x" * BULK_BYTES)
        public = trustme.CA(organization_name="The public web")
        public.cert_pem.write_to_path(self.folder / "public.pem")
        leaf = public.issue_cert(*self._leads)
        leaf.private_key_pem.write_to_path(self.folder / "site.key")
        for part in leaf.cert_chain_pems:
            part.write_to_path(self.folder / "site.pem", append=True)
        (self.folder / "nginx.conf").write_text(self._nginx.format(folder=self.folder))
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin") or "nginx"
        self.website.start(nginx, "-c", self.folder / "nginx.conf", "-p", self.folder)
        self.website.wait_for(443)

    @property
    def public_authority(self) -> Path:
        """What the website's certificate is from."""
        return self.folder / "public.pem"

    def load(
        self,
        address: str,
        *,
        clients: int,
        seconds: float,
        keep: bool = True,
        refused: bool = False,
        cuts: bool = False,
    ) -> dict[str, Any]:
        """Load from the device by wrk: its figures. `keep` holds connections open.

        `refused`: answers of 400 and more are what should come. `cuts`: they end with their
        connection, which wrk calls a fault. Raises BenchError if something else came back.
        """
        ran = self.device.run(
            *["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--timeout", "20s"],
            *["-s", _HERE / "load.lua", address, "--", "", "", *([] if keep else ["close"])],
            cwd=ROOT,
            timeout=seconds + 90,
        )
        _, _, line = ran.stdout.partition("FIGURES ")
        if ran.returncode or not line:
            raise BenchError(f"wrk failed on {address}: {ran.stderr or ran.stdout}")
        figures: dict[str, Any] = json.loads(line)
        expected = figures["requests"] if refused else 0
        # A connection or two may be cut by the end of the time; more is a fault.
        spared = figures["requests"] if cuts else figures["requests"] // 100 + clients
        if not figures["bytes"] or figures["refused"] != expected or figures["failed"] > spared:
            raise BenchError(f"The load on {address} did not go as it should: {figures}")
        return figures

    def connect(self, host: str, *, clients: int, seconds: float, status: int) -> dict[str, Any]:
        """A page over a new TLS connection again and again, by clients of our own.

        Their times include the connection's; wrk's do not. Raises BenchError.
        """
        ran = self.device.run(
            *[sys.executable, "-m", "tests.bench.tls_clients", "--host", host, "--direct"],
            *["--clients", str(clients), "--seconds", str(seconds), "--status", str(status)],
            cwd=ROOT,
            timeout=seconds + 90,
        )
        _, _, line = ran.stdout.partition("FIGURES ")
        figures: dict[str, Any] = json.loads(line) if line else {"requests": 0}
        if not figures["requests"] or figures["failed"] > figures["requests"] // 100 + clients:
            raise BenchError(f"The load on {host} did not go as it should: {ran.stderr}{line}")
        return figures


def family(root: int) -> list[int]:
    """A process and all that come from it (proc(5), stat)."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = [root]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def processor(root: int) -> float:
    """Seconds of processor time that a process and its family have taken, the dead ones too."""
    ticks = 0
    for one in family(root):
        try:
            fields = Path("/proc", str(one), "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(root: int) -> float:
    """What a process and its family hold in memory now, in MB, shared pages once (Pss)."""
    total = 0
    for one in family(root):
        try:
            text = Path("/proc", str(one), "smaps_rollup").read_text()
        except OSError:
            continue
        total += int(text.partition("\nPss:")[2].split()[0])
    return total / 1024
