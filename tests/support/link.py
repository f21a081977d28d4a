"""A network link to a server, on loopback, that can be cut, mended, and made to lose an answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Link:
    """Passes what comes to `port` on to another port, both ways."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._up = True
        self._lose_after: bytes | None = None
        self.lost = threading.Event()
        """Set once an answer has been lost."""
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """Ends what is under way; nobody gets through until `mend`."""
        with self._lock:
            self._up = False
            pairs = list(self._pairs)
        for pair in pairs:
            _end(*pair)

    def mend(self) -> None:
        self._up = True

    def lose_answer_to(self, words: bytes) -> None:
        """The next time that a client sends these words, the server gets them and answers; the
        client does not hear it, and the link is cut for a moment.
        """
        self.lost.clear()
        self._lose_after = words

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._up:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            deaf = threading.Event()
            threading.Thread(target=self._to_server, args=(*pair, deaf), daemon=True).start()
            threading.Thread(target=self._to_client, args=(*pair, deaf), daemon=True).start()

    def _to_server(
        self, client: socket.socket, server: socket.socket, deaf: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self._lose_after and self._lose_after in data:
                    self._lose_after = None
                    deaf.set()
                server.sendall(data)
        self._part(client, server)

    def _to_client(
        self, client: socket.socket, server: socket.socket, deaf: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if deaf.is_set():
                    self.lost.set()
                    break
                client.sendall(data)
        self._part(client, server)

    def _part(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._pairs.discard((client, server))
        _end(client, server)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
