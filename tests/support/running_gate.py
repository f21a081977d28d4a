"""A whole gate in this process: real mitmproxy, real policy, real record, on loopback ports.

Only the name service is the test's own: every name leads to loopback, so that a site can be called
by its real name without leaving this machine.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from mitmproxy.options import Options
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from websockets.sync.client import ClientConnection, connect

from addon.enforcer import Enforcer
from addon.gate import Gate
from addon.handshakes import Handshakes
from addon.proxy_master import ProxyMaster
from tests.support.pace import promised

POLICY = Path(__file__).parent / "policy.yaml"


class RunningGate:
    """From `with` on, a proxy on `127.0.0.1:port`."""

    def __init__(self, state: Path, upstream_ca: Path, policy: Path = POLICY, **options: Any):
        self.state = state
        self.policy_path = policy
        self._options = options
        self.lead: Callable[[str], str] = lambda _: "127.0.0.1"  # the name service
        self._upstream_ca = upstream_ca
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._failure: BaseException | None = None

    def __enter__(self) -> RunningGate:
        self._thread.start()
        assert self._ready.wait(90)
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.master.shutdown()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        resolve = loop.getaddrinfo

        async def to_loopback(host: str, port: int, **how: Any) -> Any:
            return await resolve(self.lead(host), port, **{**how, "family": socket.AF_INET})

        loop.getaddrinfo = to_loopback  # type: ignore[method-assign]
        options = Options(
            listen_host="127.0.0.1", listen_port=0, confdir=str(self.state / "authority")
        )
        self.master = ProxyMaster(options, sign_in="proxyauth" in self._options)
        self.gate = Gate()
        self.enforcer = Enforcer(self.gate)
        self.master.addons.add(self.gate, self.enforcer, Handshakes(self.gate), _Signal(self._up))
        options.update(
            schoolgate_policy=str(self.policy_path),
            schoolgate_state=str(self.state),
            ssl_verify_upstream_trusted_ca=str(self._upstream_ca),
            **self._options,
        )
        await self.master.run()
        # A process that ends closes its listeners; this one goes on.
        await self.master.addons.get("proxyserver").servers.update([])

    def _up(self) -> None:
        self.port: int = self.master.addons.get("proxyserver").listen_addrs()[0][1]
        self._ready.set()

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def trust(self, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """What a school device trusts: public authorities, here the test's, and the school's.

        A client that reads in one thread and writes in another needs TLS 1.2: up to 3.12.7, Python
        lets both into a connection at once, and with TLS 1.3 there are tickets to be read just
        when the first request is written.
        """
        context = ssl.create_default_context(cafile=str(self._upstream_ca))
        context.maximum_version = newest
        context.load_verify_locations(self.state / "authority" / "schoolgate-ca.crt")
        return context

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(proxy=self.proxy, verify=self.trust(), timeout=60, **options)

    def chat(self, url: str, **how: Any) -> ClientConnection:
        """A WebSocket through the gate, or through the `sock` given."""
        how = how or {"proxy": self.proxy, "ssl": self.trust(ssl.TLSVersion.TLSv1_2)}
        return connect(url, compression=None, open_timeout=60, **how)

    def talk(self, data: bytes, *, first: float = 60) -> bytes:
        """Sends raw bytes to the proxy and reads until it closes or falls silent, which it may be
        for `first` seconds before its first word.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=first) as connection:
            connection.sendall(data)
            try:
                said = connection.recv(65536)
            except OSError:
                return b""
            connection.settimeout(promised(0.5))
            return said and said + read_all(connection)

    def tunnel(self, host: str, port: int, server_name: str | None, **tls: Any) -> ssl.SSLSocket:
        """A TLS connection through CONNECT, with any server name."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(
            f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        )
        answer = connection.recv(4096)
        assert b" 200 " in answer, answer
        context = self.trust(tls.get("newest", ssl.TLSVersion.TLSv1_3))
        context.check_hostname = False
        if tls.get("alpn"):
            context.set_alpn_protocols(tls["alpn"])
        return context.wrap_socket(connection, server_hostname=server_name)

    def events(self) -> list[dict[str, Any]]:
        """The rows of the record, once the recorder has nothing left to write."""
        wait_until(lambda: self.gate.recorder.state.pending == 0)
        return self._rows()

    def completed(self) -> list[dict[str, Any]]:
        """The rows of the record, once each has its sizes: they come about a second later."""
        wait_until(lambda: all(row["ended_at"] for row in self.events()))
        return self._rows()

    def _rows(self) -> list[dict[str, Any]]:
        with sqlite3.connect(f"file:{self.state / 'record.sqlite3'}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            rows = [dict(row) for row in db.execute("SELECT * FROM events ORDER BY id")]
        db.close()
        return rows


def wait_until(true: Callable[[], object], within: float = 60.0) -> None:
    """Returns once `true()` is; fails the test after `within` seconds."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)


class _Signal:
    """The last of the addons: hears that everything is up, and keeps numbers on this machine too.

    mitmproxy asks no name service for a destination that is a number already.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.running = tell

    def server_connect(self, data: ServerConnectionHookData) -> None:
        host = data.server.address[0] if data.server.address else ""
        if host.replace(".", "").isdecimal() and not host.startswith("127."):
            data.server.error = "the test keeps to this machine"


def read_all(connection: socket.socket) -> bytes:
    """Everything until the peer closes or is silent for the socket's time-out."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except TimeoutError:
        pass
    except OSError:
        pass
    return received
