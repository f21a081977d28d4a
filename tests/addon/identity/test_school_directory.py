"""Passwords that a real directory knows, over TLS as the test's own authority signs it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from addon.identity.proxy_sign_in import setting
from addon.identity.school_directory import (
    DirectoryError,
    DirectorySettings,
    SchoolDirectory,
    directory_settings,
)
from tests.support.directory import BASE, READER, READERS_PASSWORD, Directory
from tests.support.identity import keep_secret, policy_with
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import RunningGate
from tests.support.schoolgate import free_port

RIGHT = "right: of Fern's"


@pytest.fixture(scope="module")
def directory(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA
) -> Iterator[Directory]:
    with Directory(tmp_path_factory.mktemp("ldap") / "slapd", authority) as directory:
        yield directory


def asked(directory: Directory, scheme: str = "ldaps", **other: object) -> SchoolDirectory:
    line = directory.line(scheme, **other)  # type: ignore[arg-type]
    return SchoolDirectory(directory_settings(line), directory.authorities)


@pytest.mark.parametrize("scheme", ["ldaps", "starttls", "ldap"])
def test_a_right_password_is_told_from_a_wrong_one(directory: Directory, scheme: str) -> None:
    school = asked(directory, scheme)
    assert school.is_right("fe", RIGHT)
    assert school.is_right("FE", RIGHT)
    assert not school.is_right("fe", "right of Willow's")
    assert not school.is_right("nobody", RIGHT)


@pytest.mark.parametrize(
    ("account", "password"),
    [
        ("*", RIGHT),
        ("f*", RIGHT),
        ("fe)(uid=*", RIGHT),
        ("nobody)(|(uid=fe)", RIGHT),
        ("fe\0", RIGHT),
        ("\\66e", RIGHT),
        ("fe", ""),  # which a server takes for nobody's, and says yes
        ("", RIGHT),
        ("fe", "\0"),
        (f"uid=fe,{BASE}", RIGHT),
    ],
)
def test_no_account_is_more_than_a_name(directory: Directory, account: str, password: str) -> None:
    assert not asked(directory).is_right(account, password)


# The library leaves a socket to be collected that has just proved to be somebody else's.
@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning",
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
)
def test_a_server_that_does_not_prove_its_name_is_told_no_password(
    directory: Directory, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for scheme in ("ldaps", "starttls"):
        settings = directory_settings(directory.line(scheme))
        for authorities in (other, None):
            with pytest.raises(DirectoryError, match="does not answer rightly"):
                SchoolDirectory(settings, authorities).is_right("fe", RIGHT)
        with pytest.raises(DirectoryError, match="does not answer rightly"):
            asked(directory, scheme, host="127.0.0.1").is_right("fe", RIGHT)


def test_a_reader_whose_password_is_wrong_is_no_wrong_password_of_anybodys(
    directory: Directory,
) -> None:
    with pytest.raises(DirectoryError, match="reader's password"):
        asked(directory, password="another").is_right("fe", RIGHT)


def test_it_is_asked_anew_each_time(tmp_path: Path, authority: trustme.CA) -> None:
    directory = Directory(tmp_path / "slapd", authority)
    school = asked(directory)
    with pytest.raises(DirectoryError):
        school.is_right("fe", RIGHT)
    for _ in range(2):
        with directory:
            assert school.is_right("fe", RIGHT)
    with pytest.raises(DirectoryError):
        school.is_right("fe", RIGHT)


def test_the_line_in_the_secrets_is_understood() -> None:
    line = f"starttls:dc.school.example:1389:{READER}:{READERS_PASSWORD}:{BASE}"
    assert directory_settings(f"{line}?search_filter_key=sAMAccountName\n") == DirectorySettings(
        "starttls", "dc.school.example", 1389, READER, READERS_PASSWORD, BASE, "sAMAccountName"
    )
    assert directory_settings(f"ldaps:dc.example:{READER}:pw:{BASE}").port == 636
    assert directory_settings(f"ldap:localhost:{READER}:pw:{BASE}").port == 389


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "one line, such as"),
        (f"ldaps:dc.example:{READER}:{BASE}", "one line, such as"),
        (f"ldaps:dc.example:{READER}::{BASE}", "one line, such as"),
        (f"ldaps:dc.example:99999:{READER}:pw:{BASE}", "one line, such as"),
        (f"ldaps:dc.example:{READER}:pw:{BASE}?search_filter_key=a)(b", "one line, such as"),
        (f"http:dc.example:{READER}:pw:{BASE}", "one line, such as"),
        (f"ldap:dc.example:{READER}:pw:{BASE}", "may not travel without TLS"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(line: str, why: str) -> None:
    with pytest.raises(DirectoryError, match=why):
        directory_settings(line)


def test_at_the_proxy_with_a_real_directory_and_when_it_is_away(
    tmp_path: Path, origin: Origin, authority: trustme.CA, authority_file: Path
) -> None:
    directory = Directory(tmp_path / "slapd", authority)
    state = tmp_path / "state"
    keep_secret(state, "proxy-sign-in.ldap", directory.line("ldaps"))
    keep_secret(state, "proxy-sign-in.ca.pem", directory.authorities.read_text())
    policy = policy_with(tmp_path, {"sources": ["proxy-sign-in"]}, fern={"accounts": ["FE"]})
    with (
        directory,
        RunningGate(state, authority_file, policy, proxyauth=setting(state)) as gate,
    ):

        def tried(account: str, password: str) -> int:
            proxy = httpx.Proxy(gate.proxy, auth=(account, password))
            with httpx.Client(proxy=proxy, timeout=30) as client:
                return client.get(f"http://x.com:{origin.port}/").status_code

        assert tried("fe", RIGHT) == 200
        assert tried("fe", "wrong") == 407
        assert tried("*", RIGHT) == 407
        assert tried("willow.example", "right of Willow's") == 403
        directory.__exit__()
        assert tried("fe", RIGHT) == 200  # it was right a moment ago
        assert tried("fe", "another") == 503
        directory.__enter__()
        assert tried("fe", "another") == 407
    assert {event["person"] for event in gate.events()} == {"fern.example", "willow.example"}


def test_a_directory_that_never_answers_holds_up_nobody_elses_traffic(
    tmp_path: Path, origin: Origin, authority_file: Path
) -> None:
    port = free_port()
    state = tmp_path / "state"
    keep_secret(state, "proxy-sign-in.ldap", f"ldap:localhost:{port}:{READER}:pw:{BASE}")
    policy = policy_with(tmp_path, {"sources": ["address", "proxy-sign-in"]})
    with (
        socket.create_server(("127.0.0.1", port)),
        RunningGate(state, authority_file, policy, proxyauth=setting(state)) as gate,
    ):
        proxy = httpx.Proxy(gate.proxy, auth=("fe", RIGHT))
        answers: list[int] = []

        def wait_for_it() -> None:
            with httpx.Client(proxy=proxy, timeout=60) as client:
                answers.append(client.get(f"http://x.com:{origin.port}/").status_code)

        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        quickest = []
        while waiting.is_alive():
            asked = time.monotonic()
            with gate.client() as client:
                assert client.get(f"http://x.com:{origin.port}/").status_code == 407
            quickest.append(time.monotonic() - asked)
        waiting.join()
        assert answers == [503]
        assert len(quickest) > 2
        assert max(quickest) < promised(1)
