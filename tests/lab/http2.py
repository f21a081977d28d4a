"""A server's side of HTTP/2 on one connection: it answers every stream and tells of it."""

from __future__ import annotations

import socket
from collections.abc import Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4


class Conversation:
    """Until the client closes. `tell(method, authority, path, body)` hears of each request."""

    def __init__(
        self, connection: socket.socket, tell: Callable[[str, str, str, int], None]
    ) -> None:
        self._connection = connection
        self._tell = tell
        # What a client sends is for the gate to judge; this server takes it as it comes.
        self._h2 = H2Connection(
            H2Configuration(
                client_side=False, validate_inbound_headers=False, header_encoding="latin-1"
            )
        )
        self._asked: dict[int, dict[str, str]] = {}
        self._bodies: dict[int, int] = {}

    def run(self) -> None:
        self._h2.initiate_connection()
        self._connection.sendall(self._h2.data_to_send())
        while data := self._connection.recv(65536):
            for event in self._h2.receive_data(data):
                match event:
                    case RequestReceived():
                        self._asked[event.stream_id] = dict(event.headers)
                    case DataReceived():
                        length = event.flow_controlled_length
                        self._h2.acknowledge_received_data(length, event.stream_id)
                        self._bodies[event.stream_id] = (
                            self._bodies.get(event.stream_id, 0) + length
                        )
                    case StreamEnded():
                        self._answer(event.stream_id)
            self._connection.sendall(self._h2.data_to_send())

    def _answer(self, stream: int) -> None:
        asked = self._asked.pop(stream)
        authority = asked.get(":authority", asked.get("host", ""))
        path = asked.get(":path", "")
        self._tell(asked.get(":method", ""), authority, path, self._bodies.pop(stream, 0))
        body = f"origin {authority} {path}\n".encode()
        self._h2.send_headers(
            stream, [(":status", "200"), ("content-length", str(len(body))),
                     ("content-type", "text/plain")],
        )  # fmt: skip
        self._h2.send_data(stream, body, end_stream=True)
