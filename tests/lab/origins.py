"""Every server of the lab's internet, in one process: `python -m tests.lab.origins --folder DIR`.

Whatever address is reached, port 443 and 8443 speak TLS under the name that was asked for (HTTP/1
and HTTP/2), port 80 and 8080 the same in the clear, port 853 hands DNS on; a CONNECT opens a tunnel
and /dns-query answers DNS. Two addresses speak something else on every port: one like SSH, one
says back what it hears. What came is written to two files, a JSON object a line: `requests.jsonl`,
and for every connection, before it says a word, `connections.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import trustme

from tests.lab.http2 import PREFACE, Conversation
from tests.lab.world import NAMES
from tests.support.origin import Handler, Origin, Seen, server_name

PLAIN = (80, 8080)
TLS = (443, 8443, 853)
UDP = (80, 443, 853, 8443)
SSH_GREETING = b"SSH-2.0-OpenSSH_9.2 lab\r\n"


class LabHandler(Handler):
    """One connection to anywhere; which address and port it reached says how to answer."""

    note: ClassVar[Any]

    def setup(self) -> None:
        super().setup()
        reached, self.port = self.connection.getsockname()[:2]
        self.reached = reached.removeprefix("::ffff:")
        sender = self.client_address[0].removeprefix("::ffff:")
        self.note({"reached": self.reached, "port": self.port, "sender": sender})

    def handle(self) -> None:
        with suppress(OSError, EOFError, ValueError):
            if self.reached in NAMES["ssh.example"]:
                self._plainly().sendall(SSH_GREETING)
                self._echo()
            elif self.reached in NAMES["echo.example"]:
                self._echo()
            else:
                self._converse()

    def _converse(self) -> None:
        alpn = None
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.do_handshake()
            alpn = self.connection.selected_alpn_protocol()
        if self.port == 853:
            _relay(self.connection, socket.create_connection(("127.0.0.1", 53)))
        elif alpn == "h2" or (not alpn and self._greets_in_http2()):
            Conversation(self.connection, self._tell_of).run()
        else:
            super().handle()

    def _greets_in_http2(self) -> bool:
        if isinstance(self.connection, ssl.SSLSocket):
            return False
        return self.connection.recv(len(PREFACE), socket.MSG_PEEK).startswith(PREFACE[:14])

    def _tell_of(self, method: str, authority: str, path: str, body: int) -> None:
        self.origin.see(
            Seen(
                method,
                path,
                authority,
                body,
                isinstance(self.connection, ssl.SSLSocket),
                self.reached,
                sender=self.client_address[0].removeprefix("::ffff:"),
                server_name=server_name(self.connection),
                version="HTTP/2",
            )
        )

    def _plainly(self) -> socket.socket:
        """The connection below TLS, which was not begun yet."""
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection = socket.socket(fileno=self.connection.detach())
        return self.connection

    def _echo(self) -> None:
        plain = self._plainly()
        while heard := plain.recv(65536):
            self.note({"reached": self.reached, "port": self.port, "heard": len(heard)})
            plain.sendall(heard)

    def do_CONNECT(self) -> None:
        self._see(0)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(self.connection, far)
        self.close_connection = True

    def do_GET(self) -> None:
        if self.path.startswith("/dns-query"):
            self._see(0)
            self._answer(b"name service\n", "application/dns-message")
        else:
            super().do_GET()

    def do_POST(self) -> None:
        if not self.path.startswith("/dns-query"):
            super().do_POST()
            return
        self._see(0)
        question = self.rfile.read(int(self.headers["Content-Length"]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(3)
            asking.sendto(question, ("127.0.0.1", 53))
            answer = asking.recv(65535)
        self._send(answer, "application/dns-message")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)


def _relay(near: socket.socket, far: socket.socket) -> None:
    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=pump, args=(far, near), daemon=True)
    back.start()
    pump(near, far)
    back.join(30)


def _answer_datagrams(port: int, note: Any) -> None:
    """Notes every datagram, and says something back from the address that it was sent to."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as here:
        here.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        here.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        here.bind(("::", port))
        while True:
            data, [(level, kind, where), *_], _, sender = here.recvmsg(65535, 256)
            reached = socket.inet_ntop(socket.AF_INET6, where[:16]).removeprefix("::ffff:")
            note({"reached": reached, "port": port, "sender": sender[0], "datagram": len(data)})
            back = where[:16] + bytes(4)
            with suppress(OSError):
                here.sendmsg([b"origin heard a datagram\n"], [(level, kind, back)], 0, sender)


class Certificates:
    """A server context for each name, made when it is first asked for."""

    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        self._authority = authority
        self._folder = folder
        self._made: dict[str, ssl.SSLContext] = {}
        self._one_at_a_time = threading.Lock()
        addresses = sorted({address for found in NAMES.values() for address in found})
        self.first = self._context("nameless", "nameless.example", *addresses)
        self.first.sni_callback = self._named

    def _context(self, file: str, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2", "http/1.1"])
        leaf = self._authority.issue_cert(*names)
        path = self._folder / f"{file}.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
        context.load_cert_chain(path)
        return context

    def _named(self, connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        connection.named = name
        plain = (name or "").lower().rstrip(".")
        if plain in NAMES:
            with self._one_at_a_time:
                if plain not in self._made:
                    self._made[plain] = self._context(plain, plain)
            connection.context = self._made[plain]


def main() -> None:
    """Runs until SIGTERM. The folder holds `authority.pem`, key and certificate."""
    parser = argparse.ArgumentParser(prog="tests.lab.origins", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    one_at_a_time = threading.Lock()
    with ExitStack() as stack:
        requests = stack.enter_context((folder / "requests.jsonl").open("a"))
        connections = stack.enter_context((folder / "connections.jsonl").open("a"))

        def write(file: Any, facts: dict[str, Any]) -> None:
            with one_at_a_time:
                file.write(json.dumps(facts) + "\n")
                file.flush()

        authority = trustme.CA.from_pem(
            (folder / "authority.crt").read_bytes(), (folder / "authority.key").read_bytes()
        )
        certificates = folder / "certificates"
        certificates.mkdir()
        context = Certificates(authority, certificates).first
        handler = type(
            "Noting", (LabHandler,), {"note": staticmethod(lambda facts: write(connections, facts))}
        )
        pages = {
            f"/{file.stem}": file.read_bytes()
            for file in (Path(__file__).parent / "pages").glob("*.html")
        }
        for port in (*PLAIN, *TLS):
            stack.enter_context(
                Origin(
                    context if port in TLS else None, "::", port, pages=pages, handler=handler,
                    tell=lambda seen: write(requests, asdict(seen)),
                )
            )  # fmt: skip
        for port in UDP:
            threading.Thread(
                target=_answer_datagrams,
                args=(port, lambda facts: write(connections, facts)),
                daemon=True,
            ).start()
        stop.wait()


if __name__ == "__main__":
    main()
