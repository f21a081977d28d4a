"""The stage of the gate's benchmark: a network namespace with a website and the contenders.

Everything is a real process that listens on loopback: nginx with a 1.4 KB page, bare mitmdump in
three costumes (deciding nothing; blocking by the least possible addon; passing every TLS
connection through), and one Schoolgate worker as `schoolgate run` starts it. mitmdump signs with
the same elliptic-curve authority as Schoolgate does, because its own default (RSA) would make it
slower and us look better.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trustme

from addon.authority.certificates import new_key, root_certificate
from addon.authority.folder import SIGNING, key_text, text_of
from tests.support.namespace import Namespace, missing

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "tests/support/policy.yaml"
BLOCKED, ALLOWED, UNRELATED = "www.facebook.com", "x.com", "news.example"
PORTS = {"schoolgate": 8080, "bare": 8090, "blocking": 8091, "passing": 8092}
PAGE_BYTES = 1400

_HERE = Path(__file__).parent
_NGINX = """\
daemon off; worker_processes 1; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; default_type text/html; root {folder}/site;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
  ssl_session_cache off; ssl_session_tickets off;
  server {{ listen 127.0.0.1:80 backlog=4096; listen 127.0.0.1:443 ssl backlog=4096; }}
}}
"""


class BenchError(Exception):
    """A load did not do what it should have done, so its figure would mean nothing."""


def why_not() -> str | None:
    """What is missing here for this benchmark, in a few words, or None."""
    return missing("curl", "nginx", "wrk")


class Stage:
    """Up from `with` on. `folder` is an empty folder for everything that is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._namespace = Namespace([BLOCKED, ALLOWED, UNRELATED])
        self._processes: dict[str, subprocess.Popen[Any]] = {}

    def __enter__(self) -> Stage:
        self._namespace.__enter__()
        try:
            self._set_up()
        except BaseException:
            self._namespace.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._namespace.__exit__()

    def _set_up(self) -> None:
        folder = self._folder
        (folder / "site").mkdir()
        (folder / "site/index.html").write_text("<p>" + "x" * (PAGE_BYTES - 3))
        site = trustme.CA()
        site.cert_pem.write_to_path(folder / "public.pem")
        leaf = site.issue_cert(BLOCKED, ALLOWED, UNRELATED)
        leaf.private_key_pem.write_to_path(folder / "site.key")
        for part in leaf.cert_chain_pems:
            part.write_to_path(folder / "site.pem", append=True)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin") or "nginx"
        self._start("nginx", nginx, "-c", folder / "nginx.conf", "-p", folder)
        self._start_schoolgate()
        self._save_block_page()
        for costume in ("bare", "blocking", "passing"):
            self._start_mitmdump(costume)
        for port in (80, 443, *PORTS.values()):
            self._namespace.wait_for(port, within=60)

    def _start_schoolgate(self) -> None:
        worker = [sys.executable, "-m", "addon.worker", "--port", PORTS["schoolgate"]]
        state = self._folder / "state"
        authorities = self._folder / "public.pem"
        self._start(
            "schoolgate",
            *[*worker, "--policy", POLICY, "--state", state],
            *["--portal-url", "http://127.0.0.1:8081", "--upstream-authorities", authorities],
        )
        self._namespace.wait_for(PORTS["schoolgate"], within=60)

    def _save_block_page(self) -> None:
        """Keeps Schoolgate's own answer, for the blocking mitmdump to give the same one."""
        proxy = f"http://127.0.0.1:{PORTS['schoolgate']}"
        got = self._namespace.run(
            *["curl", "-si", "-x", proxy, "-H", "Accept: text/html", f"http://{BLOCKED}/"]
        )
        if not got.stdout.startswith("HTTP/1.1 403"):
            raise BenchError(f"Schoolgate answered {got.stdout[:80]!r} where it should block.")
        head, _, body = got.stdout.partition("\n\n")
        fields = head.partition("\n")[2]
        (self._folder / "page").write_text(f"{fields}\n\n{body}")

    def _start_mitmdump(self, costume: str) -> None:
        extra: dict[str, list[str | Path]] = {
            "bare": [],
            "blocking": ["-s", _HERE / "bare_block.py"],
            "passing": ["--ignore-hosts", ".*"],
        }
        confdir = self._folder / costume
        confdir.mkdir()
        key = new_key()
        root = root_certificate(key, "Benchmark", datetime.now(UTC))
        (confdir / SIGNING).write_bytes(key_text(key) + text_of(root))
        self._start(
            costume,
            *[Path(sys.executable).with_name("mitmdump"), "-q", "-p", PORTS[costume]],
            *["--listen-host", "127.0.0.1", "--set", "connection_strategy=lazy"],
            *["--set", f"confdir={confdir}", *extra[costume]],
            *["--set", f"ssl_verify_upstream_trusted_ca={self._folder / 'public.pem'}"],
        )

    def _start(self, name: str, *command: Any) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            environment = {**os.environ, "BENCH_PAGE": str(self._folder / "page")}
            self._processes[name] = self._namespace.start(
                *command, cwd=ROOT, env=environment, stdout=log, stderr=log
            )

    def plain(self, proxy: str | None, host: str, clients: int, seconds: float) -> dict[str, Any]:
        """Load by wrk, over plain HTTP: its figures. Raises BenchError if a request failed."""
        port, target = (PORTS[proxy], f"http://{host}/") if proxy else (80, "/")
        return self._figures(
            host,
            *["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "-s", _HERE / "load.lua"],
            *[f"http://127.0.0.1:{port}", "--", target, host],
            seconds=seconds,
        )

    def tls(
        self, proxy: str | None, host: str, clients: int, seconds: float, *, keep: bool
    ) -> dict[str, Any]:
        """Load by clients of our own, over TLS. Raises BenchError if a request failed."""
        way = ["--proxy", PORTS[proxy]] if proxy else []
        return self._figures(
            host,
            *[sys.executable, "-m", "tests.bench.tls_clients", "--host", host, *way],
            *["--clients", clients, "--seconds", seconds, *(["--keep"] if keep else [])],
            *["--status", "403" if host == BLOCKED else "200"],
            seconds=seconds,
        )

    def _figures(self, host: str, *command: Any, seconds: float) -> dict[str, Any]:
        ran = self._namespace.run(*command, cwd=ROOT, timeout=seconds + 60)
        _, _, line = ran.stdout.partition("FIGURES ")
        if ran.returncode or not line:
            raise BenchError(f"{command[0]} failed: {ran.stderr or ran.stdout}")
        figures: dict[str, Any] = json.loads(line)
        refused = figures["requests"] if host == BLOCKED else 0
        # A connection or two may be cut by the end of the time; more is a fault.
        if figures["refused"] != refused or figures["failed"] > figures["requests"] // 100 + 1:
            raise BenchError(f"The load on {host} did not go as it should: {figures}")
        return figures

    def processor(self, name: str) -> float:
        """The processor time, in seconds, that a contender's process has taken (proc(5), stat)."""
        stat = Path("/proc", str(self._processes[name].pid), "stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name: str) -> float:
        """What a contender's process holds in memory now, in MB (VmRSS, proc(5))."""
        # `ip netns exec` becomes the program itself, so the process is the one that was started.
        status = Path("/proc", str(self._processes[name].pid), "status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024
