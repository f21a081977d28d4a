"""The whole table, in the order in which it is read."""

from __future__ import annotations

from tests.lab.evasion import (
    gate_itself,
    hellos,
    http_two,
    known_addresses,
    mirrors,
    names_and_quic,
    people,
    plain_http,
    portal,
    server_names,
    tunnels,
)
from tests.lab.evasion.row import Row

TABLE: tuple[Row, ...] = (
    *server_names.ROWS,
    *hellos.ROWS,
    *plain_http.ROWS,
    *http_two.ROWS,
    *mirrors.ROWS,
    *tunnels.ROWS,
    *names_and_quic.ROWS,
    *known_addresses.ROWS,
    *people.ROWS,
    *gate_itself.ROWS,
    *portal.ROWS,
)
