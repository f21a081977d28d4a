"""Signing in to the proxy itself, by mitmproxy's own means and a real file of passwords."""

from __future__ import annotations

from pathlib import Path

import bcrypt
import httpx
import pytest

from addon.identity.proxy_sign_in import SignInError, setting
from tests.support.identity import keep_secret, policy_with
from tests.support.origin import Origin
from tests.support.running_gate import RunningGate


def test_a_file_of_passwords_goes_before_a_directory(tmp_path: Path) -> None:
    keep_secret(tmp_path, "proxy-sign-in.ldap", "ldaps:dc.example:cn=x:pw:dc=school")
    assert setting(tmp_path) == str(tmp_path / "secrets" / "proxy-sign-in.ldap")
    keep_secret(tmp_path, "proxy-sign-in.htpasswd", "fern:$2y$04$x")
    assert setting(tmp_path) == str(tmp_path / "secrets" / "proxy-sign-in.htpasswd")


def test_a_file_of_passwords_that_is_none_is_said_at_the_start(tmp_path: Path) -> None:
    keep_secret(tmp_path, "proxy-sign-in.htpasswd", "fern:plain")
    with pytest.raises(SignInError, match="does not hold passwords as htpasswd"):
        setting(tmp_path)


@pytest.mark.parametrize("text", [None, "any", "fern:password"])
def test_without_one_of_the_two_it_says_what_to_do(tmp_path: Path, text: str | None) -> None:
    if text:
        keep_secret(tmp_path, "proxy-sign-in.ldap", text)
    with pytest.raises(SignInError, match=r"proxy-sign-in\.ldap"):
        setting(tmp_path)


def test_who_signs_in_is_who_asks_in_the_clear_and_through_a_tunnel(
    tmp_path: Path, origin: Origin, tls_origin: Origin, authority_file: Path
) -> None:
    state = tmp_path / "state"
    hashes = [
        f"{name}:{bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()}"
        for name in ("fe", "willow.example", "stranger")
    ]
    keep_secret(state, "proxy-sign-in.htpasswd", "\n".join(hashes))
    policy = policy_with(tmp_path, {"sources": ["proxy-sign-in"]}, fern={"accounts": ["FE"]})
    sites = [f"http://x.com:{origin.port}/", f"https://x.com:{tls_origin.port}/"]
    tries = [
        (("fe", "wrong"), 407),
        (("fe", "right"), 200),
        (("willow.example", "right"), 403),
        (("stranger", "right"), 403),
        (None, 407),
    ]
    with RunningGate(state, authority_file, policy, proxyauth=setting(state)) as gate:
        for who, status in tries:
            proxy = httpx.Proxy(gate.proxy, auth=who)
            with httpx.Client(proxy=proxy, verify=gate.trust(), timeout=10) as client:
                for site in sites:
                    assert _status(client, site) == status, (who, site)
        events = [(e["person"], e["source"], e["confidence"]) for e in gate.events()]
    assert events == [
        *[("fern.example", "proxy-sign-in", 100)] * 2,
        *[("willow.example", "proxy-sign-in", 100)] * 2,
        *[(None, "", 0)] * 2,
    ]


def test_passwords_cannot_be_guessed_without_end(
    tmp_path: Path, origin: Origin, tls_origin: Origin, authority_file: Path
) -> None:
    state = tmp_path / "state"
    right = f"fe:{bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()}"
    keep_secret(state, "proxy-sign-in.htpasswd", right)
    policy = policy_with(tmp_path, {"sources": ["proxy-sign-in"]}, fern={"accounts": ["FE"]})
    site = f"http://x.com:{origin.port}/"
    with RunningGate(state, authority_file, policy, proxyauth=setting(state)) as gate:

        def tried(password: str | None, site: str = site) -> int:
            proxy = httpx.Proxy(gate.proxy, auth=("fe", password) if password else None)
            with httpx.Client(proxy=proxy, verify=gate.trust(), timeout=10) as client:
                return _status(client, site)

        # Not having said anything yet, as every browser at first, is no guess.
        assert [tried(None) for _ in range(12)] == [407] * 12
        assert tried("right") == 200
        assert [tried(f"guess {n}") for n in range(10)] == [407] * 10
        assert tried("right") == 407
        assert tried("right", f"https://x.com:{tls_origin.port}/") == 407


def _status(client: httpx.Client, site: str) -> int:
    try:
        return client.get(site).status_code
    except httpx.ProxyError as error:  # how a tunnel is refused
        return int(str(error).split()[0])
