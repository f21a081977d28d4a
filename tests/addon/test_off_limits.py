"""Where nobody is led: the proxy's own ports, and for other machines this one's loopback."""

from __future__ import annotations

import asyncio

import pytest

from addon.off_limits import leads_home


@pytest.mark.parametrize(
    ("client", "host", "port", "off_limits"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", 8080, True, id="the proxy itself"),
        pytest.param("127.0.0.1", "0.0.0.0", 8080, True, id="the proxy itself, unspecified"),
        pytest.param("192.0.2.7", "localhost", 8080, True, id="the proxy itself, by name"),
        pytest.param("127.0.0.1", "127.0.0.1", 9999, False, id="from here to here"),
        pytest.param("::1", "127.0.0.1", 9999, False, id="from here to here, IPv6"),
        pytest.param("192.0.2.7", "127.0.0.1", 9999, True, id="from elsewhere to loopback"),
        pytest.param("192.0.2.7", "127.9.9.9", 9999, True, id="any address of loopback"),
        pytest.param("192.0.2.7", "::1", 9999, True, id="IPv6 loopback"),
        pytest.param("192.0.2.7", "::ffff:127.0.0.1", 9999, True, id="loopback in IPv6's clothes"),
        pytest.param("192.0.2.7", "0.0.0.0", 9999, True, id="unspecified"),
        pytest.param("192.0.2.7", "localhost", 9999, True, id="a name that leads to loopback"),
        pytest.param("192.0.2.7", "198.51.100.1", 8080, False, id="elsewhere, the same port"),
        pytest.param("192.0.2.7", "198.51.100.1", 443, False, id="elsewhere"),
        pytest.param("", "127.0.0.1", 9999, True, id="a client that is gone already"),
        pytest.param("192.0.2.7", "no such name", 443, False, id="a name nobody can dial"),
    ],
)
def test_nobody_is_led_back_here(client: str, host: str, port: int, off_limits: bool) -> None:
    assert asyncio.run(leads_home(client, (host, port), {8080})) is off_limits
