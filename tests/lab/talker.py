"""A client that says what browsers do not: `python -m tests.lab.talker`, on a device of the lab.

Reads one JSON object a line and answers each with one; all of them are about one connection each.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import time
from typing import Any


def client_hello(name: str | None, size: int) -> tuple[ssl.SSLObject, ssl.MemoryBIO, bytes]:
    """The first words of a real TLS client, made about `size` bytes long."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if size:
        context.set_alpn_protocols(["http/1.1", *("x" * 250 for _ in range(size // 251))])
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = context.wrap_bio(arriving, leaving, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        talk.do_handshake()
    return talk, arriving, leaving.read()


def in_two_records(hello: bytes) -> bytes:
    """The same handshake message, spread over two records (RFC 8446, section 5.1)."""
    message = hello[5:]
    parts = message[:40], message[40:]
    return b"".join(hello[:3] + len(part).to_bytes(2, "big") + part for part in parts)


def greet(address: str, name: str | None, size: int, piece: int, pause: float, cut: str) -> str:
    """Who vouches for what answered: the `issuer`; or that the connection was `closed`."""
    talk, arriving, hello = client_hello(name, size)
    if cut == "records":
        hello = in_two_records(hello)
    if cut == "never":
        hello = hello[:-10]
    with socket.create_connection((address, 443), 15) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for start in range(0, len(hello), piece or len(hello)):
                connection.sendall(hello[start : start + (piece or len(hello))])
                time.sleep(pause)
            while received := connection.recv(65536):
                arriving.write(received)
                try:
                    talk.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                certificate = talk.getpeercert(binary_form=True) or b""
                return "web" if b"The public web" in certificate else "school"
        except OSError:
            pass
    return "closed"


def say(address: str, port: int, texts: list[str], within: float) -> list[str]:
    """The first line and the last of the answer to each text, said on one connection."""
    answers = []
    with socket.create_connection((address, port), within) as connection:
        for text in texts:
            answer = b""
            try:
                connection.sendall(text.encode("latin-1"))
                while not _is_whole(answer):
                    received = connection.recv(65536)
                    if not received:
                        break
                    answer += received
            except OSError:
                pass
            lines = answer.decode("latin-1").strip().splitlines() or ["closed"]
            answers.append(f"{lines[0]} … {lines[-1]}"[:300])
            if lines == ["closed"]:
                break
    return answers


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return True


def hold(address: str, port: int, count: int, text: str) -> int:
    """Opens connections, says the text on each and nothing more until the input ends."""
    held = []
    for _ in range(count):
        connection = socket.create_connection((address, port), 10)
        connection.sendall(text.encode("latin-1"))
        held.append(connection)
    print(json.dumps(len(held)), flush=True)
    sys.stdin.read()
    return len(held)


DEEDS: dict[str, Any] = {"greet": greet, "say": say, "hold": hold}


def main() -> None:
    """Until the end of the input."""
    for line in sys.stdin:
        deed, arguments = json.loads(line)
        try:
            print(json.dumps(DEEDS[deed](*arguments)), flush=True)
        except OSError as error:
            print(json.dumps(f"error {error}"), flush=True)


if __name__ == "__main__":
    main()
