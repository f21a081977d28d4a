"""A list is fetched whole, in bounded time and size, or not at all."""

import gzip
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from socket import gaierror

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NameResolutionError

from addon.list_sources import Fetcher, Patience, Version, _reason
from rules.lists.entries import ListError
from tests.support.list_server import ListServer, Serve, answer, content, dripping, list_server
from tests.support.pace import promised

LIST = b"larch.example\noak.example\n"


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as server:
        yield server


def fetch(address: str, to: Path, have: Version | None = None, **options: object) -> Version | None:
    patience = Patience(connect=1, read=0.5, whole=2)
    fetcher = Fetcher(patience, **options)  # type: ignore[arg-type]
    return fetcher.fetch(address, to, have or Version(), lambda _: None)


def test_a_list_is_fetched_with_its_version(server: ListServer, tmp_path: Path) -> None:
    server.pages["/list"] = content(LIST, ETag='"1"', Last_Modified="Tue, 01 Sep 2026 09:00:00 GMT")
    sizes: list[int] = []
    version = Fetcher().fetch(
        server.at("/list"), tmp_path / "to", Version(), sizes.append, sizes.append
    )
    assert version == Version('"1"', "Tue, 01 Sep 2026 09:00:00 GMT")
    assert (tmp_path / "to").read_bytes() == LIST
    assert sizes == [len(LIST), len(LIST)]


@pytest.mark.parametrize(
    "headers", [{"ETag": '"1"'}, {"Last_Modified": "Tue, 01 Sep 2026 09:00:00 GMT"}]
)
def test_the_version_we_have_is_not_fetched_again(
    server: ListServer, tmp_path: Path, headers: dict[str, str]
) -> None:
    server.pages["/list"] = content(LIST, **headers)
    version = fetch(server.at("/list"), tmp_path / "to")
    assert fetch(server.at("/list"), tmp_path / "again", version) is None
    assert not (tmp_path / "again").exists()
    server.pages["/list"] = content(LIST, ETag='"2"')
    assert fetch(server.at("/list"), tmp_path / "again", version) == Version('"2"')


def test_a_compressed_answer_is_unpacked(server: ListServer, tmp_path: Path) -> None:
    server.pages["/list"] = content(gzip.compress(LIST), Content_Encoding="gzip")
    fetch(server.at("/list"), tmp_path / "to")
    assert (tmp_path / "to").read_bytes() == LIST


def test_an_address_may_be_sent_on_a_few_times(server: ListServer, tmp_path: Path) -> None:
    server.pages["/a"] = answer(302, Location="/b")
    server.pages["/b"] = answer(308, Location=server.at("/list"))
    server.pages["/list"] = content(LIST)
    assert fetch(server.at("/a"), tmp_path / "to") == Version()
    assert (tmp_path / "to").read_bytes() == LIST


@pytest.mark.parametrize(
    ("serve", "message"),
    [
        (answer(404), "cannot be fetched: there is nothing at this address any more."),
        (answer(403), "cannot be fetched: the server does not give it to us."),
        (answer(500), "cannot be fetched: the server answered with status 500."),
        (answer(304), "cannot be fetched: the server answered with status 304."),
        (answer(302), "cannot be fetched: the server answered with status 302."),
        (answer(302, Location="/list"), "is sent on more than 5 times; it goes nowhere."),
        (
            answer(302, Location="file:///etc/hosts"),
            "is sent on to 'file:///etc/hosts', which is not",
        ),
        (
            answer(302, Location="http://[::1"),
            "cannot be fetched: it is sent on to an address that cannot be read.",
        ),
        (answer(302, Location="http://a:99999/"), "cannot be fetched: it is sent on to an address"),
        (dripping(1, 0, 500), "cannot be fetched: the connection ended before the list did."),
        (dripping(2, 3, 500), "cannot be fetched: the server stopped sending."),
        (dripping(40, 0.1, 5000), "cannot be fetched: it takes longer than 2 seconds."),
        (content(b"x" * 5001), "is too large; a list has at most 5,000 bytes."),
        (dripping(400, 0), "is too large; a list has at most 5,000 bytes."),
        (
            content(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"),
            "is too large; a list has at most 5,000 bytes.",
        ),
        (content(LIST, Content_Encoding="gzip"), "cannot be fetched: it is damaged or cut short."),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(
    server: ListServer, tmp_path: Path, serve: Serve, message: str
) -> None:
    server.pages["/list"] = serve
    begun = time.monotonic()
    with pytest.raises(ListError) as caught:
        fetch(server.at("/list"), tmp_path / "to", most_bytes=5000)
    assert str(caught.value).startswith(f"{server.at('/list')} {message}")
    assert time.monotonic() - begun < promised(4)


def test_an_answer_that_is_no_http_is_said_to_be_cut_short(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(ListError, match="the server stopped sending"):
            fetch(address, tmp_path / "to")
        with pytest.raises(ListError, match="the server stopped sending"):
            fetch(address.replace("http", "https"), tmp_path / "to")


def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(
        ListError, match=r"^http://127\.0\.0\.1:1/ cannot be fetched: nobody answers"
    ):
        fetch("http://127.0.0.1:1/", tmp_path / "to")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        # Resolving a name would leave this machine, so the library's own errors stand for it.
        (
            NameResolutionError("lists.invalid", HTTPConnection("a"), gaierror()),
            "no such name is known",
        ),
        (HTTPError(), "the connection failed"),
    ],
)
def test_each_reason_has_its_words(error: HTTPError, reason: str) -> None:
    assert _reason(error) == reason


def test_a_certificate_of_nobody_we_know_is_not_accepted(
    server: ListServer, tmp_path: Path
) -> None:
    with pytest.raises(ListError, match="its certificate is not good, or it does not speak TLS"):
        fetch(server.at("/list").replace("http:", "https:"), tmp_path / "to")


def test_a_disk_that_cannot_be_written_is_said_to_be_so(server: ListServer, tmp_path: Path) -> None:
    server.pages["/list"] = content(LIST)
    with pytest.raises(ListError, match=r"cannot be saved: No such file or directory\.$"):
        fetch(server.at("/list"), tmp_path / "gone" / "to")
