"""A web address as a person types it becomes a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.hosts import HostError
from rules.request import WebRequest, request_for


@pytest.mark.parametrize(
    ("url", "request_"),
    [
        ("facebook.com", WebRequest("facebook.com", path="/")),
        ("https://X.com/School?x=1#y", WebRequest("x.com", path="/School")),
        ("http://x.com:8080/", WebRequest("x.com", "http", 8080, path="/")),
        ("http://[::1]/a", WebRequest("::1", "http", 80, path="/a")),
    ],
)
def test_an_address_is_read_as_it_is_typed(url: str, request_: WebRequest) -> None:
    assert request_for(url) == request_


PIECES = st.sampled_from(
    [
        *("a", "x.com", "archive.ph", "web.archive.org", "/", ":", "80", "@", "?", "#", "%2e"),
        *(";", "[", " ", "\t", "\n", "é", "|", "..", "-", "_", "https://", "//", "~&=!$'()*,+"),
        *("\\", "\x1f"),
    ]
)


@given(st.lists(PIECES, max_size=6).map("".join), st.sampled_from(["https", "http"]))
def test_the_short_way_to_read_an_address_gives_what_the_long_way_gives(
    rest: str, scheme: str
) -> None:
    def read(url: str) -> WebRequest | str:
        try:
            return request_for(url)
        except HostError as error:
            return str(error).replace(scheme.upper(), scheme)

    # A scheme in capitals takes the long way.
    assert read(f"{scheme}://{rest}") == read(f"{scheme.upper()}://{rest}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "A host name cannot be empty."),
        (
            "ftp://x.com",
            "'ftp://x.com' is not a web address: it does not begin with http or https.",
        ),
        ("https://x.com:port/", "'https://x.com:port/' is not a web address."),
        ("https://[::1/", "'https://[::1/' is not a web address."),
    ],
)
def test_what_is_no_web_address_is_said_to_be_none(url: str, message: str) -> None:
    with pytest.raises(HostError) as refused:
        request_for(url)
    assert str(refused.value) == message
